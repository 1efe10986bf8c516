# On a machine with Python 3.11 and nothing else: `make demo`, `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Tests share the machine's cores with XLA's own threads.
WORKERS ?= 2

.DELETE_ON_ERROR:
.PHONY: help demo test lint docs unit bench clean

help:
	@echo "make demo    simulate a small recording, search it, say where the report is"
	@echo "make test    lint, documents and tests, as CI runs them"
	@echo "make lint    ruff, pyright and the layers"
	@echo "make docs    build the documents into docs/_build/html"
	@echo "make unit    the tests alone; ARGS=... goes to pytest"
	@echo "make bench   the benchmarks, with their ratios"
	@echo "make clean   remove .venv and everything built"

demo: $(VENV)/.installed
	$(BIN)/slowburst demo

test: lint docs unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# BLAS's threads spin while they wait for a core that another worker has: a fifth of the time.
unit: $(VENV)/.installed-dev
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) \
	    --dist loadfile --no-loadscope-reorder \
	    --max-worker-restart=0 --durations=10 $(ARGS)

bench: $(VENV)/.installed
	@for script in benchmarks/*.py; do \
	    test -e "$$script" || { echo "no benchmarks yet"; break; }; \
	    echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done

clean:
	rm -rf $(VENV) build dist docs/_build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp per install, so that installing happens once for each change of the pins.
# The pip that comes with Python 3.11 does not know dependency groups yet.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "slowburst needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade -c constraints.txt pip
	$(PIP) install -q -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt --group dev
	touch $@
