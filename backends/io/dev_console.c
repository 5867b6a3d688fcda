/* SPDX-License-Identifier: BSD-2-Clause */
/* Consoles: a log in the restart area, clients through the console server. */
#include <errno.h>
#include <stdlib.h>

#include "console/virtio_console.h"
#include "io/io_device.h"
#include "io/io_process.h"

struct dev_console {
	struct virtio_console console;
	struct console_port port;
};

static int create(struct io_device *device)
{
	const struct io_config_console *config = &device->config->console;
	struct io_process *process = device->process;
	struct dev_console *own = calloc(1, sizeof(*own));
	int rc;

	if (own == NULL) {
		return -ENOMEM;
	}
	device->own = own;
	rc = console_port_init(&own->port, &process->area,
			       device->config->name);
	if (rc == 0) {
		rc = console_server_add(&process->server, &own->port);
	}
	if (rc != 0) {
		return rc;
	}
	virtio_console_init(&own->console, process->loop, &own->port,
			    config->cols, config->rows);
	device->virtio = &own->console.dev;
	return 0;
}

static void destroy(struct io_device *device)
{
	free(device->own);
}

struct console_port *dev_console_port(struct io_device *device)
{
	return &((struct dev_console *)device->own)->port;
}

const struct io_device_type dev_console = {
	.create = create,
	.destroy = destroy,
};
