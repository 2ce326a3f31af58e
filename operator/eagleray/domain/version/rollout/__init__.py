"""Rollouts: a candidate's course and steps, and what it is judged by."""
