/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_resource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "nbd_socket.h"
#include "unix_socket.h"
#include "user_net.h"
#include "video_file.h"

static const char *member_of(const struct zone_device *device)
{
	return zone_def_is_nbd(device)		 ? "nbd"
	       : device->type == ZONE_DEVICE_RNG ? "source"
	       : device->type == ZONE_DEVICE_GPU ? "memory"
						 : "path";
}

void io_resource_path(const struct zone_def *def, uint32_t device,
		      char ret[ZERROR_PATH_MAX])
{
	zerror_path(ret, "$.devices[%u].%s", device,
		    member_of(&def->devices[device]));
}

void io_resource_name(const struct zone_device *device,
		      char ret[IO_RESOURCE_NAME_MAX])
{
	char uri[ZONE_NBD_URI_MAX];

	if (zone_def_is_nbd(device)) {
		zone_nbd_uri(&device->nbd, uri);
	}
	snprintf(ret, IO_RESOURCE_NAME_MAX, "%.*s",
		 (int)IO_RESOURCE_NAME_MAX - 1,
		 zone_def_is_nbd(device) ? uri
		 : device->path		 ? device->path
					 : device->name);
}

static int fail(const struct zone_def *def, uint32_t index, const char *hint,
		const char *what, struct zerror *ret_error)
{
	char path[ZERROR_PATH_MAX];
	char name[IO_RESOURCE_NAME_MAX];

	io_resource_path(def, index, path);
	io_resource_name(&def->devices[index], name);
	return zerror_set(ret_error, ZERROR_IO_ERROR, path, hint, "%.200s %s",
			  name, what);
}

static const char *advice_nbd(int err)
{
	switch (err) {
	case ENOENT:
		return "start the NBD server first, or check the socket's "
		       "path: it is zone0's file system that counts";
	case ECONNREFUSED:
		return "nothing listens there (any more): start the NBD server "
		       "first";
	case EACCES:
	case EPERM:
		return "let the user that hvd runs as connect to the socket: "
		       "that is a right to write it";
	case ETIMEDOUT:
		return "see what the NBD server does: it takes no connection";
	case ENETUNREACH:
	case EHOSTUNREACH:
		return "see whether zone0's network is up (ip route)";
	default:
		return NULL;
	}
}

static const char *advice(const struct zone_device *device, int err)
{
	if (zone_def_is_nbd(device)) {
		return advice_nbd(err);
	}
	if (device->type == ZONE_DEVICE_RNG) {
		return err == ENOENT || err == ENODEV
			       ? "this machine has no hardware random number "
				 "generator: use \"/dev/urandom\""
			       : NULL;
	}
	switch (err) {
	case ENOENT:
		return "make the image first (truncate -s 1G PATH), or check "
		       "the path: it is zone0's file system that counts";
	case EACCES:
	case EPERM:
	case EROFS:
		return device->readonly
			       ? "let the user that hvd runs as read it"
			       : "let the user that hvd runs as read and write "
				 "it, or set \"readonly\": true";
	case ENXIO:
	case ENODEV:
	case ENOMEDIUM:
		return "the device is not there: attach it, or check the path";
	default:
		return NULL;
	}
}

static int fail_errno(const struct zone_def *def, uint32_t index,
		      const char *what, int err, struct zerror *ret_error)
{
	char text[160];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(err));
	return fail(def, index, advice(&def->devices[index], err), text,
		    ret_error);
}

const struct io_resource *io_resource_of(const struct io_resources *resources,
					 uint32_t device)
{
	for (uint32_t i = 0; i < resources->count; i++) {
		if (resources->item[i].device == device) {
			return &resources->item[i];
		}
	}
	return NULL;
}

uint32_t io_resource_fd_count(const struct io_resource *resource)
{
	return (resource->fd >= 0) + resource->paired + resource->tap.queues +
	       resource->vhost.count;
}

bool io_resource_has_name(const struct zone_device *device)
{
	return device->path != NULL || zone_def_is_nbd(device);
}

uint32_t io_resource_net_number(const struct zone_def *def, uint32_t device)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < device; i++) {
		number += def->devices[i].type == ZONE_DEVICE_NET;
	}
	return number;
}

bool io_resource_same(const struct io_resource *a, const struct io_resource *b)
{
	if (a->nbd.address[0] && b->nbd.address[0]) {
		return zone_nbd_same(&a->nbd, &b->nbd);
	}
	return a->lock && b->lock && a->kind == b->kind && a->dev == b->dev &&
	       a->ino == b->ino;
}

