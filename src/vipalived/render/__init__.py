"""Settings turned into what others read: keepalived, Kubernetes, Helm."""
