/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bundle with arbitrary content.  The oracle: whatever is accepted lies
 * inside it, strings included.
 */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own, aligned as a loader aligns it. */
	u8 *copy = malloc(size + 1);
	struct fit_bundle b = { 0 };

	memcpy(copy, data, size);
	/* Sizes right by construction, so that more gets past the header. */
	if (size >= sizeof(struct fdt_header) && (data[size - 1] & 1) != 0) {
		fdt_set_magic(copy, FDT_MAGIC);
		if (fdt_totalsize(copy) > size) {
			fdt_set_totalsize(copy, (u32)size);
		}
	}
	if (fit_read(copy, size, &b) == 0) {
		check_inside(b.kernel.data, b.kernel.size, copy, size);
		check_inside(b.ramdisk.data, b.ramdisk.size, copy, size);
		if (b.kernel.size == 0) {
			abort();
		}
		if (b.bootargs != NULL) {
			check_inside(b.bootargs, strlen(b.bootargs) + 1, copy,
				     size);
		}
	}
	free(copy);
	return 0;
}
