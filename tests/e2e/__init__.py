"""End-to-end tests on a real kind cluster, told as Given, When, Then. `make test` prepares the cluster first."""
