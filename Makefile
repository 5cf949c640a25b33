# make demo   install, run the main job on the embedded cohorts, name the report
# make test   install, run the tests
PYTHON ?= python3
VENV ?= .venv
CORES ?= 2
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
# Jobs run side by side with one thread each: faster than one after the other with many.
export OMP_NUM_THREADS = 1

.PHONY: demo test lint bench install clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bifseg needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .[dev]
	touch $@

demo: install
	snakemake --workflow-profile workflow/profiles/default --cores $(CORES)
	@echo "Report: $(abspath results/demo/report.html)"

test: install
	pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

lint: install
	ruff format --check .
	ruff check .
	pydoclint bifseg
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

bench: install
	for script in label_update geodesic_band network_update robot scoring session methods workers; do python benchmarks/$$script.py || exit 1; done

clean:
	rm -rf $(VENV) results/demo .snakemake
