/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-io: the I/O process of one zone.  See docs/man/hvd-io.8.
 *
 *   waiting -- config line --> serving -- stop, replaced, error --> ended
 *           \- end of input, bad config ------------------------/
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zonevisor.h>
#include <zv/version.h>

#include "blk/nbd_lib.h"
#include "core/container_of.h"
#include "core/event_uv.h"
#include "io/control.h"
#include "io/io_config.h"
#include "io/io_process.h"
#include "io/sandbox.h"

#define FD_CONTROL 3
#define FD_ZONE 4
#define FD_CONSOLE 5

_Static_assert(IO_CONFIG_FD_FIRST == FD_CONSOLE + 1, "devices follow");

struct hvd_io {
	uv_loop_t uv;
	struct event_uv event;
	struct event_defer end; /* ends the process from the loop, not from
				 * the middle of a device's work */
	struct control control;
	struct io_config config;
	struct io_process process;
	struct zone_port port;
	void *ram[GUEST_MEM_REGIONS_MAX];
	void *state;
	int last_fd; /* of those we were given */
	bool configured;
	bool ending;
	int status;
};

static void end(struct hvd_io *io, int status)
{
	if (!io->ending) {
		io->ending = true;
		io->status = status;
		event_defer(&io->event.loop, &io->end);
	}
}

static void on_end(struct event_defer *defer)
{
	struct hvd_io *io = container_of(defer, struct hvd_io, end);

	io_process_stop(&io->process);
	control_stop(&io->control);
	event_uv_fini(&io->event);
}

static void fatal(struct hvd_io *io, const struct zerror *error)
{
	fprintf(stderr, "hvd-io: %s%s%s\n", error->path,
		error->path[0] != '\0' ? ": " : "", error->message);
	control_send_fatal(&io->control, error,
			   io->process.failed != NULL
				   ? io->process.failed->config->name
				   : NULL);
	end(io, EXIT_FAILURE);
}

static void fatal_errno(struct hvd_io *io, const char *what, int error)
{
	const struct io_device *failed = io->process.failed;
	struct zerror zerror;

	zerror_set(&zerror, ZERROR_INTERNAL, NULL,
		   failed != NULL ? failed->hint : NULL, "%s: %s", what,
		   failed != NULL && failed->why != NULL ? failed->why
							 : strerror(-error));
	fatal(io, &zerror);
}

/* ----------------------------------------------------------------- process */

static void on_reset_done(struct io_process *process)
{
	struct hvd_io *io = process->owner;

	control_send_event(&io->control, "reset-done");
}

static void on_device(struct io_process *process,
		      const struct io_device *device, const char *why)
{
	struct hvd_io *io = process->owner;

	control_send_device(
		&io->control,
		&(struct control_device){
			.name = device->config->name,
			.state = io_device_state_name(device->state),
			.why = why,
			.lost = device->lost,
			.has_size = device->type->resize != NULL,
			.size = device->size,
		});
}

static void on_done(struct io_process *process, const struct io_device *device,
		    const char *what)
{
	struct hvd_io *io = process->owner;

	control_send_done(&io->control, what, device->config->name);
}

static void on_gone(struct io_process *process, int error)
{
	struct hvd_io *io = process->owner;

	/* Replaced, or the zone is no more: both are the ordinary end. */
	if (error == -ESTALE || error == -ESRCH || error == -ENODEV) {
		end(io, EXIT_SUCCESS);
		return;
	}
	if (!io->ending) {
		fatal_errno(io, "zone fd", error);
	}
}

static void *map_zone(uint64_t offset, uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, FD_ZONE,
		       (off_t)offset);

	if (p == MAP_FAILED) {
		return NULL;
	}
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

static int map_all(struct hvd_io *io)
{
	for (size_t i = 0; i < io->config.ram_count; i++) {
		io->ram[i] =
			map_zone(io->config.ram[i].gpa, io->config.ram[i].size);
		if (io->ram[i] == NULL) {
			return -errno;
		}
	}
	io->state = map_zone(ZV_MMAP_STATE, ZV_STATE_SIZE);
	return io->state != NULL ? 0 : -errno;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno
								       : 0;
}

static int drop(const struct io_config *config, const char **ret_what)
{
	const struct sandbox_user user = { config->uid, config->gid };
	int rc = sandbox_drop(config->drop ? &user : NULL, ret_what);

	if (rc == 0) {
		fprintf(stderr, "hvd-io: %s: runs as uid %u, gid %u\n",
			config->zone, getuid(), getgid());
	}
	return rc;
}

