# The parts of the tests, and all of them: `make help`.

SHELL := /bin/sh
STAGE := tests/tools/stage
# What takes long is seen by whoever makes it longer.
PYTEST := pytest --durations=10
# The tools of the test environment come first; bin/luma uses its own, as for a user.
export PATH := $(CURDIR)/.venv-dev/bin:$(PATH)
PIN := UV_CUSTOM_COMPILE_COMMAND="make requirements" uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--no-annotate
# Images of Python for CI often have these. Without bytecode each run compiles luma anew; unbuffered, Python reads the
# modules that Ansible pipes to it byte by byte, 450,000 system calls for one.
unexport PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED
# For tools that do not read ansible.cfg here, such as molecule.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections

.PHONY: help test on-servers on-this-machine beside venv style unit lint docs artifact browser \
	sanity sanity-2.19 sanity-2.21 engine images integration modules molecule zero-loss engines remote fleet https soak bench release \
	requirements

help: ## Show this
	@grep -hE '^[a-z].*:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# Three rows at a time. The first one is the longest: what uses this machine's proxy, of which there is one. It waits a
# lot, and so does the second, on servers of its own. The third begins with what waits for nothing, not even for images.
test: ## Everything that CI runs, about 25 minutes on 2 cores
	@$(MAKE) --no-print-directory --jobs=3 on-this-machine on-servers beside

on-this-machine: images
	$(call in-turn,integration zero-loss)

on-servers: images
	$(call in-turn,fleet modules molecule https engines,nice -n 5)

beside:
	$(call in-turn,style unit sanity lint docs artifact browser remote,nice)

# Each says what it has to say at its end, in one piece.
define in-turn
	@+failed=; for part in $(1); do \
		echo "... $$part"; \
		output=$$($(2) $(MAKE) --no-print-directory $$part 2>&1) || failed=true; \
		echo "$$output"; test -z "$$failed" || exit 1; \
	done
endef

venv:
	@bin/setup-venv
	@bin/setup-venv --dev

style: venv ## ruff, mypy and shellcheck (seconds)
	@$(STAGE) ruff ruff check
	@$(STAGE) format ruff format --check
	@$(STAGE) types tests/tools/types
	@$(STAGE) shell tests/tools/shell

unit: venv ## The logic, without an engine (seconds); that of the controller also with what macOS has
	@$(STAGE) unit $(PYTEST) tests/unit
	@$(STAGE) macos tests/macos/run --quiet

lint: venv ## ansible-lint, production profile
	@$(STAGE) ansible-lint ansible-lint

docs: venv ## The documentation as a site, in site/public; the modules' documentation and the changelog
	@$(STAGE) site properdocs build --quiet --config-file site/properdocs.yml
	@$(STAGE) docs antsibull-docs lint-collection-docs --plugin-docs .
	@$(STAGE) changelog antsibull-changelog lint

artifact: venv ## Make a release in a repository of its own, and inspect what it would publish; Galaxy's importer
	@$(STAGE) artifact tests/tools/artifact

browser: venv ## The page of a report in Chromium, installed if it is missing (seconds)
	@$(STAGE) browser $(PYTEST) tests/browser

sanity: sanity-2.19 sanity-2.21 ## ansible-test sanity on the oldest and newest supported core

sanity-2.19 sanity-2.21: sanity-%:
	@$(STAGE) $@ tests/tools/sanity $*

engine: venv ## Install and start a Docker engine if none answers
	@docker version >/dev/null 2>&1 || $(STAGE) engine ansible-playbook playbooks/setup.yml

images: engine ## Make the images of servers and apps that are not there yet
	@$(STAGE) images python -m tests.testbed images

integration: engine ## The modules and roles on a real engine, with luma-proxy
	@$(STAGE) integration $(PYTEST) tests/integration -m luma_proxy

modules: engine ## Those that do without this machine's luma-proxy
	@$(STAGE) modules $(PYTEST) tests/integration -m "not luma_proxy"

molecule: engine ## Stories of one server and of three, as Molecule scenarios
	@$(STAGE) molecule molecule test --all

zero-loss: engine ## Continuous traffic through deployments and failures
	@$(STAGE) zero-loss $(PYTEST) tests/zero_loss

engines: engine ## The switch on Docker 20.10, 26.1 and 28.5
	@$(STAGE) engines $(PYTEST) tests/engines

remote: engine ## Images, secrets, an engine that dies, ansible-runner and ansible-pull, on a server
	@$(STAGE) remote $(PYTEST) tests/remote

fleet: engine ## Faults in a deployment to three servers: a third of their table in each run
	@$(STAGE) fleet $(PYTEST) tests/fleet

https: engine ## Certificates: the ACME agent, and a site on three servers, against a CA
	@$(STAGE) https $(PYTEST) tests/acme tests/https

soak: engine ## 50 deployments under 1,000,000 requests, all faults, all of sanity (no part of test)
	@for core in 2.19 2.21; do $(STAGE) sanity-$$core tests/tools/sanity $$core all || exit; done
	@$(STAGE) soak env LUMA_TEST_FAULTS=all LUMA_TEST_STEPS=20 $(PYTEST) tests/soak tests/fleet \
		tests/zero_loss/test_failures.py

bench: engine ## Measure latency, throughput and the seconds of a deployment
	@$(STAGE) bench tests/bench/run

release: venv ## Make the release of galaxy.yml's version, a commit and a tag, and what is published in dist; uploads nothing
	@tests/tools/release

requirements: venv ## Pin the newest versions that pyproject.toml and requirements-dev.in allow
	$(PIN) pyproject.toml --output-file requirements.txt
	$(PIN) pyproject.toml requirements-dev.in --output-file requirements-dev.txt
