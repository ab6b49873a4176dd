# On a fresh machine, `make demo` and `make test` set up everything. They need only Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# With the package from which the holiday calendars are generated.
CALENDARS_VENV := .venv-calendars
# With what builds and checks a release.
RELEASE_VENV := .venv-release
DOCS_VENV := .venv-docs
AUDIT_VENV := .venv-audit

.DEFAULT_GOAL := help
# Python keeps what it compiled: most processes of the tests would otherwise compile all of it again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo test test-all test-fast compile durations check format generate soak soak-cores hostile drills bench screenshots evaluate attacks scale kubernetes clean requirements sbom dist chart release-check docs image audit native native-check fuzz-native crates

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# This stamp file marks the environment as installed; a change of the pins installs again. An environment stays
# that of the Python that made it: another one would replace a half of it.
$(VENV)/installed: requirements/dev.txt requirements/build.txt requirements/install.py pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tocsin needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python requirements/install.py requirements/build.txt requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Apart from the one of the program, each with its own pins.
$(CALENDARS_VENV)/installed $(RELEASE_VENV)/installed $(DOCS_VENV)/installed $(AUDIT_VENV)/installed: .venv-%/installed: requirements/%.txt
	.venv-$*/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	touch $@

demo: $(VENV)/installed ## Run the main job on a real Kafka and watch escalations (ARGS=--keep leaves it running)
	$(BIN)/tocsin demo $(ARGS)

# Twice as many processes as cores, because Kafka tests mostly wait, and each process costs its imports. Files
# run in the order of tests/durations.json, the longest first, those that wait beside those that compute.
# macOS has no nproc.
CORES = $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
PROCESSES ?= $(shell echo $$(( $(CORES) < 4 ? $(CORES) * 2 : 8 )))
# Tests call make themselves: not with the arguments and the job server of this one.
SUITE = MAKEFLAGS= $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: check $(if $(shell command -v cargo 2>/dev/null),native) ## Run every check, and every test but the nightly ones, on a real Kafka
	$(SUITE) -m 'not nightly' --examples 0.15 $(ARGS)

test-all: check $(if $(shell command -v cargo 2>/dev/null),native) ## Run every check and every test: each night, and before a release
	$(SUITE) --seconds 30 $(ARGS)

# Pytest compiles test files anew, with more to say when an assertion fails. Processes that start at once would
# each compile all of them. Beside the build of the native core, without which some cannot be collected.
compile: $(VENV)/installed
	-@$(BIN)/python -m pytest --collect-only -qq > /dev/null

durations: $(VENV)/installed ## Record in tests/durations.json how long each file takes, on a machine that does nothing else
	$(SUITE) -m 'not nightly' --examples 0.15 --record-durations $(ARGS)

test-fast: $(VENV)/installed ## Run the unit, model and contract tests but the slowest, with fewer random examples: no Kafka, a minute
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow and not nightly' --examples 0.2 tests/unit tests/model tests/contract $(ARGS)

check: $(VENV)/installed $(CALENDARS_VENV)/installed ## Check lint, types, imports between packages, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m generators --check
	$(CALENDARS_VENV)/bin/python -m generators --check holiday_calendars

format: $(VENV)/installed ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(VENV)/installed $(CALENDARS_VENV)/installed ## Write schemas, AsyncAPI document, pages of metrics and harms, dashboard, Kubernetes resources and holiday calendars
	$(BIN)/python -m generators
	$(CALENDARS_VENV)/bin/python -m generators holiday_calendars

native: $(VENV)/installed ## Build the native core into the environment (needs cargo, and the network for the first time)
	$(BIN)/python native/build.py

native-check: native ## Lint the native core (needs clippy and rustfmt)
	cargo fmt --manifest-path native/Cargo.toml --check
	cargo fmt --manifest-path native/fuzz/Cargo.toml --check
	cd build/native && CARGO_TARGET_DIR=target PYO3_NO_PYTHON=1 cargo clippy --release --locked --offline --quiet -- -D warnings

crates: $(VENV)/installed ## Pin what the packages of the native core need, and their checksums (needs cargo; asks the Rust package index)
	$(BIN)/python native/pin.py native
	$(BIN)/python native/pin.py native/fuzz

soak: $(VENV)/installed ## Test all kinds of trouble at once under load, one minute per seed (ARGS="--seeds 100 --first-seed 7")
	$(BIN)/python -m pytest tests/kafka/test_random_faults.py --seconds 60 --seeds 20 -s $(ARGS)

# For all targets together. What a run finds worth going on from is kept below build/, for the next one.
FUZZ_SECONDS ?= 3600

fuzz-native: $(VENV)/installed ## Search for bytes that make the native core panic, an hour long (FUZZ_SECONDS=600; needs nightly Rust and a C++ compiler)
	$(BIN)/python -m tests.native.fuzz_inputs build/native/fuzz/inputs
	$(BIN)/python native/search.py build/native/fuzz/inputs --seconds $(FUZZ_SECONDS) $(ARGS)

# Some ten minutes.
soak-cores: native ## Test millions of random records on both cores (ARGS="--cases 50000000 --first-seed 10000")
	$(BIN)/python -m tests.native.fuzz --cases 3000000 $(ARGS)

hostile: $(VENV)/installed ## Attack two workers for five minutes while honest reports flow (ARGS="--first-seed 7 --seconds 600")
	$(BIN)/python -m pytest tests/kafka/test_hostile.py --seconds 300 -s $(ARGS)

drills: $(VENV)/installed ## Cause incidents: does the alert fire, does its runbook repair it? (some 20 minutes; ARGS="-k clock --scale 1")
	$(BIN)/python -m pytest tests/drills --drills -s $(ARGS)

bench: $(VENV)/installed ## Measure speed on a real Kafka, compared with plain Faust (some minutes)
	$(BIN)/python -m tests.bench $(ARGS)

screenshots: $(VENV)/installed ## Make the picture of the console in README.md (needs Chromium)
	mkdir -p docs/images
	TOCSIN_README_PICTURE=docs/images/console-desk.png $(BIN)/python -m pytest tests/browser/test_console_pages.py -k picture_of_the_readme

evaluate: $(VENV)/installed ## Measure how well brigades are told from crowds, in simulated worlds (some minutes)
	$(BIN)/python -m tests.evaluate $(ARGS)

attacks: $(VENV)/installed ## Search for the cheapest attacks on levels, waves and desks (half an hour; ARGS="--goals fraud --budget 60")
	$(BIN)/python -m tests.evaluate.adversary $(ARGS)

# Half an hour; ARGS="--sizes 10x100 --stories growth" takes seconds.
scale: $(VENV)/installed ## Simulate a hundred workers with a thousand partitions: restarts, losses, growth (half an hour)
	$(BIN)/python -m tests.scale $(ARGS)

# What a release has.
DIST ?= dist

KUSTOMIZE_VERSION := v5.8.1
HELM_VERSION := v4.3.1
KUBE_SCORE_VERSION := v1.20.0
# Outside of the clone, so that these versions are built only once. No package index has them built.
KUBERNETES_TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tocsin/kustomize-$(KUSTOMIZE_VERSION)-helm-$(HELM_VERSION)-kube-score-$(KUBE_SCORE_VERSION)

# Builds the programs of Go modules into a folder, with a Go from the Python package index that is deleted afterwards. Go checks
# every module against its public log of checksums, as pip checks packages against the hashes in requirements/.
define go_install
	$(PYTHON) -m venv $(1)/build
	$(1)/build/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/kubernetes.txt
	for module in $(2); do \
	    env GOTOOLCHAIN=local GOBIN=$(1) GOMODCACHE=$(1)/build/modules GOCACHE=$(1)/build/cache GOFLAGS='-trimpath -modcacherw' \
	        $(1)/build/bin/go install $$module || exit 1; \
	done
	rm -rf $(1)/build
endef

# No prerequisite: every file of a new clone is newer than what was built before.
$(KUBERNETES_TOOLS)/built:
	$(call go_install,$(KUBERNETES_TOOLS),sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION) \
	    helm.sh/helm/v4/cmd/helm@$(HELM_VERSION) github.com/zegl/kube-score/cmd/kube-score@$(KUBE_SCORE_VERSION))
	touch $@

kubernetes: $(VENV)/installed $(KUBERNETES_TOOLS)/built ## Render the Kubernetes manifests with kustomize and Helm, and lint them (the first time it builds these)
	$(BIN)/python -m tests.kubernetes $(KUBERNETES_TOOLS)

chart: $(KUBERNETES_TOOLS)/built ## Pack the Helm chart into dist/ (the first time it builds Helm)
	mkdir -p $(DIST)
	$(KUBERNETES_TOOLS)/helm package deploy/helm/tocsin --destination $(DIST)

ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tocsin/actionlint-$(ACTIONLINT_VERSION)

$(ACTIONLINT)/actionlint:
	$(call go_install,$(ACTIONLINT),github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION))

release-check: $(RELEASE_VENV)/installed $(ACTIONLINT)/actionlint ## Lint the workflow that builds a release (the first time it builds actionlint)
	$(ACTIONLINT)/actionlint .github/workflows/*.yml
	$(RELEASE_VENV)/bin/zizmor --quiet --offline --persona pedantic .github/workflows

SBOM ?= dist/tocsin.cdx.json

sbom: $(VENV)/installed ## Write the bill of materials of a production install: dist/tocsin.cdx.json (CycloneDX)
	mkdir -p $(dir $(SBOM))
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible --output-file $(SBOM) requirements/runtime.txt

# Rust's names of the machines for which there is a wheel of the native core, this one by default. A cargo that has the standard
# library of others builds theirs too: NATIVE_TARGETS="x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu"; NATIVE_TARGETS= builds none.
NATIVE_TARGETS ?= $(if $(filter Linux,$(shell uname)),$(shell uname -m)-unknown-linux-gnu)
# macOS has it under another name.
SHA256SUM = $(if $(shell command -v sha256sum 2>/dev/null),sha256sum,shasum -a 256)

# The wheel is built from the source distribution. Both are the same bytes wherever and whenever they are built; those of the
# native core depend on the Rust that builds them. No isolation: the build uses the pinned tools and asks no registry.
dist: $(VENV)/installed $(if $(NATIVE_TARGETS),$(RELEASE_VENV)/installed) ## Build what a release has, into dist/: wheels, sources, pins, bill of materials, checksums
	rm -rf $(DIST)
	$(BIN)/python -m build --no-isolation --outdir $(DIST) . >/dev/null
	$(if $(NATIVE_TARGETS),$(RELEASE_VENV)/bin/python native/wheel.py $(DIST) $(NATIVE_TARGETS))
	cp requirements/runtime.txt $(DIST)/requirements.txt
	$(MAKE) --silent --no-print-directory sbom SBOM=$(DIST)/tocsin.cdx.json
	cd $(DIST) && $(SHA256SUM) * >SHA256SUMS && cat SHA256SUMS

IMAGE ?= build/image

image: $(VENV)/installed ## Build the container image on Debian's packages, run it on a real Kafka (root, buildah, umoci, mmdebstrap)
	deploy/container/build_on_debian.sh $(IMAGE)
	TOCSIN_IMAGE_LAYOUT=$(abspath $(IMAGE))/oci $(BIN)/python -m pytest tests/kafka/run_image.py $(ARGS)

SITE ?= build/site

docs: $(DOCS_VENV)/installed ## Build the pages of docs/ as a site that needs no other host, into build/site
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --quiet --strict --config-file deploy/site/mkdocs.yml --site-dir $(abspath $(SITE))

# Strict: a package that the database does not answer for fails the audit instead of being left out.
audit: $(AUDIT_VENV)/installed ## Search the pinned packages for known vulnerabilities (asks the Python package index)
	@for file in runtime build dev calendars docs kubernetes peers release; do \
	    echo "requirements/$$file.txt"; \
	    $(AUDIT_VENV)/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r requirements/$$file.txt $(ARGS) || { \
	        echo "make audit: requirements/$$file.txt has vulnerable packages (listed above), or the vulnerability data could not be read: it comes from the Python package index's JSON interface, which an ordinary mirror does not offer. ARGS='--vulnerability-service osv' asks the OSV database instead." >&2; \
	        exit 1; }; \
	done

requirements: $(VENV)/installed ## Pin the dependencies again
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(PIN) --extra console --extra adapters --extra intake --extra tracing -o requirements/runtime.txt pyproject.toml
	$(PIN) --extra console --extra adapters --extra intake --extra tracing --extra demo --group dev -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml
	$(PIN) --group audit -o requirements/audit.txt
	$(PIN) --group calendars -o requirements/calendars.txt
	$(PIN) --group kubernetes -o requirements/kubernetes.txt
	$(PIN) --group docs -o requirements/docs.txt
	$(PIN) --group peers -o requirements/peers.txt
	$(PIN) --group release -o requirements/release.txt
	printf 'hatchling==1.33.0\neditables==0.6\n' | $(PIN) -c requirements/dev.txt -o requirements/build.txt -

PIN = $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header

clean: ## Remove the environment and caches
	rm -rf $(VENV) $(AUDIT_VENV) $(CALENDARS_VENV) $(DOCS_VENV) $(RELEASE_VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
