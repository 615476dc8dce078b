"""A cluster's nodes, and which of them get a pod. Only where a kubeconfig is given."""
