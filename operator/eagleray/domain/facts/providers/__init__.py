"""Servers that know a figure: each kind is one class, which analysis and scaling share."""
