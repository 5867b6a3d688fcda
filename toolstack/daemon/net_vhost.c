/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define VHOST_DEVICE "/dev/vhost-net"
#define ZERO_COPY "/sys/module/vhost_net/parameters/experimental_zcopytx"

/*
 * With it buffers are the network's while their chains are not given back: a
 * successor of a killed process could not know which were sent.
 */
static bool has_zero_copy(void)
{
	int fd = open(ZERO_COPY, O_RDONLY | O_CLOEXEC);
	char value = '0';
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	n = read(fd, &value, 1);
	close(fd);
	return n == 1 && value != '0';
}

static int open_all(uint32_t count, struct net_vhost *ret)
{
	int rc;

	*ret = (struct net_vhost){ 0 };
	while (ret->count < count) {
		int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

		if (fd < 0) {
			rc = -errno;
			net_vhost_close(ret);
			return rc;
		}
		ret->fd[ret->count++] = fd;
	}
	/* Opening it may have loaded the module. */
	if (has_zero_copy()) {
		net_vhost_close(ret);
		return -EMEDIUMTYPE;
	}
	return 0;
}

static int refuse(const char *path, int rc, struct zerror *ret_error)
{
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.vhost", path);
	if (rc == -EMEDIUMTYPE) {
		return zerror_set(
			ret_error, ZERROR_UNSUPPORTED, at,
			"load the module without that parameter, or "
			"leave 'vhost' out of the definition",
			"zone0's vhost_net has experimental_zcopytx, "
			"with which packets do not survive the end of "
			"an I/O process");
	}
	if (rc == -EACCES || rc == -EPERM) {
		return zerror_set(ret_error, ZERROR_PERMISSION, at,
				  "run hvd as root, or give it access to that "
				  "file",
				  "no permission to open " VHOST_DEVICE);
	}
	return zerror_set(ret_error, ZERROR_UNSUPPORTED, at,
			  "load the kernel module 'vhost_net' in zone0, or "
			  "leave 'vhost' out of the definition",
			  "zone0's " VHOST_DEVICE " cannot be opened: %s",
			  strerror(-rc));
}

int net_vhost_open(const struct zone_device *device, const char *path,
		   struct net_vhost *ret, struct zerror *ret_error)
{
	int rc;

	*ret = (struct net_vhost){ 0 };
	if (device->vhost == ZONE_VHOST_OFF) {
		return 0;
	}
	rc = open_all(zone_def_net_pairs(device), ret);
	return rc == 0 || device->vhost != ZONE_VHOST_ON
		       ? 0
		       : refuse(path, rc, ret_error);
}

void net_vhost_close(struct net_vhost *vhost)
{
	for (uint32_t i = 0; i < vhost->count; i++) {
		close(vhost->fd[i]);
	}
	vhost->count = 0;
}
