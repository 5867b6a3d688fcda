/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the zone transport asks of the module: the requests of an I/O fd
 * (kmod/uapi/zonevisor.h) behind a seam, so that tests can play the hypervisor.
 * Everything returns 0, or a count, or a negative errno.
 */
#ifndef ZV_BACKENDS_TRANSPORT_ZONE_ZONE_PORT_H
#define ZV_BACKENDS_TRANSPORT_ZONE_ZONE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zonevisor.h>

struct zone_port;

struct zone_port_ops {
	int (*complete)(struct zone_port *port,
			const struct zv_io_complete *complete);
	int (*update)(struct zone_port *port,
		      const struct zv_shadow_update *update);
	int (*inject)(struct zone_port *port,
		      const struct zv_ioc_inject *inject);
	int (*ioeventfd)(struct zone_port *port,
			 const struct zv_ioc_ioeventfd *bind);
	int (*irqfd)(struct zone_port *port, const struct zv_ioc_irqfd *bind);
	/* Up to count events; -EAGAIN: none; -ESTALE: we were replaced. */
	int (*read)(struct zone_port *port, struct zv_event *ret, size_t count);
};

struct zone_port {
	const struct zone_port_ops *ops;
	int fd; /* readable when read() has something */
};

/* The real one; fd is an I/O fd and stays the caller's. */
void zone_port_fd_init(struct zone_port *port, int fd);

#endif /* ZV_BACKENDS_TRANSPORT_ZONE_ZONE_PORT_H */
