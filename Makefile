# Everything a person types. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help demo up down test lint types unit integration e2e bench format docs lock clean

DURATION ?= 60
RATE ?= 2000
DEV := .venv/dev/bin
PYTEST := $(DEV)/python -m pytest

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start the lake, stream trades (DURATION=60 RATE=2000), model and reconcile them; leaves the lake up
	./lake up
	./lake stream --duration $(DURATION) --rate $(RATE)
	./lake reconcile --wait --until raw
	./lake dbt build
	./lake reconcile
	./lake summary

up: ## Start the lake
	./lake up

down: ## Stop the lake; data stays
	./lake down

test: lint types unit integration e2e ## Everything CI runs

lint: $(DEV) .venv/lint ## ruff, import-linter, sqlfluff
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/lint-imports
	.venv/lint/bin/sqlfluff lint transform_dbt/models streaming/jobs

types: $(DEV) ## mypy, strict
	$(DEV)/mypy

unit: $(DEV) ## Tests that start no server
	$(PYTEST) -m "not integration and not e2e"

integration: $(DEV) ## Tests of each room against the real servers
	$(PYTEST) -m integration

e2e: $(DEV) ## The whole path: faults, bad input, restarts
	$(PYTEST) -m e2e

bench: $(DEV) ## Ratios from one run, on a lake of its own
	$(DEV)/python -m tests.bench

format: $(DEV) .venv/lint ## Rewrite the code in house style
	$(DEV)/ruff check --fix .
	$(DEV)/ruff format .
	.venv/lint/bin/sqlfluff fix transform_dbt/models

docs: $(DEV) ## Regenerate the reference pages from the code
	$(DEV)/python -m stack.docs

lock: ## Renew requirements/*.txt and the artefact lock
	./lake env dev
	$(DEV)/python -m stack.lock

clean: ## Remove environments and caches inside the clone; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache transform_dbt/target transform_dbt/logs

$(DEV): requirements/dev.txt
	./lake env dev
	@touch $@

.venv/lint: requirements/lint.txt
	./lake env lint
	@touch $@
