"""Lets requests wait in a router Pod for a revision that has to start."""
