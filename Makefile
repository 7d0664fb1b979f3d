# make app, make test, make lint, make browser-test, make wheel, make wheel-test, make requirements; each sets up .venv
# first, once.

PYTHON ?= python3
VENV := .venv/bin

.PHONY: app test lint browser-test wheel wheel-test requirements install

app: install
	$(VENV)/audiotag app

test: install
	$(VENV)/pytest -n 2 --dist worksteal

browser-test: install
	$(VENV)/pytest tests/browser -n 2 --dist loadfile --no-loadscope-reorder

wheel-test: install
	$(VENV)/pytest tests/wheel

lint: install
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy

wheel: install
	rm -rf build
	$(VENV)/python -m build --wheel --no-isolation

install:
	@$(PYTHON) install.py

# Compile requirements.txt from requirements.in again, for every system and Python that is supported.
requirements: install
	$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --upgrade --override requirements.overrides requirements.in -o requirements.txt
