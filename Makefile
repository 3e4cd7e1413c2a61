# make demo: the main job. make test: all tests. Both set up .venv from the pinned lock first, and
# install two Debian packages where that asks nobody for a password.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c '' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
OUT ?= out
COUNT ?= 300
VENV = .venv
BIN = $(VENV)/bin
export PIP_CONSTRAINT = $(CURDIR)/requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_WARN_SCRIPT_LOCATION = 1

.PHONY: demo test bench faults mutants lint types format libraries clean

demo: libraries $(VENV)/.ready
	$(BIN)/robotd run --mock --policy checkpoints/pusht-state --min-score 0.5 --out $(OUT)/demo

test: libraries $(VENV)/.ready-dev .venv-parity/.ready
	$(BIN)/pytest -n $(WORKERS)

bench: libraries $(VENV)/.ready-dev
	$(BIN)/python -m tests.bench --out $(OUT)/bench

# Faults of arm, controller and devices, 300 kills, signals, disks, damage: about two hours. COUNT=60
# for a fifth of it.
faults: libraries $(VENV)/.ready-dev
	$(BIN)/python -m tests.faults --out $(OUT)/faults --count $(COUNT)

# Every change of gate, inverse kinematics and follower has to fail a test: up to half an hour.
mutants: $(VENV)/.ready-dev
	$(BIN)/python -m tests.mutants --out $(OUT)/mutants --workers $(WORKERS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-dev
	$(BIN)/basedpyright

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# libusb and libhidapi, which the libraries of the vendors need.
libraries:
	@.ci/debian-packages $(PYTHON)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 12) else "robotd needs Python 3.11 or 3.12, got " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/python -m pip install -q -e '.[robot,server,sim]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@

# gym-pusht pins another opencv and pymunk: it lives in an environment of its own.
.venv-parity/.ready: tests/parity/requirements.lock
	$(PYTHON) -m venv .venv-parity
	PIP_CONSTRAINT= .venv-parity/bin/python -m pip install -q --no-deps -r tests/parity/requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .venv-parity $(OUT)
