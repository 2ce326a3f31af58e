"""The ModelDeployment API: spec, status and conditions, and the CRD made from them."""
