# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := HF_HUB_OFFLINE=1 $(BIN)/python -W ignore::DeprecationWarning

.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs wheel check bench clean

help:
	@echo "make demo    load the sample franchise sheet and route a dozen callers"
	@echo "make test    run every test, with branch coverage"
	@echo "make wheel   build the sdist and the wheel, and try the wheel in an environment of its own"
	@echo "make check   what CI runs: test, lint, types, docs, wheel"
	@echo "make bench   regenerate every committed benchmark result"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.installed
	@HF_HUB_OFFLINE=1 $(BIN)/routing-engine demo

test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

docs: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks docs --check

wheel: $(VENV)/.installed-dev
	.ci/wheel $(BIN)/python

check: test lint types docs wheel

bench: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks all

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
