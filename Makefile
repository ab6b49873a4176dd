# `make demo` and `make test` do all the set-up on a fresh machine: Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check format generate soak bench clean requirements

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# The stamp stands for the environment: made again when the pins change.
$(VENV)/installed: requirements/dev.txt requirements/build.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tocsin needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(VENV)/installed ## Run the main job on a real Kafka and watch escalations appear (ARGS=--keep leaves it running)
	$(BIN)/tocsin demo $(ARGS)

# Two at a time: most of the tests on Kafka wait for it. Each of the two has a broker of its own.
test: check ## Run every check and every test, on a real Kafka
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/installed ## Lint, types, architecture, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m streams.operations.generated.event_schemas --check
	$(BIN)/python -m streams.operations.generated.registry_schemas --check
	$(BIN)/python -m streams.operations.generated.metrics_page --check
	$(BIN)/python -m streams.operations.generated.dashboard --check

format: $(VENV)/installed ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(VENV)/installed ## Generate schemas, the page of metrics and the dashboard from the code
	$(BIN)/python -m streams.operations.generated.event_schemas
	$(BIN)/python -m streams.operations.generated.registry_schemas
	$(BIN)/python -m streams.operations.generated.metrics_page
	$(BIN)/python -m streams.operations.generated.dashboard

soak: $(VENV)/installed ## Look for trouble: random faults under load, a minute a seed (ARGS="--seeds 100 --first-seed 7")
	$(BIN)/python -m pytest tests/kafka/test_random_faults.py --seconds 60 --seeds 20 -s $(ARGS)

bench: $(VENV)/installed ## Measure speed on a real Kafka, beside a plain Faust (some minutes)
	$(BIN)/python -m tests.bench $(ARGS)

requirements: $(VENV)/installed ## Pin the dependencies again
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header --extra demo -o requirements/runtime.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header --extra demo --group dev -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml
	printf 'hatchling==1.33.0\neditables==0.6\n' | $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header -c requirements/dev.txt -o requirements/build.txt -

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
