"""Turns the Secrets and ConfigMaps that a router Pod mounts into files of Envoy, again whenever they change."""
