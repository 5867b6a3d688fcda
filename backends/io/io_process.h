/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of one zone, made from its configuration.
 *
 *   new -- io_process_open() --> open -- io_process_start() --> serving
 *   open, serving -- io_process_stop() --> stopped
 *
 * Opening makes what needs system calls that the filter will not let by;
 * serving begins when it is in force.  Memory that is mapped in (guest RAM, the
 * restart area) and the zone's port are given by the caller, so that tests can
 * do without the module.
 */
#ifndef ZV_BACKENDS_IO_IO_PROCESS_H
#define ZV_BACKENDS_IO_IO_PROCESS_H

#include "console/console_server.h"
#include "core/guest_mem.h"
#include "gpio/gpio.h"
#include "input/input_seat.h"
#include "io/io_config.h"
#include "io/io_device.h"
#include "rtc/rtc.h"
#include "uart/uart.h"

struct io_process {
	const struct io_config *config;
	struct event_loop *loop;
	struct guest_mem gm;
	struct state_area area;
	struct zone_io io;
	struct console_server server;
	struct console_port uart_port;
	struct uart uart;
	struct rtc rtc;
	struct gpio gpio;
	struct input_seat seat;
	struct io_device device[IO_CONFIG_DEVICES_MAX];
	size_t device_count; /* with fds and memory of their own */
	const struct io_device *failed; /* NULL, or it could not be made */
	bool open;
	bool serving;
	char what[STATE_NAME_MAX + 32];
	/* Set by the caller after init; may be NULL. */
	void (*on_reset_done)(struct io_process *process);
	/* A device's state changed; why may be NULL. */
	void (*on_device)(struct io_process *process,
			  const struct io_device *device, const char *why);
	/* A device has done what it was told to, at last. */
	void (*on_done)(struct io_process *process,
			const struct io_device *device, const char *what);
	/* The zone's fd is of no more use; -ESTALE: another took over. */
	void (*on_gone)(struct io_process *process, int error);
	void *owner;
};

/* config must outlive the process. */
void io_process_init(struct io_process *process, const struct io_config *config,
		     struct event_loop *loop);
/*
 * ram[i] is where config->ram[i] is mapped, state the restart area.  0, or
 * negative errno with *ret_what naming the step that failed; stop it then, too.
 */
int io_process_open(struct io_process *process, void *const *ram, void *state,
		    int listen_fd, const char **ret_what);
int io_process_start(struct io_process *process, struct zone_port *port,
		     const char **ret_what);
void io_process_stop(struct io_process *process);

/* NULL: it has no such device, or does not serve. */
struct io_device *io_process_device(struct io_process *process,
				    const char *name);

void io_process_power_key(struct io_process *process);
/* on_reset_done() follows, perhaps before this returns. */
void io_process_reset(struct io_process *process);

#endif /* ZV_BACKENDS_IO_IO_PROCESS_H */
