# Tombola.  `make help` says what can be asked for, .make/configure where libraries are looked for.
#
# Variants live side by side in build/VARIANT.  A source that includes "num/real.h" itself is compiled twice: x.o computes
# in float, x.f64.o in double (see include/num/real.h); one that includes "num/scalar.h" itself: x.o computes in double,
# x.dual.o on dual numbers.  One binary serves a mixed cluster, hence no -march=native; and the
# compiler may not contract a * b + c, so that the same source rounds alike wherever it is compiled.
export VERSION := 0.1.0
VARIANT ?= release
SWEEP ?= sweeps/quick.yaml
STORE ?= results/quick.h5
T ?=
REPEAT ?=
export REPEAT

CONFIG := build/config.mk
PLACES := MPICC HDF5_DIR OPENBLAS_DIR YAML_DIR XXHASH_DIR SQLITE_DIR ZLIB_DIR RANDOM123_DIR IGRAPH_DIR CMOCKA_DIR PYTHON MPIRUN
export $(PLACES)
# These begin without knowing where libraries are: on a bare machine the set-up must come first.
BARE := demo papers report check lint same bench fuzz torture readers data-mnist help setup release debug san clean uninstall format floors format-check \
        budget words shell checked pages formulas
ifeq ($(filter-out $(BARE),$(or $(MAKECMDGOALS),all)),)
-include $(CONFIG)
else
include $(CONFIG)
$(CONFIG): .make/configure $(if $(filter-out $(CONFIGURED),$(foreach p,$(PLACES),$(if $($p),$p=$($p)))),FORCE)
	@.make/configure $@
endif

B := build/$(VARIANT)
Q := $(if $(V),,@)
WARNINGS := -Wall -Wextra -Wshadow -Wvla -Wconversion -Wmissing-prototypes -Wdouble-promotion $(if $(CI),-Werror)
# make VARIANT=clang, clang-19 ...: as release, by that compiler under MPI's wrapper.
CLANG := $(filter clang%,$(VARIANT))
ifneq ($(CLANG),)
export OMPI_CC := $(CLANG)
export MPICH_CC := $(CLANG)
export I_MPI_CC := $(CLANG)
endif
BY_CLANG := $(or $(CLANG),$(filter fuzz,$(VARIANT)),$(CC_IS_CLANG))
# It warns of NAN, of enumerators in sums, and of fields that are rightly 0; and multiplies complex numbers without being told.
WARNINGS += $(if $(BY_CLANG),-Wno-double-promotion -Wno-enum-float-conversion -Wno-missing-field-initializers)
SCHOOL_PRODUCTS := $(if $(BY_CLANG),,-fcx-limited-range)
TUNING.release := -O3 -fno-math-errno -fno-trapping-math
# As on a machine without AVX-512, whatever this one has: make bench VARIANT=avx2.
TUNING.avx2 := $(TUNING.release) -DTOMBOLA_X86_LEVEL=3
TUNING.debug := -O1 -fno-builtin
TUNING.fuzz := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
TUNING.san := -O2 -fno-builtin -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
TUNING := -g -ffp-contract=off $(TUNING.$(if $(CLANG),release,$(VARIANT))) $(CFLAGS)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -Iinclude -I$(B) $(DEP_CFLAGS) $(CPPFLAGS) $(WARNINGS) $(TUNING)
export CC
export STAMP_CFLAGS := $(strip $(TUNING))

# $(call objects,SOURCES): one object a source, two for those that choose a precision or a kind of number.
including = $(shell grep -ls '^\#include "num/$(1).h"' $(2) /dev/null)
objects = $(patsubst %.c,$(B)/%.o,$(1)) $(patsubst %.c,$(B)/%.f64.o,$(call including,real,$(1))) \
    $(patsubst %.c,$(B)/%.dual.o,$(call including,scalar,$(1)))
