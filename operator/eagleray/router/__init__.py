"""The router in front of a ModelDeployment: its Envoy configuration and a client for its statistics."""
