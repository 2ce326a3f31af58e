"""`make bench`: measures on the cluster of `make test` and writes docs/benchmarks.md. Only ratios travel."""
