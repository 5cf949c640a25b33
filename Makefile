# make demo   install, run the main job on the embedded cohorts, name the report
# make test   install, run the tests
PYTHON ?= python3
VENV ?= .venv
CORES ?= 2
BIN := $(VENV)/bin
# Modules are compiled when they are first imported, which most never are; without their bytecode, every start of Python
# would compile torch anew.
PIP_OPTIONS = --quiet --no-compile --constraint constraints.txt
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(abspath $(BIN)):$(PATH)
# Jobs run side by side with one thread each: faster than one after the other with many.
export OMP_NUM_THREADS = 1

.PHONY: demo test lint docs bench install dev clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bifseg needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_OPTIONS) --editable .
	touch $@

dev: $(VENV)/dev

$(VENV)/dev: $(VENV)/installed
	$(BIN)/pip install $(PIP_OPTIONS) --editable .[dev]
	touch $@

demo: install
	snakemake --workflow-profile workflow/profiles/default --cores $(CORES)
	@cat results/demo/summary.txt
	@echo "report: $(abspath results/demo/report.html)"

# One worker more than cores, since tests wait for processes and timers.
test: dev
	pytest -n $$(($(CORES) + 1)) --dist loadfile --no-loadscope-reorder --durations=20

lint: dev
	ruff format --check .
	ruff check .
	pydoclint bifseg
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

docs: dev
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --site-dir site

bench: dev
	for script in label_update geodesic_band network_update precision robot scoring session methods exchange image_encodings workers; do python benchmarks/$$script.py || exit 1; done

clean:
	rm -rf $(VENV) site results/demo .snakemake
