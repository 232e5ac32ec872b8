# Everything runs in .venv, from hash-pinned wheels; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Of the hand-written service that the bench compares with; nothing else needs it.
BENCH_LOCK := tests/bench/by_hand/requirements.lock
BENCH_STAMP := $(VENV)/.installed-bench
WEIR := $(BIN)/weir

# Some images set it, for what they run once. Here hundreds of processes import the same thousand modules.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo run unit test test-fault test-year test-all bench bench-queries lint format protos release-protos migrate lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv and install Weir with everything it needs

$(STAMP): requirements.lock pyproject.toml
	@echo "Installing into $(VENV): a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## Send a believable day of events through the real suite and check every number
	@$(WEIR) demo

run: $(STAMP) ## The demo, and then the suite stays up until Ctrl-C
	@$(WEIR) demo --stay

unit: $(STAMP) ## The tests without stores and processes: half a minute
	$(BIN)/python -m pytest -n 2 -q tests/unit

# Three workers, as tests wait for much of their time.
test: $(STAMP) ## The fast tests: under ten minutes on two cores
	$(BIN)/python -m pytest -n 3 --dist loadgroup --durations=25 -m "not fault and not slow"

test-fault: $(STAMP) ## The tests that kill processes under load
	$(BIN)/python -m pytest -m "(fault or slow) and not year"

test-year: $(STAMP) ## A year of events, consent and retention, by a clock
	$(BIN)/python -m pytest -m year

test-all: test test-fault test-year ## All tests

bench: $(STAMP) $(BENCH_STAMP) ## Measure speed side by side with raw COPY, a bare gRPC echo and a hand-written service
	@$(BIN)/python -m tests.bench

bench-queries: $(STAMP) ## Measure questions about 10 million stored events side by side with DuckDB
	@$(BIN)/python -m tests.bench.queries

# Without an index the bench says what is missing, and measures everything else.
$(BENCH_STAMP): $(STAMP) $(BENCH_LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(BENCH_LOCK) \
		&& touch $@ || echo "The hand-written service's packages cannot be installed: it is left out" >&2

lint: $(STAMP) ## ruff, mypy, import contracts, retired words, buf lint, stub drift, catalogs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.lint.retired_words
	$(BIN)/python protos/generate.py --check
	$(BIN)/python protos/generate.py --image $(VENV)/protos.binpb
	$(BIN)/buf lint $(VENV)/protos.binpb --config protos/buf.yaml --path weir
	$(BIN)/buf breaking $(VENV)/protos.binpb --against protos/released.binpb --config protos/buf.yaml --path weir
	$(WEIR) catalog lint catalogs

format: $(STAMP) ## Let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: $(STAMP) ## Rebuild the committed stubs from protos/
	$(BIN)/python protos/generate.py

release-protos: $(STAMP) ## At a release: let later changes be compared with these protos
	$(BIN)/python protos/generate.py --release

migrate: $(STAMP) ## Bring WEIR_DATABASE_URL, or the running suite's database, to the newest revision
	@$(WEIR) migrate

lock: $(STAMP) ## Pin pyproject.toml's requirements anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --extra dev \
		--python-version 3.11 pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --constraint requirements.lock \
		--python-version 3.11 pyproject.toml --output-file deploy/docker/requirements.lock
	echo hatchling | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --constraint requirements.lock \
		--python-version 3.11 - --output-file deploy/docker/build-requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --extra bench --constraint requirements.lock \
		--python-version 3.11 pyproject.toml --output-file $(BENCH_LOCK)

clean: ## Remove .venv, .weir and caches
	rm -rf $(VENV) .weir .pytest_cache .mypy_cache .ruff_cache
