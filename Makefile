# VMS needs Python 3.11 or later and make; all else is installed into .venv from hashed lists.
# With another Python: make setup PYTHON=python3.12 (remove .venv before changing it).
# `make help` lists what there is.

PYTHON ?= python3
# Extra arguments: make test ARGS="-k downloads", make run ARGS="--only web,worker"
ARGS ?=
# Tests run in so many processes.
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input

# The stamp of an installation carries the digest of its list: same list, nothing to do.
digest = $(shell $(PYTHON) -c 'import hashlib; print(hashlib.sha256(open("$(1)", "rb").read()).hexdigest()[:16])')
RUN_STAMP := $(VENV)/.installed-run-$(call digest,requirements.txt)
DEV_STAMP := $(VENV)/.installed-dev-$(call digest,requirements-dev.txt)

# What a server on the internet would have, for checks that ask for it.
PRODUCTION := VMS_PUBLIC_URL=https://vms.example.org VMS_TRUSTED_PROXIES=10.0.0.2 \
	VMS_SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz-9876543210

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-postgres test-all chaos chaos-postgres soak test-api-fuzz \
	test-push test-clients test-generated cluster-test check audit bench bench-api bench-push bench-throughput format lock

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(DEV_STAMP) ## install into .venv all that running and testing need

run: $(RUN_STAMP) ## run the server until Ctrl-C, without demo data
	@exec $(BIN)/python manage.py up $(ARGS)

demo: $(RUN_STAMP) ## show the product at work, then stay up; ONCE=1 ends after the check
	@exec $(BIN)/python manage.py demo $(if $(ONCE),--once) $(ARGS)

test: $(DEV_STAMP) ## run the quick suite; says why one is skipped, for want of a service
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m "not processes" $(ARGS)

test-all: $(DEV_STAMP) ## run the quick suite and those that start whole servers
	$(BIN)/pytest -n $(JOBS) --dist loadgroup $(ARGS)

# Of the others those that use none are left out, test by test: tests/scheduling.py.
WITHOUT_DATABASE := tests/media tests/browser tests/exports/matrix tests/exports/test_containers.py \
	tests/exports/test_transcoding.py tests/exports/test_refused_results.py

test-postgres: $(DEV_STAMP) ## run all tests that use the database on a throwaway PostgreSQL server
	TESTS_DATABASE_ONLY=1 $(BIN)/python -m tests.postgres $(BIN)/pytest -n $(JOBS) \
		--dist loadgroup $(WITHOUT_DATABASE:%=--ignore=%) $(ARGS)

# Real workers, killed; a table of what became of each export. ARGS="-k killed" for some of it,
# CHAOS_SCALE=0.2 for fewer exports and kills; rows wait more than they work, so several run at once.
CHAOS_JOBS ?= 3
chaos: $(DEV_STAMP) ## survive faults: killed workers, brokers, disks, changed archives
	$(BIN)/pytest -q -n $(CHAOS_JOBS) $(wildcard tests/chaos/faults_*.py) $(ARGS)

# One at a time: they share the server that some of them kill.
chaos-postgres: $(DEV_STAMP) ## the same on a throwaway PostgreSQL server
	$(BIN)/python -m tests.postgres $(BIN)/pytest -q -n 0 $(wildcard tests/chaos/faults_*.py) $(ARGS)

# SOAK_SECONDS=120 for a shorter one, which does not judge growth; SOAK_DIR for where it works.
soak: $(DEV_STAMP) ## have 30 users ask for 20 minutes, see that nothing grows or is left over
	nice -n 10 $(BIN)/python -m tests.soak.soak

# TESTS_API_CASES=100 for a longer look.
test-api-fuzz: $(DEV_STAMP) ## ask a running server what its OpenAPI document lets one ask
	$(BIN)/pytest -n $(JOBS) tests/api_fuzz/fuzz.py $(ARGS)

cluster-test: $(DEV_STAMP) ## run many machines as plain processes: PostgreSQL, RabbitMQ or Valkey, nginx
	$(BIN)/pytest tests/cluster/brokers.py tests/cluster/cluster.py $(ARGS)

# TESTS_PUSH_JOBS=40 TESTS_PUSH_FRAMES=1000 for a shorter look.
test-push: $(DEV_STAMP) ## lose no event to dying clients and brokers; broken frames; a minute idle
	$(BIN)/pytest -n $(JOBS) $(addprefix tests/push/hard/,idle.py loss.py fuzz.py) $(ARGS)

test-clients: $(DEV_STAMP) ## have the real pusher-js and Laravel Echo listen, run by Node
	$(BIN)/pytest $(addprefix tests/clients/,test_manifest.py libraries.py) $(ARGS)

# Wants openapi-python-client on PATH or in OPENAPI_PYTHON_CLIENT, in an environment of its own.
test-generated: $(DEV_STAMP) ## have a client written from the OpenAPI document fetch a file
	$(BIN)/pytest tests/clients/generated.py $(ARGS)

check: $(DEV_STAMP) ## look at format, types, layers, migrations, deployment, pins and docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run
	env $(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/pytest -q tests/test_architecture.py tests/test_docs.py tests/test_requirements.py

# Wants the internet, and pip-audit on PATH or in PIP_AUDIT. Exit code 0 only when every package is
# known to the service and has no hole; 2 when it could not be asked.
audit: $(DEV_STAMP) ## ask an advisory service about every pinned package
	@$(BIN)/python -m tests.advisories

# ARGS="exports --only '1 h'", ARGS="rows"; see docs/benchmarks.md. Footage is kept in BENCH_DIR.
bench: $(DEV_STAMP) ## measure exports, planning, memory, indexing and the index's queries
	$(BIN)/python -m bench $(ARGS)

bench-api: $(DEV_STAMP) ## measure lists of a million downloads, files and links beside nginx
	$(BIN)/python -m bench api storage links $(ARGS)

bench-push: $(DEV_STAMP) ## measure how soon events arrive at a thousand sockets, and what one costs
	$(BIN)/python -m bench push $(ARGS)

bench-throughput: $(DEV_STAMP) ## measure exports a second of whole servers, and how soon a client hears
	$(BIN)/python -m bench throughput $(ARGS)

format: $(DEV_STAMP) ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs uv on PATH. The lists hold names, versions and hashes, no download addresses.
lock: ## compile requirements*.txt anew from pyproject.toml
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml -o requirements.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

# An interrupted or half-removed environment has no pip that runs: made anew.
$(RUN_STAMP):
	@echo "Installing what the server needs into $(VENV) ..."
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements.txt
	@rm -f $(VENV)/.installed-run-*
	@touch $@

$(DEV_STAMP): | $(RUN_STAMP)
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@rm -f $(VENV)/.installed-dev-*
	@touch $@