/* ------------------------------------------------------------ opening */

static int open_flags(const struct zone_device *device)
{
	/* O_NONBLOCK: a FIFO in the place of an image must not hold us up */
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	if (device->type == ZONE_DEVICE_RNG || device->readonly) {
		return flags | O_RDONLY;
	}
	return flags | O_RDWR;
}

/* Without O_DIRECT where the file system has none. */
static int open_device(const struct zone_device *device)
{
	int flags = open_flags(device);
	int fd;

	if (device->type != ZONE_DEVICE_DISK || !device->direct) {
		return open(device->path, flags);
	}
	fd = open(device->path, flags | O_DIRECT);
	if (fd < 0 && errno == EINVAL) {
		fd = open(device->path, flags);
		if (fd >= 0) {
			log_info("%s: its file system has no direct I/O: the "
				 "page cache is used",
				 device->path);
		}
	}
	return fd;
}

static const char *wrong_kind(const struct zone_device *device, mode_t mode)
{
	if (device->type == ZONE_DEVICE_RNG) {
		return S_ISCHR(mode) ? NULL : "is not a character device";
	}
	if (S_ISREG(mode) || S_ISBLK(mode)) {
		return NULL;
	}
	return S_ISDIR(mode) ? "is a directory, not a file or a block device"
			     : "is not a regular file and not a block device";
}

/* A block device is the same one whatever node names it. */
static void identify(const struct stat *st, struct io_resource *ret)
{
	ret->kind = st->st_mode & S_IFMT;
	ret->dev = S_ISREG(st->st_mode) ? st->st_dev : st->st_rdev;
	ret->ino = S_ISREG(st->st_mode) ? st->st_ino : 0;
}

/* A block device can do nothing with less than its own. */
static int check_blocks(const struct zone_def *def, const struct io_resource *r,
			const struct stat *st, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[r->device];
	char path[ZERROR_PATH_MAX];
	int size = 0;

	if (!S_ISBLK(st->st_mode) || device->block_size == 0 ||
	    ioctl(r->fd, BLKSSZGET, &size) < 0 ||
	    device->block_size >= (uint32_t)size) {
		return 0;
	}
	zerror_path(path, "$.devices[%u].block-size", r->device);
	return zerror_set(ret_error, ZERROR_IO_ERROR, path,
			  "leave it out to get what suits the device",
			  "%.200s has blocks of %d bytes", device->path, size);
}

static int examine(const struct zone_def *def, struct io_resource *r,
		   struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[r->device];
	const char *wrong;
	struct stat st;

	if (fstat(r->fd, &st) < 0) {
		return fail_errno(def, r->device, "cannot be examined", errno,
				  ret_error);
	}
	wrong = wrong_kind(device, st.st_mode);
	if (wrong) {
		return fail(def, r->device,
			    device->type == ZONE_DEVICE_RNG
				    ? NULL
				    : "give the path of an image or of a block "
				      "device",
			    wrong, ret_error);
	}
	if (S_ISREG(st.st_mode) && st.st_size < 512) {
		return fail(def, r->device,
			    "an image is as large as the disk: make it so with "
			    "truncate -s SIZE PATH",
			    "has less than one sector", ret_error);
	}
	if (check_blocks(def, r, &st, ret_error) < 0) {
		return -1;
	}
	/* ... but from now on its reads and writes are to wait. */
	if (r->lock &&
	    fcntl(r->fd, F_SETFL, fcntl(r->fd, F_GETFL) & ~O_NONBLOCK) < 0) {
		return fail_errno(def, r->device, "cannot be set up", errno,
				  ret_error);
	}
	identify(&st, r);
	return 0;
}

static int open_one(const struct zone_def *def, uint32_t index,
		    struct io_resource *r, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[index];

	*r = (struct io_resource){
		.device = index,
		.lock = device->type == ZONE_DEVICE_DISK,
		.exclusive = !device->readonly,
		.fd = open_device(device),
	};
	if (r->fd < 0 && errno == EISDIR) {
		return fail(def, index,
			    "give the path of an image or of a block device",
			    wrong_kind(device, S_IFDIR), ret_error);
	}
	if (r->fd < 0) {
		return fail_errno(def, index, "cannot be opened", errno,
				  ret_error);
	}
	return examine(def, r, ret_error);
}

/* By its path, for a server that starts again has another socket there. */
static void identify_server(struct zone_nbd *nbd)
{
	char path[PATH_MAX];

	if (nbd->port == 0 && realpath(nbd->address, path) &&
	    strlen(path) < sizeof(nbd->address)) {
		strcpy(nbd->address, path);
	}
}

