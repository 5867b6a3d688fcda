/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bundle with arbitrary content.  The oracle: whatever is accepted lies
 * inside it, strings included.
 */
#include "fdt_edit.h"

#include <stdlib.h>
#include <string.h>

#include <libfdt.h>
#include <zv/boot.h>
#include <zv/log.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void log_write(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void check_inside(const void *p, u64 n, const u8 *data, size_t size)
{
	const u8 *at = p;

	if (n > 0 && (at < data || n > size || at - data > (long)(size - n))) {
		abort();
	}
}

static const char *const names[] = {
	"images",  "configurations", "default",	      "kernel",
	"ramdisk", "data",	     "data-size",     "data-offset",
	"type",	   "compression",    "data-position", "bootargs",
	"none",	   "zone0-memory",   "zone0-cpus",    "2G",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fit_bundle b = { 0 };
	size_t fit_size;
	u8 *fit = fdt_edit(data, size, names, ARRAY_SIZE(names), &fit_size);

	if (fit == NULL) {
		return 0;
	}
	if (fit_read(fit, fit_size, &b) == 0) {
		check_inside(b.kernel.data, b.kernel.size, fit, fit_size);
		check_inside(b.ramdisk.data, b.ramdisk.size, fit, fit_size);
		if (b.kernel.size == 0) {
			abort();
		}
		if (b.bootargs != NULL) {
			check_inside(b.bootargs, strlen(b.bootargs) + 1, fit,
				     fit_size);
		}
	}
	free(fit);
	return 0;
}
