"""Messages of Envoy's external processor; generated, see `ext_proc.proto`."""
