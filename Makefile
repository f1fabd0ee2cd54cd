# Everything a developer does here. `make` alone lists the targets.

# The first Python that is new enough, whatever it is called; PYTHON=... names another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$name -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
PIP := .venv/bin/pip --disable-pip-version-check --quiet
BUN_VERSION := 1.4.5
BUN := .tools/node_modules/.bin/bun
GEN := .venv/bin/ossgard-gen
PYTHON_SOURCES := generator tests generated/worker/src generated/worker/dev generated/local/python
# The same by hand: most of generated/ is a copy of templates/.
WRITTEN_PYTHON := generator tests templates

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup generate adopt discard check compat phase lock dev dev-worker demo test test-quick test-python test-bun lint types \
	format bench quality clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- what the machine needs: Python packages, the Bun binary, JavaScript packages, the Worker's wheels

.venv/.installed: pyproject.toml requirements.txt
	@if ! $(or $(PYTHON),false) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo 'ossgard-gen needs Python 3.11 or newer, with venv, and found none$(if $(PYTHON), in $(PYTHON)).' >&2; \
		echo 'Install it (Debian: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint requirements.txt --editable '.[dev]'
	@touch $@

.tools/.installed-$(BUN_VERSION):
	@if ! npm --version >/dev/null 2>&1; then \
		echo 'ossgard-gen needs npm, which comes with Node 20 or newer, and found none.' >&2; \
		echo 'Install it (Debian: apt install nodejs npm; or https://nodejs.org)' >&2; \
		exit 1; \
	fi
	npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund --loglevel=error bun@$(BUN_VERSION)
	@touch $@

# The generator writes the lock files that these install from; it touches only what changes.
generated/local/bun.lock generated/worker/dev/bun.lock generated/worker/pyproject.toml: generate ;

generated/local/node_modules/.installed: generated/local/bun.lock .tools/.installed-$(BUN_VERSION)
	cd generated/local && ../../$(BUN) install --frozen-lockfile
	@touch $@

generated/worker/dev/node_modules/.installed: generated/worker/dev/bun.lock .tools/.installed-$(BUN_VERSION)
	cd generated/worker/dev && ../../../$(BUN) install --frozen-lockfile
	@touch $@

generated/worker/python_modules/.installed: generated/worker/pyproject.toml .venv/.installed
	.venv/bin/python generated/worker/dev/vendor.py
	@touch $@

setup: generate generated/local/node_modules/.installed generated/worker/dev/node_modules/.installed generated/worker/python_modules/.installed ## Install what the hosts and the tests need

# ---- the main job

generate: .venv/.installed ## Write generated/ from spec/ and templates/
	@$(GEN) generate

adopt: .venv/.installed ## Carry what was edited in generated/ back to templates/
	@$(GEN) adopt

discard: .venv/.installed ## Drop what was edited in generated/
	@$(GEN) generate --discard

check: .venv/.installed ## Fail with a diff when generated/ differs from the spec
	@$(GEN) check

compat: .venv/.installed ## Say what a deployment would break: make compat AGAINST=v1
	@$(GEN) compat --against "$(or $(AGAINST),main)"

phase: .venv/.installed ## Add a phase: make phase NAME=triage AFTER=verify
	@$(GEN) phase "$(NAME)" --after "$(AFTER)"

lock: .venv/.installed ## Lock the migrations that are released: make lock THROUGH=0007
	@$(GEN) lock "$(THROUGH)"

# ---- running

dev: setup ## Run the local host (Bun) on port 3400
	@$(BUN) generated/local/src/index.ts

dev-worker: setup ## Run the Worker in workerd, offline, on port 8787
	@$(BUN) generated/worker/dev/host.ts

demo: setup ## Scan a made-up repository on the local host, offline; BATCH=1: through provider batches
	@.venv/bin/python -m tests.demo $(if $(filter 1,$(BATCH)),--batch)

# ---- proof

# A process for each core; what shares running hosts stays in one of them (tests/conftest.py).
PYTEST := .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4
ONE_SCAN := 'tests/whole/scans/test_scans.py::test_every_host_finds_the_same_groups_ranks_and_scores[bun]'

test: setup ## Run every test: bun test, then pytest
	$(MAKE) --no-print-directory test-bun
	$(MAKE) --no-print-directory test-python

test-quick: setup ## Run what says most in two minutes: generator, core, one scan
	$(PYTEST) -m "not slow" tests/generator tests/core $(ONE_SCAN)

test-python: setup
	$(PYTEST)

test-bun: setup
	$(BUN) test tests/hosts/bun

lint: setup ## Check format and style of Python and TypeScript
	.venv/bin/ruff check $(PYTHON_SOURCES)
	.venv/bin/black --check --quiet $(PYTHON_SOURCES) || (.venv/bin/black --diff --quiet $(PYTHON_SOURCES); exit 1)
	cd generated/local && node_modules/.bin/biome check --error-on-warnings src ../../tests/hosts ../../tests/bench
	cd generated/worker/dev && node_modules/.bin/biome check --error-on-warnings .

format: setup ## Format Python and TypeScript: generator, tests, and what is copied from templates/
	.venv/bin/ruff check --fix $(WRITTEN_PYTHON)
	.venv/bin/black --quiet $(WRITTEN_PYTHON)
	cd templates/local && ../../generated/local/node_modules/.bin/biome check --write src ../../tests/hosts ../../tests/bench
	cd templates/worker/dev && ../../../generated/worker/dev/node_modules/.bin/biome check --write .
	@$(GEN) generate

types: setup ## Check types: mypy --strict, tsc --strict
	.venv/bin/mypy
	cd generated/local && node_modules/.bin/tsc --noEmit && node_modules/.bin/tsc --noEmit --project ../../tests/hosts/bun
	cd generated/worker/dev && node_modules/.bin/tsc --noEmit

bench: setup ## Measure generation, both hosts and whole scans, and soak (about 9 minutes)
	@.venv/bin/python -m tests.bench

# The made-up repository, and the labelled corpus in a folder if one is named: see tests/quality.
quality: setup ## Measure how well duplicates are found: make quality CORPUS=folder
	@PYTHONPATH=generated/worker/src .venv/bin/python -m tests.quality $(CORPUS)

clean: ## Remove everything that is installed or built
	rm -rf .venv .tools generated/local/node_modules generated/worker/dev/node_modules generated/worker/python_modules build
