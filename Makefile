# Every command of the project. `make` alone lists them. Nothing needs an AWS account or Docker.
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
STACK ?= qonto-sync
# Names may come from customers: as they are, so that neither make nor the shell executes a part of one.
unexport NAME SCHEDULE STACK STALLED_AFTER ID
export CONNECTION_NAME = $(value NAME)
export CONNECTION_SCHEDULE = $(value SCHEDULE)
export CONNECTION_STACK = $(value STACK)
export CONNECTION_STALLED_AFTER = $(value STALLED_AFTER)
export WEBHOOK_ID = $(value ID)

.PHONY: help run local invoke test check check-fast check-template simulate bench format build clean lock \
	setup setup-sam setup-checkov setup-bench connection connection-remove connections webhook-subscribe webhook-list webhook-unsubscribe webhook-load

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 21

run: setup ## watch the whole system sync simulated invoices (or yours: QONTO_LOGIN, QONTO_SECRET_KEY)
	@python -m local.run $(ARGS)

local: setup ## keep simulator and stack running, for `sam local invoke` and curl
	@python -m local.serve $(ARGS)

invoke: build ## one function in Lambda's container, beside `make local`: FUNCTION=, EVENT=
	sam local invoke $(FUNCTION) -e $(EVENT) --env-vars .local/sam-env.json \
		--parameter-overrides Architecture=$(ARCHITECTURE) $(ARGS)

test: ## every check and every test
	@$(MAKE) --no-print-directory -j3 setup setup-sam setup-checkov
	@$(MAKE) --no-print-directory check check-template build
	pytest -n auto

check: setup ## lint, format and types
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo

check-template: setup-sam setup-checkov ## lint the template: what AWS, cfn-lint and checkov have to say
	sam validate --lint
	cfn-lint --include-checks I -- template.yaml
	checkov --file template.yaml --framework cloudformation --skip-download --quiet --compact

check-fast: check ## the inner loop: every check, and the tests that take seconds
	pytest -q -n auto -m "not slow" tests/unit tests/contract tests/template

simulate: setup ## more seeds of the simulation: SEEDS=, FROM=
	@python -m tests.simulation --seeds $(SEEDS) --from $(FROM)

bench: setup setup-bench build ## compare it with other ways to do the job: a quarter of an hour, with ARGS=--quick a minute
	@python -m bench $(ARGS)

format: setup ## put the code in order
	ruff check --fix .
	ruff format .

build: setup setup-sam ## what `sam deploy` uploads, in this machine's architecture
	sam build --cached --parallel --parameter-overrides Architecture=$(ARCHITECTURE)

connection: setup ## one more Qonto organization for a deployed stack: NAME=, SCHEDULE=, STALLED_AFTER=, STACK=
	@python -m operations.connections add --stack="$$CONNECTION_STACK" --schedule="$$CONNECTION_SCHEDULE" \
		--stalled-after="$$CONNECTION_STALLED_AFTER" -- "$$CONNECTION_NAME"

connection-remove: setup ## stop synchronizing it; what is archived stays: NAME=, STACK=
	@python -m operations.connections remove --stack="$$CONNECTION_STACK" -- "$$CONNECTION_NAME"

connections: setup ## the organizations of a deployed stack, and how far each one is: STACK=
	@python -m operations.connections list --stack="$$CONNECTION_STACK"

webhook-subscribe: setup ## have Qonto tell a deployed stack of every change at once: NAME=, STACK=
	@python -m operations.webhooks subscribe --stack="$$CONNECTION_STACK" -- "$$CONNECTION_NAME"

webhook-list: setup ## a connection's webhook subscriptions at Qonto: NAME=, STACK=
	@python -m operations.webhooks list --stack="$$CONNECTION_STACK" -- "$$CONNECTION_NAME"

webhook-unsubscribe: setup ## end one of them, and forget its secret: NAME=, ID=, STACK=
	@python -m operations.webhooks unsubscribe --stack="$$CONNECTION_STACK" --id="$$WEBHOOK_ID" -- "$$CONNECTION_NAME"

webhook-load: setup ## a burst of webhooks on loopback: none is lost, each acknowledged within a second
	@python -m local.webhook_load $(ARGS)

clean: ## forget the local run: its archive, its state, the build
	rm -rf .local .aws-sam

setup: .venv/ready
setup-sam: .venv-sam/ready
setup-checkov: .venv-checkov/ready
setup-bench: .venv-bench/ready

.venv/ready: requirements/dev.txt
	@echo "Setting up .venv (once, about a minute) …"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v == (3, 13) else f"Python 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: say make PYTHON=python3.13")'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.venv-%/ready: requirements/%.txt
	@echo "Setting up .venv-$* (once, up to a minute) …"
	@$(PYTHON) -m venv --clear .venv-$*
	@.venv-$*/bin/pip install --quiet --require-hashes -r $<
	@touch $@

COMPILE := uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.13 --custom-compile-command "make lock"
lock: setup ## pin the newest dependencies, with hashes
	$(COMPILE) requirements/layer.in -o layers/common/requirements.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt
