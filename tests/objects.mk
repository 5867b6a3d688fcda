# SPDX-License-Identifier: BSD-2-Clause

# Bare-metal guests.
guest-lib := tests/guest/lib/start.S tests/guest/lib/guest.c \
	tests/guest/lib/gic.c
guests-y += tests/guest/zvtest
zvtest-src := $(guest-lib) \
	tests/guest/zvtest/lifecycle.c \
	tests/guest/zvtest/hostile.c \
	tests/guest/zvtest/platform.c \
	tests/guest/zvtest/bench.c

# Programs for zone0.
zone0-tools-y += tests/bench/loops
