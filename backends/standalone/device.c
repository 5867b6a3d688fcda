/* SPDX-License-Identifier: BSD-2-Clause */
#include "standalone/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "blk/store_nbd.h"
#include "blk/store_null.h"
#include "blk/store_uring.h"
#include "blk/virtio_blk.h"
#include "console/console_server.h"
#include "console/virtio_console.h"
#include "standalone/backend.h"

/* ------------------------------------------------------------------ console */

/* Its log lives as long as the process. */
static struct {
	struct virtio_console console;
	struct console_port port;
	struct console_server server;
	struct state_area area;
	void *state;
	int listen_fd;
} console;

static int open_console(const struct device_options *options,
			struct event_loop *loop, struct virtio_device **ret_dev,
			const char **ret_what)
{
	int rc;

	if (options->console_socket == NULL) {
		*ret_what = "--console-socket: it must be given";
		return -EINVAL;
	}
	*ret_what = "memory for the console's log";
	console.state = aligned_alloc(4096, STATE_AREA_SIZE);
	if (console.state == NULL) {
		return -ENOMEM;
	}
	memset(console.state, 0, STATE_AREA_SIZE);
	state_area_open(&console.area, console.state);
	rc = console_port_init(&console.port, &console.area, "console0");
	if (rc != 0) {
		return rc;
	}
	*ret_what = "--console-socket";
	console.listen_fd = backend_listen(options->console_socket);
	if (console.listen_fd < 0) {
		return console.listen_fd;
	}
	console_server_init(&console.server, loop, console.listen_fd);
	rc = console_server_add(&console.server, &console.port);
	if (rc == 0) {
		rc = console_server_start(&console.server);
	}
	if (rc != 0) {
		return rc;
	}
	virtio_console_init(&console.console, loop, &console.port, 0, 0);
	*ret_dev = &console.console.dev;
	return 0;
}

static void close_console(void)
{
	console_server_stop(&console.server);
	close(console.listen_fd);
	free(console.state);
}

/* --------------------------------------------------------------------- disk */

static struct {
	struct virtio_blk blk;
	struct blk_store *store;
} disk;

static int open_file(const struct device_options *options,
		     struct event_loop *loop)
{
	struct store_uring_config config = {
		.readonly = options->readonly,
		.discard = !options->readonly,
	};
	int flags = (options->readonly ? O_RDONLY : O_RDWR) |
		    (options->direct ? O_DIRECT : 0) | O_CLOEXEC;
	int fd;
	int rc;

	fd = open(options->disk, flags);
	if (fd < 0) {
		return -errno;
	}
	rc = store_uring_open(loop, fd, &config, &disk.store);
	close(fd);
	return rc;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void on_server_lost(void *owner)
{
	(void)owner;
	fprintf(stderr, "hvd-backend: disk: the NBD server is gone: start "
			"hvd-backend again once there is one\n");
}

static int open_nbd(const struct device_options *options,
		    struct event_loop *loop)
{
	const struct store_nbd_config config = {
		.export_name = options->nbd_export,
		.readonly = options->readonly,
		.discard = !options->readonly,
		.on_lost = on_server_lost,
	};
	int fd = connect_to(options->nbd_socket);
	int rc;

	if (fd < 0) {
		return fd;
	}
	rc = store_nbd_open(loop, fd, &config, &disk.store);
	close(fd);
	return rc;
}

/* What was asked for, and what is wrong with that. */
static int open_store(const struct device_options *options,
		      struct event_loop *loop, const char **ret_what)
{
	if ((options->disk != NULL) + (options->nbd_socket != NULL) +
		    (options->null_size != 0) !=
	    1) {
		*ret_what = "one of --disk, --nbd-socket and --null must be "
			    "given";
		return -EINVAL;
	}
	if (options->nbd_export != NULL && options->nbd_socket == NULL) {
		*ret_what = "--export: it goes with --nbd-socket";
		return -EINVAL;
	}
	if (options->nbd_socket != NULL) {
		*ret_what = options->nbd_socket;
		return open_nbd(options, loop);
	}
	if (options->null_size != 0) {
		*ret_what = "--null";
		return store_null_open(options->null_size, &disk.store);
	}
	*ret_what = options->disk;
	return open_file(options, loop);
}

static void on_disk_error(struct virtio_blk *blk,
			  const struct virtio_blk_error *error)
{
	static const char *const names[] = {
		[BLK_READ] = "read",
		[BLK_WRITE] = "write",
		[BLK_FLUSH] = "flush",
		[BLK_DISCARD] = "discard",
		[BLK_WRITE_ZEROES] = "write zeroes",
	};

	(void)blk;
	fprintf(stderr, "hvd-backend: disk: %s at %llu: %s\n", names[error->op],
		(unsigned long long)error->offset, strerror(-error->error));
}

static int open_disk(const struct device_options *options,
		     struct event_loop *loop, struct virtio_device **ret_dev,
		     const char **ret_what)
{
	struct virtio_blk_config config = {
		.queues = VIRTIO_QUEUES_MAX,
		.queue_size = VQ_SIZE_MAX,
		.serial = options->serial,
		.readonly = options->readonly,
		.writeback = options->writeback,
		.policy = VIRTIO_BLK_REPORT,
		.on_error = on_disk_error,
	};
	int rc = open_store(options, loop, ret_what);

	if (rc == 0) {
		*ret_what = "the disk";
		rc = virtio_blk_init(&disk.blk, loop, disk.store, &config);
	}
	if (rc == 0) {
		*ret_dev = &disk.blk.dev;
	}
	return rc;
}

static void close_disk(void)
{
	virtio_blk_fini(&disk.blk);
	disk.store->ops->close(disk.store);
}

/* -------------------------------------------------------------------- table */

static const struct device_kind device_blk = { "blk", "block", open_disk,
					       close_disk };
static const struct device_kind device_console = { "console", "console",
						   open_console,
						   close_console };

static const struct device_kind *const kinds[] = {
	&device_blk,
	&device_console,
	&device_net,
};

const struct device_kind *device_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : NULL;
}

const struct device_kind *device_kind_find(const char *name)
{
	for (size_t i = 0; device_kind_at(i) != NULL; i++) {
		if (strcmp(kinds[i]->name, name) == 0) {
			return kinds[i];
		}
	}
	return NULL;
}
