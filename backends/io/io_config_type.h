/* SPDX-License-Identifier: BSD-2-Clause */
/* The types of devices, as far as their configuration goes. */
#ifndef ZV_BACKENDS_IO_IO_CONFIG_TYPE_H
#define ZV_BACKENDS_IO_IO_CONFIG_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io_config.h"

struct io_cursor;

struct io_config_type {
	const char *name;
	enum io_device_kind kind;
	uint32_t queues_min;
	uint32_t queues_max;
	bool fd; /* it works on one; parse() may find that it is more */
	const char *const *members; /* beside those of every device, or NULL */
	/* 0, or -1 with the cursor's error set; NULL: no members of its own. */
	int (*parse)(const struct io_cursor *at, struct io_config_device *ret);
	/* What can be changed while it is served: NULL or false, not that. */
	const char *const *limits;
	int (*parse_limits)(const struct io_cursor *at,
			    struct io_settings *ret);
	bool cable; /* link and mtu */
	bool modes; /* head, width and height */
};

/* A head's width and height. */
int io_config_mode(const struct io_cursor *at, uint32_t *ret_width,
		   uint32_t *ret_height);

const struct io_config_type *io_config_type_of(enum io_device_kind kind);
/* NULL: there is none of that name. */
const struct io_config_type *io_config_type_find(const char *name);

#endif /* ZV_BACKENDS_IO_IO_CONFIG_TYPE_H */
