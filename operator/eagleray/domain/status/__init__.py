"""What is told on the object: conditions, status and Events."""
