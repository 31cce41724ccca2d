# Everything a person types. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: help demo up down test test-all lint types unit integration e2e bench format docs lock clean env-dev env-lint

DURATION ?= 60
RATE ?= 2000
DEV := .venv/dev/bin
PYTEST := $(DEV)/python -m pytest

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start the lake, stream trades (DURATION=60 RATE=2000), model and reconcile them; leaves the lake up
	./lake up
	./lake stream --duration $(DURATION) --rate $(RATE)
	./lake reconcile --wait 180 --until raw
	./lake dbt build
	./lake reconcile
	./lake summary

up: ## Start the lake
	./lake up

down: ## Stop the lake; data stays
	./lake down

test: lint types unit ## What CI runs on every commit

test-all: test integration e2e ## The same, then every room and the whole path on real servers

lint: env-dev env-lint ## ruff, import-linter, sqlfluff
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/lint-imports
	.venv/lint/bin/sqlfluff lint transform_dbt/models transform_dbt/tests

types: env-dev ## mypy, strict
	$(DEV)/mypy

unit: env-dev ## Tests that start no server
	$(PYTEST) -m "not integration and not e2e"

integration: env-dev ## Tests of each room against the real servers
	$(PYTEST) -m integration

e2e: env-dev ## The whole path: faults, bad input, restarts
	$(PYTEST) -m e2e

bench: env-dev ## Ratios from one run, on a lake of its own
	$(DEV)/python -m tests.bench

format: env-dev env-lint ## Rewrite the code in house style
	$(DEV)/ruff check --fix .
	$(DEV)/ruff format .
	.venv/lint/bin/sqlfluff fix transform_dbt/models

docs: env-dev ## Regenerate the reference pages from the code
	$(DEV)/python -m stack.docs

lock: ## Renew requirements/*.txt and the artefact lock
	./lake env core
	for group in uv core dev flink lint; do \
		echo "locking $$group"; \
		.venv/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
			--no-emit-index-url --group pyproject.toml:$$group --output-file requirements/$$group.txt; \
	done
	./lake env core
	.venv/core/bin/python -m stack.lock

clean: ## Remove environments and caches inside the clone; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache transform_dbt/target transform_dbt/logs

# Both cost nothing when the environment is current.
env-dev:
	@./lake env dev
env-lint:
	@./lake env lint
