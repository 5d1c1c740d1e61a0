# One target = one command; `make help` lists them. `make NAME KEY=value` hands KEY to the command in the environment.
# Exit codes are main.py's own; make turns any non-zero one into 2, so scripts and units call main.py.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
ANY_PY = $(or $(wildcard $(PY)),$(PYTHON),python3)
SETUP := VENV=$(VENV) sh build_support/environment.sh
PYTEST := $(PY) -m pytest

# A stamp says when a step was last done; a venv whose interpreter is gone makes all of them void.
STAMPS := $(VENV)/.stamp-venv $(VENV)/.stamp-deps $(VENV)/.stamp-package $(VENV)/.stamp-dev $(VENV)/.stamp-research \
	$(VENV)/.stamp-any
ifeq ($(wildcard $(PY)),)
$(shell rm -f $(STAMPS))
endif
SOURCES := setup.py pyproject.toml $(shell find python build_support -type f ! -name '*.pyc' ! -path '*.egg-info/*' 2>/dev/null)

# Verbs that use the newest sources, and verbs that must not wait for a build when something is already installed.
FRESH_VERBS := demo exchange bench-light check-config validate replay export-frames profile-cpu profile-memory optimize-ultra
CALM_VERBS := stop emergency-stop clear-halt close-breaker monitor status usage logs results info troubleshoot trades reset
RESEARCH_VERBS := download import-data check-data backtest lookahead-check
LATER_VERBS := run-ultra-live
MAKE_VERBS := run-ultra-local record quick-start setup-ultra install-deps test test-quick test-parity test-long bench-all bench-backtest lint format clean help

.PHONY: $(FRESH_VERBS) $(CALM_VERBS) $(RESEARCH_VERBS) $(LATER_VERBS) $(MAKE_VERBS)

$(FRESH_VERBS): $(VENV)/.stamp-package
	@$(PY) main.py $@

$(CALM_VERBS): $(VENV)/.stamp-any
	@$(PY) main.py $@

# History on disk needs pyarrow, which nothing else does.
$(RESEARCH_VERBS): $(VENV)/.stamp-package $(VENV)/.stamp-research
	@$(PY) main.py $@

# These need no installed package.
$(LATER_VERBS):
	@PYTHONPATH=python $(ANY_PY) main.py $@

help:
	@PYTHONPATH=python $(ANY_PY) -m supreme_system_v5.commands.help

# --- setting up

run-ultra-local record: $(VENV)/.stamp-package
	@$(PY) main.py validate --brief
	@$(PY) main.py $@

quick-start: validate
	@$(PY) main.py run-ultra-local

setup-ultra: $(VENV)/.stamp-package

install-deps: $(VENV)/.stamp-deps

$(VENV)/.stamp-venv:
	@$(SETUP) venv
	@touch $@

$(VENV)/.stamp-deps: $(VENV)/.stamp-venv requirements-ultra.txt
	@$(SETUP) deps
	@touch $@

$(VENV)/.stamp-package: $(VENV)/.stamp-deps $(SOURCES)
	@$(SETUP) package
	@touch $@ $(VENV)/.stamp-any

$(VENV)/.stamp-any:
	@$(MAKE) setup-ultra

$(VENV)/.stamp-research: $(VENV)/.stamp-deps requirements-research.txt
	@$(SETUP) research
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-deps requirements-dev.txt requirements-research.txt
	@$(SETUP) dev
	@touch $@

# --- checking

# The rooms that mostly wait for processes run beside the others; then the pure core beside the other Pythons.
WAITING := tests/system tests/commands tests/clients tests/determinism
test: $(VENV)/.stamp-package $(VENV)/.stamp-dev
	@SUPREME_EXPECT_CORE=$$($(SETUP) expected-core) $(PY) build_support/side_by_side.py \
		"the suite, core: $$($(SETUP) expected-core)" $(PYTEST) tests $(addprefix --ignore=,$(WAITING)) -- \
		"its rooms with processes, core: $$($(SETUP) expected-core)" $(PYTEST) $(WAITING)
	@OPTIMIZED_MODE=false SUPREME_EXPECT_CORE=pure $(PY) build_support/side_by_side.py "the core's tests, core: pure" \
		$(PYTEST) -q tests/optimized tests/core tests/orchestrator tests/determinism tests/test_build.py -- \
		"a short set on the other Pythons of this machine" \
		env -u OPTIMIZED_MODE -u SUPREME_EXPECT_CORE $(PY) build_support/other_pythons.py

test-quick: $(VENV)/.stamp-dev
	@PYTHONPATH=python OPTIMIZED_MODE=false $(PYTEST) -q -m "not slow and not parity and not bench" tests

test-parity: $(VENV)/.stamp-package $(VENV)/.stamp-dev
	@$(PYTEST) -q -s tests/parity

# What takes too long for every run: recordings at 1x over sockets, every stop and fault, 50 kills (KILLS=n KILL_SEED=n).
test-long: $(VENV)/.stamp-package $(VENV)/.stamp-dev
	@SUPREME_LONG=1 $(PYTEST) -s tests/determinism tests/system tests/backtesting
	@$(PY) -m tests.system.kill_suite --kills $(or $(KILLS),50) --seed $(or $(KILL_SEED),2026)

# Every figure of the README, one after the other; some need SUPREME_DATA_DIR. On a quiet machine: about half an hour.
BENCHES := scripts/bench_optimized.py benchmarks/bench_kernel.py benchmarks/bench_hot_path.py \
	benchmarks/bench_start.py benchmarks/bench_memory.py benchmarks/bench_live.py benchmarks/bench_throttle.py \
	benchmarks/bench_soak.py benchmarks/bench_record.py benchmarks/bench_exchange.py benchmarks/bench_history.py \
	benchmarks/bench_backtest.py benchmarks/bench_backtest_frames.py
bench-all: $(VENV)/.stamp-package $(VENV)/.stamp-dev
	@failed=""; for bench in $(BENCHES); do echo "== $$bench"; $(PY) $$bench || failed="$$failed $$bench"; done; \
	$(PY) scripts/load_single_symbol.py --speed 60 || failed="$$failed load_single_symbol"; \
	if [ -n "$$failed" ]; then echo "missed or failed:$$failed"; exit 1; fi

bench-backtest: $(VENV)/.stamp-package $(VENV)/.stamp-dev
	@$(PY) benchmarks/bench_backtest.py; first=$$?; $(PY) benchmarks/bench_backtest_frames.py && exit $$first

lint: $(VENV)/.stamp-dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/.stamp-dev
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format .

# --- care

clean:
	@if [ -f $(VENV)/.stamp-any ]; then $(PY) main.py clean; fi
	@rm -rf build dist .venv-test .mypy_cache .ruff_cache .pytest_cache .hypothesis python/*.egg-info
	@find python tests scripts build_support -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "removed build products and caches (state/ and $(VENV) are kept)"
