"""The API server: the only importer of `kubernetes`, with manifests as plain dicts."""
