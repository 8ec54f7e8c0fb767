# `make` prints what there is, in the order in which one needs it. One virtual environment, .venv, is made once and again only when
# pyproject.toml changes; `make PYTHON=/path/to/python3.13 setup` picks the interpreter.

VENV := .venv
BIN := $(VENV)/bin
# without --no-compile pip translates modules that nobody will load: half of the time
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check
PYTHON ?=
PYTEST_ARGS ?=
DEMO_OUTPUT ?= demo-output
CALIBRATE_ARGS ?=
OLDEST := .venv-oldest
COVERED := laws model inference decide risk buy

# Parts of the slow tests, each as long as a coffee.
PARTS := calibration engine answers pages notebooks
PART ?=
SLOW_calibration := tests/calibrate
SLOW_engine := tests/inference tests/allocation
SLOW_answers := tests/runs tests/decide tests/buy tests/cli tests/report tests/test_hostile_input.py tests/test_interruption.py tests/test_packaging.py tests/test_refits.py tests/test_store.py
SLOW_pages := tests/test_docs.py tests/test_readme.py tests/test_own_law.py
SLOW_notebooks := tests/test_notebooks.py
ifneq ($(filter-out $(PARTS),$(PART)),)
$(error no part '$(PART)' of the slow tests -> choose from $(PARTS))
endif

# An environment whose interpreter is gone is made anew.
ifneq ($(wildcard $(VENV)),)
$(shell $(BIN)/python -c '' 2>/dev/null || rm -f $(VENV)/.stamp-* $(BIN)/python)
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-slow test-seeds test-oldest coverage mutants audit bench calibrate docs pages lint format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  one test:  make test-fast PYTEST_ARGS='tests/runs -x'"
	@echo "  a coffee:  make test-slow PART=$(firstword $(PARTS))   (parts: $(PARTS))"

$(BIN)/python:
	@python=$$(sh scripts/find_python.sh $(if $(PYTHON),"$(PYTHON)")) || exit 1; \
	echo "making $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV)

$(VENV)/.stamp-base: pyproject.toml | $(BIN)/python
	@echo "installing qqt_bayes (a minute or two the first time)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.stamp-dev: pyproject.toml $(VENV)/.stamp-base | $(BIN)/python
	@echo "installing the development tools"
	@$(PIP) --editable '.[dev]'
	@touch $@

setup: $(VENV)/.stamp-dev ## make .venv with the package (editable) and the development tools

demo: $(VENV)/.stamp-base ## fit the shipped runs, print the answer, write demo-output/
	$(BIN)/qqt demo -o $(DEMO_OUTPUT)

lint: $(VENV)/.stamp-dev ## ruff, format check and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.stamp-dev ## let ruff mend and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint docs ## lint, the documentation, then the tests; names the ten slowest (minutes)
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=10 $(PYTEST_ARGS)

test-fast: $(VENV)/.stamp-dev ## tests alone, those in PYTEST_ARGS or all
	$(BIN)/python -m pytest --durations=10 $(PYTEST_ARGS)

test-slow: $(VENV)/.stamp-dev ## the slow tests, all parts or PART=NAME
	$(BIN)/python -m pytest -m slow --durations=10 $(SLOW_$(PART)) $(PYTEST_ARGS)

test-seeds: $(VENV)/.stamp-dev ## the tests with ten seeds of every posterior (an hour or two)
	sh scripts/ten_seeds.sh $(PYTEST_ARGS)

test-oldest: ## the oldest versions promised: install them apart and run the package (minutes)
	@python=$$(sh scripts/find_python.sh $(if $(PYTHON),"$(PYTHON)")) || exit 1; \
	"$$python" -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python -m pip install -qq --no-compile --disable-pip-version-check -c tests/oldest.txt .
	@rm -rf $(OLDEST)/work && cd $(OLDEST) && bin/python -P ../tests/smoke.py work

coverage: $(VENV)/.stamp-dev ## branches that the tests take, by part (an hour)
	@$(BIN)/python -m coverage run --branch --source=qqt_bayes -m pytest -q $(addprefix tests/,$(COVERED))
	@for part in $(COVERED); do \
	  echo "$$part $$($(BIN)/python -m coverage report --include="qqt_bayes/$$part/*" --format=total) %"; \
	done

mutants: $(VENV)/.stamp-dev ## small slips in laws and decide that no test notices (hours)
	$(BIN)/python scripts/mutate.py laws 75 1
	$(BIN)/python scripts/mutate.py decide 75 1

audit: $(VENV)/.stamp-dev ## known vulnerabilities of what is installed (needs pypi.org)
	@$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/installed.txt
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r $(VENV)/installed.txt

bench: $(VENV)/.stamp-dev ## speed, as ratios against named baselines (minutes)
	$(BIN)/python benchmarks/speed.py

calibrate: $(VENV)/.stamp-dev ## back-test on the bundled published tables (minutes)
	$(BIN)/qqt calibrate qqt_bayes/datasets/proving_ground/runs.csv --metric loss $(CALIBRATE_ARGS)

docs: $(VENV)/.stamp-dev ## build the documentation into docs/_build/html
	@rm -rf docs/reference/generated docs/_build # of modules that are gone, or a build cut short
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

pages: $(VENV)/.stamp-dev ## write the tables, outputs and pictures that the pages show (minutes)
	$(BIN)/python docs/tables.py
	$(BIN)/python docs/outputs.py
	$(BIN)/python docs/evidence_figures.py
	$(BIN)/python docs/figures.py

clean: ## remove what was built (not .venv)
	rm -rf build dist $(DEMO_OUTPUT) docs/_build docs/reference/generated
	rm -rf .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
