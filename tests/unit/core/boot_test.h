/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the boot code share: trees from text, the last log line. */
#ifndef ZV_BOOT_TEST_H
#define ZV_BOOT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zv/types.h>

/* Compiles source text with dtc; the caller frees. The test fails if dtc does. */
void *dts_compile(const char *text, size_t *ret_size);

/* A small machine: two CPUs, 2 GiB of RAM, GICv3, PL011, PCI. */
extern const char host_dts[];
/* The same with a replacement made once; the test fails if it is not found. */
void *host_dtb_with(const char *from, const char *to);

/* All lines logged since the last call of log_forget(). */
const char *log_text(void);
void log_forget(void);

#endif /* ZV_BOOT_TEST_H */
