# Every target sets up its environment; `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
PYTHONS := 3.11 3.12 3.13 3.14
ENV := .venv/.synced
ARGS ?=

RUNS ?= 100000
SBOM := .local/sbom.json
AUDIT := .local/audit.txt
OSV := https://api.osv.dev/v1/query
LOCK := requirements.lock
# Vulnerabilities that `make audit` ignores, each with its reason.
ACCEPTED :=
.PHONY: help run test browser servers faketime check static audit sbom licences format load bench chaos containers \
	deploy-check simulate lock clean-data clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

run: $(ENV) ## start Kafka, Cassandra and the three tiers on loopback, until Ctrl-C
	@exec $(BIN)/python -m deploy.local $(ARGS)

# Without ARGS two runs start side by side: neither may find the other one fetching the servers.
test: $(ENV) browser $(if $(ARGS),,servers) ## the whole suite, on real Kafka and Cassandra; or the tests in ARGS
	@exec $(BIN)/python -m $(if $(ARGS),pytest $(ARGS),tests)

check: static licences audit sbom ## formatter, linter, types, import rules, spelling; licences, audit, sbom

static: $(ENV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@git ls-files -z | xargs -0 $(BIN)/codespell

# pip-audit exits with 1 for a finding, and also if the service is unreachable. Only a finding leaves
# a report. Without a report, the last line of the log is the exception: one of the network or service
# is printed and passes, any other fails.
audit: $(ENV) ## look up known vulnerabilities of the locked packages, if the service is reachable
	@mkdir -p $(dir $(AUDIT)); rm -f $(AUDIT); status=0; \
	timeout 120 $(BIN)/pip-audit --requirement $(LOCK) --require-hashes --disable-pip --strict \
		--vulnerability-service osv --osv-url $(OSV) --timeout 5 --aliases on --desc off \
		--progress-spinner off --output $(AUDIT) $(addprefix --ignore-vuln ,$(ACCEPTED)) \
		2>$(AUDIT).log || status=$$?; \
	reason=$$(tail -n 1 $(AUDIT).log); \
	if [ $$status = 0 ]; then echo "vulnerabilities: none known"; \
	elif [ -s $(AUDIT) ]; then cat $(AUDIT); exit 1; \
	elif [ $$status = 124 ] || echo "$$reason" | grep -qE '^(requests\.|pip_audit.*(Service|Connection)Error)'; \
	then echo "vulnerabilities: NOT CHECKED, the service is unreachable: $$reason"; \
	else cat $(AUDIT).log; exit 1; fi

sbom: $(ENV) ## write the software bill of materials, CycloneDX, to .local/sbom.json
	@mkdir -p .local
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --no-validate \
		--output-file $(SBOM) $(BIN)/python 2>/dev/null && echo "bill of materials: $(SBOM)"

# deploy/requirements.lock is what the image installs; pyproject.toml lists the permitted licences.
licences: $(ENV) ## list the licences of what is shipped; fail on one that is not permitted
	@$(BIN)/pip-licenses --packages $$(grep -oE '^[a-z0-9_.-]+' deploy/requirements.lock) $(ARGS)

load: $(ENV) ## send a workload to a running system and verify every count (options: ARGS=)
	@exec $(BIN)/python -m tests.tools.load $(ARGS)

bench: $(ENV) ## measure each part next to a reference, on real servers (options: ARGS=)
	@exec $(BIN)/python -m tests.tools.bench $(ARGS)

chaos: $(ENV) faketime ## inject faults into a cluster under load, check every count (options: ARGS=)
	@exec $(BIN)/python -m tests.tools.chaos $(ARGS)

containers: $(ENV) ## build the image and run the compose topology in containers, as root (no Docker needed)
	@exec $(BIN)/python -m tests.tools.containers

deploy-check: $(ENV) ## apply deploy/kubernetes to a real API server, built from its Go modules (needs Go, Maven)
	@exec $(BIN)/python -m tests.tools.kubernetes

simulate: $(ENV) ## run the worker's code against a simulated Cassandra RUNS times
	@exec $(BIN)/python -m tests.simulation --runs $(RUNS) $(ARGS)

format: $(ENV) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(ENV) ## resolve all versions and hashes again, for every supported Python
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --universal --python-version 3.11 \
		pyproject.toml --all-extras --group dev --upgrade -o requirements.lock
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --universal --python-version 3.11 \
		pyproject.toml --extra tracing -c requirements.lock -o deploy/requirements.lock
	@for version in $(PYTHONS); do \
		$(BIN)/uv pip install -q --dry-run --require-hashes --only-binary :all: --no-python-downloads \
			--python-version $$version --target .local/none -r requirements.lock \
		&& echo "Python $$version: a wheel for every package" || exit 1; \
	done

clean-data: ## remove the data of `make run`
	@rm -rf .local/data

clean: ## remove the environment and all data
	@rm -rf .venv .local

browser: $(ENV)
	@command -v chromium-headless-shell >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing the package chromium-headless-shell, for the tests of the page (once)"; \
		apt-get update -qq \
			&& apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null; \
	else \
		echo "downloading Playwright's Chromium, for the tests of the page (once)"; \
		$(BIN)/playwright install --only-shell chromium; \
	fi

# Without it `make chaos` leaves out steps of clocks, and reports that.
faketime:
	@ls /usr/lib*/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing the package libfaketime, for clocks that step (once)"; \
		{ apt-get update -qq \
			&& apt-get install -y -qq --no-install-recommends libfaketime >/dev/null; } || true; \
	fi

servers: $(ENV)
	@$(BIN)/python -c 'import asyncio; from deploy.servers.backends import choose_backend; \
		print(asyncio.run(choose_backend(print)).origin)'

$(ENV): requirements.lock Makefile
	@echo "setting up .venv (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync --quiet --require-hashes requirements.lock --no-python-downloads
	@touch $@
