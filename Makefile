# make demo and make test do all their own set-up on a fresh machine: make demo installs what a demo needs, every other
# target the tools too, and neither removes what the other installed. uv is used where it is installed.
# Without it: python3 has to be 3.11 or newer, or PYTHON=python3.12 says which is.
.DEFAULT_GOAL := help
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= python3
# Servers are started by the hundred here: what they import is to be compiled once, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
# Modules are compiled when they are first imported: to compile all that is installed takes three times as long.
# The locks hold every dependency, so none is looked for.
INSTALL = $(if $(UV),$(UV) pip install --python $(BIN)/python,$(PIP) install --disable-pip-version-check --no-compile) \
	--quiet --no-deps
PIP = $(shell test -x $(BIN)/pip && echo $(BIN)/pip || echo $(PYTHON) -m pip --python $(BIN)/python)
LOCK := $(if $(UV),$(UV),.cache/uv/bin/uv) pip compile --quiet --universal --generate-hashes --python-version 3.11

.PHONY: help
help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/ready  ## Make .venv with descentd, descent and the tools that develop them

.venv/ready: .venv/demo requirements.txt
	@echo "Adding the tools to .venv, as requirements.txt has them$(if $(UV),,: a minute or two)"
	@$(INSTALL) --require-hashes --requirement requirements.txt
	@touch $@

.venv/demo: requirements-demo.txt pyproject.toml client/pyproject.toml | $(BIN)/python
	@echo "Setting up .venv with $(if $(UV),uv,pip), as requirements-demo.txt has it$(if $(UV),,: half a minute or so)"
	@$(INSTALL) --require-hashes --requirement requirements-demo.txt
	@$(INSTALL) --no-build-isolation --editable . --editable client
	@touch $@

# A pip of its own takes .venv longer than all else here but the packages, so it gets one only where PYTHON has no pip
# that can install into another environment (22.3 or newer).
$(BIN)/python:
ifdef UV
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: name one, make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --without-pip .venv
	@$(PYTHON) -m pip --python $@ --version > /dev/null 2>&1 || $(PYTHON) -m venv .venv || { rm -f $@; exit 1; }
endif

.PHONY: demo
demo: .venv/demo  ## Register the Pythia models, ask which learned from Books3, and serve the answer
	@$(BIN)/descentd demo

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

.PHONY: lock
lock: $(if $(UV),,.cache/uv/bin/uv)  ## Resolve the dependencies again, after a change to a pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --group dev pyproject.toml client/pyproject.toml \
		--output-file requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --group build pyproject.toml --constraint requirements.txt \
		--no-annotate --output-file requirements-server.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --group build pyproject.toml client/pyproject.toml \
		--constraint requirements.txt --no-annotate --output-file requirements-demo.txt

.cache/uv/bin/uv:
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv

.PHONY: chromium
chromium: setup  ## Install Debian's Chromium, in which the pages are tested, where it is missing
	@$(BIN)/python -m tests.support.debian chromium

.PHONY: nginx
nginx: setup  ## Install Debian's nginx, which the configuration of docs/operations.md is tested in, where it is missing
	@$(BIN)/python -m tests.support.debian nginx

# One more than there are processors, since tests wait for servers; a Neo4j that others use too takes one test at a time.
TESTS_AT_ONCE = $(if $(DESCENT_TEST_NEO4J_URI),0,$(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)'))

.PHONY: test
test: setup chromium  ## Test everything, on the embedded store and on a real Neo4j
	$(BIN)/pytest --numprocesses $(TESTS_AT_ONCE) --dist loadscope --durations 20 \
		--ignore tests/peers

.PHONY: test-thorough
test-thorough: export DESCENT_TEST_EFFORT := thorough
test-thorough: test  ## Test with six times the examples and kills, and kill servers and writers a thousand times more
	$(BIN)/python -m tests.app.kills --kills 100
	$(BIN)/python -m tests.graph.crashes --kills 1000 --points calls
	$(BIN)/python -m tests.graph.crashes_neo4j --kills 1000 --points

.PHONY: test-peers
test-peers: setup nginx  ## Test with what other people release: the newest Neo4j, by Java 21 or newer and Maven; GraphQL clients, by Node 20; nginx
	$(BIN)/pytest tests/peers --durations 20

.PHONY: test-pythons
test-pythons: setup  ## Test the graph and the questions on other Pythons of this machine
	$(BIN)/python -m tests.support.pythons

.PHONY: attack
attack: setup  ## Attack a server in every way on the checklist, and count what was answered rightly
	$(BIN)/python -m tests.attack

.PHONY: screenshots
screenshots: setup chromium  ## Photograph pages of the demo for README and docs
	$(BIN)/python -m tests.support.screenshots

.PHONY: neo4j
neo4j: setup  ## Run a Neo4j for development on 127.0.0.1:7687
	$(BIN)/python -m tests.support.neo4j_find

.PHONY: bench
bench: setup  ## Measure what docs/performance.md has targets for, or some of it: ARGS="--only simulation"
	$(BIN)/python -m bench $(ARGS)
