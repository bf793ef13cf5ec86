# Two commands do everything: `make run` and `make test`. Both set up their environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run dev test test-all verify-quick verify-full lint golden generate bench fuzz clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

run: $(STAMP)            ## set up, compile the shipped pipelines, print a summary
	$(BIN)/rsppc build

dev: $(STAMP)            ## serve a fresh store on this machine; prints its address and a token, ends with Ctrl-C
	$(BIN)/rsppc store serve --dev

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint               ## set up, then linter, formatter, type checker and all tests that need Python alone
	$(BIN)/pytest -n 2

verify-quick: test

test-all: test           ## also what needs node, root or a server; ends with a table of what ran
	$(BIN)/python tests/all/run.py

verify-full: test-all

golden: $(STAMP)         ## rewrite the expected outputs; read the diff before you commit it
	$(BIN)/pytest tests/test_golden.py --update-golden

generate: $(STAMP)       ## rewrite generated files: schemas, pages, the memo of types
	$(BIN)/python -m rsppc.generate

bench: $(STAMP)          ## speed figures, each as a ratio to a floor measured in the same run
	$(BIN)/python benchmarks/run.py

fuzz: $(STAMP)           ## long property tests
	$(BIN)/pytest tests/properties --hypothesis-profile=fuzz -p no:cacheprovider

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
