# Everything a developer runs. A machine needs Python 3.11 or newer and make (GNU make, 3.81 or newer); each target
# builds the environment it runs in, .venv, from constraints.txt: with uv if there is one, else with venv and pip.
#
#   make test PYTHON=/path/to/python3.12     with a Python of your choice
#   make test UV=                            with pip although there is a uv

SHELL := /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-integration test-core coverage lint format bench docs constraints matrix bench-airflow clean FORCE cluster-demo

PYTHON ?=
UV ?= $(shell command -v uv 2>/dev/null)
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.project

# No tool may take over from another one's environment, download an interpreter, or ask for something.
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

help: ## show this list
	@echo "make <target>, where <target> is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "  %-20s%s\n", $$1, $$2 }'

demo: $(READY) ## a local Optimize, the example DAG in a real Airflow, its files on disk: half a minute
	@$(PY) tests/system/demo.py $(ARGS)

# PostgreSQL and Redis are Debian's; nothing is installed but Python packages, below .bench.
cluster-demo: $(READY) ## 2000 collections in 40 tasks over two Celery workers; ARGS=--kill-a-worker for one of them
	@UV="$(UV)" $(PY) tests/system/cluster_demo.py $(ARGS)

test: $(READY) ## all tests but those that need other servers; ARGS='-k token -x' goes to pytest
	@$(PY) -m pytest --numprocesses logical --dist loadfile $(ARGS)

test-integration: $(READY) ## tests against real servers: nginx, a proxy, Keycloak, stores, a browser; what is not there is skipped
	@$(PY) -m pytest --numprocesses logical --dist loadfile tests/integration $(ARGS)

# The wheel, as somebody gets it who wants the client and not Airflow. The versions are those of constraints.txt, without
# the hashes, which pip would demand for the wheel itself as well.
test-core: $(READY) ## the core's unit tests from the built wheel, in an environment without Airflow
	@rm -rf build && mkdir build
	@$(PY) -m hatchling build --directory build > build/log 2>&1 || { cat build/log; exit 1; }
	@sed -n 's/^\([^ #]*==[^\\]*\).*/\1/p' constraints.txt > build/versions.txt
	@if [ -n "$(UV)" ]; then \
		"$(UV)" venv --quiet --no-project --python $(PY) build/venv && \
		"$(UV)" pip install --quiet --python build/venv/bin/python -c build/versions.txt "$$(ls build/*.whl)[cli,parquet,picture,postgres,zstd]" pytest pytest-xdist hypothesis cryptography; \
	else \
		$(PY) -m venv build/venv && \
		build/venv/bin/python -m pip install --quiet -c build/versions.txt "$$(ls build/*.whl)[cli,parquet,picture,postgres,zstd]" pytest pytest-xdist hypothesis cryptography; \
	fi
	@build/venv/bin/python -c 'import importlib.util as u; assert u.find_spec("airflow") is None, "Airflow is here"'
	@build/venv/bin/python -m pytest -q --numprocesses logical --dist loadfile tests/unit $(ARGS)

# Not pytest-cov: this package's own pytest plugin is imported before any plugin could start to measure.
coverage: $(READY) ## every line and branch of the modules that decide, by the unit tests
	@$(PY) -m coverage run -m pytest -q tests/unit $(ARGS)
	@$(PY) -m coverage report

# Every tool has its say, whatever the ones before it said.
lint: $(READY) ## style, format, types, import rules
	@PATH="$$PWD/$(VENV)/bin:$$PATH"; status=0; \
	$(PY) -m ruff check --quiet --output-format concise || status=1; \
	$(PY) -m ruff format --quiet --check --output-format concise || status=1; \
	$(PY) -m mypy || status=1; \
	$(PY) -m basedpyright --warnings || status=1; \
	$(PY) -m basedpyright --verifytypes camunda_optimize --ignoreexternal > $(VENV)/.verifytypes \
		|| { cat $(VENV)/.verifytypes; status=1; }; \
	$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()' --no-cache > $(VENV)/.imports \
		|| { cat $(VENV)/.imports; status=1; }; \
	exit $$status

format: $(READY) ## write the format and the order of imports that lint asks for
	@$(PY) -m ruff check --quiet --select I --fix-only
	@$(PY) -m ruff format

bench: $(READY) ## our client beside a plain aiohttp loop
	@$(PY) tests/benchmarks/run.py $(ARGS)

bench-airflow: $(READY) ## one task in Airflow beside HttpOperator and dlt; what imports and DAG files cost; ARGS=--quick
	@UV="$(UV)" $(PY) tests/benchmarks/airflow_run.py $(ARGS)

docs: $(READY) ## the documentation as a site in build/docs; a warning is an error
	@$(PY) -m sphinx --quiet --fail-on-warning --keep-going --doctree-dir build/doctrees $(ARGS) docs build/docs
	@echo "build/docs/index.html"

# Names, versions and hashes for every supported Python and platform at once; never an address, so that everybody's
# own index or mirror serves. UPGRADE=1 moves to the newest versions, otherwise only what pyproject.toml asks for changes.
constraints: ## renew constraints.txt (needs uv); UPGRADE=1 for the newest versions
	@test -n "$(UV)" || { echo "make constraints needs uv on the PATH"; exit 1; }
	"$(UV)" pip compile --quiet --universal --python-version 3.11 --all-extras --group dev $(if $(UPGRADE),--upgrade) \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file constraints.txt pyproject.toml

matrix: $(READY) ## the provider's tests under each supported Airflow, with each Python that is here
	@UV="$(UV)" $(PY) tests/matrix/run.py $(ARGS)

clean: ## remove everything that was made here
	rm -rf $(VENV) .matrix .demo .bench .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find connector airflow_provider dags tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The environment -------------------------------------------------------------------------------------------------

# Two stamps, because a change of pyproject.toml must not fetch 180 packages again. A .venv whose interpreter is gone,
# or that was moved or copied with the checkout, is mended too.
$(VENV)/.packages: constraints.txt $(if $(wildcard $(PY)),,FORCE)
	@python=; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			python=$$candidate; break; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "make: Python 3.11 or newer is needed, and$(if $(PYTHON), '$(PYTHON)' is not one, none is on the PATH)." >&2; \
		echo "      Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	started=$$(date +%s); count=$$(grep -c '==' constraints.txt); \
	if [ -n "$(UV)" ]; then \
		echo "Installing $$count packages into $(VENV) (uv) ..."; \
		UV_VENV_CLEAR=1 "$(UV)" venv --quiet --no-project --python "$$python" $(VENV) && \
		"$(UV)" pip sync --quiet --require-hashes --python $(PY) constraints.txt || exit 1; \
	else \
		echo "Installing $$count packages into $(VENV) (pip, about a minute) ..."; \
		"$$python" -m venv --clear $(VENV) || { \
			echo "make: this Python cannot make environments. On Debian: apt install python3-venv. Or install uv." >&2; \
			exit 1; \
		}; \
		$(PY) -m pip install --quiet --no-compile --no-deps --require-hashes -r constraints.txt || exit 1; \
	fi; \
	echo "... done in $$(( $$(date +%s) - started )) s."; \
	touch $@

$(READY): $(VENV)/.packages pyproject.toml $(shell [ "$$(cat $(READY) 2>/dev/null)" = "$$(pwd -P)" ] || echo FORCE)
	@if [ -n "$(UV)" ]; then \
		"$(UV)" pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .; \
	else \
		$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .; \
	fi
	@pwd -P > $@
