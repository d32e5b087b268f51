# make demo and make test do all their own set-up on a fresh machine; uv is used where it is installed.
.DEFAULT_GOAL := help
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help
help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/ready  ## Make .venv with descentd, descent and the tools that develop them

.venv/ready: requirements.txt pyproject.toml client/pyproject.toml
ifdef UV
	test -x $(BIN)/python || uv venv --quiet --python '>=3.11' .venv
	uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.txt
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable client
else
	test -x $(BIN)/pip || python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable client
endif
	touch $@

.PHONY: demo
demo: setup  ## Register the Pythia models, ask which learned from Books3, and serve the answer
	$(BIN)/descentd demo

.PHONY: check
check: setup  ## Lint, types, layers, formats and the exported schema: what every commit passes
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/lint-imports --no-cache --no-logo > /dev/null || $(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/descentd schema | diff -u schema.graphql - || { echo "run: make schema"; exit 1; }

.PHONY: schema
schema: setup  ## Export schema.graphql
	$(BIN)/descentd schema > schema.graphql

.PHONY: test
test: setup  ## Test everything, on the embedded store and on a real Neo4j
	$(BIN)/pytest

.PHONY: neo4j
neo4j: setup  ## Run a Neo4j for development on 127.0.0.1:7687
	$(BIN)/python -m tests.neo4j_server

.PHONY: bench
bench: setup  ## Measure what DESIGN promises: target, figure and ratio of each row
	$(BIN)/python -m bench
