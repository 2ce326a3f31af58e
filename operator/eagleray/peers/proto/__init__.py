"""Messages generated from `autoscaler_state.proto`; its head says how."""
