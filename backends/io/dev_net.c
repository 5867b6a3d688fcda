/* SPDX-License-Identifier: BSD-2-Clause */
/* Network devices: the queues of a TAP device that hvd made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_device.h"
#include "io/io_process.h"
#include "net/link_tap.h"
#include "net/virtio_net.h"

struct dev_net {
	struct link_tap tap;
	struct virtio_net net;
};

static void on_lost(struct virtio_net *net)
{
	io_device_set_state(net->owner, IO_DEVICE_ERROR,
			    "its TAP device is gone");
}

static int make(struct io_device *device, struct dev_net *own)
{
	const struct io_config_net *net = &device->config->net;
	struct virtio_net_config config = {
		.mtu = net->mtu,
		.rx_limits = net->limits.rx,
		.tx_limits = net->limits.tx,
	};
	int fds[NET_PAIRS_MAX];
	int rc;

	for (uint32_t q = 0; q < device->config->fd_count; q++) {
		fds[q] = device->config->fd + (int)q;
	}
	rc = link_tap_init(&own->tap, fds, device->config->fd_count);
	if (rc != 0) {
		return rc;
	}
	memcpy(config.mac, net->mac, sizeof(config.mac));
	rc = virtio_net_init(&own->net, device->process->loop, &own->tap.link,
			     &config);
	if (rc != 0) {
		return rc;
	}
	own->net.owner = device;
	own->net.on_lost = on_lost;
	virtio_net_set_plugged(&own->net, net->link);
	device->virtio = &own->net.dev;
	return 0;
}

static int create(struct io_device *device)
{
	struct dev_net *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		return -ENOMEM;
	}
	device->own = own;
	return make(device, own);
}

static void destroy(struct io_device *device)
{
	free(device->own);
}

static void set(struct io_device *device, const struct io_settings *settings)
{
	struct dev_net *own = device->own;

	if (settings->mtu != 0) {
		(void)virtio_net_set_mtu(&own->net, settings->mtu);
	}
	if (settings->has_limits) {
		virtio_net_set_limits(&own->net, &settings->limits.net.rx,
				      &settings->limits.net.tx);
	}
	if (settings->has_link) {
		virtio_net_set_plugged(&own->net, settings->link);
	}
}

const struct io_device_type dev_net = {
	.create = create,
	.destroy = destroy,
	.set = set,
};
