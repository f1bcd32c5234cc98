# Every command for developers. `make` alone lists them. Nothing needs an AWS account or Docker.
# Operators have `.venv/bin/qonto-sync`: docs/cli.md.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
# `sam build` looks for python3.13 on the PATH; the environments have it.
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.venv-sam/bin:$(CURDIR)/.venv-checkov/bin:$(PATH)
# As the layer is in Lambda.
export PYTHONPATH := $(CURDIR)/layers/common
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# No telemetry from a build.
export SAM_CLI_TELEMETRY := 0
# Containers on this machine run without emulation in its own architecture.
ARCHITECTURE := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
FUNCTION ?= SyncFunction
EVENT ?= events/scheduled-rule.json
SEEDS ?= 20000
FROM ?= 0

.PHONY: help run local invoke test check check-fast check-template simulate bench format build clean lock \
	setup setup-sam setup-checkov setup-bench webhook-load

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 21

run: setup ## sync simulated invoices on this machine (or yours: QONTO_LOGIN, QONTO_SECRET_KEY)
	@python -m local.run $(ARGS)

local: setup ## keep the simulator and the stack running, for `sam local invoke` and curl
	@python -m local.serve $(ARGS)

invoke: build ## run a function in Lambda's container, while `make local` runs: FUNCTION=, EVENT=
	sam local invoke $(FUNCTION) -e $(EVENT) --env-vars .local/sam-env.json \
		--parameter-overrides Architecture=$(ARCHITECTURE) $(ARGS)

test: ## run every check and every test, and report coverage
	@$(MAKE) --no-print-directory -j3 setup setup-sam setup-checkov
	@$(MAKE) --no-print-directory -j2 --output-sync check check-template build
	pytest -n auto --cov --cov-report=term

check: setup ## lint, format, types, import contracts and spelling
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo
	codespell

check-template: setup-sam setup-checkov ## lint the template with SAM, cfn-lint and checkov
	sam validate --lint
	cfn-lint --include-checks I -- template.yaml
	checkov --file template.yaml --framework cloudformation --skip-download --quiet --compact

check-fast: check ## the inner loop: every check, and the fast tests
	pytest -q -n auto -m "not slow" tests/unit tests/contract tests/template

simulate: setup ## run more seeds of the simulation: SEEDS=, FROM=
	@python -m tests.simulation --seeds $(SEEDS) --from $(FROM)

bench: setup setup-bench build ## compare it with other ways to do the job: 15 minutes, with ARGS=--quick one
	@python -m bench $(ARGS)

format: setup ## fix lint errors and format the code
	ruff check --fix .
	ruff format .

build: setup setup-sam ## build what `sam deploy` uploads, for this machine's architecture
	sam build --cached --parallel --parameter-overrides Architecture=$(ARCHITECTURE)

webhook-load: setup ## load-test the webhook function on loopback
	@python -m local.webhook_load $(ARGS)

clean: ## delete the local run: its archive, its state, the build
	rm -rf .local .aws-sam

setup: .venv/ready ## install what the commands need, and .venv/bin/qonto-sync
setup-sam: .venv-sam/ready
setup-checkov: .venv-checkov/ready
setup-bench: .venv-bench/ready

.venv/ready: requirements/dev.txt
	@echo "Setting up .venv (once, about a minute) …"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v == (3, 13) else f"Python 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: say make PYTHON=python3.13")'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --require-hashes -r $<
	@ln -sf ../../operations/qonto-sync .venv/bin/qonto-sync
	@touch $@

.venv-%/ready: requirements/%.txt
	@echo "Setting up .venv-$* (once, up to a minute) …"
	@$(PYTHON) -m venv --clear .venv-$*
	@.venv-$*/bin/pip install --quiet --require-hashes -r $<
	@touch $@

# PACKAGE= names the only package to upgrade. Without it all are upgraded.
COMPILE := uv pip compile --quiet $(if $(PACKAGE),--upgrade-package $(PACKAGE),--upgrade) --generate-hashes --no-emit-index-url --python-version 3.13 --custom-compile-command "make lock"
lock: setup ## pin the newest dependencies, with hashes; only one with PACKAGE=
	$(COMPILE) requirements/layer.in -o layers/common/requirements.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt
