# Thin verbs over cargo, pytest and sam. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export SAM_CLI_TELEMETRY := 0
# A missing toolchain or target is an error to read, not a download.
export RUSTUP_AUTO_INSTALL := 0

PYTHON ?= python3
HOST_ARCH := $(patsubst aarch64,arm64,$(shell uname -m))
# Architecture of the functions: x86_64 or arm64.
ARCH ?= $(HOST_ARCH)
# audit or enforce; `make deploy` wants it said.
MODE ?=
STACK ?= tidewaiter
# More template parameters for `make deploy`, as in PARAMS='AlertEmail=ops@example.com LogRetentionDays=30'.
PARAMS ?=
# As the AWS command line has them; without, what the environment says.
PROFILE ?=
REGION ?=
# More options for `sam deploy`, as in SAM_FLAGS=--no-confirm-changeset.
SAM_FLAGS ?= --confirm-changeset
KEEP ?=

FUNCTIONS := $(notdir $(patsubst %/,%,$(wildcard functions/*/)))
CARGO_DENY_VERSION := 0.20.2
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_MACHETE_VERSION := 0.9.2
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_FUZZ_VERSION := 0.13.2

# Two environments, because the emulator and the SAM command line want different versions of boto3.
LOCAL := .venv/local/.complete
AWS_CLI := .venv/aws/.complete
TOOLS := .venv/tools/.complete
DENY := .venv/cargo/deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CYCLONEDX := .venv/cargo/cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
MACHETE := .venv/cargo/machete-$(CARGO_MACHETE_VERSION)/bin/cargo-machete
MUTANTS := .venv/cargo/mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
FUZZ := .venv/cargo/fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CHECKOV_VERSION := 3.3.30
CHECKOV := .venv/checkov-$(CHECKOV_VERSION)/.complete
CUSTODIAN_VERSION := 0.9.53
CUSTODIAN := .venv/c7n-$(CUSTODIAN_VERSION)/.complete
CDK := infra/cdk/node_modules/.package-lock.json
LOCAL_BIN := $(CURDIR)/.venv/local/bin
TOOLS_BIN := $(CURDIR)/.venv/tools/bin

# Of release builds alone, so that those of tests keep their caches. No path of this machine gets into a binary: two checkouts give the same.
RELEASE_FLAGS = --remap-path-prefix=$(CURDIR)=/tidewaiter --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo

# A program that aborts as it panics never unwinds: its unwind tables are a tenth of its zip for nothing. Under fat LTO no flag of the compiler leaves them out, because those of the
# standard library come with it. The tool is part of what rustup installs, and knows every architecture.
SYSROOT = $(shell rustc --print sysroot)
define drop-unwind-tables
LD_LIBRARY_PATH='$(SYSROOT)/lib' '$(SYSROOT)/lib/rustlib/$(shell rustc --print host-tuple)/bin/rust-objcopy' --remove-section .eh_frame_hdr --remove-section .eh_frame '$(1)'

endef

# Cargo follows `mod` declarations, but the rule modules are declared by a macro: name the files instead.
RUST_FILES = git ls-files -z --cached --others --exclude-standard -- '*.rs'
PYTHON_DIRS = $(wildcard tests infra benches fuzz)

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- build and try ----

.PHONY: build
build: $(TOOLS) ## Build the functions into target/lambda (ARCH=x86_64|arm64, default this machine's)
	@case '$(ARCH)' in x86_64|arm64) ;; *) echo "ARCH is \`$(ARCH)\`, but Lambda knows x86_64 and arm64" >&2; exit 2;; esac
	@test -d "$$(rustc --print target-libdir --target $(patsubst arm64,aarch64,$(ARCH))-unknown-linux-gnu)" || \
		{ echo "no Rust standard library for $(ARCH) here: rustup target add $(patsubst arm64,aarch64,$(ARCH))-unknown-linux-gnu" >&2; exit 2; }
	PATH='$(TOOLS_BIN)':"$$PATH" RUSTFLAGS='$(RELEASE_FLAGS)' cargo lambda build --release --locked --skip-target-check \
		--$(subst _,-,$(ARCH)) --lambda-dir target/lambda $(addprefix --package ,$(FUNCTIONS))
	$(foreach function,$(FUNCTIONS),$(call drop-unwind-tables,target/lambda/$(function)/bootstrap))

.PHONY: demo
demo: build $(LOCAL) ## Show the guard at work on an embedded AWS (KEEP=1 leaves it running)
	KEEP='$(KEEP)' $(LOCAL_BIN)/python tests/demo/demo.py

# ---- check ----

.PHONY: test
test: test-rust test-python e2e ## Run every test

.PHONY: test-rust
test-rust: ## Run the tests of the crates
	cargo test --workspace --locked

.PHONY: test-python
test-python: $(LOCAL) ## Run the tests of the embedded AWS, of the template and of the CI integrations
	$(LOCAL_BIN)/python -m pytest tests/local-aws infra tests/ci tests/pictures benches

.PHONY: e2e
e2e: build cdk $(LOCAL) $(AWS_CLI) ## Run the functions end to end on an embedded AWS
	TIDEWAITER_WHOLE_SUITE=1 $(LOCAL_BIN)/python -m pytest tests/e2e

.PHONY: lint
lint: $(TOOLS) deny machete lint-cdk ## Check format, lints, dependencies and the template
	$(RUST_FILES) | xargs -0 -r rustfmt --check --edition 2024
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@# By themselves, as `make fuzz` builds them: the other crates lend no features.
	cargo check --package tidewaiter-fuzz-targets --locked
	$(TOOLS_BIN)/ruff check $(PYTHON_DIRS)
	$(TOOLS_BIN)/ruff format --check $(PYTHON_DIRS)
	$(TOOLS_BIN)/sam validate --lint --template-file infra/template.yaml --region us-east-1
	$(TOOLS_BIN)/cfn-lint infra/template.yaml infra/global-events.yaml infra/organization/*.yaml

.PHONY: lint-cdk
lint-cdk: cdk ## Check the types of the CDK construct, test it, synthesize its sample and run cdk-nag over it
	cd infra/cdk && node --test dist/test/tidewaiter.test.js

.PHONY: deny
deny: $(DENY) ## Check licences, sources and bans of the dependencies
	$(DENY) --locked check --hide-inclusion-graph bans licenses sources

.PHONY: machete
machete: $(MACHETE) ## Look for dependencies that no code names
	$(MACHETE) .

.PHONY: advisories
advisories: $(DENY) ## Check the dependencies against the RustSec database (from the network; no other verb of `lint` needs it)
	$(DENY) --locked check --hide-inclusion-graph advisories

.PHONY: generate
generate: $(LOCAL) ## Write the generated documents
	$(LOCAL_BIN)/python infra/permissions.py --write
	TIDEWAITER_GENERATE=1 cargo test --package tidewaiter --test cli --locked --quiet generated_documents
	$(PYTHON) infra/protect.py > infra/organization/protect.json
	$(PYTHON) infra/cost.py --write

.PHONY: fmt
fmt: $(TOOLS) ## Format Rust and Python
	$(RUST_FILES) | xargs -0 -r rustfmt --edition 2024
	$(TOOLS_BIN)/ruff check --fix $(PYTHON_DIRS)
	$(TOOLS_BIN)/ruff format $(PYTHON_DIRS)

.PHONY: fuzz
fuzz: $(FUZZ) ## Fuzz what reads text from outside, each target for so many seconds (SECONDS=60, TARGET=event for one)
	$(PYTHON) fuzz/run.py --cargo-fuzz '$(abspath $(FUZZ))' --seconds '$(or $(SECONDS),60)' $(TARGET)

.PHONY: fuzz-corpus
fuzz-corpus: ## Choose what of the finds of `make fuzz` is kept in fuzz/corpus (TARGET=event for one)
	$(PYTHON) fuzz/keep.py $(TARGET)

.PHONY: storm
storm: ## Show what ten thousand findings over 300 images cost in API calls and alerts
	cargo test --package tidewaiter-lambda --lib --locked --quiet -- --nocapture guard::tests::storm::a_storm_of_findings

.PHONY: faults
faults: ## Show what becomes of each scenario when any of its calls fails in any way (SCENARIO= for those with this in their name)
	TIDEWAITER_FAULTS='$(or $(SCENARIO),all)' cargo test --package tidewaiter-lambda --package notify --lib --bins --locked --quiet -- --nocapture world::faults tests::faults

.PHONY: mutants
mutants: $(MUTANTS) ## Change the rules in one place after another: does a test notice? Hours for all (FILE=decide.rs, SHARD=3/40)
	$(PYTHON) tests/mutants/run.py --tool $(MUTANTS) $(if $(FILE),--file '$(FILE)') $(if $(SHARD),--shard '$(SHARD)')

.PHONY: day
day: ## Show a day of 5,000 events with 30 incidents, and what each channel hears of it (SEED= for another day)
	$(if $(SEED),TIDEWAITER_DAY='$(SEED)') cargo test --package tidewaiter-lambda --lib --locked --quiet -- --nocapture guard::tests::day

.PHONY: pictures
pictures: ## Draw docs/pictures from what `tidewaiter alert preview` prints (needs Chromium)
	cargo build --package tidewaiter --locked --quiet
	$(PYTHON) tests/pictures/draw.py

# Parts that are measured one after the other by one command are one run.
export BENCH_RUN := $(shell date -u +%Y-%m-%dT%H:%M:%SZ)

.PHONY: bench
bench: bench-decide bench-instructions bench-check bench-zips bench-cold bench-latency bench-page ## Measure everything and write docs/performance.md (some forty minutes on a quiet machine; the verbs below measure a part)

.PHONY: bench-page
bench-page: ## Write docs/performance.md from what was measured last
	$(PYTHON) benches/page/render.py

.PHONY: bench-decide
bench-decide: ## Measure a decision against reading the JSON that it is about: time and allocations
	cargo bench --package tidewaiter-rules --bench decide --locked -- --quiet
	$(PYTHON) benches/decide/run.py

.PHONY: bench-instructions
bench-instructions: ## Count the instructions of a decision and compare them with what is stated (needs valgrind)
	@command -v valgrind > /dev/null || { echo 'valgrind is missing: install the package `valgrind`' >&2; exit 2; }
	$(PYTHON) benches/instructions/run.py

.PHONY: bench-cold
bench-cold: build noop $(LOCAL) $(CUSTODIAN) ## Measure the cold start of the functions, beside boto3 and Cloud Custodian
	$(LOCAL_BIN)/python benches/cold/run.py --custodian $(dir $(CUSTODIAN))bin/python

.PHONY: bench-zips
bench-zips: build noop $(TOOLS) $(CUSTODIAN) ## Measure what Lambda downloads
	$(TOOLS_BIN)/python benches/zips/run.py --custodian $(dir $(CUSTODIAN))bin/python

.PHONY: bench-latency
bench-latency: build $(LOCAL) ## Measure the way from a registration to its end on an embedded AWS, and a burst of 1,000
	$(LOCAL_BIN)/python benches/endtoend/run.py

.PHONY: bench-check
bench-check: $(CHECKOV) ## Measure how many files the command line judges in a second, beside Checkov
	cargo build --profile dist --locked --package tidewaiter
	$(PYTHON) benches/check/run.py --checkov $(dir $(CHECKOV))bin/checkov

# The function that does nothing, as the functions are built.
.PHONY: noop
noop: $(TOOLS)
	PATH='$(TOOLS_BIN)':"$$PATH" RUSTFLAGS='$(RELEASE_FLAGS)' cargo lambda build --release --locked --skip-target-check \
		--$(subst _,-,$(ARCH)) --lambda-dir target/lambda --package noop
	$(call drop-unwind-tables,target/lambda/noop/bootstrap)

# ---- deploy ----

.PHONY: cdk
cdk: $(CDK) ## Install and compile the CDK construct (needs Node 20 or newer; nothing else does)
	cd infra/cdk && npm run --silent build

.PHONY: package
package: build $(CYCLONEDX) ## Pack a release into target/package: zips, plain template, SBOM, checksums (ARCH=; once for each architecture)
	rm -rf target/sbom && mkdir -p target/sbom
	SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" $(CYCLONEDX) cyclonedx --quiet --format json --spec-version 1.5 --target $(patsubst arm64,aarch64,$(ARCH))-unknown-linux-gnu
	for function in $(FUNCTIONS); do mv "functions/$$function/$$function.cdx.json" target/sbom/; done
	git ls-files -z --others --exclude-standard -- '*.cdx.json' | xargs -0 -r rm
	$(TOOLS_BIN)/python infra/package.py --architecture '$(ARCH)' --functions target/lambda --bills target/sbom --into target/package

.PHONY: reproducible
reproducible: $(TOOLS) ## Build a function in two clones under different paths and compare the zips (FUNCTION=usage-recorder)
	$(TOOLS_BIN)/python infra/reproducible.py --function '$(or $(FUNCTION),usage-recorder)' --architecture '$(ARCH)'

.PHONY: mode-is-said
mode-is-said:
	@case '$(MODE)' in audit|enforce) ;; \
		'') echo 'say what the stack may do: make deploy MODE=audit (report only) or make deploy MODE=enforce (deregister, archive)' >&2; exit 2;; \
		*) echo "MODE is \`$(MODE)\`, but has to be audit or enforce" >&2; exit 2;; esac

ACCOUNT = $(if $(PROFILE),--profile '$(PROFILE)') $(if $(REGION),--region '$(REGION)')

.PHONY: deploy
deploy: mode-is-said build ## Deploy to an AWS account (MODE=audit|enforce, PROFILE=, REGION=, ARCH=, PARAMS=, STACK=)
	$(TOOLS_BIN)/sam deploy --template-file infra/template.yaml --config-env '$(MODE)' --stack-name '$(STACK)' $(ACCOUNT) $(SAM_FLAGS) \
		--parameter-overrides Mode=$(MODE) Architecture=$(ARCH) $(PARAMS)

.PHONY: undeploy
undeploy: $(TOOLS) ## Delete the stack (PROFILE=, REGION=, STACK=); the ledger stays
	$(TOOLS_BIN)/sam delete --config-file infra/samconfig.toml --stack-name '$(STACK)' $(ACCOUNT)

.PHONY: clean
clean: ## Remove what was built and installed here
	cargo clean
	rm -rf .venv .aws-sam infra/cdk/node_modules infra/cdk/dist

# ---- tools ----

# The locks name every package, so nothing is left to resolve.
.venv/%/.complete: requirements/%.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear .venv/$*
	.venv/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	.venv/$*/bin/python -m pip check
	touch $@

# npm's own mark of what it has installed.
$(CDK): infra/cdk/package.json infra/cdk/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo 'Node 20 or newer is needed' >&2; exit 2; }
	cd infra/cdk && npm ci --no-progress
	touch $@

# Only to be measured beside: its many packages are not locked here.
$(CHECKOV):
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check checkov==$(CHECKOV_VERSION)
	touch $@

# As Checkov.
$(CUSTODIAN):
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check c7n==$(CUSTODIAN_VERSION)
	touch $@

# Each is .venv/cargo/NAME-VERSION/bin/cargo-NAME.
$(CYCLONEDX) $(DENY) $(MACHETE) $(MUTANTS) $(FUZZ):
	cargo install $(@F) --locked --version $(patsubst $(@F:cargo-%=%)-%,%,$(notdir $(@D:%/bin=%))) --root $(@D:%/bin=%) --target-dir target/$(@F)
	rm -rf target/$(@F)
