"""Messages of Envoy, generated."""
