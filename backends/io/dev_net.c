/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network devices: over the queues of a TAP that hvd made, with a vhost-net for
 * each if it has given some, or over a stream socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_device.h"
#include "io/io_process.h"
#include "net/link_stream.h"
#include "net/link_tap.h"
#include "net/vhost_net.h"
#include "net/virtio_net.h"

struct dev_net {
	union { /* by the configuration's via */
		struct link_tap tap;
		struct link_stream stream;
	};
	struct vhost_net vhost;
	struct virtio_net net;
};

static void on_lost(struct virtio_net *net)
{
	struct io_device *device = net->owner;
	const struct dev_net *own = device->own;

	io_device_set_state(device, IO_DEVICE_ERROR,
			    device->config->net.via == IO_LINK_STREAM
				    ? own->stream.why
				    : "its TAP device is gone");
}

static int open_link(const struct io_device *device, struct dev_net *own,
		     struct net_link **ret)
{
	int fds[NET_PAIRS_MAX];
	uint32_t pairs = device->config->queues / 2;

	for (uint32_t q = 0; q < pairs; q++) {
		fds[q] = device->config->fd + (int)q;
	}
	if (device->config->net.via == IO_LINK_STREAM) {
		*ret = &own->stream.link;
		return link_stream_init(&own->stream, fds[0]);
	}
	*ret = &own->tap.link;
	return link_tap_init(&own->tap, fds, pairs);
}

static void on_mover_lost(struct virtio_net *net)
{
	char why[96];

	snprintf(why, sizeof(why), "vhost-net refuses it: %s",
		 strerror(-net->mover_error));
	io_device_set_state(net->owner, IO_DEVICE_ERROR, why);
}

/* They come after the TAP's queues. */
static int add_vhost(struct io_device *device, struct dev_net *own)
{
	int fds[NET_PAIRS_MAX];
	uint32_t pairs = device->config->queues / 2;
	int rc;

	for (uint32_t q = 0; q < pairs; q++) {
		fds[q] = device->config->fd + (int)(pairs + q);
	}
	if (!own->tap.headers) {
		return -EOPNOTSUPP;
	}
	rc = vhost_net_init(&own->vhost, fds, &own->tap.link,
			    &device->process->gm);
	if (rc == 0) {
		rc = virtio_net_set_mover(&own->net, &own->vhost.mover);
	}
	if (rc != 0) {
		vhost_net_fini(&own->vhost);
	}
	return rc;
}

static int make(struct io_device *device, struct dev_net *own)
{
	const struct io_config_net *net = &device->config->net;
	struct virtio_net_config config = {
		.mtu = net->mtu,
		.rx_limits = net->limits.rx,
		.tx_limits = net->limits.tx,
	};
	struct net_link *link = NULL;
	int rc = open_link(device, own, &link);

	if (rc != 0) {
		return rc;
	}
	memcpy(config.mac, net->mac, sizeof(config.mac));
	rc = virtio_net_init(&own->net, device->process->loop, link, &config);
	if (rc != 0) {
		return rc;
	}
	own->net.owner = device;
	own->net.on_lost = on_lost;
	own->net.on_mover_lost = on_mover_lost;
	virtio_net_set_plugged(&own->net, net->link);
	device->virtio = &own->net.dev;
	return net->vhost ? add_vhost(device, own) : 0;
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
	struct dev_net *own = device->own;

	if (own != NULL && own->net.mover != NULL) {
		virtio_net_unset_mover(&own->net);
		vhost_net_fini(&own->vhost);
	}
	free(own);
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

static void counters(const struct io_device *device, struct io_counters *ret)
{
	const struct dev_net *own = device->own;
	const struct net_counters *rx = &own->net.rx;
	const struct net_counters *tx = &own->net.tx;
	const struct io_counter all[] = {
		{ "rx-packets", rx->packets },	 { "rx-bytes", rx->bytes },
		{ "rx-dropped", rx->dropped },	 { "rx-errors", rx->errors },
		{ "rx-filtered", rx->filtered }, { "tx-packets", tx->packets },
		{ "tx-bytes", tx->bytes },	 { "tx-dropped", tx->dropped },
		{ "tx-errors", tx->errors },
	};

	_Static_assert(sizeof(all) / sizeof(all[0]) <= IO_COUNTERS_MAX, "room");
	memcpy(ret->counter, all, sizeof(all));
	ret->count = sizeof(all) / sizeof(all[0]);
}

const struct io_device_type dev_net = {
	.create = create,
	.destroy = destroy,
	.set = set,
	.counters = counters,
};