static bool is_named(const struct hvd_io *io, int fd)
{
	for (size_t i = 0; i < io->config.device_count; i++) {
		const struct io_config_device *device = &io->config.device[i];

		if (fd >= device->fd &&
		    fd < device->fd + (int)device->fd_count) {
			return true;
		}
	}
	return false;
}

/* What we were given is what the configuration names, and nothing else. */
static int check_fds(const struct hvd_io *io)
{
	for (size_t i = 0; i < io->config.device_count; i++) {
		const struct io_config_device *device = &io->config.device[i];

		if (device->fd + (int)device->fd_count - 1 > io->last_fd) {
			return -EBADF;
		}
	}
	for (int fd = FD_CONSOLE + 1; fd <= io->last_fd; fd++) {
		if (!is_named(io, fd)) {
			close(fd);
		}
	}
	return 0;
}

/* Returns what failed, or NULL. */
static const char *prepare(struct hvd_io *io, int *ret_error)
{
	const struct sandbox_needs needs = {
		.disks = io_config_disks(&io->config, IO_STORE_FILE),
		.nbd_disks = io_config_disks(&io->config, IO_STORE_NBD),
		.taps = io_config_has_taps(&io->config),
		.vhost = io_config_has_vhost(&io->config),
	};
	const char *what;

	*ret_error = check_fds(io);
	if (*ret_error != 0) {
		return "the devices' fds";
	}
	*ret_error = set_nonblocking(FD_ZONE);
	if (*ret_error != 0) {
		return "zone fd (4)";
	}
	*ret_error = set_nonblocking(FD_CONSOLE);
	if (*ret_error != 0) {
		return "console socket (5)";
	}
	*ret_error = map_all(io);
	if (*ret_error != 0) {
		return "mapping the zone's memory";
	}
	/* Its last chance to open files; whether it can is found out later. */
	if (needs.nbd_disks != 0) {
		(void)nbd_lib_load();
	}
	*ret_error = sandbox_isolate(&what);
	if (*ret_error == 0) {
		*ret_error = drop(&io->config, &what);
	}
	if (*ret_error != 0) {
		return what;
	}
	/* Rings and the like are made before the filter, as nobody. */
	*ret_error = io_process_open(&io->process, io->ram, io->state,
				     FD_CONSOLE, &what);
	if (*ret_error != 0) {
		return what;
	}
	*ret_error = sandbox_filter(&needs);
	return *ret_error != 0 ? "system call filter" : NULL;
}

static void serve(struct hvd_io *io)
{
	const char *what;
	int error;

	io_process_init(&io->process, &io->config, &io->event.loop);
	io->process.owner = io;
	io->process.on_reset_done = on_reset_done;
	io->process.on_device = on_device;
	io->process.on_done = on_done;
	io->process.on_gone = on_gone;
	zone_port_fd_init(&io->port, FD_ZONE);
	what = prepare(io, &error);
	if (what == NULL) {
		error = io_process_start(&io->process, &io->port, &what);
	}
	if (error != 0) {
		fatal_errno(io, what, error);
		return;
	}
	for (size_t i = 0; i < io->process.device_count; i++) {
		if (io->process.device[i].type->resize != NULL) {
			on_device(&io->process, &io->process.device[i],
				  io->process.device[i].why);
		}
	}
	control_send_event(&io->control, "ready");
}

/* ----------------------------------------------------------------- control */

static void resize(struct hvd_io *io, struct io_device *device)
{
	int rc = device->type->resize(device);

	if (rc != 0) {
		control_send_refused(&io->control, device->config->name,
				     strerror(-rc));
		return;
	}
	control_send_resized(&io->control, device->config->name, device->size);
}

static void counters(struct hvd_io *io, const struct io_device *device)
{
	struct io_counters all = { .count = 0 };

	if (device->type->counters != NULL) {
		device->type->counters(device, &all);
	}
	control_send_counters(&io->control, device->config->name, &all);
}

static void press(struct hvd_io *io, struct io_device *device,
		  const struct io_keys *keys)
{
	const char *why = device->type->keys(device, keys);

	if (why != NULL) {
		control_send_refused(&io->control, device->config->name, why);
	}
}

/* Without an answer: one that came late would be taken for another's. */
static void display(struct hvd_io *io, struct io_device *device)
{
	int fd = control_take_fd(&io->control);

	if (fd >= 0) {
		device->type->display(device, fd);
	} else {
		fprintf(stderr, "hvd-io: command ignored: %s: no socket came\n",
			device->config->name);
	}
}

