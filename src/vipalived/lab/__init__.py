"""A real VIP failing over on one machine: nodes, a client and faults in namespaces of their own."""