/* Two paths may lead to one image. */
static int check_twins(const struct zone_def *def,
		       const struct io_resources *all,
		       const struct io_resource *r, struct zerror *ret_error)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct io_resource *other = &all->item[i];
		char what[96];

		if (other == r || !io_resource_same(other, r)) {
			continue;
		}
		snprintf(what, sizeof(what), "is the %s of %s already",
			 r->lock ? "image" : "export",
			 def->devices[other->device].name);
		return fail(def, r->device, "give each disk one of its own",
			    what, ret_error);
	}
	return 0;
}

void io_resource_video_path(const char *dir, const char *zone,
			    char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s", dir, zone) >= PATH_MAX) {
		ret_path[0] = '\0';
	}
}

/* A killed process may still write to it: it is locked as an image is. */
static int open_video(const struct zone_def *def, uint32_t index,
		      const struct io_resource_place *place,
		      struct io_resource *r, struct zerror *ret_error)
{
	char path[PATH_MAX];
	char in_def[ZERROR_PATH_MAX];
	struct stat st;

	io_resource_path(def, index, in_def);
	io_resource_video_path(place->video_dir, def->name, path);
	*r = (struct io_resource){
		.device = index,
		.lock = true,
		.exclusive = true,
		.fd = video_file_open(path, def->devices[index].gpu.memory,
				      place->keep_video, in_def, ret_error),
	};
	if (r->fd < 0) {
		return -1;
	}
	if (fstat(r->fd, &st) < 0) {
		return fail_errno(def, index, "cannot be examined", errno,
				  ret_error);
	}
	identify(&st, r);
	return 0;
}

static int open_any(const struct zone_def *def, uint32_t index,
		    const struct io_resource_place *place,
		    struct io_resource *r, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[index];

	if (device->type == ZONE_DEVICE_GPU) {
		return open_video(def, index, place, r, ret_error);
	}
	if (!zone_def_is_nbd(device)) {
		return open_one(def, index, r, ret_error);
	}
	*r = (struct io_resource){
		.device = index,
		.exclusive = !device->readonly,
		.fd = -1,
		.nbd = device->nbd,
	};
	identify_server(&r->nbd);
	return 0;
}

int io_resources_open(const struct zone_def *def,
		      const struct io_resource_place *place,
		      struct io_resources *ret, struct zerror *ret_error)
{
	ret->count = 0;
	for (uint32_t i = 0; i < def->device_count; i++) {
		struct io_resource *r = &ret->item[ret->count];
		bool net = def->devices[i].type == ZONE_DEVICE_NET;

		if (!net && !io_resource_has_name(&def->devices[i]) &&
		    !(def->devices[i].type == ZONE_DEVICE_GPU &&
		      place->video_dir)) {
			continue;
		}
		ret->count++;
		if (net) {
			*r = (struct io_resource){ .device = i, .fd = -1 };
			continue;
		}
		if (open_any(def, i, place, r, ret_error) < 0 ||
		    check_twins(def, ret, r, ret_error) < 0) {
			io_resources_close(ret);
			ret->count = 0;
			return -1;
		}
	}
	return 0;
}

/* ------------------------------------------------------------ locking */

/* As io_resources_lock(). */
static int open_tap(const struct zone_def *def, uint32_t zone,
		    struct io_resource *r, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[r->device];
	char path[ZERROR_PATH_MAX];
	struct net_tap_config config = {
		.zone = zone,
		.device = io_resource_net_number(def, r->device),
		.bridge = device->bridge,
		.mtu = device->mtu,
		.queues = zone_def_net_pairs(device),
		.path = path,
	};

	if (r->locked) {
		return 1;
	}
	zerror_path(path, "$.devices[%u]", r->device);
	memcpy(config.mac, device->mac, sizeof(config.mac));
	if (net_tap_open(&config, &r->tap, ret_error) < 0) {
		return ret_error->code == ZERROR_BUSY ? 0 : -1;
	}
	if (net_vhost_open(device, path, &r->vhost, ret_error) < 0) {
		net_tap_close(&r->tap);
		return -1;
	}
	r->locked = true;
	return 1;
}

/* As io_resources_lock(). */
static int open_user(const struct zone_def *def, bool without,
		     struct io_resource *r, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[r->device];
	char path[ZERROR_PATH_MAX];
	int rc;

	if (r->locked) {
		return 1;
	}
	zerror_path(path, "$.devices[%u]", r->device);
	rc = user_net_open(device, path, &r->fd, ret_error);
	if (rc < 0 && without) {
		log_warning("%s: %s has no network for now: %s", def->name,
			    device->name, ret_error->message);
		r->fd = unix_socket_ended();
		rc = r->fd < 0 ? -1 : 0;
	}
	if (rc < 0) {
		return ret_error->code == ZERROR_BUSY ? 0 : -1;
	}
	r->locked = true;
	return 1;
}

