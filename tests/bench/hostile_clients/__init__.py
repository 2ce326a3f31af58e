"""What hostile clients do to a router, and what keeping them off costs everybody else."""