OBJ := $(call objects,$(wildcard src/*/*.c))
TEST_OBJ := $(call objects,$(wildcard tests/unit/test_*.c tests/mpi/test_*.c))
TESTS := $(TEST_OBJ:.o=)
SHIM := $(B)/tests/fault/shim.so
SAID := $(B)/tests/said.so

PREFIX ?= /usr/local
SHARE := $(DESTDIR)$(PREFIX)/share
INSTALLED := $(DESTDIR)$(PREFIX)/bin/tombola $(SHARE)/man/man1/tombola.1 \
    $(SHARE)/bash-completion/completions/tombola $(SHARE)/zsh/site-functions/_tombola

# As many ranks as cores, also as root in a container; one thread each.
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
endif
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: all demo papers report check lint same bench fuzz torture readers data-mnist install uninstall help setup release debug san clean format objects tests \
        san-objects run-demo run-papers run-report run-bench run-check FORCE
.DEFAULT_GOAL := all

demo:           ## set up, build, run sweeps/quick.yaml on all cores, print its table, draw its figure
	@.make/setup $(CONFIG) demo
	@$(MAKE) --no-print-directory -j$$(.make/cores) all
	@$(MAKE) --no-print-directory run-demo

papers:         ## run sweeps/full.yaml, the three papers, into results/papers.h5; every figure, the table of claims, analysis/RESULTS.md
	@.make/setup $(CONFIG) demo
	@$(MAKE) --no-print-directory -j$$(.make/cores) all
	@$(MAKE) --no-print-directory run-papers

report:         ## STORE as one page for a browser, with tables and curves: STORE=results/quick.h5 makes results/quick.html
	@.make/setup $(CONFIG) demo
	@$(MAKE) --no-print-directory run-report

check:          ## set up, build, run every test; T=name: only those whose name contains it; REPEAT=50: each so often, also under load
	@.make/setup $(CONFIG) check
	@$(MAKE) --no-print-directory -j$$(.make/cores) VARIANT=release all tests build/release/tests/bench/bench
	@$(MAKE) --no-print-directory -j$$(.make/cores) VARIANT=san all tests
	@$(MAKE) --no-print-directory run-check

lint:           ## what the source looks like: format, cppcheck, floors, sizes, banned functions, shell scripts
	@.make/setup $(CONFIG) lint
	@$(MAKE) --no-print-directory -j$$(.make/cores) VARIANT=san objects
	@$(MAKE) --no-print-directory run-check T='gates/ lint/'

same:           ## do 39 small sweeps still come out as they did: ids, exit codes, messages, the bits of every array; part of check
	@.make/setup $(CONFIG) demo
	@$(MAKE) --no-print-directory -j$$(.make/cores) all
	@$(MAKE) --no-print-directory run-check T=same/

bench:          ## how fast: epochs beside PyTorch and the core's peak, planner, store, farm, commits, 2 ranks; T=farm: only that
	@.make/setup $(CONFIG) demo
	@$(MAKE) --no-print-directory -j$$(.make/cores) all $(B)/tests/bench/bench
	@$(MAKE) --no-print-directory run-bench

fuzz:           ## for SECONDS=60, look for sweep files that break their reader (libFuzzer; needs clang)
	@.make/setup $(CONFIG) build
	@$(MAKE) --no-print-directory -j$$(.make/cores) all $(B)/tests/tombola.a
	@tests/fuzz/run $(or $(SECONDS),60)

torture:        ## the long forms: a fault at every call of every command, 120 kills of a growing sweep, 1000 flipped bytes, 5000 hostile stores; SEED=1
	@.make/setup $(CONFIG) check
	@$(MAKE) --no-print-directory -j$$(.make/cores) all tests
	@$(MAKE) --no-print-directory -j$$(.make/cores) VARIANT=san all
	@$(MAKE) --no-print-directory run-check T='e2e/faults e2e/kills e2e/flips e2e/strangers_all store/kill' KILLS=120 FLIPS=1000 HOSTILE=$(or $(HOSTILE),5000) SEED=$(or $(SEED),1) TOMBOLA_TEST_ALL=1
	@SCRATCH=$$(mktemp -d) TOMBOLA=build/san/tombola MPIRUN='$(RUN_MPI)' $(RUN_PYTHON) tests/hostile/strangers

readers:        ## for SECONDS=600, query, status, show and h5py in a loop beside a run: no error, and how much slower it is
	@.make/setup $(CONFIG) check
	@$(MAKE) --no-print-directory -j$$(.make/cores) all
	@$(MAKE) --no-print-directory run-check T=e2e/readers SECONDS=$(or $(SECONDS),600)

help:           ## this list
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo 'variables     VARIANT=release|debug|san|avx2|clang, V=1 (show commands), CFLAGS=, T=, REPEAT=;'
	@echo '              places: $(PLACES)'

all: $(B)/tombola  ## the program: build/VARIANT/tombola

setup:          ## look for everything that demo and check need, install with apt what is missing where that is possible
	@.make/setup $(CONFIG) check

release: ; @$(MAKE) --no-print-directory VARIANT=$@ all  ## optimised: build/release/tombola
debug: ; @$(MAKE) --no-print-directory VARIANT=$@ all  ## for gdb: build/debug/tombola
san: ; @$(MAKE) --no-print-directory VARIANT=$@ all  ## with address and undefined-behaviour sanitizers: build/san/tombola

format:         ## lay out all C files by .clang-format
	clang-format -i $(wildcard src/*/*.[ch] include/*/*.h tests/*/*.[ch] .make/probes/*.c)

data-mnist:     ## fetch the MNIST images into data/mnist, for task mnist
	@PYTHON='$(RUN_PYTHON)' .make/data-mnist

install: all $(B)/tombola.1 $(B)/completion.bash $(B)/completion.zsh  ## the program and what belongs to it, under PREFIX=/usr/local (DESTDIR= for packagers)
	@umask 022 && mkdir -p $(dir $(INSTALLED)) $(SHARE)/tombola
	@install -m 755 $(B)/tombola $(word 1,$(INSTALLED))
	@install -m 644 $(B)/tombola.1 $(word 2,$(INSTALLED))
	@install -m 644 $(B)/completion.bash $(word 3,$(INSTALLED))
	@install -m 644 $(B)/completion.zsh $(word 4,$(INSTALLED))
	@umask 022 && tar cf - --exclude=__pycache__ analysis sweeps | tar xf - --no-same-owner -C $(SHARE)/tombola
	@echo 'installed: $(INSTALLED) $(SHARE)/tombola'

uninstall:      ## remove what install has put there
	rm -f $(INSTALLED)
	rm -rf $(SHARE)/tombola

clean:          ## remove build/ (results and data stay)
	rm -rf build

# --- what a machine can hold us to: each gate is a script in tests/gates ------------------------------------------------
GATES := floors symbols headers format-check tidy banned budget words shell checked pages formulas
.PHONY: $(GATES)
floors:         ## includes go to lower floors only, third-party headers stay where they belong
symbols:        ## no file of a folder is called by what it calls, names say where they are at home, private headers stay there
headers:        ## every header compiles alone, in both precisions
format-check:   ## all C files are laid out by .clang-format
tidy:           ## cppcheck finds nothing
banned:         ## no strcpy, sprintf, strtok, rand in any object
budget:         ## functions and files are short
words:          ## no text is cut without a word, standard output is written in one place
shell:          ## shellcheck finds nothing in the scripts
checked:        ## no result that tells of a failure is ignored
pages:          ## what src/README.md names is there
formulas:       ## expressions are read by num/formula.c and nobody else
banned symbols: san-objects
san-objects: ; @$(MAKE) --no-print-directory VARIANT=san objects
$(GATES): export COMPILE := $(COMPILE)
$(GATES):
	@tests/gates/$@

# --- rules --------------------------------------------------------------------------------------------------------------
objects: $(OBJ)
tests: $(TESTS) $(SHIM) $(SAID)

$(B)/tombola: $(OBJ)
	@echo '  LINK $@'
	$(Q)$(CC) $(TUNING) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) -lm

# What the program says of itself.
$(B)/tombola.1: $(B)/tombola ; @$< man >$@.tmp && mv $@.tmp $@
$(B)/completion.%: $(B)/tombola ; @$< completion $* >$@.tmp && mv $@.tmp $@

$(B)/src/cli/completion.o: src/cli/completion.bash src/cli/completion.zsh # which it embeds

# A test takes what it needs of all objects but the one with main.
$(B)/tests/tombola.a: $(filter-out $(B)/src/cli/main.o,$(OBJ))
	$(Q)mkdir -p $(@D) && rm -f $@ && ar qcs $@ $^

$(TESTS): %: %.o $(B)/tests/tombola.a
	@echo '  LINK $@'
	$(Q)$(CC) $(TUNING) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS) $(DEP_LIBS) -lm

# Preloaded into the program, so it needs none of its libraries, and no sanitizers.
$(SHIM): $(wildcard tests/fault/*.[ch]) | $(CONFIG)
	@echo '  LINK $@'
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -g -O2 -fPIC -shared -o $@ $(filter %.c,$^) -ldl

$(SAID): tests/said/said.c | $(CONFIG)
	@echo '  LINK $@'
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -g -O2 -fPIC -shared -o $@ $< -ldl

$(B)/tests/unit/test_fuzz_corpus: $(B)/tests/fuzz/fuzz_sweep.o

$(B)/%.f64.o: %.c $(B)/flags | $(B)/stamp.h
	@echo '  CC   $@'
	$(Q)mkdir -p $(@D) && $(COMPILE) -DTOMBOLA_REAL=64 -MMD -MP -c -o $@ $<

# Products of complex numbers by the school formula: no library call that looks for infinities.
$(B)/%.dual.o: %.c $(B)/flags | $(B)/stamp.h
	@echo '  CC   $@'
	$(Q)mkdir -p $(@D) && $(COMPILE) $(SCHOOL_PRODUCTS) -DTOMBOLA_DUAL -MMD -MP -c -o $@ $<

$(B)/%.o: %.c $(B)/flags | $(B)/stamp.h
	@echo '  CC   $@'
	$(Q)mkdir -p $(@D) && $(COMPILE) -MMD -MP -c -o $@ $<

# What reads sweep files is built for libFuzzer by clang; what that needs of the rest, gcc has built.  The target has sweep
# files of its own.
FUZZED := $(filter-out src/sweep/file.c,$(wildcard $(patsubst %,src/%/*.c,base sweep task job) tests/fuzz/fuzz_sweep.c))
$(B)/fuzz_sweep: $(call objects,$(FUZZED)) build/release/tests/tombola.a
	@echo '  LINK $@'
	$(Q)$(CC) $(TUNING) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(DEP_LIBS) -lm

# The products of the networks go through the driver, which counts them.
$(B)/tests/bench/bench: LDFLAGS += $(foreach v,nn nt tn tt,-Wl,--wrap=blas_gemm_$(v)_f32)
$(B)/tests/bench/bench: %: %.o $(B)/tests/tombola.a
	@echo '  LINK $@'
	$(Q)$(CC) $(TUNING) $(LDFLAGS) -o $@ $^ $(DEP_LIBS) -lm

$(TEST_OBJ): DEP_CFLAGS += $(TEST_CFLAGS)

# What -O3 of gcc adds makes sparse_gradient a sixth slower: it has more to keep than there are registers.
$(B)/src/num/sparse.o $(B)/src/num/sparse.f64.o: private TUNING := $(TUNING:-O3=-O2)

# Both keep their time while their content stays the same.
$(B)/stamp.h: FORCE | $(CONFIG)
	@mkdir -p $(@D) && .make/stamp $@
$(B)/flags: FORCE | $(CONFIG)
	@mkdir -p $(@D) && echo '$(COMPILE) $(DEP_LIBS)' >$@.tmp && if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi

FORCE:

run-demo:
	@mkdir -p $(dir $(STORE))
	$(RUN_MPI) -n $$(.make/cores) $(B)/tombola run $(SWEEP) --store $(STORE)
	@$(RUN_PYTHON) analysis/table.py $(STORE)
	@$(RUN_PYTHON) analysis/curves.py $(STORE) -o $(STORE:.h5=.png)

papers run-papers: SWEEP := sweeps/full.yaml
papers run-papers: STORE := results/papers.h5
run-papers: export RUN_MPI := $(RUN_MPI)
run-papers: export RUN_PYTHON := $(RUN_PYTHON)
run-papers:
	@.make/papers $(B)/tombola $(SWEEP) $(STORE)

run-report:
	@$(RUN_PYTHON) -m analysis.report $(STORE) -o $(STORE:.h5=.html)

run-bench:
	@BENCH=$(B)/tests/bench/bench TOMBOLA=$(B)/tombola MPIRUN='$(RUN_MPI)' $(RUN_PYTHON) tests/bench/run 5 $(T)

run-check: export COMPILE := $(COMPILE)
run-check: export MPIRUN := $(RUN_MPI)
run-check: export PYTHON := $(RUN_PYTHON)
run-check:
	@$(RUN_PYTHON) tests/run $(T)

-include $(OBJ:.o=.d) $(B)/tests/fuzz/fuzz_sweep.d $(TEST_OBJ:.o=.d) $(B)/tests/bench/bench.d
