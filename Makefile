# `make help` lists what there is. Nothing has to be installed beforehand but Python 3.11 or later.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTEST := $(BIN)/python -m pytest
TESTS ?= -n 2 --maxschedchunk 2
UV := $(shell command -v uv)
POSTGRES_15 ?= $(wildcard /usr/lib/postgresql/15/bin)
# Enough of a configuration for tools that load the settings and connect to nothing.
STAND_INS := DEBUG=true DATABASE_URL=postgresql:///leasehold

export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help run reset test long shots bench check lint format types contracts templates lock docs

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Use --------------------------------------------------------------------------------------------------------------

run: $(VENV)/.installed-run ## Start the portal with everything it needs; PORT chooses the port (8000)
	@$(BIN)/python -m config.run --end-with-parent

reset: $(VENV)/.installed-run ## Delete the data that `make run` keeps
	@$(BIN)/python -m config.run reset

# --- Test -------------------------------------------------------------------------------------------------------------

test: $(VENV)/.installed-dev ## All tests, on servers of their own; REQUIRE_ALL=1 makes a skipped test a failure
	$(PYTEST) $(TESTS) -m "not long and not shots"
	@$(MAKE) --no-print-directory test-15

# Production may run on PostgreSQL 15, the oldest that is supported: the rules must hold there too. A part of the rules
# machine's sequences tells whether it does.
.PHONY: test-15
test-15: export TEST_POSTGRES = $(POSTGRES_15)
test-15:
ifneq ($(POSTGRES_15),)
	$(PYTEST) $(TESTS) -m "not long" -k "not hundred_sequences or first" tests/migrations tests/rules
else
	@echo "Not run on PostgreSQL 15: POSTGRES_15 does not name the folder of its programs."
	@test "$(REQUIRE_ALL)" != 1
endif

long: $(VENV)/.installed-dev ## The tests that take minutes
	$(PYTEST) $(TESTS) -m long

shots: $(VENV)/.installed-dev ## Make the pictures in docs/ anew, from a running portal in Chromium
	$(PYTEST) -m shots

bench: $(VENV)/.installed-dev ## Measure against named limits: NAMES="expiry-sweep pages" SIZE=S|M|L JSON=file
	@$(BIN)/python -m bench $(NAMES) --size $(or $(SIZE),S) $(if $(JSON),--json $(JSON))

# --- Check ------------------------------------------------------------------------------------------------------------

check: lint types contracts templates ## Everything that can be checked without running the portal
	$(BIN)/deptry .
	$(BIN)/python -m config.reference --check
	$(STAND_INS) DJANGO_SETTINGS_MODULE=config.settings_test $(BIN)/python -m governance.policy.reference --check
	$(STAND_INS) DJANGO_SETTINGS_MODULE=config.settings_test $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(STAND_INS) DJANGO_SETTINGS_MODULE=config.settings_test $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

lint: $(VENV)/.installed-dev ## Style and common mistakes (ruff)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev ## Types (mypy, strict)
	$(STAND_INS) $(BIN)/mypy

contracts: $(VENV)/.installed-dev ## Direction of imports (import-linter)
	$(BIN)/lint-imports

templates: $(VENV)/.installed-dev ## Templates (djlint)
	$(BIN)/djlint --lint --quiet templates

# --- Maintain ---------------------------------------------------------------------------------------------------------

format: $(VENV)/.installed-dev ## Format the code, and mend what ruff can mend
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## Write docs/configuration.md, .env.example and the tables of docs/policy.md anew
	$(BIN)/python -m config.reference
	$(BIN)/python -m governance.policy.reference

lock: ## Choose the newest allowed versions of all packages (needs uv)
	uv pip compile pyproject.toml --upgrade --universal --generate-hashes --no-header --no-annotate -o requirements-dev.lock --group dev
	uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate -o requirements.lock -c requirements-dev.lock

# --- The virtual environment ------------------------------------------------------------------------------------------

INSTALL = $(if $(UV),uv pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check) --require-hashes -r

$(VENV)/.installed-run: requirements.lock | $(BIN)/python
	@echo "Installing the packages of $< …"
	@$(INSTALL) $<
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock | $(BIN)/python
	@echo "Installing the packages of $< …"
	@$(INSTALL) $<
	@touch $@ $(VENV)/.installed-run

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Leasehold needs Python 3.11 or later." >&2; exit 1; }
ifneq ($(UV),)
	@uv venv --quiet --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python lacks its venv module: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
endif
