"""Asks whatever is not the API server: Ray's heads and nodes, router Pods, replicas, servers that know figures.

Every one of them may be hostile: Ray Pods run users' code. Nothing here imports Ray.
"""
