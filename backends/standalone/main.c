/* SPDX-License-Identifier: BSD-2-Clause */
/* hvd-backend: a device for any vhost-user front-end. See hvd-backend(8). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/sandbox.h"
#include "standalone/backend.h"
#include "standalone/device.h"

#define PROGRAM "hvd-backend"
#define FD_FRONT_END 3

struct options {
	const char *socket;
	const struct device_kind *kind;
	struct device_options device;
	int fd; /* of the front-end, or -1 */
	bool once;
};

static const char usage_text[] =
	"usage: hvd-backend --socket PATH --device KIND [OPTION]...\n"
	"A virtio device for a vhost-user front-end such as QEMU.\n"
	"\n"
	"  --socket PATH          wait for front-ends at this unix socket\n"
	"  --fd N                 serve the front-end at this descriptor instead\n"
	"  --device KIND          what to be:";

static const char options_text[] =
	"\n"
	"  --once                 end when the first front-end has gone\n"
	"  --print-capabilities   tell KIND as JSON, and end\n"
	"  --help                 this text\n"
	"\n"
	"console:\n"
	"  --console-socket PATH  where its clients connect, see hvd-io(8)\n";

static void print_usage(void)
{
	fputs(usage_text, stdout);
	for (size_t i = 0; device_kind_at(i) != NULL; i++) {
		printf(" %s", device_kind_at(i)->name);
	}
	fputs(options_text, stdout);
}

/* ---------------------------------------------------------------- arguments */

enum option_id {
	OPTION_SOCKET = 256,
	OPTION_FD,
	OPTION_DEVICE,
	OPTION_ONCE,
	OPTION_CAPABILITIES,
	OPTION_HELP,
	OPTION_CONSOLE_SOCKET
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	/* as front-ends' managers call it */
	{ "socket-path", required_argument, NULL, OPTION_SOCKET },
	{ "fd", required_argument, NULL, OPTION_FD },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "print-capabilities", no_argument, NULL, OPTION_CAPABILITIES },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "console-socket", required_argument, NULL, OPTION_CONSOLE_SOCKET },
	{ NULL, 0, NULL, 0 },
};

static void complain(const char *option, const char *why)
{
	fprintf(stderr, PROGRAM ": %s: %s (see --help)\n", option, why);
}

static int parse_fd(const char *text, int *ret_fd)
{
	char *rest;
	long value;

	errno = 0;
	value = strtol(text, &rest, 10);
	if (errno != 0 || rest == text || *rest != '\0' ||
	    value < FD_FRONT_END || value > INT32_MAX ||
	    fcntl((int)value, F_GETFD) < 0) {
		complain("--fd", "it must be an open descriptor, 3 or more");
		return -1;
	}
	*ret_fd = (int)value;
	return 0;
}

/* 0; 1: all that was asked for is done; or -1 */
static int take_option(struct options *options, int id, bool *ret_capabilities)
{
	switch (id) {
	case OPTION_SOCKET:
		options->socket = optarg;
		return 0;
	case OPTION_FD:
		return parse_fd(optarg, &options->fd);
	case OPTION_DEVICE:
		options->kind = device_kind_find(optarg);
		if (options->kind == NULL) {
			complain("--device", "there is no such kind");
			return -1;
		}
		return 0;
	case OPTION_ONCE:
		options->once = true;
		return 0;
	case OPTION_CAPABILITIES:
		*ret_capabilities = true;
		return 0;
	case OPTION_HELP:
		print_usage();
		return 1;
	case OPTION_CONSOLE_SOCKET:
		options->device.console_socket = optarg;
		return 0;
	default:
		/* getopt has told. */
		return -1;
	}
}

static int parse(int argc, char **argv, struct options *ret)
{
	bool capabilities = false;
	int id;

	*ret = (struct options){ .fd = -1 };
	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int rc = take_option(ret, id, &capabilities);

		if (rc != 0) {
			return rc;
		}
	}
	if (optind != argc) {
		complain(argv[optind], "no such argument");
		return -1;
	}
	if (ret->kind == NULL) {
		complain("--device", "it must be given");
		return -1;
	}
	if (capabilities) {
		printf("{\"type\":\"%s\",\"features\":[]}\n", ret->kind->name);
		return 1;
	}
	if ((ret->socket == NULL) == (ret->fd < 0)) {
		complain("--socket", "either it or --fd must be given");
		return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------- begin */

static void fail(const char *what, int error)
{
	fprintf(stderr, PROGRAM ": %s: %s\n", what, strerror(-error));
}

/* Everything that is inherited but standard fds and the front-end goes. */
static int close_others(struct options *options)
{
	if (options->fd < 0) {
		return sandbox_early(STDERR_FILENO);
	}
	if (options->fd != FD_FRONT_END &&
	    dup2(options->fd, FD_FRONT_END) < 0) {
		return -errno;
	}
	options->fd = FD_FRONT_END;
	return sandbox_early(FD_FRONT_END);
}

static int run(struct options *options)
{
	static struct backend backend;
	struct virtio_device *dev;
	const char *what = "start";
	int listen_fd = -1;
	int status;
	int rc = close_others(options);

	if (rc == 0) {
		rc = backend_init(&backend, PROGRAM);
	}
	if (rc == 0) {
		rc = options->kind->open(&options->device, &backend.event.loop,
					 &dev, &what);
	}
	if (rc == 0 && options->socket != NULL) {
		what = options->socket;
		listen_fd = backend_listen(options->socket);
		rc = listen_fd < 0 ? listen_fd : 0;
	}
	if (rc == 0) {
		rc = sandbox_drop(NULL, &what);
	}
	if (rc != 0) {
		fail(what, rc);
		return EXIT_FAILURE;
	}
	status = backend_run(&backend, dev, listen_fd, options->fd,
			     options->once);
	options->kind->close();
	if (listen_fd >= 0) {
		close(listen_fd);
		/* It may not be ours to remove any more. */
		(void)unlink(options->socket);
	}
	if (backend_fini(&backend) != 0) {
		fprintf(stderr, PROGRAM ": a handle was left open\n");
		return EXIT_FAILURE;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int rc = parse(argc, argv, &options);

	if (rc != 0) {
		return rc > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	return run(&options);
}
