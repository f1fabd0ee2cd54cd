# Everything a developer does here. `make` alone lists the targets.

PYTHON ?= python3.11
PIP := .venv/bin/pip --disable-pip-version-check --quiet
BUN_VERSION := 1.4.5
BUN := .tools/node_modules/.bin/bun
GEN := .venv/bin/ossgard-gen
PYTHON_SOURCES := generator tests generated/worker/src generated/worker/dev generated/local/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup generate check phase dev dev-worker demo test test-python test-bun lint types format bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- what the machine needs: Python packages, the Bun binary, JavaScript packages, the Worker's wheels

.venv/.installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint requirements.txt --editable '.[dev]'
	@touch $@

.tools/.installed-$(BUN_VERSION):
	npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund --loglevel=error bun@$(BUN_VERSION)
	@touch $@

# The generator writes the lock files that these install from.
generated/local/node_modules/.installed: generated/local/bun.lock .tools/.installed-$(BUN_VERSION)
	cd generated/local && ../../$(BUN) install --frozen-lockfile
	@touch $@

generated/worker/dev/node_modules/.installed: generated/worker/dev/bun.lock .tools/.installed-$(BUN_VERSION)
	cd generated/worker/dev && ../../../$(BUN) install --frozen-lockfile
	@touch $@

generated/worker/python_modules/.installed: generated/worker/pyproject.toml .venv/.installed
	.venv/bin/python generated/worker/dev/vendor.py
	@touch $@

setup: .venv/.installed generated/local/node_modules/.installed generated/worker/dev/node_modules/.installed generated/worker/python_modules/.installed ## Install what the hosts and the tests need

# ---- the main job

generate: .venv/.installed ## Write generated/ from spec/ and templates/
	@$(GEN) generate

check: .venv/.installed ## Fail with a diff when generated/ differs from the spec
	@$(GEN) check

phase: .venv/.installed ## Add a phase: make phase NAME=triage AFTER=verify
	@$(GEN) phase "$(NAME)" --after "$(AFTER)"

# ---- running

dev: setup ## Run the local host (Bun) on port 3400
	@$(BUN) generated/local/src/index.ts

dev-worker: setup ## Run the Worker in workerd, offline, on port 8787
	@$(BUN) generated/worker/dev/host.ts

demo: setup ## Scan a made-up repository on the local host, offline; BATCH=1: through provider batches
	@.venv/bin/python -m tests.demo $(if $(filter 1,$(BATCH)),--batch)

# ---- proof

test: setup ## Run every test: bun test, then pytest
	$(MAKE) --no-print-directory test-bun
	.venv/bin/python -m pytest

test-bun: setup
	$(BUN) test tests/hosts/bun

lint: setup ## Check format and style of Python and TypeScript
	.venv/bin/ruff check $(PYTHON_SOURCES)
	.venv/bin/black --check --quiet $(PYTHON_SOURCES) || (.venv/bin/black --diff --quiet $(PYTHON_SOURCES); exit 1)
	cd generated/local && node_modules/.bin/biome check --error-on-warnings src ../../tests/hosts ../../tests/bench
	cd generated/worker/dev && node_modules/.bin/biome check --error-on-warnings .

types: setup ## Check types: mypy --strict, tsc --strict
	.venv/bin/mypy
	cd generated/local && node_modules/.bin/tsc --noEmit && node_modules/.bin/tsc --noEmit --project ../../tests/hosts/bun
	cd generated/worker/dev && node_modules/.bin/tsc --noEmit

bench: setup ## Measure generation, both hosts and whole scans (about 8 minutes)
	@.venv/bin/python -m tests.bench

clean: ## Remove everything that is installed or built
	rm -rf .venv .tools generated/local/node_modules generated/worker/dev/node_modules generated/worker/python_modules build
