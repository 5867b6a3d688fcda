/* SPDX-License-Identifier: BSD-2-Clause */
/* hvd-backend: a device for any vhost-user front-end. See hvd-backend(8). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blk/blk_store.h"
#include "io/sandbox.h"
#include "standalone/backend.h"
#include "standalone/device.h"

#define PROGRAM "hvd-backend"
#define FD_FIRST 3 /* after the standard ones */
#define FDS_MAX (1 + NET_PAIRS_MAX)

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
	"blk:\n"
	"  --disk PATH            a raw image or a block device\n"
	"  --nbd-socket PATH      instead: what the NBD server there has\n"
	"  --export NAME          which of its exports\n"
	"  --null SIZE            a disk of SIZE bytes that keeps nothing instead\n"
	"  --direct               go to the disk beside the page cache\n"
	"  --serial TEXT          what the guest sees, up to 20 characters\n"
	"  --readonly             the guest may not write\n"
	"  --writeback            what is written may be lost until a flush\n"
	"\n"
	"console:\n"
	"  --console-socket PATH  where its clients connect, see hvd-io(8)\n"
	"\n"
	"net:\n"
	"  --tap NAME             a TAP device that there is\n"
	"  --pairs N              its queue pairs, 1 to 3; more need multi_queue\n"
	"  --tap-fd N[,N]...      instead: open queues of a TAP device\n";

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
	OPTION_CONSOLE_SOCKET,
	OPTION_DISK,
	OPTION_NBD_SOCKET,
	OPTION_EXPORT,
	OPTION_SERIAL,
	OPTION_READONLY,
	OPTION_WRITEBACK,
	OPTION_DIRECT,
	OPTION_NULL,
	OPTION_TAP,
	OPTION_TAP_FD,
	OPTION_PAIRS
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
	{ "disk", required_argument, NULL, OPTION_DISK },
	{ "nbd-socket", required_argument, NULL, OPTION_NBD_SOCKET },
	{ "export", required_argument, NULL, OPTION_EXPORT },
	{ "serial", required_argument, NULL, OPTION_SERIAL },
	{ "readonly", no_argument, NULL, OPTION_READONLY },
	{ "writeback", no_argument, NULL, OPTION_WRITEBACK },
	{ "direct", no_argument, NULL, OPTION_DIRECT },
	{ "null", required_argument, NULL, OPTION_NULL },
	{ "tap", required_argument, NULL, OPTION_TAP },
	{ "tap-fd", required_argument, NULL, OPTION_TAP_FD },
	{ "pairs", required_argument, NULL, OPTION_PAIRS },
	{ NULL, 0, NULL, 0 },
};

static void complain(const char *option, const char *why)
{
	fprintf(stderr, PROGRAM ": %s: %s (see --help)\n", option, why);
}

/* A list of open descriptors, separated by commas: how many; or -1. */
static int parse_fds(const char *text, int *ret_fds, int room)
{
	int count = 0;
	char *rest;

	for (;;) {
		long value;

		errno = 0;
		value = strtol(text, &rest, 10);
		if (count == room || errno != 0 || *text < '0' || *text > '9' ||
		    value < FD_FIRST || value > INT32_MAX ||
		    fcntl((int)value, F_GETFD) < 0) {
			return -1;
		}
		ret_fds[count++] = (int)value;
		if (*rest == '\0') {
			return count;
		}
		if (*rest != ',') {
			return -1;
		}
		text = rest + 1;
	}
}

static int parse_fd(const char *text, int *ret_fd)
{
	if (parse_fds(text, ret_fd, 1) < 0) {
		complain("--fd", "it must be an open descriptor, 3 or more");
		return -1;
	}
	return 0;
}

static int parse_tap_fds(const char *text, struct device_options *ret)
{
	int count = parse_fds(text, ret->tap_fd, NET_PAIRS_MAX);

	if (count < 0) {
		complain("--tap-fd",
			 "it must be one to three open descriptors, 3 or more, "
			 "with commas between them");
		return -1;
	}
	ret->tap_fds = (uint32_t)count;
	return 0;
}

