# The project's tasks; each needs only Python 3.11 or newer, pip and make. `make help` lists them.
# PYTHON selects the interpreter. The settings of docs/reference/settings.md are passed on.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALL := $(BIN)/python tools/install_packages.py
# As root pip warns of what does not apply to a virtual environment.
export PIP_ROOT_USER_ACTION := ignore
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes --universal \
	--python-version 3.11 --no-header --no-annotate

# Tests wait as much as they work, hence a process more than there are processors.
# tests/conftest.py puts the longest files first; xdist would put those of the most tests first.
PYTEST := $(BIN)/python -m pytest --quiet --numprocesses $$(( $$(nproc) + 1 )) --dist loadfile \
	--no-loadscope-reorder
# Without bytecode on disk every process of a test run would compile the sources again.
test test-all clients: export PYTHONDONTWRITEBYTECODE :=
# Property tests take four times as many examples, crawls and fuzzers all cases.
test-all: export LONG_TESTS := 1

QUICK_TESTS := "not browser and not clients and not containers and not debian and not lake and not recipes and not slow"

.DEFAULT_GOAL := help
.PHONY: audit clients help demo up logs test test-all check check-others fault-injection faults security-report trust \
	screenshots format bench lock clean

help: ## list what can be done
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: $(VENV)/demo.stamp ## everything up, three simulated devices sending; Ctrl-C ends it
	@exec $(BIN)/python manage.py up --demo

up: $(VENV)/demo.stamp ## everything up, without devices
	@exec $(BIN)/python manage.py up

logs: ## follow the logs of a running `make up`
	@tail -n 20 -F "$${VAR_DIR:-var}"/log/*.log

test: $(VENV)/dev.stamp ## the tests that need nothing else, in random order (some 8 minutes)
	@$(PYTEST) -m $(QUICK_TESTS) $(ARGS)

# CLIENTS= installs no HTTP clients of other languages.
CLIENTS := .clients/stamp

test-all: $(VENV)/dev.stamp $(CLIENTS) ## every test; names the programs that are missing here
	@$(PYTEST) $(ARGS)

clients: $(VENV)/dev.stamp .clients/stamp ## run real HTTP clients; write their versions to docs/reference/clients.md
	@CLIENTS_TABLE=1 $(BIN)/python -m pytest --quiet tests/clients $(ARGS)

# mypy takes one processor for longer than all the others, which run beside it. A shell lets no program
# in the background be interrupted, so Ctrl-C has to be passed on.
check: $(VENV)/dev.stamp ## lint, imports, types, migrations, deploy checks
	@$(BIN)/python -m mypy & types=$$!; trap 'kill $$types; exit 130' INT TERM; \
		$(MAKE) --no-print-directory check-others; others=$$?; wait $$types && exit $$others

check-others:
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check --quiet .
	@PYTHONPATH=client $(BIN)/lint-imports --no-cache
	@$(BIN)/python manage.py makemigrations --check --dry-run --verbosity 0 \
		|| { echo "models changed: run manage.py makemigrations" >&2; exit 1; }
	@$(BIN)/python -W error manage.py check --deploy --fail-level WARNING

SECONDS ?= 60

fault-injection: $(VENV)/dev.stamp ## inject faults while devices send, then compare (SECONDS=900 ARGS=--json)
	@$(BIN)/python -m tests.fault_injection --seconds $(SECONDS) $(ARGS)

faults: ; @echo "make faults is deprecated: use make fault-injection" >&2
	@$(MAKE) --no-print-directory fault-injection

security-report: $(VENV)/dev.stamp ## count the security tests that pass, by topic (ONLY="header input")
	@$(BIN)/python -m tools.security_report $(ONLY)

trust: ; @echo "make trust is deprecated: use make security-report" >&2
	@$(MAKE) --no-print-directory security-report

screenshots: $(VENV)/dev.stamp ## take the pictures of the README anew, from the demo (needs Chromium)
	@$(BIN)/python -m tools.screenshots

format: $(VENV)/dev.stamp ## put the code into its form
	@$(BIN)/python -m ruff check --fix --quiet . ; $(BIN)/python -m ruff format --quiet .

bench: $(VENV)/demo.stamp ## run the benchmarks (needs node); QUICK=1 for a check, ONLY=small,large
	@exec $(BIN)/python -m benchmarks

audit: $(VENV)/dev.stamp ## list known vulnerabilities of the locked packages (needs the network)
	@test -x .audit/bin/pip-audit || { $(BIN)/python -m venv .audit && \
		.audit/bin/python -m pip --disable-pip-version-check -qq install pip-audit; } || true
	@.audit/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --format json \
		-r requirements/demo.txt 2>/dev/null | $(BIN)/python -m tools.audit_report

# Clients of PyPI and npm for tests/clients. One that cannot be installed is named by the tests.
.clients/stamp: requirements/clients.txt tests/clients/package-lock.json | $(BIN)/python
	@echo "installing HTTP clients into .clients ..."
	@mkdir -p .clients/node && cp tests/clients/package*.json .clients/node
	@$(BIN)/python -m venv .clients/python && .clients/python/bin/python -m pip -qq \
		--disable-pip-version-check install --require-hashes -r requirements/clients.txt || true
	@! command -v npm >/dev/null || npm ci --prefix .clients/node --silent --no-audit --no-fund || true
	@touch $@

lock: $(VENV)/dev.stamp ## pin the newest versions that pyproject.toml allows
	@$(PIP) install uv
	$(UV_COMPILE) --upgrade -o requirements/core.txt
	$(UV_COMPILE) --upgrade --extra demo -c requirements/core.txt -o requirements/demo.txt
	$(UV_COMPILE) --upgrade --extra oidc -c requirements/core.txt -o requirements/oidc.txt
	$(UV_COMPILE) --upgrade --extra demo --extra oidc --extra tests --extra dev -c requirements/demo.txt \
		-o requirements/dev.txt
	$(subst pyproject.toml,requirements/clients.in,$(UV_COMPILE)) --upgrade -o requirements/clients.txt
	@! command -v npm >/dev/null || npm update --prefix tests/clients --package-lock-only --silent \
		--omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove what tools made; the data in VAR_DIR stays
	rm -rf $(VENV) .audit .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- The virtual environment: a stamp for each set of requirements that is in it ---------------

$(VENV)/demo.stamp: requirements/demo.txt | $(BIN)/python
	@echo "installing the program, PostgreSQL and nginx into $(VENV) ..."
	@$(INSTALL) requirements/demo.txt
	@touch $@

# The tools' set holds the program's, so that it serves `make up` too.
$(VENV)/dev.stamp: requirements/dev.txt requirements/demo.txt | $(BIN)/python
	@echo "installing the program and the tools of its developers into $(VENV) ..."
	@$(INSTALL) requirements/dev.txt
	@touch $@ $(VENV)/demo.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		: "without the module ensurepip (Debian: python3-venv) the system's pip brings one"; \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip -qq --python $(BIN)/python install pip; }
