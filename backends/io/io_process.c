/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_process.h"

#include <string.h>

static void on_reset_done(struct zone_io *io)
{
	struct io_process *process = io->owner;

	for (size_t i = 0; i < process->console_count; i++) {
		process->console[i].told = false;
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
	struct io_console *console = transport->owner;
	struct io_process *process = console->process;

	if (!console->told && process->on_broken != NULL) {
		console->told = true;
		process->on_broken(process, console->port.name, why);
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

static int add_console(struct io_process *process,
		       const struct io_config_console *config)
{
	struct io_console *console = &process->console[process->console_count];
	struct zone_virtio_place place = {
		.shadow = config->shadow,
		.offset = config->offset,
		.slot = config->slot,
		.intid = config->intid,
		.doorbell = config->doorbell,
	};
	int rc =
		console_port_init(&console->port, &process->area, config->name);

	if (rc == 0) {
		rc = console_server_add(&process->server, &console->port);
	}
	if (rc != 0) {
		return rc;
	}
	virtio_console_init(&console->console, process->loop, &console->port,
			    config->cols, config->rows);
	rc = zone_virtio_init(&console->transport, &console->console.dev,
			      &process->gm, &place);
	if (rc != 0) {
		return rc;
	}
	process->console_count++;
	console->process = process;
	console->transport.owner = console;
	console->transport.on_broken = on_broken;
	return zone_io_add(&process->io, &console->transport.window);
}

static int add_devices(struct io_process *process)
{
	int rc = add_platform(process);

	for (size_t i = 0; rc == 0 && i < process->config->console_count; i++) {
		rc = add_console(process, &process->config->console[i]);
	}
	return rc;
}

int io_process_start(struct io_process *process, struct zone_port *port,
		     void *const *ram, void *state, int listen_fd,
		     const char **ret_what)
{
	int rc = add_memory(process, ram);

	state_area_open(&process->area, state);
	console_server_init(&process->server, process->loop, listen_fd);
	zone_io_init(&process->io, process->loop, port, &process->area);
	process->io.owner = process;
	process->io.reset_done = on_reset_done;
	process->io.gone = on_gone;
	process->serving = true;
	if (rc != 0) {
		*ret_what = "guest memory";
		return rc;
	}
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
	if (!process->serving) {
		return;
	}
	process->serving = false;
	zone_io_stop(&process->io);
	console_server_stop(&process->server);
	for (size_t i = 0; i < process->console_count; i++) {
		zone_virtio_fini(&process->console[i].transport);
	}
	process->console_count = 0;
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
