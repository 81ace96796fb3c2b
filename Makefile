# make demo: install the torch-free core and see metres in under a minute.   make test: everything, as CI does it.
.DEFAULT_GOAL := help
.PHONY: help setup dev weights demo check web web-check quick test docs fuzz bench network pictures clean

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough and can make environments; PYTHON=... chooses another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet -c constraints.txt

help:
	@echo "make setup   install the core into .venv (no torch)"
	@echo "make demo    install the core, fetch the model files, measure an example photo"
	@echo "make check   formatting, lint, types, layers; with npm, that the viewer of the report is what web/ builds to"
	@echo "make web     build the viewer of the report from web/ (npm)"
	@echo "make quick   the fast tests, in under a minute"
	@echo "make test    install everything the tests need and run them"
	@echo "make docs    the reference from the code, then the site in build/site, without a network"
	@echo "make fuzz    damaged files, odd flags, faults and kills, by the thousand (FUZZ_SEED=7 FUZZ_SCALE=0.1 FUZZ_ONLY=files:photo)"
	@echo "make bench   speed and memory on this machine, where it goes, beside its networks (about an hour on two cores)"
	@echo "make pictures the pictures of the README"
	@echo "make network render the pocket world and train the networks in it (hours)"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv was found: install one, or make PYTHON=/path"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/core.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) pip
	$(PIP) -e ".[hub,lora,heif,exr,app,batch,video,datasets]" --group dev
	@touch $@

setup: $(VENV)/core.stamp

dev: $(VENV)/dev.stamp

weights: $(VENV)/core.stamp
	@$(BIN)/mfh weights fetch

demo: weights
	@$(BIN)/mfh demo

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web-check; \
	else echo "npm is not installed: the viewer of the report was not built again and compared"; fi

# The viewer of the report: users get the built script, and need no npm.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --ignore-scripts
	@touch $@

web: web/node_modules/.package-lock.json
	cd web && npm run --silent types && npm run --silent build

web-check: web/node_modules/.package-lock.json
	cd web && npm run --silent check

# One thread: two are erratic on small machines. Some slow tests kill processes at moments by the clock, and others
# measure seconds: the whole runs one test at a time.
quick: dev weights
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 -q $(PYTEST_ARGS)

# A server like S3: beside the others, as it wants an older library of dates.
S3 := build/s3
$(S3)/s3.stamp: tests/batch/s3.txt | dev
	$(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --upgrade --target $(S3) -r tests/batch/s3.txt
	@touch $@

test: dev weights $(S3)/s3.stamp
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

# The outputs in the tutorial are those of its commands: .venv/bin/python docs/tools/console_blocks.py docs/tutorial.md
docs: dev
	$(BIN)/python docs/tools/cli_reference.py
	$(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

# Inputs of failures are kept in build/fuzz/failures; the short run of make test has a fixed seed.
FUZZ_SEED ?= 0
FUZZ_SCALE ?= 1
fuzz: dev weights
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --seed $(FUZZ_SEED) --scale $(FUZZ_SCALE) --only '$(FUZZ_ONLY)'

bench: dev weights
	@for file in benchmarks/bench_*.py; do echo "== $$file"; OMP_NUM_THREADS=1 $(BIN)/python $$file || exit 1; done

# The networks and figures in the package, from nothing. What exists is kept; what is unfinished goes on.
RENDERS := build/renders
WEIGHTS := src/mfh/weights/data
network: dev
	$(PIP) -e ".[train]"
	test -e build/bodies.npz || $(BIN)/python -m mfh_lab.pocket.world.bodies --out build/bodies.npz
	$(BIN)/python -m mfh_lab.pocket.world.dataset --bank build/bodies.npz --split train --count 5000 --out $(RENDERS)
	$(BIN)/python -m mfh_lab.pocket.world.dataset --bank build/bodies.npz --split test --count 320 --out $(RENDERS)
	$(BIN)/mfh pocket train depth --data $(RENDERS) --out build/depth.safetensors --workers 2
	$(BIN)/python -m mfh_lab.pocket.train.export depth --weights build/depth.safetensors --out $(WEIGHTS)/depth.onnx
	$(BIN)/mfh pocket train range --data $(RENDERS) --out build/range.npz
	cp build/range.npz $(WEIGHTS)/range.npz
	$(BIN)/mfh pocket train shape-range --data $(RENDERS) --bank build/bodies.npz --out build/shape_range.npz
	cp build/shape_range.npz $(WEIGHTS)/shape_range.npz
	$(BIN)/mfh pocket train painter --data $(RENDERS) --out build/painter.safetensors --start build/depth.safetensors --workers 2
	$(BIN)/python -m mfh_lab.pocket.train.export painter --weights build/painter.safetensors --out $(WEIGHTS)/painter.onnx
	$(BIN)/python -m mfh_lab.pocket.world.sprites --bank build/bodies.npz --split train --out $(WEIGHTS)/sprites.npz
	$(BIN)/python -m mfh_lab.pocket.train.score --renders $(RENDERS)

# The pictures of the README, of the guide to the report and of the page of performance, from their photos.
pictures: dev weights
	$(BIN)/python docs/tools/pictures.py
	$(BIN)/python docs/tools/report_picture.py
	$(BIN)/python benchmarks/flame_graphs.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
