# What a person types. `make` alone lists it; each command installs what it needs first.

VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := tests/node/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip --disable-pip-version-check
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" tests/node/node_modules/.bin
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --no-annotate \
  --custom-compile-command "make lock" --quiet

# Give PYTEST_ARGS="tests/unit -k guard" to run some of the tests, TEST_PROCESSES=0 to run them in one process.
PYTEST_ARGS ?=
TEST_PROCESSES ?= logical
UPGRADE ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-all lint format types bench lock clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.runtime ## Start matcher, executor and worker with demo data; Ctrl-C stops them
	@exec $(BIN)/python deploy/run.py

test: $(VENV)/.dev $(NODE_MODULES) ## Run the tests, on SQLite and PostgreSQL and in a browser (all but the long ones)
	@$(BIN)/python -m tests.support.browser
	@$(BIN)/python -m tests.support.nginx
	@$(BIN)/python -m tests.support.pgbouncer
	$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --maxprocesses=8 -m "not slow" $(PYTEST_ARGS)

test-all: $(VENV)/.dev $(NODE_MODULES) ## Run every test, the long ones too
	@$(BIN)/python -m tests.support.browser
	@$(BIN)/python -m tests.support.nginx
	@$(BIN)/python -m tests.support.pgbouncer
	$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --maxprocesses=8 $(PYTEST_ARGS)

lint: $(VENV)/.dev $(NODE_MODULES) ## Check style, format, types, documents, and which way imports run
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM)/eslint --config tests/node/eslint.config.js .
	$(NPM)/stylelint --config tests/node/stylelint.config.js --ignore-pattern "**/vendor/**" "**/web/**/*.css"
	$(NPM)/prettier --config tests/node/prettier.json --check "**/web/**/*.{css,js}" "!**/vendor/**"
	$(BIN)/djlint --lint --quiet .
	$(BIN)/yamllint --strict .
	$(NPM)/markdownlint-cli2 --config tests/node/.markdownlint-cli2.jsonc README.md "{deploy,docs}/**/*.md"

format: $(VENV)/.dev ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

types: $(VENV)/.dev ## Generate the types of the client's answers from schemas/
	$(BIN)/python -m tests.support.client_types

bench: $(VENV)/.dev ## Run the benchmarks and print their table
	$(BIN)/python tests/benchmarks/run.py

lock: $(BIN)/python ## Write the lock files again; UPGRADE=1 takes the newest versions
	$(PIP) install --quiet uv
	$(UV_COMPILE) --extra dev $(if $(UPGRADE),--upgrade) --output-file requirements-dev.lock
	$(UV_COMPILE) --constraint requirements-dev.lock --upgrade --output-file requirements.lock
	$(PIP) uninstall --quiet --yes uv

clean: ## Remove what was installed and built; var/ with its data stays
	rm -rf $(VENV) dist tests/node/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@sh deploy/create-venv.sh $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the services need ..."
	@$(PIP) install --quiet --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the tests and checks need ..."
	@$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@ $(VENV)/.runtime

$(NODE_MODULES): tests/node/package.json tests/node/package-lock.json tests/node/.npmrc | $(VENV)/.dev
	@echo "Installing what the tests and checks need from npm ..."
	@PATH="$(abspath $(BIN)):$$PATH" npm ci --prefix tests/node --loglevel=error
