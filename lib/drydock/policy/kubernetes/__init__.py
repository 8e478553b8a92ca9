"""Rules of Kubernetes: what its controllers decide, computed as they do, without a cluster."""
