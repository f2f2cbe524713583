# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed

.PHONY: setup fmt check test bench docs demo clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Septum needs Python 3.11 or newer; set PYTHON=python3.11 (or newer)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Septum and its tools into $(VENV) (a few minutes the first time)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[demo,engines,test,check,docs]"
	@touch $@

fmt: setup
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

check: setup
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/pytest

bench: setup
	$(BIN)/python -m benchmarks.speed.network
	$(BIN)/python -m benchmarks.speed.augment
	$(BIN)/python -m benchmarks.speed.predict_memory
	$(BIN)/python -m benchmarks.speed.metrics
	$(BIN)/python -m benchmarks.speed.session
	$(BIN)/python -m benchmarks.tables

docs: setup
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

demo: setup
	$(BIN)/septum demo --overwrite

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache
