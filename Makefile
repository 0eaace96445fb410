PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEBIAN := prometheus:prometheus curl:curl

.PHONY: demo test check bench clean debian

demo: $(VENV)/demo ## run the exporter against embedded clouds
	$(BIN)/quota-exporter demo

test: $(VENV)/dev debian ## every test; also what the linters find
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: test ## the same

bench: $(VENV)/dev ## how fast, how big; takes some minutes
	$(BIN)/python -m tests.bench

# Debian packages that some tests use. Where they may not be installed, those tests are skipped with a line that says so.
debian:
	@missing=""; for pair in $(DEBIAN); do command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	elif [ -n "$$missing" ]; then echo "not installed, tests that use them are skipped:$$missing"; fi

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

$(VENV)/dev: pyproject.toml tests/constraints.txt $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint tests/constraints.txt --editable '.[auth,demo]' \
		hypothesis mypy psutil pytest pytest-asyncio ruff types-psutil types-pyyaml
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
