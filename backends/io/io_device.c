/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_device.h"

#include "io/io_process.h"

static const struct io_device_type *const types[] = {
	/* clang-format off */
	[IO_DEVICE_CONSOLE] = &dev_console,
	[IO_DEVICE_RNG] = &dev_rng,
	[IO_DEVICE_DISK] = &dev_disk,
	[IO_DEVICE_NET] = &dev_net,
	[IO_DEVICE_GPU] = &dev_gpu,
	[IO_DEVICE_INPUT] = &dev_input,
	/* clang-format on */
};

static const char *const state_names[] = {
	[IO_DEVICE_OK] = "ok",
	[IO_DEVICE_ERROR] = "error",
	[IO_DEVICE_PAUSED] = "paused",
	[IO_DEVICE_BROKEN] = "broken",
};

const struct io_device_type *io_device_type(enum io_device_kind kind)
{
	return types[kind];
}

const char *io_device_state_name(enum io_device_state state)
{
	return state_names[state];
}

void io_device_set_state(struct io_device *device, enum io_device_state state,
			 const char *why)
{
	device->state = state;
	if (device->process->on_device != NULL) {
		device->process->on_device(device->process, device, why);
	}
}
