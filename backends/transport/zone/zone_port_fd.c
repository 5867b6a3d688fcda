/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/zone/zone_port.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int request(const struct zone_port *port, unsigned long code,
		   const void *arg)
{
	return ioctl(port->fd, code, arg) < 0 ? -errno : 0;
}

static int complete_fd(struct zone_port *port,
		       const struct zv_io_complete *complete)
{
	return request(port, ZV_IOC_IO_COMPLETE, complete);
}

static int update_fd(struct zone_port *port,
		     const struct zv_shadow_update *update)
{
	return request(port, ZV_IOC_SHADOW_UPDATE, update);
}

static int inject_fd(struct zone_port *port, const struct zv_ioc_inject *inject)
{
	return request(port, ZV_IOC_INJECT, inject);
}

static int ioeventfd_fd(struct zone_port *port,
			const struct zv_ioc_ioeventfd *bind)
{
	return request(port, ZV_IOC_IOEVENTFD, bind);
}

static int irqfd_fd(struct zone_port *port, const struct zv_ioc_irqfd *bind)
{
	return request(port, ZV_IOC_IRQFD, bind);
}

static int read_fd(struct zone_port *port, struct zv_event *ret, size_t count)
{
	ssize_t n = read(port->fd, ret, count * sizeof(*ret));

	if (n < 0) {
		return errno == EINTR ? -EAGAIN : -errno;
	}
	return n == 0 ? -ESTALE : (int)((size_t)n / sizeof(*ret));
}

static const struct zone_port_ops fd_ops = {
	.complete = complete_fd,
	.update = update_fd,
	.inject = inject_fd,
	.ioeventfd = ioeventfd_fd,
	.irqfd = irqfd_fd,
	.read = read_fd,
};

void zone_port_fd_init(struct zone_port *port, int fd)
{
	*port = (struct zone_port){ .ops = &fd_ops, .fd = fd };
}