static int parse_pairs(const char *text, uint32_t *ret_pairs)
{
	if (text[0] < '1' || text[0] > '0' + (int)NET_PAIRS_MAX ||
	    text[1] != '\0') {
		complain("--pairs", "it must be a number from 1 to 3");
		return -1;
	}
	*ret_pairs = (uint32_t)(text[0] - '0');
	return 0;
}

static int parse_size(const char *text, uint64_t *ret_size)
{
	char *rest;

	errno = 0;
	*ret_size = strtoull(text, &rest, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *rest != '\0' ||
	    *ret_size == 0 || *ret_size % BLK_SECTOR != 0 ||
	    *ret_size > INT64_MAX) {
		complain("--null",
			 "it must be a number of bytes, whole sectors");
		return -1;
	}
	return 0;
}

static int take_device_option(struct device_options *options, int id)
{
	switch (id) {
	case OPTION_CONSOLE_SOCKET:
		options->console_socket = optarg;
		return 0;
	case OPTION_DISK:
		options->disk = optarg;
		return 0;
	case OPTION_NBD_SOCKET:
		options->nbd_socket = optarg;
		return 0;
	case OPTION_EXPORT:
		options->nbd_export = optarg;
		return 0;
	case OPTION_SERIAL:
		options->serial = optarg;
		return 0;
	case OPTION_READONLY:
		options->readonly = true;
		return 0;
	case OPTION_WRITEBACK:
		options->writeback = true;
		return 0;
	case OPTION_DIRECT:
		options->direct = true;
		return 0;
	case OPTION_NULL:
		return parse_size(optarg, &options->null_size);
	case OPTION_TAP:
		options->tap = optarg;
		return 0;
	case OPTION_TAP_FD:
		return parse_tap_fds(optarg, options);
	case OPTION_PAIRS:
		return parse_pairs(optarg, &options->pairs);
	default:
		/* getopt has told. */
		return -1;
	}
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
	default:
		return take_device_option(&options->device, id);
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
		printf("{\"type\":\"%s\",\"features\":[]}\n", ret->kind->type);
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

static int by_value(const void *a, const void *b)
{
	const int *x = a;
	const int *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Descriptors first to last, of which there may be none. */
static int close_from_to(unsigned int first, unsigned int last)
{
	return first <= last && syscall(SYS_close_range, first, last, 0) < 0
		       ? -errno
		       : 0;
}

/* What is inherited goes, but standard fds and what the options name. */
static int close_others(const struct options *options, const char **ret_what)
{
	unsigned int first = FD_FIRST;
	int kept[FDS_MAX];
	size_t count = 0;
	int rc = 0;

	if (options->fd >= 0) {
		kept[count++] = options->fd;
	}
	for (uint32_t i = 0; i < options->device.tap_fds; i++) {
		kept[count++] = options->device.tap_fd[i];
	}
	qsort(kept, count, sizeof(kept[0]), by_value);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		unsigned int fd = (unsigned int)kept[i];

		if (fd < first) {
			*ret_what = "--fd, --tap-fd: one is named twice";
			return -EINVAL;
		}
		rc = close_from_to(first, fd - 1);
		first = fd + 1;
	}
	return rc == 0 ? close_from_to(first, ~0u) : rc;
}

/*
 * There is no limit on threads, unlike in hvd-io: a kernel that makes none for
 * io_uring cancels the disk's writes.
 */
static int confine(const struct options *options, const char **ret_what)
{
	const struct rlimit no_core = { 0, 0 };
	int rc = close_others(options, ret_what);

	if (rc != 0) {
		return rc;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			       setrlimit(RLIMIT_CORE, &no_core) < 0
		       ? -errno
		       : 0;
}

static struct backend backend;

static void on_lost(const char *why)
{
	fprintf(stderr, PROGRAM ": %s\n", why);
	backend_lost(&backend);
}

static int run(struct options *options)
{
	struct virtio_device *dev;
	const char *what = "start";
	int listen_fd = -1;
	int status;
	int rc = confine(options, &what);

	options->device.on_lost = on_lost;
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
