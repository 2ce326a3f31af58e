"""Clients of a Ray cluster: Serve's REST API and the GCS' gRPC service. Nothing here imports Ray."""
