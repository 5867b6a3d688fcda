# SPDX-License-Identifier: BSD-2-Clause
#
# Words used by the other files.

Q := $(if $(filter 1,$(V)),,@)
comma := ,
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n' '$1' '$2')

# Goals that need neither tools nor downloads, so that they ask for none.
bare-goals := help clean distclean
configured := $(if $(MAKECMDGOALS),$(filter-out $(bare-goals),$(MAKECMDGOALS)),y)
packaged := $(filter 1,$(PACKAGED))

# $(call recorded,FILE,TEXT): FILE, rewritten only when TEXT is not what it
# holds already. What is built with TEXT depends on FILE.
same = $(and $(findstring <$1>,<$2>),$(findstring <$2>,<$1>))
recorded = $1$(if $(configured),$(call record,$1,$(strip $2)))
record = $(if $(call same,$(strip $(file <$1)),$2),,$(shell mkdir -p $(dir $1))$(file >$1,$2))

# The version for C, as <zv/version.h>.
hash := \#
version-include := -I$(O)/include
version-header := $(call recorded,$(O)/include/zv/version.h,$(hash)define ZV_VERSION "$(VERSION)")

# The same sources give the same images: dates come from the last commit.
ifeq ($(origin SOURCE_DATE_EPOCH),undefined)
SOURCE_DATE_EPOCH := $(or $(shell git log -1 --format=%ct 2>/dev/null),1)
endif
export SOURCE_DATE_EPOCH
export LC_ALL := C

werror := $(if $(filter 0,$(WERROR)),,-Werror)
warnings := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wvla -Wundef -Wimplicit-fallthrough -Wcast-qual $(werror)
depflags = -MMD -MP -MF $@.d
debugflags := -g -ffile-prefix-map=$(CURDIR)=.

# $(call objects,DIR,SOURCES): where the objects of SOURCES go under DIR.
objects = $(patsubst %,$1/%.o,$2)

# $(call libs-of,TOOLCHAIN,NAMES) and cflags-of: NAMES are pkg-config names, or
# flags as they are.
libs-of = $(foreach n,$2,$(if $(filter -%,$n),$n,$(pkg-libs-$1-$n)))
cflags-of = $(foreach n,$2,$(if $(filter -%,$n),,$(pkg-cflags-$1-$n)))

# $(call deps,OBJECTS): the headers that an earlier build noted.
deps = $(wildcard $(addsuffix .d,$1))
