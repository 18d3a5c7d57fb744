# Container networking you can run, watch and hand in.  `make help` lists what there is to do.
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
export ARGS

# What Debian has to bring: the tool that builds the images, id ranges for ordinary users, and Python's venv.
PACKAGES      = mmdebstrap python3-venv uidmap
TEST_PACKAGES = tshark chromium

SHELL       = /bin/sh
MAKEFLAGS  += --no-print-directory
BIN         = $(VENV)/bin
PYTEST      = $(BIN)/python -m pytest
NOTEBOOKS   = $(wildcard notebooks/*.ipynb)
NBVAL       = --nbval --nbval-cell-timeout=300 --nbval-sanitize-with=tests/nbval_sanitize.cfg
SUITE       = tests $(if $(NOTEBOOKS),$(NBVAL) $(NOTEBOOKS))

# Run something that talks a lot, and show its last words only when it fails.
quietly = log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && { $(1) >"$$log" 2>&1 || { status=$$?; tail -n 25 "$$log" >&2; exit $$status; }; }

.DEFAULT_GOAL = help
.PHONY: help run test check ordinary lab lint lock install packages clean

help: ## what there is to do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \2/p' $(firstword $(MAKEFILE_LIST)) | awk '{printf "  make %-9s", $$2; $$1 = $$2 = ""; print}'

run: install ## run the whole runbook and write its report, e.g. ARGS="-p pings 2"
	@$(BIN)/nslab run $(ARGS)

lab: install ## open the notebooks in JupyterLab
	@$(BIN)/nslab lab $(ARGS)

# Root's run and the ordinary users' side by side: each of them is one thing after the other, and there are two cores.
test: PACKAGES += $(TEST_PACKAGES)
test: lint ## all tests; root runs them as an ordinary user too
	@if [ "$$(id -u)" = 0 ]; then \
		echo "· tests, as root and as ordinary users side by side; what they say comes when they are done"; \
		$(MAKE) --jobs=2 --output-sync=target check ordinary; \
	else $(MAKE) check; fi

ordinary: install
	@.ci/as-user nslab-test "$$ARGS"
	@.ci/as-user nslab-test-solo "-m one_id $$ARGS"

check: install ## the tests once, as whoever you are, e.g. ARGS="-k lab"
	@echo "· tests, as $$(id -un)"
	@$(PYTEST) $(SUITE) $(ARGS)

lint: install ## ruff and mypy
	@echo "· ruff, mypy"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "not formatted: ruff format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary

install: $(VENV)/.installed ## what is missing: Debian packages, .venv

lock: ## requirements.lock anew from pyproject.toml (the newest of everything: add --upgrade in ARGS)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet $(ARGS) --output-file requirements.lock \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

clean: ## take away what make has made; as root the test accounts too
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
	@.ci/as-user --remove

packages:
	@command -v dpkg-query >/dev/null || exit 0; missing=; \
	for package in $(PACKAGES); do \
		[ "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null && sudo true; }; then as_root=sudo; \
	else echo "nslab: only root can install Debian packages; ask for: apt-get install$$missing" >&2; exit 3; fi; \
	echo "· Debian packages:$$missing"; \
	apt="$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"; \
	$(call quietly,{ $$apt update && $$apt install --no-install-recommends $$missing; })

# The stamps: .locked when the venv holds what the lock names and nothing else, .installed when nslab itself is in it.
$(VENV)/.locked: requirements.lock | packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "nslab: Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1); say which: make PYTHON=…" >&2; exit 3; }
	@echo "· Python packages, as in requirements.lock (half a minute)"
	@$(call quietly,$(PYTHON) -m venv --clear $(VENV))
	@$(call quietly,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock)
	@touch $@

# Without build isolation: the lock's hatchling builds it, and not whichever is the newest today.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml src/nslab/notebook/kernelspec/kernel.json
	@$(call quietly,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .)
	@touch $@
