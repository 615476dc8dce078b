"""vipalived: a virtual IP in front of a Kubernetes control plane."""
