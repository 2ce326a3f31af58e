"""How many replicas a version has: by its load, by the clock, or none."""
