# Everything a developer does, one verb each; hosted CI calls the same verbs. `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
ARGS ?= start
ONLY ?=
SECONDS ?= 60
SAMPLE ?= 20
RATE ?= 60
ENGINE ?= native

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python

# Cargo profile of the native module in the virtual environment. Wheels always use `release`.
PROFILE ?= dev-release

# pip reads both, also inside the isolated environments in which it builds packages.
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# maturin installs into this environment, pyo3 builds for its interpreter.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport PYTHONHOME CONDA_PREFIX

STAMPS := $(VENV)/.stamps
BASE := $(STAMPS)/base
DEV := $(STAMPS)/dev
NATIVE := $(STAMPS)/native-$(PROFILE)
# Client programs are installed apart from each other and from the tools: each has its own pins.
CLIENTS := tests/clients/node_modules/.package-lock.json
SITE := .venv-site/.stamp
CLIENT_VENVS := .venv-clients .venv-aider .venv-site
CLIENT_SDKS := .venv-clients/.stamp
AIDER := .venv-aider/.stamp
# What judges the dashboard's accessibility; its tests do without where there is no npm.
AXE := tests/browser/node_modules/.package-lock.json
# The crates compile the vocabulary in, so it is a source of theirs too.
VOCABULARY := src/copilot_api/engine/reference/vocabulary
RUST_SOURCES := $(wildcard Cargo.toml Cargo.lock) $(shell find crates $(VOCABULARY) -type f -not -name '.*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo run dev test test-rust test-models test-python test-browser axe test-asgi test-clients test-aider lint \
	lint-python lint-rust lint-docker audit licences release-check sbom mutants coverage fmt build build-native bench bench-gateway fuzz soak reliability \
	lock docs site screenshot clean

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# ------------------------------------------------------------------------------------------------- run

demo: $(NATIVE) ## Show the gateway against the built-in simulator: no account needed
	$(PY) tools/demo.py

run: $(NATIVE) ## Run the program: make run ARGS="start --verbose"
	$(BIN)/copilot-api $(ARGS)

dev: $(NATIVE) ## Run against the simulator; rebuild and restart when a source changes
	$(PY) tools/dev.py

# ----------------------------------------------------------------------------------------------- check

test: $(NATIVE) $(DEV) ## Run all tests that need cargo and pip packages only
	$(PY) tools/run_tests.py rust models python

test-rust: $(BASE) ## Run the tests of the crates only
	$(PY) tools/run_tests.py rust

test-models: $(BASE) ## Try every schedule of what threads share (loom), and of what waits in asyncio
	$(PY) tools/run_tests.py models

test-python: $(NATIVE) $(DEV) ## Run the Python tests only: make test-python ARGS="-k limiter"
	$(PY) tools/run_tests.py python $(if $(filter-out start,$(ARGS)),-- $(ARGS))

axe: $(AXE) ## Install axe-core, which judges the dashboard's accessibility in those tests

test-browser: $(NATIVE) $(DEV) $(AXE) ## Run the dashboard's tests in Chromium (on the path, or CHROMIUM=...)
	$(PY) tools/run_tests.py browser

test-asgi: $(NATIVE) $(DEV) ## Run the test-suites of Starlette and FastAPI against our servers
	$(PY) tools/asgi_suites/run.py $(filter-out start,$(ARGS))

test-clients: $(NATIVE) $(DEV) $(CLIENTS) $(CLIENT_SDKS) ## Run real client programs and SDKs against the gateway
	$(PY) tools/run_tests.py clients

test-aider: $(NATIVE) $(DEV) $(AIDER) ## The same for aider, which brings a hundred packages
	$(PY) tools/run_tests.py aider

lint: lint-python lint-rust lint-docker ## Check style, types, layers and lints; warnings are errors

lint-python: $(NATIVE) $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(if $(wildcard src/copilot_api/_native.pyi),$(PY) -m mypy.stubtest copilot_api._native)
	$(BIN)/lint-imports

lint-rust: $(BASE)
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo fmt --all --check --manifest-path models/Cargo.toml
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --offline --locked check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and sources of crates were not checked"; fi

lint-docker: ## Check the image's files with hadolint and shellcheck, where they are installed
	@if command -v hadolint >/dev/null 2>&1; then hadolint Dockerfile; else echo "hadolint is not installed"; fi
	@if command -v shellcheck >/dev/null 2>&1; then shellcheck docker/*.sh docker/compose/*.sh .ci/run; \
	else echo "shellcheck is not installed"; fi

audit: $(DEV) ## Check what comes in: licences, sources and advisories as far as the tools are installed
	$(PY) -m pytest -q -n 0 -k r18 tests/unit/test_supply_chain.py tests/unit/test_repository.py
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --offline --locked check bans licenses sources; \
	else echo "cargo-deny is not installed (cargo install cargo-deny --locked): crates were not checked"; fi
	@if $(PY) -m pip_audit --version >/dev/null 2>&1; then $(PY) -m pip_audit --no-deps --disable-pip -r constraints.txt; \
	else echo "pip-audit is not installed, and it asks a server: advisories of packages were not checked"; fi

licences: ## Write THIRD-PARTY-LICENCES.txt from the crates of the lock
	python3 tools/write_licences.py

release-check: $(NATIVE) $(DEV) ## Build the release twice, install wheel and sdist, try both, compare (a quarter of an hour)
	$(PY) tools/release_check.py

sbom: $(BASE) ## Write the bill of materials of a release into dist/
	$(PY) tools/write_sbom.py

mutants: MINUTES ?= 25
mutants: $(NATIVE) $(DEV) ## Change readers and guards, tests must notice: make mutants ONLY=sse SAMPLE=20 MINUTES=25
	$(PY) tools/mutants.py --minutes $(MINUTES) --sample $(SAMPLE) $(ONLY)

coverage: $(NATIVE) $(DEV) ## Print the lines that tests reach, by folder (needs cargo-llvm-cov and llvm-tools)
	$(PY) tools/coverage_table.py

fmt: $(DEV) ## Format all sources
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .
	cargo fmt --all

# ----------------------------------------------------------------------------------------------- build

build: $(BASE) ## Build the release wheel and the source distribution into dist/
	rm -rf dist
	$(BIN)/maturin build --release --out dist --interpreter $(PY)
	$(PY) tools/check_wheel.py dist/*.whl
	$(BIN)/maturin sdist --out dist

build-native: $(NATIVE) ## Build the native module into the virtual environment

bench: $(NATIVE) ## Run the benchmarks: make bench PROFILE=release ONLY=tokenizer
	$(PY) tools/run_benches.py $(ONLY)

bench-gateway: ## Measure it beside nginx, 0.7.0 and LiteLLM: make bench-gateway ARGS="--quick --only small"
	@test "$$(ls -t $(STAMPS)/native-* 2>/dev/null | head -1)" = $(STAMPS)/native-release || \
		rm -f $(STAMPS)/native-release
	$(MAKE) build-native PROFILE=release
	$(PY) -m bench.gateway $(if $(filter-out start,$(ARGS)),$(ARGS))

fuzz: ## Fuzz the core with the committed corpus, each target for SECONDS (needs a C++ compiler)
	$(PYTHON) tools/fuzz.py $(SECONDS) $(ONLY)

soak: MINUTES ?= 10
soak: $(NATIVE) $(DEV) ## Soak the gateway with faults and aborts: make soak MINUTES=60 RATE=100 ENGINE=reference
	$(PY) -m tools.soak --minutes $(MINUTES) --rate $(RATE) --engine $(ENGINE) $(filter-out start,$(ARGS))

reliability: $(DEV) ## Measure what must hold: make reliability ARGS=--write, or ARGS="--only cancel,drain"
	@test "$$(ls -t $(STAMPS)/native-* 2>/dev/null | head -1)" = $(STAMPS)/native-release || \
		rm -f $(STAMPS)/native-release
	$(MAKE) build-native PROFILE=release
	$(PY) -m tools.reliability $(filter-out start,$(ARGS))

docs: $(NATIVE) ## Write the pages and the OpenAPI document that are made from what is declared
	$(PY) tools/write_options.py
	$(PY) tools/write_commands.py
	$(PY) tools/write_openapi.py

site: $(SITE) ## Build the manual as a site into target/site/html, and look for dead links
	$(subst $(VENV),.venv-site,$(PY)) tools/site/build.py

screenshot: $(NATIVE) $(DEV) ## Make the README's pictures of the dashboard anew (needs Chromium)
	$(PY) -m tests.browser.screenshot

lock: ## Write all locks of Python and npm packages anew from the newest allowed versions
	$(PYTHON) tools/lock.py

clean: ## Remove everything that was built
	rm -rf target fuzz/target models/target dist $(VENV) $(CLIENT_VENVS) tests/clients/node_modules tests/browser/node_modules
	rm -rf src/copilot_api/_native*.so src/copilot_api/_native*.pyd
	rm -rf bench/.cache bench/load/target
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# ---------------------------------------------------------------------------------------- what they need

$(BASE): constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet maturin
	@mkdir -p $(STAMPS) && touch $@

$(DEV): $(BASE) requirements-dev.txt
	$(PY) -m pip install --quiet -r requirements-dev.txt
	@touch $@

$(NATIVE): $(BASE) pyproject.toml $(RUST_SOURCES)
	@command -v cargo >/dev/null || { \
		echo "cargo is missing: install a Rust toolchain (https://rustup.rs), then run make again"; exit 1; }
	$(BIN)/maturin develop --profile $(PROFILE)
	@touch $@

$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: these tests run client programs from npm"; exit 1; }
	cd tests/clients && npm ci
	@touch $@

$(AXE): tests/browser/package.json tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: axe-core comes from there"; exit 1; }
	cd tests/browser && npm ci
	@touch $@

$(SITE): tools/site/requirements.txt tools/site/constraints.txt
	$(PYTHON) -m venv --clear $(@D)
	PIP_CONSTRAINT=tools/site/constraints.txt $(subst $(VENV),$(@D),$(PY)) -m pip install --quiet -r $<
	@touch $@

$(CLIENT_SDKS): tests/clients/requirements.txt tests/clients/constraints.txt
	$(PYTHON) -m venv --clear $(@D)
	PIP_CONSTRAINT=tests/clients/constraints.txt $(subst $(VENV),$(@D),$(PY)) -m pip install --quiet -r $<
	@touch $@

$(AIDER): tests/clients/requirements-aider.txt tests/clients/constraints-aider.txt
	$(PYTHON) -m venv --clear $(@D)
	PIP_CONSTRAINT=tests/clients/constraints-aider.txt $(subst $(VENV),$(@D),$(PY)) -m pip install --quiet -r $<
	@touch $@
