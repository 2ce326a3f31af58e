# The first Python here that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done || echo python3.11)
KIND := PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m kind
BIN := .venv/bin
CODE := operator model_images/serving model_images/router tests
CLUSTER ?=
SHELL := bash
TIMED := tests/unit/router tests/unit/serving/batch/test_in_ray.py
UNIT ?=

.DEFAULT_GOAL := help
.PHONY: help audit demo demo-down sbom test test-cluster test-timed test-beside test-no-cluster test-unit simulate simulate-scaling test-e2e test-down lint types imports up dev generate format bench bench-batching gpu-images venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## from this machine to a served model, on the cluster eagleray-demo
	@$(KIND) demo

demo-down: ## remove the demo's cluster
	@$(KIND) down eagleray-demo

test: lint imports audit ## everything that must hold; brings its own cluster, eagleray-test
	@$(MAKE) --no-print-directory --jobs=2 test-cluster test-timed
	@$(MAKE) --no-print-directory --jobs=2 test-e2e test-beside

test-cluster:
	@$(KIND) exec eagleray-test test true

# A real Envoy keeps time, and so does Ray: what they ask must be answered in time as well.
test-timed: venv
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest -q -n auto $(TIMED)

# The tests on the cluster mostly wait, for nodes, Ray and by design; these take what they leave.
test-beside: venv
	@nice -n 19 $(MAKE) --no-print-directory test-no-cluster UNIT="$(TIMED:%=--ignore=%)" 2>&1 | sed -u 's/^/[beside] /'; exit $${PIPESTATUS[0]}

test-no-cluster: types test-unit

test-unit: venv ## the tests that need no cluster
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest -q -n auto -m "not e2e" $(UNIT)

simulate: venv ## thousands of random histories, an hour; HISTORIES=2000 unless told
	@PYTHONPATH=operator:model_images/serving:tests PYTHONHASHSEED=0 $(BIN)/python -m simulated --histories $(or $(HISTORIES),2000)
	@EAGLERAY_HISTORIES=$(or $(HISTORIES),2000) $(BIN)/python -m pytest -q tests/property/test_rollout_histories.py

simulate-scaling: venv ## autoscalers compared on the same requests; writes a table and a picture into docs/benchmarks.md
	@PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m simulation

test-e2e: venv ## the tests on the cluster; ARGS="-k scale" picks some, WORKERS=1 runs one at a time
	@$(KIND) exec eagleray-test test $(BIN)/python -m e2e $(ARGS)

test-down: ## remove the tests' cluster
	@$(KIND) down eagleray-test

lint: venv ## ruff: rules and format
	@$(BIN)/ruff check $(CODE) examples
	@$(BIN)/ruff format --check $(CODE) examples

types: venv ## mypy, strict
	@$(BIN)/mypy operator/eagleray model_images/serving/eagleray_serving model_images/router/eagleray_compare model_images/router/eagleray_credentials model_images/router/eagleray_hold \
	  model_images/router/eagleray_sidecar tests

imports: venv ## the layers of the design
	@$(BIN)/lint-imports

audit: ## what PyPI knows to be wrong with the pins of what is shipped; says so where PyPI cannot be asked
	@$(KIND) audit

sbom: ## what the images and the package are made of, as CycloneDX, into build/sbom/
	@$(KIND) sbom

up: ## a cluster with this checkout's operator; CLUSTER=eagleray-test unless told
	@$(KIND) up $(or $(CLUSTER),eagleray-test) --install

dev: ## rebuild and restart the operator in the clusters that are up, or in CLUSTER
	@$(KIND) dev $(CLUSTER)

generate: venv ## the CRD and the API reference, from the pydantic models
	@$(BIN)/python -m eagleray.api.generate

format: venv ## let ruff write
	@$(BIN)/ruff check --fix $(CODE) examples
	@$(BIN)/ruff format $(CODE) examples

bench: venv ## the table of docs/benchmarks.md, on the cluster eagleray-test; ARGS=--scale, --servers, --switches and --hostile-clients need none
	@$(if $(filter --scale --servers --switches --hostile-clients,$(ARGS)),PYTHONPATH=operator:model_images/serving:model_images/router:tests PYTHONDONTWRITEBYTECODE=1,$(KIND) exec eagleray-test bench) \
	  $(BIN)/python -m bench $(ARGS)

bench-batching: ## what batching is worth: its table of docs/benchmarks.md, ten minutes
	@$(MAKE) bench ARGS=--batching

gpu-images: ## the images for GPUs, built and tried without one: gigabytes of downloads
	@$(KIND) gpu-images

venv: ## .venv from the pins in requirements/
	@$(KIND) venv

clean: ## what tools leave in the checkout; clusters, images and programs stay
	rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find operator model_images tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
