# Targets: help demo demo-direct serve test check bench kernel lock clean. Everything lives in .venv; nothing outside the checkout is changed,
# except that missing Debian packages named in packages.txt are installed when make runs as root.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
BIN := $(VENV)/bin
CRATE := crypto/kernel
# Asked for only where there is no cargo: Debian's current toolchain (its plain rustc is too old for the kernel's libraries).
RUST_PACKAGES := cargo-web rustfmt-web rust-web-clippy
DEPS := $(VENV)/.dependencies.stamp
KERNEL := $(VENV)/.kernel.stamp
SYSTEM := $(VENV)/.packages.stamp
CLIENT := $(VENV)/.client.stamp
CLIENT_SOURCE := voter_client
CLIENT_FILES := $(shell find $(CLIENT_SOURCE) -type f -not -path '*/node_modules/*' -not -path '*/tests/*' 2>/dev/null) $(wildcard locales/*.json)
# Programs of others that read and witness our log in the tests.
INTEROP := $(VENV)/.interop.stamp
INTEROP_SOURCE := tests/integration/interop
COMPILE := $(VENV)/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate
RUST_FILES := $(wildcard $(CRATE)/Cargo.toml $(CRATE)/Cargo.lock $(CRATE)/build.rs) $(shell find $(CRATE)/src -name '*.rs' 2>/dev/null)
KERNEL_FILE := $(wildcard crypto/_kernel*.so)

# One target folder and one profile for the module, clippy and the Rust tests: nothing is compiled twice.
export CARGO_TARGET_DIR := $(CURDIR)/$(CRATE)/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A virtual environment that does not run (copied from elsewhere, its links lost) is made again.
ifneq ($(wildcard $(VENV)),)
ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
$(shell rm -rf $(VENV))
endif
endif
# The stamp says nothing when the module itself is gone.
ifeq ($(KERNEL_FILE),)
$(shell rm -f $(KERNEL))
endif
ifeq ($(wildcard voting_server/client/manifest.sri.json),)
$(shell rm -f $(CLIENT))
endif

.DEFAULT_GOAL := help
.PHONY: help demo demo-direct serve test check bench bench-server bench-client gallery kernel pictures client lock clean

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(KERNEL) ## a whole election through the service's programs, from the key ceremony to VERIFIED (options: make demo ARGS="--voters 500")
	$(BIN)/python -m demo $(ARGS)

demo-direct: $(KERNEL) ## the same day without the service, in virtual time (options: make demo-direct ARGS="--voters 20000")
	$(BIN)/python -m demo.direct $(ARGS)

serve: $(KERNEL) $(CLIENT) ## a desk installation: a finished election and an open practice election (options: make serve ARGS="--port 8000")
	$(BIN)/python -m demo.desk $(ARGS)

test: $(KERNEL) $(CLIENT) $(INTEROP) ## every test suite, with the seconds each one took
	$(BIN)/python tests/run_suites.py $(ARGS)

check: $(KERNEL) ## style, types, import rules, Rust lints
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd $(CRATE) && $(CARGO) fmt --check
	cd $(CRATE) && $(CARGO) clippy --release --locked --all-targets --features python -- -D warnings

bench: $(KERNEL) ## benchmarks, peers measured in the same run; writes bench/results/crypto.json
	$(BIN)/python -m bench $(ARGS)

bench-server: $(KERNEL) ## casts a second through the whole service on PostgreSQL; writes bench/results/server.json
	$(BIN)/python -m bench.server $(ARGS)

bench-client: $(KERNEL) $(CLIENT) ## sealing in Chromium and the size of the pages; writes bench/results/client.json
	$(BIN)/python -m bench.client $(ARGS)

pictures: $(KERNEL) ## pictures of the trustee's pages in a terminal, as SVG in build/pictures
	DOBUSH_PICTURES=$(CURDIR)/build/pictures $(BIN)/python -m pytest -q tests/unit/trustee_tools/test_screens.py

gallery: $(KERNEL) $(CLIENT) ## a picture of every screen in three languages into gallery/ (about three minutes)
	$(BIN)/python -m tests.e2e_browser.gallery $(ARGS)

client: $(CLIENT) ## build the pages that are opened in a browser into voting_server/client/

bench-national: $(KERNEL) ## an election of 1,584,446 ballots written and verified; writes bench/results/national.json (smaller: ARGS="--share 0.01")
	$(BIN)/python -m bench.national $(ARGS)

kernel: $(KERNEL) ## build the Rust kernel (release) and install the project into .venv

clean: ## remove everything that was built here
	rm -rf $(VENV) $(CRATE)/target crypto/_kernel*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist bench/results voting_server/client voter_client/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(DEPS) ## resolve the requirements files again (needs the registry; not part of a normal build)
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/python -m pip install -q uv
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --extra server --extra witness -c requirements.txt pyproject.toml -o requirements-server.txt
	$(COMPILE) --extra server --extra witness --extra dask --extra trustee --extra tui --override requirements-overrides.txt -c requirements-server.txt \
	    pyproject.toml requirements-dev.in -o requirements-dev.txt

$(SYSTEM): packages.txt
	@command -v dpkg >/dev/null || { echo "not a Debian system: install the counterparts of packages.txt by hand, then: mkdir -p $(VENV) && touch $@"; exit 1; }
	@missing=; for name in $$(grep -v '^#' packages.txt); do dpkg -s $$name >/dev/null 2>&1 || missing="$$missing $$name"; done; \
	command -v $(CARGO) >/dev/null || missing="$$missing $(RUST_PACKAGES)"; \
	command -v go >/dev/null || missing="$$missing golang-go"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	if [ -n "$$missing" ]; then \
	    if [ "$$(id -u)" = 0 ]; then apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $$missing; \
	    else echo "packages are missing; run this, then make again:"; echo "  sudo apt-get install -y$$missing"; exit 1; fi; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

# Without --no-deps pip would demand petlib's test tools, which the lock leaves out on purpose.
$(DEPS): requirements-dev.txt $(SYSTEM)
	$(BIN)/python -m pip install -q --use-pep517 --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

# The witness asks for a newer Python than Debian's in its metadata only.
$(INTEROP): $(INTEROP_SOURCE)/requirements.txt $(INTEROP_SOURCE)/reader/main.go $(INTEROP_SOURCE)/reader/go.sum $(SYSTEM)
	$(PYTHON) -m venv $(VENV)/interop
	$(VENV)/interop/bin/python -m pip install -q --no-deps --require-hashes --ignore-requires-python -r $(INTEROP_SOURCE)/requirements.txt
	cd $(INTEROP_SOURCE)/reader && go build -trimpath -o $(CURDIR)/$(VENV)/interop/bin/reader .
	@touch $@

# npm would ask for news of itself and for gifts.
$(CLIENT): $(CLIENT_FILES) $(SYSTEM)
	cd $(CLIENT_SOURCE) && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error && node bundle/build.mjs
	@touch $@

$(KERNEL): $(RUST_FILES) pyproject.toml $(DEPS)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_NO_INDEX=1 PIP_QUIET=1 $(BIN)/maturin develop -q --release --locked
	@touch $@
