"""Brings a model to where the server loads it, in an init container. Imports neither Ray nor the server."""
