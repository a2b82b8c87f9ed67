# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
AGENTS := .venv-integrations
BIN    := $(VENV)/bin
RUN    := HF_HUB_OFFLINE=1 $(BIN)/python -W ignore::DeprecationWarning

.DEFAULT_GOAL := help
# What `make quick` leaves out: whole servers, databases and processes, and the tests that try the
# most. `make test` runs them.
SLOW := training server store benchmarks cli quality phone_systems gateways/test_commands.py gateways/test_twilio.py \
        engine/test_apply.py engine/test_concurrency.py \
        engine/test_engine_oracle.py engine/test_engine_stateful.py catalog/test_following.py \
        catalog/test_snapshot.py calls/test_call_stateful.py hours/test_schedule.py \
        matching/test_identification.py calls/test_skill.py encoders/test_background.py \
        sheets/test_round_trip.py sheets/test_oracle.py matching/test_faiss_traps.py test_packaging.py

.PHONY: help demo quick test integrations lint types docs docs-update wheel check bench clean

help:
	@echo "make demo    load the sample franchise sheet and route a dozen callers"
	@echo "make quick   run the tests that need no model, server or database, in a minute"
	@echo "make test    run every test, with branch coverage"
	@echo "make integrations  run the tests with real phone systems, where they are there, and agents"
	@echo "make docs    check the documentation and build its site into build/site"
	@echo "make wheel   build the sdist and the wheel, and try the wheel in an environment of its own"
	@echo "make check   what CI runs: test, lint, types, docs, wheel"
	@echo "make bench   regenerate every committed benchmark result"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	touch $@

demo: $(VENV)/.installed
	@HF_HUB_OFFLINE=1 $(BIN)/routing-engine demo

quick: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q -n 2 --dist worksteal \
	  -m "not model and not shared and not slow and not process" $(SLOW:%=--ignore=tests/%)
	@echo "left out: tests marked model, shared, slow or process, and $(SLOW:%=tests/%)"
	@echo "make test runs them, and tries more examples of each property"

test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

# Agent frameworks, whose versions do not fit ours. Where they cannot be had, their tests are left out.
$(AGENTS)/.installed: pyproject.toml constraints-integrations.txt
	$(PYTHON) -m venv $(AGENTS)
	$(AGENTS)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(AGENTS)/bin/uv pip install --quiet --python $(AGENTS)/bin/python \
	  -c constraints-integrations.txt -e '.[integrations-test]'
	touch $@

# With real phone systems, as far as they are there (see CONTRIBUTING.md), and agent frameworks.
integrations: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q -rs tests/phone_systems
	@if $(MAKE) --no-print-directory $(AGENTS)/.installed; then \
	  HF_HUB_OFFLINE=1 $(AGENTS)/bin/python -m pytest -q -rs tests/agents; \
	else echo "left out: tests/agents; the frameworks could not be installed"; fi

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

docs: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks docs --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Writes what the documentation has from elsewhere: drawings, tables, and what its blocks print.
docs-update: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.docs.generated
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks docs
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.docs.pages

wheel: $(VENV)/.installed-dev
	.ci/wheel $(BIN)/python

check: test lint types docs wheel

bench: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks all

clean:
	rm -rf $(VENV) $(AGENTS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