static void device_command(struct hvd_io *io, const struct io_command *command)
{
	struct io_device *device =
		io_process_device(&io->process, command->device);
	const struct io_device_type *type =
		device != NULL ? device->type : &(struct io_device_type){ 0 };

	if (command->kind == IO_COMMAND_RESIZE && type->resize != NULL) {
		resize(io, device);
	} else if (command->kind == IO_COMMAND_RESUME && type->resume != NULL) {
		type->resume(device);
	} else if (command->kind == IO_COMMAND_COUNTERS && device != NULL) {
		counters(io, device);
	} else if (command->kind == IO_COMMAND_SET && type->set != NULL) {
		type->set(device, &command->set);
		control_send_done(&io->control, "set", command->device);
	} else if (command->kind == IO_COMMAND_KEYS && type->keys != NULL) {
		press(io, device, &command->keys);
	} else if (command->kind == IO_COMMAND_DISPLAY &&
		   type->display != NULL) {
		display(io, device);
	} else {
		control_send_refused(&io->control, command->device,
				     "no device that could do that");
	}
}

static void command(struct hvd_io *io, const struct io_command *command)
{
	switch (command->kind) {
	case IO_COMMAND_POWERKEY:
		io_process_power_key(&io->process);
		break;
	case IO_COMMAND_RESET:
		io_process_reset(&io->process);
		break;
	case IO_COMMAND_STOP:
		end(io, EXIT_SUCCESS);
		break;
	case IO_COMMAND_RESIZE:
	case IO_COMMAND_RESUME:
	case IO_COMMAND_COUNTERS:
	case IO_COMMAND_SET:
	case IO_COMMAND_KEYS:
	case IO_COMMAND_DISPLAY:
		device_command(io, command);
		break;
	}
}

static void on_line(struct control *control, const char *line, size_t len)
{
	struct hvd_io *io = control->owner;
	struct io_command what;
	struct zerror error;

	if (io->ending) {
		return;
	}
	if (!io->configured) {
		if (io_config_parse(line, len, &io->config, &error) != 0) {
			fatal(io, &error);
			return;
		}
		io->configured = true;
		serve(io);
		return;
	}
	if (io_command_parse(&io->config, line, len, &what, &error) != 0) {
		fprintf(stderr, "hvd-io: command ignored: %s: %s\n", error.path,
			error.message);
		if (what.device[0] != '\0') {
			control_send_refused(&io->control, what.device,
					     error.message);
		}
		return;
	}
	command(io, &what);
}

static void on_control_end(struct control *control)
{
	struct hvd_io *io = control->owner;

	/* The daemon is gone: the guest needs its devices all the same. */
	if (!io->configured) {
		end(io, EXIT_FAILURE);
	}
}

/* sandbox: 0, or why the process may not go on; only hvd can be told. */
static int run(struct hvd_io *io, int sandbox)
{
	int rc = uv_loop_init(&io->uv);

	if (rc == 0) {
		rc = event_uv_init(&io->event, &io->uv);
	}
	if (rc == 0) {
		rc = control_init(&io->control, &io->event.loop, FD_CONTROL);
	}
	if (rc == 0) {
		io->end.cb = on_end;
		io->control.owner = io;
		io->control.on_line = on_line;
		io->control.on_end = on_control_end;
		rc = control_start(&io->control);
	}
	if (rc != 0) {
		fprintf(stderr, "hvd-io: start: %s\n", strerror(-rc));
		return EXIT_FAILURE;
	}
	if (sandbox != 0) {
		fatal_errno(io, "sandbox", sandbox);
	}
	uv_run(&io->uv, UV_RUN_DEFAULT);
	if (uv_loop_close(&io->uv) != 0) {
		fprintf(stderr, "hvd-io: a handle was left open\n");
		return EXIT_FAILURE;
	}
	return io->status;
}

/* They follow each other without a gap. */
static int last_given_fd(void)
{
	int fd = FD_CONSOLE;

	while (fd < (int)IO_CONFIG_FD_LAST && fcntl(fd + 1, F_GETFD) >= 0) {
		fd++;
	}
	return fd;
}

/*
 * The zone's events arrive on one CPU of zone0: there this thread wakes up
 * without another CPU being woken.  Where it may not it goes on elsewhere.
 */
static void stay_with_events(void)
{
	struct zv_zone_info info;
	cpu_set_t cpus;

	if (ioctl(FD_ZONE, ZV_IOC_ZONE_INFO, &info) == 0 &&
	    info.event_index < CPU_SETSIZE) {
		CPU_ZERO(&cpus);
		CPU_SET(info.event_index, &cpus);
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	}
}

int main(int argc, char **argv)
{
	static struct hvd_io io;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hvd-io " ZV_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc != 1) {
		fprintf(stderr,
			"usage: %s [--version] (started by hvd with fds 3, 4 "
			"and 5; see hvd-io(8))\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	stay_with_events();
	io.last_fd = last_given_fd();
	return run(&io, sandbox_early(io.last_fd));
}
