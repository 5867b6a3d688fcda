/* SPDX-License-Identifier: BSD-2-Clause */
/* Entropy, from the fd that hvd opened. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_device.h"
#include "io/io_process.h"
#include "rng/virtio_rng.h"

static void on_source(void *owner, int error)
{
	if (error != 0) {
		io_device_set_state(owner, IO_DEVICE_ERROR, strerror(-error));
	} else {
		io_device_set_state(owner, IO_DEVICE_OK, NULL);
	}
}

static int create(struct io_device *device)
{
	const struct virtio_rng_config config = {
		.fd = device->config->fd,
		.bytes_sec = device->config->rng.bytes_sec,
		.on_source = on_source,
		.owner = device,
	};
	struct virtio_rng *rng = calloc(1, sizeof(*rng));

	if (rng == NULL) {
		return -ENOMEM;
	}
	virtio_rng_init(rng, device->process->loop, &config);
	device->own = rng;
	device->virtio = &rng->dev;
	return 0;
}

static void destroy(struct io_device *device)
{
	free(device->own);
}

static void set(struct io_device *device, const struct io_settings *settings)
{
	virtio_rng_set_limit(device->own, &settings->limits.rng);
}

static void counters(const struct io_device *device, struct io_counters *ret)
{
	const struct virtio_rng *rng = device->own;

	ret->counter[0] = (struct io_counter){ "bytes", rng->bytes };
	ret->count = 1;
}

const struct io_device_type dev_rng = {
	.create = create,
	.destroy = destroy,
	.set = set,
	.counters = counters,
};
