/* SPDX-License-Identifier: BSD-2-Clause */
/* Keyboards and pointers: of who looks at the zone's graphics device, and hvd's. */
#include <errno.h>
#include <stdlib.h>

#include "core/container_of.h"
#include "io/io_device.h"
#include "io/io_process.h"

struct dev_input {
	struct virtio_input input;
	struct io_device *device;
	struct event_timer release;
	struct io_keys keys; /* that hvd holds; none: count 0 */
};

static void on_release(struct event_timer *timer)
{
	struct dev_input *own = container_of(timer, struct dev_input, release);
	struct io_process *process = own->device->process;

	event_timer(process->loop, timer, EVENT_NEVER);
	while (own->keys.count != 0) {
		virtio_input_key(&own->input, own->keys.code[--own->keys.count],
				 false);
	}
	if (process->on_done != NULL) {
		process->on_done(process, own->device, "keys");
	}
}

static int create(struct io_device *device)
{
	struct dev_input *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		return -ENOMEM;
	}
	own->device = device;
	own->release.cb = on_release;
	virtio_input_init(&own->input, device->process->loop,
			  device->config->input.kind, device->config->name);
	input_seat_add(&device->process->seat, &own->input);
	device->own = own;
	device->virtio = &own->input.dev;
	return 0;
}

static void destroy(struct io_device *device)
{
	struct dev_input *own = device->own;

	if (own != NULL) {
		event_timer(device->process->loop, &own->release, EVENT_NEVER);
		input_seat_remove(&device->process->seat, &own->input);
	}
	free(own);
}

static const char *keys(struct io_device *device, const struct io_keys *keys)
{
	struct dev_input *own = device->own;

	if (own->input.kind != INPUT_KEYBOARD) {
		return "it is no keyboard";
	}
	if (!own->input.running) {
		return "the guest has no driver for it, or not yet";
	}
	if (own->keys.count != 0) {
		return "earlier keys are not released yet";
	}
	for (uint32_t i = 0; i < keys->count; i++) {
		if (keys->code[i] > INPUT_KEY_LAST) {
			return "it has no such key";
		}
	}
	if (event_timer(device->process->loop, &own->release, keys->hold_ms) !=
	    0) {
		return "no memory";
	}
	own->keys = *keys;
	for (uint32_t i = 0; i < keys->count; i++) {
		virtio_input_key(&own->input, keys->code[i], true);
	}
	return NULL;
}

static void counters(const struct io_device *device, struct io_counters *ret)
{
	const struct dev_input *own = device->own;

	ret->counter[0] = (struct io_counter){ "events", own->input.events };
	ret->count = 1;
}

const struct io_device_type dev_input = {
	.create = create,
	.destroy = destroy,
	.keys = keys,
	.counters = counters,
};
