.PHONY: help setup labs labs-strict runbooks concepts prep design-hours jupyter lint format test test-fast crash hub kill-runbooks soak fuzz notebooks compat bench lock clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(STAMP) ## the environment in .venv that everything else runs in

$(STAMP): requirements.lock pyproject.toml labs/services/vendor.py $(wildcard labs/services/chassis/*.py labs/services/*/requirements*.txt)
	@$(PYTHON) -c 'import sys; sys.exit("Drydock needs Python 3.11 or newer, not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV): one to five minutes …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@$(BIN)/python labs/services/vendor.py
	@$(BIN)/python -m compileall -q lib
	@touch $@

labs: setup ## run every lab headless on the embedded AWS
	@$(BIN)/drydock lab run all --out reports $(if $(DRYDOCK_CLOUD),,--jobs 2)

labs-strict: setup ## run every lab headless on an embedded AWS as slow, late and strict as AWS
	@$(BIN)/drydock lab run all --out reports/strict --profile strict --jobs 2

runbooks: setup ## rehearse every runbook
	@$(BIN)/drydock runbook rehearse all --runs reports/runbooks --jobs 3

concepts: setup ## run the notebooks that each show one rule
	@$(BIN)/drydock concept run all --out reports --jobs 2

prep: setup ## run the cards, the quiz, a practical, a mock interview and a design exercise with answers given
	@$(BIN)/drydock prep run cards --out reports -p "answers=3 3 1 4 2 3 3 4 1 3"
	@$(BIN)/drydock prep run quiz --out reports -p seed=7 -p "answers=8 acbd - 18 6min 3 a1b4c3d2 bcd 33 1"
	@$(BIN)/drydock prep run practical --out reports -p name=zone -p answer=$(CURDIR)/tests/prep/answers/zone.py
	@$(BIN)/drydock prep run interview --out reports -p "answers=1 2 3: Both run the same images. | 1 | 2 a | - | all | 1 3 | 2"
	@$(BIN)/drydock prep run designs --out reports -p scenario=rollout -p design=reference
	@$(BIN)/drydock prep run designs --out reports -p scenario=rollout -p design=no-breaker

design-hours: setup ## run the crucial hour of each design exercise on an embedded AWS, DESIGN=reference or bad: seven minutes
	@$(BIN)/python -m drydock.prep.designs $(or $(DESIGN),reference)

jupyter: setup ## open your own copies of the notebooks in JupyterLab
	@exec $(BIN)/drydock lab jupyter

lint: setup ## ruff, the format, mypy, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## lay out all code as lint wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-fast: setup ## the tests that start no process
	$(BIN)/pytest -n 2 --dist loadfile -m "not process"

test: lint ## lint, and every test
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

crash: setup ## kill the embedded AWS at ROUNDS (50) random moments under load; nothing that was answered may be lost
	DRYDOCK_CRASH_ROUNDS=$(or $(ROUNDS),50) $(BIN)/pytest tests/embedded/test_crash.py -k whatever_moment

hub: setup ## five learners in one hub, one of them after the others'; needs root
	DRYDOCK_HUB_LEARNERS=5 DRYDOCK_HUB_REPORT=$(CURDIR)/reports/hub.json $(BIN)/pytest tests/hub

kill-runbooks: setup ## kill every runbook's processes at many moments, and go on with each run
	DRYDOCK_KILL_RUNBOOKS=1 $(BIN)/pytest tests/runbooks/test_killed.py

soak: setup ## churn the embedded AWS for MINUTES (15), and fail where memory, descriptors or files grow
	$(BIN)/python benchmarks/soak.py --minutes $(or $(MINUTES),15)

fuzz: setup ## many generated calls to every service
	$(BIN)/python tests/embedded/fuzzing.py --calls 20

notebooks: setup ## run the notebooks again and keep their outputs as they are committed
	@$(BIN)/python -m drydock.notebooks.normalise labs notebooks

compat: setup ## run the labs against other emulators
	@$(BIN)/python benchmarks/compat.py

bench: setup ## measure the embedded AWS beside others
	@$(BIN)/python benchmarks/run.py

lock: ## pin every dependency again, in requirements.lock
	printf 'hatchling\neditables\n' | uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --extra test --extra docker --extra dask --extra hub --extra nbgrader --override requirements.overrides --output-file requirements.lock pyproject.toml -

clean: ## remove what was installed and made here
	rm -rf $(VENV) reports labs/services/*/vendor labs/services/*/vendor-*
