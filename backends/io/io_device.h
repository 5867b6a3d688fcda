/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of the zone: what the I/O process needs to know of its type
 * to make it, and what it remembers of each.
 *
 *   create -- transport attached --> served -- transport detached --> destroy
 *
 * create() runs before the system call filter is in force, destroy() after.
 */
#ifndef ZV_BACKENDS_IO_IO_DEVICE_H
#define ZV_BACKENDS_IO_IO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io_config.h"
#include "io/io_counter.h"
#include "transport/zone/zone_virtio.h"

struct console_port;
struct io_process;
struct io_device;

struct io_device_type {
	/*
	 * Sets device->virtio and device->own.  0, or a negative errno, which
	 * device->why may explain.
	 */
	int (*create)(struct io_device *device);
	void (*destroy)(struct io_device *device);
	/*
	 * What it works on has another size, perhaps: sets device->size, or
	 * returns a negative errno.  NULL: such a device has no size.
	 */
	int (*resize)(struct io_device *device);
	/* Goes on with what an error put on hold.  NULL: nothing ever is. */
	void (*resume)(struct io_device *device);
	/* Changes what it is told to, which cannot fail.  NULL: nothing can be
	 * changed. */
	void (*set)(struct io_device *device,
		    const struct io_settings *settings);
	/*
	 * Presses keys; io_process's on_done() says "keys" when they are
	 * released.  NULL, or why it does not.  NULL: it has none.
	 */
	const char *(*keys)(struct io_device *device,
			    const struct io_keys *keys);
	/*
	 * Another socket to who shows its pictures, which is the device's from
	 * now on.  NULL: it has none.
	 */
	void (*display)(struct io_device *device, int fd);
	/* Fills ret, which is empty.  NULL: nothing is counted. */
	void (*counters)(const struct io_device *device,
			 struct io_counters *ret);
};

enum io_device_state {
	IO_DEVICE_OK,
	IO_DEVICE_ERROR, /* what it works on failed, and was reported */
	IO_DEVICE_PAUSED, /* ... and requests wait for resume() */
	IO_DEVICE_BROKEN, /* the driver broke the rules: it must reset it */
};

struct io_device {
	const struct io_device_type *type;
	const struct io_config_device *config;
	struct io_process *process;
	struct virtio_device *virtio;
	void *own; /* the type's */
	struct zone_virtio transport;
	enum io_device_state state;
	uint64_t size; /* bytes, of what it works on, if it has a size */
	bool lost; /* what it works on; only another process can get it back */
	/* Of create(), or NULL. */
	const char *why;
	const char *hint; /* what to do about it */
	bool told; /* that it is broken; once until the zone is reset */
};

const struct io_device_type *io_device_type(enum io_device_kind kind);

/* For types' own use: it is in that state from now on, and why. */
void io_device_set_state(struct io_device *device, enum io_device_state state,
			 const char *why);
const char *io_device_state_name(enum io_device_state state);

/* The types. */
extern const struct io_device_type dev_console;
extern const struct io_device_type dev_rng;
extern const struct io_device_type dev_disk;
extern const struct io_device_type dev_net;
extern const struct io_device_type dev_gpu;
extern const struct io_device_type dev_input;

/* Of a console. */
struct console_port *dev_console_port(struct io_device *device);

#endif /* ZV_BACKENDS_IO_IO_DEVICE_H */
