# The targets that people and CI call. They need only Python 3.11+, git and make:
# the rest is brought by tools/venv.sh (Python) and tools/packages.sh (Debian's programs).

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
# One stamp per interpreter asked for, so that `make test PYTHON=python3.13` never runs on another one.
STAMP := $(VENV)/.ready-$(subst /,_,$(PYTHON))
OUT := out
# Debian keeps these off an ordinary user's PATH, and keepalived and ip are there.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check generate bench interop soak lock format wheel chart sbom clean demo-packages test-packages interop-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## make .venv from the lock; nothing to do while lock and pyproject stay as they are

$(STAMP): requirements.txt pyproject.toml tools/venv.sh
	@sh tools/venv.sh $(VENV) $(PYTHON)
	@touch $@

# Ahead of .venv, so that who has to install something learns it at once.
demo-packages test-packages interop-packages: %-packages:
	@sh tools/packages.sh $*

demo: demo-packages $(STAMP) ## watch both engines move a VIP between three nodes (under 90 s after the set-up)
	@mkdir -p $(OUT)
	@$(BIN)/vipalived lab run $$(sh tools/engines.sh) --scenario stop --scenario crash --scenario kill --scenario api-crash --html $(OUT)/demo.html
	@echo "The timelines of these trials: $(OUT)/demo.html"

test: test-packages $(STAMP) ## run all tests but the soak, with the branch coverage of the pure modules enforced
	@$(BIN)/pytest --cov --numprocesses 2 --dist loadgroup

check: $(STAMP) ## format, lint, types, import layers, workflow files, generated files
	@$(BIN)/ruff format --quiet --check --diff
	@$(BIN)/ruff check --quiet --output-format concise
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/zizmor --quiet --offline --strict-collection --format github .github
	@$(BIN)/python tools/generate.py --check
	@echo "All checks passed"

format: $(STAMP) ## let ruff format and fix what it can
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet --fix --exit-zero

generate: $(STAMP) ## rewrite the files that are generated from the settings
	@$(BIN)/python tools/generate.py

bench: test-packages $(STAMP) ## every figure of docs/measurements.md anew (hours; BENCH="NAME ..." for some of its runs)
	@$(BIN)/python tools/bench.py $(BENCH)

interop: interop-packages $(STAMP) ## the native engine and FRR's vrrpd on one segment (minutes)
	@$(BIN)/pytest -m frr tests/interop

soak: test-packages $(STAMP) ## the tests that take minutes to hours
	@$(BIN)/pytest -m soak

LOCK = $(OUT)/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: ## resolve pyproject.toml anew into requirements*.txt (UPGRADE=1: to the newest of everything)
	@$(or $(PYTHON),python3) -m venv $(OUT)/lock
	@$(OUT)/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(LOCK) --extra cluster --extra lab --group build --group dev $(if $(UPGRADE),--upgrade) pyproject.toml \
		--output-file requirements.txt
# What the image is made with and of: a part of the above, so that what was tested is what is shipped.
	@$(LOCK) --constraint requirements.txt --group build --output-file requirements-build.txt
	@$(LOCK) --constraint requirements.txt pyproject.toml --output-file requirements-image.txt

wheel: $(STAMP) ## build the wheel into dist/: the same each time
	@$(BIN)/hatchling build --target wheel

chart: ## push the chart to TO=oci://REGISTRY/PATH, and print its digest (HELM=PROGRAM, OPTIONS="...")
	@helm=$(or $(HELM),$$(python3 tools/helm.py 4)) && HELM="$$helm" sh tools/push_chart.sh $(TO) $(OPTIONS)

sbom: $(STAMP) ## print what OF=chart, or OF=image with its files on stdin, is made of
	@$(BIN)/python tools/sbom.py $(OF)

clean: ## remove .venv, caches and results
	@rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
