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

# Boot code of the hypervisor, with the real libfdt.
boot-src := hypervisor/core/fdt_walk.c hypervisor/core/mem_range.c \
	hypervisor/lib/printf.c
unit-tests-y += tests/unit/core/test_fit
test_fit-src := tests/unit/core/boot_test.c hypervisor/core/fit.c $(boot-src)
test_fit-libs := -lfdt
unit-tests-y += tests/unit/core/test_host_facts
test_host_facts-src := tests/unit/core/boot_test.c hypervisor/core/host_facts.c $(boot-src)
test_host_facts-libs := -lfdt
unit-tests-y += tests/unit/core/test_zone0_fdt
test_zone0_fdt-src := tests/unit/core/boot_test.c hypervisor/core/zone0_fdt.c $(boot-src)
test_zone0_fdt-libs := -lfdt
unit-tests-y += tests/unit/core/test_mem_range
test_mem_range-src := hypervisor/core/mem_range.c hypervisor/core/zone0_ram.c
unit-tests-y += tests/unit/core/test_string
test_string-src := hypervisor/lib/printf.c
unit-tests-y += tests/unit/core/test_log
test_log-src := hypervisor/core/log.c hypervisor/lib/printf.c hypervisor/lib/spinlock.c
fuzzers-y += tests/fuzz/fit_fuzz
fit_fuzz-src := hypervisor/core/fit.c hypervisor/core/fdt_walk.c
fit_fuzz-libs := -lfdt
fuzzers-y += tests/fuzz/host_fdt_fuzz
host_fdt_fuzz-src := hypervisor/core/host_facts.c hypervisor/core/zone0_fdt.c $(boot-src)
host_fdt_fuzz-libs := -lfdt

# libhvd and hvsh.
unit-tests-y += tests/unit/lib/test_hvd_frame
test_hvd_frame-src := toolstack/lib/client/frame.c
test_hvd_frame-cflags := -Itoolstack/lib/client
unit-tests-y += tests/unit/lib/test_hvd_wire
test_hvd_wire-src := $(libhvd-y)
test_hvd_wire-cflags := -Itoolstack/lib/client
test_hvd_wire-libs := json-c
unit-tests-y += tests/unit/lib/test_hvd_conn
test_hvd_conn-src := $(libhvd-y)
test_hvd_conn-libs := json-c
unit-tests-y += tests/unit/hvsh/test_hvsh_text
test_hvsh_text-src := $(filter-out %/main.c,$(hvsh-y)) $(libhvd-y)
test_hvsh_text-cflags := -Itoolstack/hvsh
test_hvsh_text-libs := json-c libedit
unit-tests-y += tests/unit/hvsh/test_hvsh_offsets
test_hvsh_offsets-src := toolstack/hvsh/offsets.c
test_hvsh_offsets-cflags := -Itoolstack/hvsh
fuzzers-y += tests/fuzz/hvd_wire_fuzz
hvd_wire_fuzz-src := $(libhvd-y)
hvd_wire_fuzz-cflags := -Itoolstack/lib/client
hvd_wire_fuzz-libs := json-c
