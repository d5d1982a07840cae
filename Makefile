# Every target sets up what it needs: a virtual environment from the pinned requirements, and for
# real Kafka its server jars (Java 17 and Maven).

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tests run on several cores, each part with brokers and servers of its own: many only wait for one.
# Neighbours stay together, for what they share, until a core that is done steals from another.
PYTEST := $(BIN)/pytest -n auto --maxprocesses 4 --dist

# Labelled data that `make eval` measures on; none is part of the repository.
DATA ?= ../shared/data

# How long `make fuzz` takes over each target.
FUZZ_SECONDS ?= 10

.DEFAULT_GOAL := help
.PHONY: help setup venvs demo check test downstream deploy image faults day parity fuzz audit docs bench bench-peers soak soak-kafka eval kafka registry lock clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY) ## Make the virtual environment.

$(READY): deploy/requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "streamproc needs Python 3.11 or newer; name it with make PYTHON=…"; exit 1; }
	@echo "Setting up $(VENV), about a minute …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement deploy/requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Show the whole way of an event, on an embedded broker.
	@$(BIN)/streamproc demo

check: $(READY) ## Format, lint, imports, types, and the quick tests: about a minute.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(PYTEST) worksteal tests/unit tests/property tests/golden tests/docs

# Most of these wait for a broker's sessions or for processes to start: four at once on two cores.
test: check ## Everything, on the embedded broker and on real Kafka where it can be had.
	$(BIN)/pytest -n 4 --dist worksteal tests/parity tests/integration tests/faults tests/fuzz

# What is for others runs in their tools, each with an environment of its own.
deploy/dbt/.venv/.ready: deploy/dbt/requirements.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement $<
	@touch $@

deploy/airflow/.venv/.ready: deploy/airflow/requirements.txt deploy/airflow/pyproject.toml
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement $<
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable deploy/airflow
	@touch $@

deploy/singer/.venv/.ready: deploy/singer/requirements.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement $<
	@touch $@

venvs: $(READY) deploy/dbt/.venv/.ready deploy/airflow/.venv/.ready deploy/singer/.venv/.ready ## Make all environments, those of dbt, Airflow and a Singer tap too; at once with -j4.

downstream: venvs ## dbt, Airflow, LookML and a Singer tap with streamproc.
	cd deploy/airflow && .venv/bin/mypy
	STREAMPROC_TEST_REQUIRE_DBT=1 STREAMPROC_TEST_REQUIRE_AIRFLOW=1 STREAMPROC_TEST_REQUIRE_SINGER=1 \
		$(PYTEST) loadfile tests/downstream

deploy: $(READY) ## Image, Compose, Helm and systemd, read by the tools of who will read them (needs Go).
	STREAMPROC_TEST_REQUIRE_TOOLS=1 $(BIN)/pytest tests/deploy

image: $(READY) ## The image's steps run in a folder, and what they make (needs root and debootstrap).
	STREAMPROC_TEST_REQUIRE_TOOLS=1 STREAMPROC_TEST_IMAGE=1 $(BIN)/pytest -s tests/deploy/test_image.py

faults: $(READY) ## The long fault tests: the whole fault suite, a worker killed ten times, people told apart, loaders at every point they pass.
	STREAMPROC_TEST_FAULT_SUITE=all $(BIN)/pytest -s tests/faults/test_suite.py
	STREAMPROC_TEST_FAULT_EVENTS=50000 STREAMPROC_TEST_FAULT_KILLS=10 \
		$(BIN)/pytest -s tests/faults/test_worker.py -k kills
	STREAMPROC_TEST_FAULT_PEOPLE=20000 $(BIN)/pytest -s tests/faults/test_identity.py
	STREAMPROC_TEST_FAULT_ROWS=200000 $(BIN)/pytest -s tests/faults/test_loader.py
	STREAMPROC_TEST_ALL_FAULT_POINTS=1 $(BIN)/pytest -s tests/faults/test_fault_points.py

day: $(READY) ## A day of a loader by a made-up clock: 2 million rows, outages, a change a minute.
	$(BIN)/python tests/simulated_day.py

parity: $(READY) ## Compare findings with Presidio's on millions of made texts.
	PYTHONPATH=tests $(BIN)/python -m parity.compare

fuzz: $(READY) ## Try inputs that no one wrote, FUZZ_SECONDS for each of 17 targets.
	PYTHONPATH=tests $(BIN)/python -m fuzz.campaign --seconds $(FUZZ_SECONDS)

audit: $(READY) ## Ask which known vulnerabilities the pinned requirements have.
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement deploy/requirements/runtime.txt --requirement deploy/requirements/dev.txt \
		|| { echo "No all-clear: vulnerabilities are listed above, or not every package could be looked up,"; \
		echo "as on a machine that cannot reach PyPI's advisories."; exit 1; }

docs: $(READY) ## Write the generated parts of the README.
	$(BIN)/python tests/docs/reference.py

bench: $(READY) ## Measure the engine beside Presidio, the worker beside plain Faust, the loader, rules, identities, own code.
	$(BIN)/python tests/bench/engine.py
	$(BIN)/python tests/bench/worker.py
	$(BIN)/python tests/bench/loader.py
	$(BIN)/python tests/bench/rules.py
	$(BIN)/python tests/bench/identity.py
	$(BIN)/python tests/bench/own_code.py

bench-peers: $(READY) ## Measure the worker beside Quix Streams, Bytewax, Bento, Kafka Streams and Connect: speed and leaks.
	$(BIN)/python tests/bench/peers/run.py

soak: $(READY) ## Run 5 million events, and 300,000 texts full of new words; memory has to stay flat.
	$(BIN)/python tests/bench/memory.py
	$(BIN)/python tests/bench/names.py --texts 300000

soak-kafka: $(READY) ## Run two workers and a loader on real Kafka: as fast as they can, then at half of that for 20 minutes.
	$(BIN)/python tests/bench/soak.py

eval: $(READY) ## Measure detection and redaction on labelled data, beside Presidio's default.
	$(BIN)/streamproc eval --data $(DATA)

kafka: $(READY) ## Run a real Apache Kafka broker in the foreground.
	$(BIN)/python deploy/kafka/broker.py

registry: $(READY) ## Run a schema registry in the foreground.
	$(BIN)/python deploy/registry/apicurio.py

lock: $(READY) ## Pin the requirements anew (needs uv).
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header pyproject.toml --output-file deploy/requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --group dev pyproject.toml --output-file deploy/requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header --group build --output-file deploy/requirements/build.txt
	cd deploy/tools && uv pip compile --quiet --universal --python-version 3.11 --no-deps \
		--generate-hashes --no-annotate --no-header requirements.in --output-file requirements.txt
	cd deploy/dbt && uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-strip-extras requirements.in \
		--output-file requirements.txt
	cd deploy/airflow && uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --group dev pyproject.toml \
		--output-file requirements.txt
	for peer in quix_streams bytewax; do (cd tests/bench/peers/$$peer && uv pip compile --quiet \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		requirements.in --output-file requirements.txt) || exit 1; done

clean: ## Remove everything that can be made again.
	rm -rf $(VENV) deploy/dbt/.venv deploy/airflow/.venv deploy/singer/.venv build dist .fuzz .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
		.hypothesis deploy/kafka/target deploy/registry/target deploy/tools/target tests/bench/peers/*/.venv \
		tests/bench/peers/*/target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
