"""One revision's Ray cluster: its Pods, its Serve application, and why they do not work."""