/* As io_resources_lock(). */
static int open_net(const struct zone_def *def, uint32_t zone, bool without,
		    struct io_resource *r, struct zerror *ret_error)
{
	return def->devices[r->device].user
		       ? open_user(def, without, r, ret_error)
		       : open_tap(def, zone, r, ret_error);
}

int io_resource_make_output(int *ret_output, int *ret_viewer)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0) {
		return -errno;
	}
	*ret_output = pair[0];
	*ret_viewer = pair[1];
	return 0;
}

static int open_output(const struct zone_def *def, struct io_resource *r,
		       struct zerror *ret_error)
{
	int rc;

	if (def->devices[r->device].type != ZONE_DEVICE_GPU || r->paired) {
		return 0;
	}
	rc = io_resource_make_output(&r->output, &r->viewer);
	if (rc < 0) {
		return fail_errno(def, r->device, "has no output", -rc,
				  ret_error);
	}
	r->paired = true;
	return 0;
}

static int connect_one(const struct zone_def *def, bool without,
		       struct io_resource *r, struct zerror *ret_error)
{
	const struct zone_device *device = &def->devices[r->device];
	char what[64];
	int fd;

	if (!zone_def_is_nbd(device) || r->locked) {
		return 0;
	}
	fd = nbd_socket_connect(&device->nbd);
	if (fd < 0 && without) {
		log_warning("%s: %s has no NBD server for now: %s", def->name,
			    device->name, strerror(-fd));
		fd = unix_socket_ended();
	}
	if (fd < 0) {
		snprintf(what, sizeof(what), "(%s) cannot be connected to",
			 device->name);
		return fail_errno(def, r->device, what, -fd, ret_error);
	}
	r->fd = fd;
	r->locked = true;
	return 0;
}

int io_resources_lock(const struct zone_def *def, uint32_t zone, bool without,
		      struct io_resources *resources, uint32_t *ret_busy,
		      struct zerror *ret_error)
{
	for (uint32_t i = 0; i < resources->count; i++) {
		struct io_resource *r = &resources->item[i];
		int how = r->exclusive ? LOCK_EX : LOCK_SH;
		int rc;

		if (def->devices[r->device].type == ZONE_DEVICE_NET) {
			rc = open_net(def, zone, without, r, ret_error);
			if (rc < 1) {
				*ret_busy = i;
				return rc;
			}
			continue;
		}

		if (!r->lock || r->locked) {
			continue;
		}
		if (flock(r->fd, how | LOCK_NB) == 0) {
			r->locked = true;
		} else if (errno == EWOULDBLOCK || errno == EINTR) {
			*ret_busy = i;
			return 0;
		} else {
			return fail_errno(def, r->device, "cannot be locked",
					  errno, ret_error);
		}
	}
	for (uint32_t i = 0; i < resources->count; i++) {
		struct io_resource *r = &resources->item[i];

		if (connect_one(def, without, r, ret_error) < 0 ||
		    open_output(def, r, ret_error) < 0) {
			return -1;
		}
	}
	return 1;
}

uint32_t io_resources_fds(const struct io_resources *resources,
			  int ret_fds[IO_RESOURCE_FDS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < resources->count; i++) {
		const struct io_resource *r = &resources->item[i];

		if (r->fd >= 0) {
			ret_fds[count++] = r->fd;
		}
		if (r->paired) {
			ret_fds[count++] = r->output;
		}
		for (uint32_t q = 0; q < r->tap.queues; q++) {
			ret_fds[count++] = r->tap.fd[q];
		}
		for (uint32_t q = 0; q < r->vhost.count; q++) {
			ret_fds[count++] = r->vhost.fd[q];
		}
	}
	return count;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

void io_resources_close(struct io_resources *resources)
{
	for (uint32_t i = 0; i < resources->count; i++) {
		net_vhost_close(&resources->item[i].vhost);
		net_tap_close(&resources->item[i].tap);
		close_fd(&resources->item[i].fd);
		if (resources->item[i].paired) {
			close_fd(&resources->item[i].output);
			close_fd(&resources->item[i].viewer);
			resources->item[i].paired = false;
		}
		resources->item[i].locked = false;
	}
}
