/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device has done since the process was started. */
#ifndef ZV_BACKENDS_IO_IO_COUNTER_H
#define ZV_BACKENDS_IO_IO_COUNTER_H

#include <stdint.h>

#define IO_COUNTERS_MAX 16u

struct io_counter {
	const char *name; /* lower-case letters and dashes; constant */
	uint64_t value;
};

#endif /* ZV_BACKENDS_IO_IO_COUNTER_H */
