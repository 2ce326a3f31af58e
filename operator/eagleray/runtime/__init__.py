"""The process: settings, logs, metrics, health, leadership, and the only importer of kopf."""
