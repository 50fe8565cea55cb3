# What one does with this project; `make help` lists it. Every command runs in .venv, which `make install` makes.

.DEFAULT_GOAL := help
UI ?= 1

# The first Python from 3.11 to 3.13 that really starts and can make an environment.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)

# One resolution for every supported Python and platform. What is locked stays, unless UPGRADE=1.
COMPILE = .venv/bin/uv pip compile pyproject.toml --quiet --no-annotate --custom-compile-command 'make lock' \
	--universal --python-version 3.11 --fork-strategy fewest --no-strip-extras --generate-hashes --no-emit-index-url \
	$(if $(UPGRADE),--upgrade) --group build

.PHONY: help install demo run test lint typecheck docs bench image image-test lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  */\1\t/p' Makefile | expand -t 14

install: .venv/installed  ## the environment in .venv, from requirements.lock (PYTHON=… picks the Python)

.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one (Debian: apt-get install python3-venv)," \
			"or name it: make install PYTHON=/path/to/python3.12"; exit 2; } >&2
	@echo "Installing the locked packages into .venv (a minute or two)"
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install -qq --require-hashes --only-binary :all: -r requirements.lock
	.venv/bin/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## the whole job on the sample releases, then the UI on http://localhost:3000 (UI=0: exits instead)
	.venv/bin/vbn demo $(if $(filter 0,$(UI)),--no-ui)

run: install  ## the same job on the real buckets: webserver, daemon and code location
	.venv/bin/vbn run

test: lint typecheck  ## everything: lint, types, tests
	.venv/bin/pytest --numprocesses 2

lint: install  ## ruff: rules and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

typecheck: install  ## mypy --strict on the package
	.venv/bin/mypy

docs: install  ## docs/tables.md, the data dictionary, from the descriptions of the tables
	.venv/bin/python -m vbn_assets.tables.dictionary > docs/tables.md

bench: install  ## every script in benchmarks/ (an hour, 10 GB of disk; each says what it needs)
	@failed=; for script in benchmarks/*.py; do echo "== $$script"; .venv/bin/python "$$script" || failed="$$failed $$script"; done; \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; } >&2

image:  ## the container image vbn_assets (BASE=… picks the base image)
	docker build $(if $(BASE),--build-arg BASE=$(BASE)) --tag vbn_assets .

image-test: install  ## lints the Dockerfile, builds the image and runs it, with Docker, Podman or Buildah
	deploy/image-test

lock: install  ## requirements.lock and requirements-runtime.lock from pyproject.toml (UPGRADE=1: newest versions)
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra postgres --extra sample --output-file requirements-runtime.lock

clean:  ## forgets .venv and every cache; keeps data/
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find vbn_assets vbn_assets_tests -name __pycache__ -prune -exec rm -rf {} +
