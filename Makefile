# First rough build so that every floor compiles; `make VARIANT=debug`.
VARIANT ?= release
B := build/$(VARIANT)
PKGS := ompi hdf5-openmpi openblas yaml-0.1 libxxhash sqlite3
CPPFLAGS += -Iinclude -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS))
WARN := -Wall -Wextra -Wshadow -Wvla -Wconversion -Wmissing-prototypes -Wdouble-promotion
CFLAGS.release := -O3 -g -fno-math-errno -fno-trapping-math
CFLAGS.debug := -O1 -g
CFLAGS.san := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer
CFLAGS := -std=c11 $(WARN) $(CFLAGS.$(VARIANT))
LDLIBS := $(shell pkg-config --libs $(PKGS)) -lm
SRC := $(wildcard src/*/*.c)
TWICE := $(shell grep -l 'include "num/real.h"' $(SRC))
OBJ := $(SRC:src/%.c=$(B)/%.o) $(TWICE:src/%.c=$(B)/%.f64.o)
all: $(B)/tombola
$(B)/tombola: $(OBJ)
	gcc $(CFLAGS.$(VARIANT)) -o $@ $^ $(LDLIBS)
$(B)/%.f64.o: src/%.c Makefile
	@mkdir -p $(@D)
	gcc $(CPPFLAGS) $(CFLAGS) -DTOMBOLA_REAL=64 -MMD -MP -c -o $@ $<
$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	gcc $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(OBJ:.o=.d)
