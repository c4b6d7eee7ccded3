# make demo   sets up, then trains, saves, reloads in a fresh process and proves models on real data
# make test   sets up, then runs every check that needs nothing but Python (a few minutes)
# make check  what make test runs, and the long tests and the fuzz run (what .ci/run calls)
# make bench  re-makes docs/bench.md, docs/bench.png and docs/bench.json (about half an hour on an idle machine)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LIBRARIES := $(VENV)/.libraries
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test lint check long sweep fuzz bench trust lies guards format clean libraries fidelity formats

setup: $(READY)

$(READY): pyproject.toml constraints.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "holdfast needs Python 3.11 or newer; run: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[all]' -r requirements-dev.txt
	@touch $@

# PyTorch, TensorFlow and the others take some minutes and five gigabytes; the demo does without
$(LIBRARIES): $(READY) requirements-libraries.txt
	@echo "installing the libraries whose models are tested into $(VENV) ..."
	@$(BIN)/python -m pip install -q -c constraints.txt -r requirements-libraries.txt
	@touch $@

demo: $(READY)
	@$(BIN)/holdfast demo

lint: $(LIBRARIES)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	@# two workers have to collect the same tests, and some are named after the items of a set
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -m "not long" -n 2 -rs
	@echo "left out here, and run by .ci/run: tests marked long, the fuzz run (atheris), other Python versions"

long: $(LIBRARIES)
	@# some take minutes: a worker that has none left takes those of the other
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -m long -k "not settings" -n 2 --dist worksteal -rs

# every estimator in thousands of settings with another seed than the lists were made from; five minutes on two cores
sweep: $(LIBRARIES)
	PYTHONHASHSEED=0 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long -k settings -n 2 -rs

fuzz: $(LIBRARIES)
	$(BIN)/python -m pip install -q -c constraints.txt atheris
	$(BIN)/python fuzz/run.py --seconds $(or $(SECONDS_),60) --seed $(or $(SEED),0)

check: test long fuzz

bench: $(LIBRARIES)
	$(BIN)/python -m bench.run

trust: $(LIBRARIES)
	$(BIN)/python tools/propose_trust.py
	$(BIN)/python tools/propose_library.py

# every wrong state of every estimator, each in a file; re-makes docs/lies.md in a few minutes
# every kind of model of every library, tried; re-makes docs/libraries.md in two minutes
libraries: $(LIBRARIES)
	$(BIN)/python tools/libraries.py

lies: $(LIBRARIES)
	$(BIN)/python tools/lies.py --write

# every model of every library, written in every format by its own library and read here; re-makes docs/formats.md in five minutes
formats: $(LIBRARIES)
	OMP_NUM_THREADS=1 $(BIN)/python tools/formats.py

# every family of models exported to ONNX and PMML and replayed there; re-makes docs/fidelity.md and docs/fidelity.json in ten minutes
fidelity: $(LIBRARIES)
	OMP_NUM_THREADS=1 $(BIN)/python tools/fidelity.py

# every refusal taken out in turn, and the test that misses it; re-makes docs/guards.md in some minutes
guards: $(LIBRARIES)
	$(BIN)/python tools/guards.py

format: $(READY)
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
