# Everything a contributor types. Needs make, Python >= 3.10 with venv and headers, a C compiler.
#
# One virtual environment serves all targets. A stamp in it says which extras it has, so that
# a second run does nothing and needs no network. `make PYTHON=python3.12 ...` chooses the Python.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.ONESHELL:
.NOTPARALLEL:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help demo test quick test-timing test-stress test-all test-asan test-valgrind test-aarch64 lint bench \
	bench-check bench-record fuzz soak clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
SEED ?=
SCALE ?= 1
ROW ?=
WHAT ?=
# Where the scripts of the tests find each other, and what they share.
TESTS := $(CURDIR)/tests/helpers:$(CURDIR)/tests/fuzz:$(CURDIR)/tests/soak
LEAST_COVERAGE := 95
# A worker for each processor; one that has nothing left to do takes over from another.
PARALLEL := -n auto --dist worksteal

# What the editable install was made from; the Python files themselves are used in place.
SOURCES := pyproject.toml setup.py $(wildcard csrc/*.py $(addprefix csrc/*/*.,c h py cdef def))

# The build requirements of pyproject.toml. They are installed first, so that a rebuild after
# a change of the C sources needs no network either; pip checks one list against the other.
BUILD_REQUIRES := 'setuptools>=77' 'cffi>=1.17'

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

