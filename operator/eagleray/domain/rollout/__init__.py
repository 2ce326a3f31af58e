"""Rollouts: a candidate's steps, what it is judged by, and what people ask."""
