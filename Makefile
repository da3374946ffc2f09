# Two commands for a newcomer: `make demo` and `make test`. Everything lives in .venv; nothing else is touched.

PYTHON ?= python3
# The processor build is enough for everything here. On Linux outside a mirror that serves it by default:
#   make demo PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu" TORCH=torch==2.13.0+cpu
TORCH ?= torch==2.13.0
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/.core
	$(BIN)/thrombusseg demo --out demo

test: lint
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.core: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info
