.PHONY: setup labs runbooks concepts prep jupyter test fuzz notebooks compat bench lock clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml labs/services/vendor.py
	@$(PYTHON) -c 'import sys; sys.exit("Drydock needs Python 3.11 or newer, not " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@$(BIN)/python labs/services/vendor.py
	@touch $@

labs: setup
	@$(BIN)/drydock lab run all --out reports

runbooks: setup
	@$(BIN)/drydock runbook rehearse all --runs reports/runbooks

concepts: setup
	@$(BIN)/drydock concept run all --out reports

prep: setup
	@$(BIN)/drydock prep run cards --out reports -p "answers=3 3 1 4 2 3 3 4 1 3"
	@$(BIN)/drydock prep run quiz --out reports -p seed=7 -p "answers=1 a - 2 3 bd d acbd 10 1"

jupyter: setup
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > $(VENV)/share/jupyter/lab/settings/overrides.json
	@$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. --ServerApp.preferred_dir=labs --LabApp.news_url= $(AS_ROOT) \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate; status=$$?; $(BIN)/drydock down; exit $$status

test: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile

fuzz: setup
	$(BIN)/python tests/embedded/fuzzing.py --calls 20

notebooks: setup
	@$(BIN)/python -m drydock.notebooks.normalise labs notebooks

compat: setup
	@$(BIN)/python benchmarks/compat.py

bench: setup
	@$(BIN)/python benchmarks/run.py

lock:
	printf 'hatchling\neditables\n' | uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --extra test --extra docker --override requirements.overrides --output-file requirements.lock pyproject.toml -

clean:
	rm -rf $(VENV) reports labs/services/*/vendor labs/services/*/vendor-*
