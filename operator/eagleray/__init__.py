"""Eagleray: a Kubernetes operator that serves models with Ray Serve."""
