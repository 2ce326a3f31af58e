"""One Ray cluster as it stands, and what it lacks: Pods, application, first requests, back-off."""