# An environment whose Python went away, or which was moved or copied, is none.
HERE := $(CURDIR)/$(VENV)/bin/
$(shell $(BIN)/python -c '' 2>/dev/null && head -n 3 $(BIN)/pip | grep -qF '$(HERE)' \
	|| rm -f $(VENV)/*.stamp)

help:
	@cat <<'END'
	make demo          set up .venv, build a C and a Go plugin, open, call and update them
	make test          the whole test suite, with line and branch coverage
	make quick         the same without what is slow, and without coverage: under a minute
	make test-timing   the tests that measure time, alone; on a machine that does nothing else
	make test-stress   the test suite in random order on a busy machine; SEED=n repeats it, WHAT=path
	make test-all      the test suite on every Python from 3.10 to 3.13 that this machine has
	make test-asan     the test suite under AddressSanitizer and UndefinedBehaviorSanitizer
	make test-valgrind every kind of call under valgrind
	make test-aarch64  the core's native calls on AArch64, emulated
	make fuzz          random calls, compared with cffi's; some minutes; SEED=n repeats a run
	make soak          updates under load, and what they must reach; many minutes; SCALE=0.01, ROW=name
	make lint          ruff, mypy, clang-format, gofmt
	make bench         the benchmarks: tables, pictures, and what must be reached
	make bench-check   the same; fails if a ratio is worse than the recorded one
	make bench-record  the same; records the ratios and shows them in docs/performance.md
	make clean         remove .venv and everything that was built
	END

demo: $(VENV)/demo.stamp
	@$(BIN)/nativeplug demo

# With the Go toolchain of the environment nothing has to be skipped, so a skip is a failure.
test: $(VENV)/test.stamp
	@NATIVEPLUG_FORBID_SKIPS=1 $(BIN)/python -m pytest $(PARALLEL) \
		--cov --cov-report=term --cov-fail-under=$(LEAST_COVERAGE)

# A worker more than processors: many a test waits for a file to settle.
quick: $(VENV)/test.stamp
	@$(BIN)/python -m pytest $(PARALLEL) -n $$(( $$(nproc) + 1 )) -m 'not slow and not timing'

test-timing: $(VENV)/test.stamp
	@$(BIN)/python -m pytest -m timing -n 0

test-stress: $(VENV)/test.stamp
	@NATIVEPLUG_FORBID_SKIPS=1 PYTHONPATH=$(TESTS) $(BIN)/python tests/soak/stress.py '$(SEED)' $(WHAT)

test-all: $(VENV)/dev.stamp
	@$(BIN)/nox --session tests

test-asan: $(VENV)/dev.stamp
	@$(BIN)/nox --session asan

test-valgrind: $(VENV)/test.stamp
	@PYTHONPATH=$(TESTS) $(BIN)/python tests/soak/valgrind.py

# The part of the core that is different on each machine, by itself; and the same natively.
test-aarch64:
	@for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
		command -v $$tool >/dev/null || { echo "error: no $$tool; on Debian and Ubuntu:" \
			"apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user" >&2; exit 1; }
	done
	made=$$(mktemp -d)
	trap 'rm -rf "$$made"' EXIT
	for optimize in -O0 -O3; do
		set -- -std=gnu11 -Wall -Wextra -Werror $$optimize -Icsrc/core \
			csrc/core/trampoline.c csrc/core/tests/trampoline_test.c -o "$$made/test"
		$${CC:-cc} "$$@"; printf 'here %s: ' $$optimize; "$$made/test"
		aarch64-linux-gnu-gcc -static "$$@"; printf 'AArch64 %s: ' $$optimize; qemu-aarch64 "$$made/test"
	done

# Each runs all benchmarks, and then says what it is for.
bench: SAY := report
bench-check: SAY := check
bench-record: SAY := report record
bench bench-check bench-record: $(VENV)/bench.stamp
	@mkdir -p .benchmarks
	$(BIN)/python -m pytest benchmarks -q --timeout=600 \
		--benchmark-quiet --benchmark-json=.benchmarks/results.json
	for word in $(SAY); do $(BIN)/python -m benchmarks $$word; done

fuzz: $(VENV)/test.stamp
	@PYTHONPATH=$(TESTS) $(BIN)/python tests/fuzz/fuzz.py $(SEED)

soak: $(VENV)/test.stamp
	@PYTHONPATH=$(TESTS) $(BIN)/python tests/soak/soak.py $(SCALE) $(ROW)

lint: $(VENV)/lint.stamp
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml nativeplug._core
	set -- $(wildcard $(foreach d,csrc/*/ csrc/*/tests/ plugins_c/ plugins_c/*/ benchmarks/*/,$(addprefix $(d)*.,c h cpp)))
	if [ $$# -gt 0 ]; then $(BIN)/clang-format --dry-run -Werror "$$@"; fi
	echo "clang-format: $$# files checked"
	for gofmt in "$$(command -v gofmt || true)" $(VENV)/lib/python*/site-packages/go/bin/gofmt; do
		[ -x "$$gofmt" ] && [ -d plugins_go ] || continue
		badly=$$("$$gofmt" -l plugins_go benchmarks)
		[ -z "$$badly" ] || { echo "gofmt would change:" $$badly >&2; exit 1; }
		echo "gofmt: plugins_go and benchmarks checked"
		break
	done

clean:
	@rm -rf $(VENV) .nox build dist *.egg-info .coverage .coverage.* \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache .benchmarks
	rm -f nativeplug/*.so plugins_c/*.so plugins_go/*.so plugins_go/*.h
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each set of extras: what is installed, what the user is told, and the smaller sets that it has.
EXTRAS_demo := cli,go
EXTRAS_test := cli,go,test
EXTRAS_bench := cli,go,test,bench
EXTRAS_lint := cli,go,test,lint
EXTRAS_dev := dev
WORDS_demo := nativeplug and its Go toolchain
WORDS_test := nativeplug, its Go toolchain and the test tools
WORDS_bench := nativeplug, its Go toolchain and what it is compared with
WORDS_lint := nativeplug, its Go toolchain, the test tools and the linters
WORDS_dev := nativeplug and all tools
PART_OF_test := demo
PART_OF_bench := demo test
PART_OF_lint := demo test
PART_OF_dev := demo test lint

$(VENV)/%.stamp: $(SOURCES) | $(VENV)/python.stamp
	@log=$(VENV)/install.log
	fail() { echo "error: $$1" >&2; exit 1; }
	if [ -z "$${CC:-}" ]; then
		for CC in cc gcc clang none; do command -v $$CC >/dev/null && break; done
		[ $$CC != none ] || fail "no C compiler found; install gcc or clang, or set CC"
		export CC
	fi
	command -v $${CC%% *} >/dev/null || fail "CC='$$CC' names no program; set CC to a C compiler"
	echo "installing $(WORDS_$*) into $(VENV) (about a minute, once) ..."
	install() { $(BIN)/python -m pip install --retries 2 "$$@" >>$$log 2>&1; }
	: >$$log
	if ! { install $(BUILD_REQUIRES) && install --no-build-isolation --check-build-dependencies \
			--editable '.[$(EXTRAS_$*)]'; }; then
		tail -n 15 $$log >&2
		if grep -qiE 'connection|name resolution|no matching distribution|timed out' $$log; then
			fail "pip could not fetch a package; connect to the network and repeat 'make'"
		fi
		fail "the installation failed as shown above; all of it is in $$log"
	fi
	touch $(foreach s,$* $(PART_OF_$*),$(VENV)/$(s).stamp)

# The first Python that runs, is recent enough, and can make environments and compile extensions.
define PROBE
import sys
if sys.version_info < (3, 10):
    sys.exit("is Python %d.%d; install Python 3.10 or later" % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("has no venv or ensurepip; install it (Debian, Ubuntu: apt install python3-venv)")
import os, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
if not os.path.exists(header):
    sys.exit("has no %s; install it (Debian, Ubuntu: apt install python3-dev)" % header)
endef
export PROBE

$(VENV)/python.stamp:
	@missing=
	for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10); do
		command -v $$python >/dev/null || continue
		# Of a program that cannot run at all, the last line says why.
		if said=$$($$python -c "$$PROBE" 2>&1); then
			echo "making $(VENV) with $$($$python -V) ..."
			rm -rf $(VENV)
			if said=$$($$python -m venv $(VENV) 2>&1); then touch $@; exit 0; fi
			rm -rf $(VENV)
		fi
		missing="$${missing:-$$python $$(printf '%s\n' "$$said" | tail -n 1)}"
	done
	missing="$${missing:-no $(or $(PYTHON),python3) found; install Python 3.10 or later}"
	echo "error: $$missing; 'make PYTHON=...' chooses another Python" >&2
	exit 1
