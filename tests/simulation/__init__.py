"""Autoscalers compared on the same requests, without a cluster: `make simulate-scaling`."""
