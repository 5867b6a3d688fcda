/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_process.h"

#include <stdio.h>
#include <string.h>

static void on_reset_done(struct zone_io *io)
{
	struct io_process *process = io->owner;

	for (size_t i = 0; i < process->device_count; i++) {
		process->device[i].told = false;
		if (process->device[i].state == IO_DEVICE_BROKEN) {
			process->device[i].state = IO_DEVICE_OK;
		}
	}
	if (process->on_reset_done != NULL) {
		process->on_reset_done(process);
	}
}

static void on_gone(struct zone_io *io, int error)
{
	struct io_process *process = io->owner;

	if (process->on_gone != NULL) {
		process->on_gone(process, error);
	}
}

/* A guest can break a device at will: it is not to fill anybody's log. */
static void on_broken(struct zone_virtio *transport, const char *why)
{
	struct io_device *device = transport->owner;

	if (!device->told) {
		device->told = true;
		io_device_set_state(device, IO_DEVICE_BROKEN, why);
	}
}

void io_process_init(struct io_process *process, const struct io_config *config,
		     struct event_loop *loop)
{
	memset(process, 0, sizeof(*process));
	process->config = config;
	process->loop = loop;
	guest_mem_init(&process->gm);
}

static int add_memory(struct io_process *process, void *const *ram)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < process->config->ram_count; i++) {
		rc = guest_mem_add(&process->gm, process->config->ram[i].gpa,
				   process->config->ram[i].size, ram[i]);
	}
	return rc;
}

static int add_uart(struct io_process *process)
{
	int rc =
		console_port_init(&process->uart_port, &process->area, "uart0");

	if (rc == 0) {
		rc = console_server_add(&process->server, &process->uart_port);
	}
	if (rc != 0) {
		return rc;
	}
	uart_init(&process->uart, &process->uart_port,
		  process->config->uart.shadow, process->config->uart.intid);
	return zone_io_add(&process->io, &process->uart.window);
}

static int add_platform(struct io_process *process)
{
	const struct io_config *config = process->config;
	int rc = 0;

	if (config->uart.present) {
		rc = add_uart(process);
	}
	if (rc == 0 && config->rtc.present) {
		rtc_init(&process->rtc, config->rtc.shadow, config->rtc.intid);
		rc = zone_io_add(&process->io, &process->rtc.window);
	}
	if (rc == 0 && config->gpio.present) {
		gpio_init(&process->gpio, config->gpio.shadow,
			  config->gpio.intid);
		rc = zone_io_add(&process->io, &process->gpio.window);
	}
	return rc;
}

/* What stop() undoes counts from the first step on, whether it succeeds. */
static int create_device(struct io_process *process,
			 const struct io_config_device *config)
{
	struct io_device *device = &process->device[process->device_count++];
	const struct zone_virtio_place place = {
		.shadow = config->shadow,
		.offset = config->offset,
		.slot = config->slot,
		.intid = config->intid,
		.doorbell = config->doorbell,
	};
	int rc;

	*device = (struct io_device){
		.type = io_device_type(config->kind),
		.config = config,
		.process = process,
	};
	process->failed = device;
	rc = device->type->create(device);
	if (rc == 0) {
		rc = zone_virtio_init(&device->transport, device->virtio,
				      &process->gm, &place);
	}
	if (rc != 0) {
		device->virtio = NULL; /* has no transport */
		return rc;
	}
	process->failed = NULL;
	device->transport.owner = device;
	device->transport.on_broken = on_broken;
	return 0;
}

static int create_devices(struct io_process *process)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < process->config->device_count; i++) {
		const struct io_config_device *config =
			&process->config->device[i];

		snprintf(process->what, sizeof(process->what), "device %s",
			 config->name);
		rc = create_device(process, config);
	}
	return rc;
}

static int add_devices(struct io_process *process)
{
	int rc = add_platform(process);

	for (size_t i = 0; rc == 0 && i < process->device_count; i++) {
		rc = zone_io_add(&process->io,
				 &process->device[i].transport.window);
	}
	return rc;
}

int io_process_open(struct io_process *process, void *const *ram, void *state,
		    int listen_fd, const char **ret_what)
{
	int rc = add_memory(process, ram);

	state_area_open(&process->area, state);
	console_server_init(&process->server, process->loop, listen_fd);
	process->open = true;
	if (rc != 0) {
		*ret_what = "guest memory";
		return rc;
	}
	rc = create_devices(process);
	*ret_what = process->what;
	return rc;
}

int io_process_start(struct io_process *process, struct zone_port *port,
		     const char **ret_what)
{
	int rc;

	zone_io_init(&process->io, process->loop, port, &process->area);
	process->io.owner = process;
	process->io.reset_done = on_reset_done;
	process->io.gone = on_gone;
	process->serving = true;
	rc = add_devices(process);
	if (rc != 0) {
		*ret_what = "devices";
		return rc;
	}
	/* Readers first: they shall see what the devices do at once. */
	rc = console_server_start(&process->server);
	if (rc != 0) {
		*ret_what = "the console socket";
		return rc;
	}
	rc = zone_io_start(&process->io);
	if (rc != 0) {
		*ret_what = "binding the devices to the zone";
	}
	return rc;
}

void io_process_stop(struct io_process *process)
{
	if (!process->open) {
		return;
	}
	if (process->serving) {
		zone_io_stop(&process->io);
	}
	process->open = process->serving = false;
	console_server_stop(&process->server);
	for (size_t i = 0; i < process->device_count; i++) {
		struct io_device *device = &process->device[i];

		if (device->virtio != NULL) {
			zone_virtio_fini(&device->transport);
		}
		device->type->destroy(device);
	}
	process->device_count = 0;
}

struct io_device *io_process_device(struct io_process *process,
				    const char *name)
{
	for (size_t i = 0; process->serving && i < process->device_count; i++) {
		if (strcmp(process->device[i].config->name, name) == 0) {
			return &process->device[i];
		}
	}
	return NULL;
}

void io_process_power_key(struct io_process *process)
{
	if (process->serving && process->config->gpio.present) {
		gpio_power_key(&process->gpio);
	}
}

void io_process_reset(struct io_process *process)
{
	if (process->serving) {
		zone_io_reset(&process->io);
	}
}
