/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of device that hvd-backend can be, and their options. */
#ifndef ZV_BACKENDS_STANDALONE_DEVICE_H
#define ZV_BACKENDS_STANDALONE_DEVICE_H

#include "core/virtio_device.h"
#include "net/net_link.h"

struct device_options {
	const char *console_socket;
	const char *disk; /* path */
	const char *nbd_socket; /* path; instead of disk */
	const char *nbd_export; /* NULL: the server's default */
	uint64_t
		null_size; /* bytes of a disk that keeps nothing; 0: not that */
	const char *serial; /* NULL: none */
	bool readonly;
	bool writeback;
	bool direct; /* beside the page cache */
	const char *tap; /* name of an interface */
	int tap_fd[NET_PAIRS_MAX]; /* instead of tap: ours */
	uint32_t tap_fds;
	uint32_t pairs; /* of tap; 0: one */
	/* Told once when the device is of no more use. */
	void (*on_lost)(const char *why);
};

struct device_kind {
	const char *name;
	const char *type; /* as managers of front-ends call it */
	/* 0, or negative errno with *ret_what naming what failed. */
	int (*open)(const struct device_options *options,
		    struct event_loop *loop, struct virtio_device **ret_dev,
		    const char **ret_what);
	/* The device is at rest; lets go of the loop. */
	void (*close)(void);
};

extern const struct device_kind device_net;

/* NULL: there is none of that name. */
const struct device_kind *device_kind_find(const char *name);
/* The i-th, or NULL. */
const struct device_kind *device_kind_at(size_t i);

#endif /* ZV_BACKENDS_STANDALONE_DEVICE_H */
