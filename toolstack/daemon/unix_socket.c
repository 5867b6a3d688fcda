/* SPDX-License-Identifier: BSD-2-Clause */
#include "unix_socket.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUP "hvd"
#define BACKLOG 64

static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int err = errno;

	umask(old);
	return rc < 0 ? -err : 0;
}

/*
 * Looked for once: zones' consoles have sockets, too, and a start should not wait
 * for whoever answers about groups.
 */
static gid_t group_of_sockets(void)
{
	static gid_t gid = (gid_t)-1;
	static bool known;

	if (!known) {
		const struct group *group = getgrnam(GROUP);

		gid = group ? group->gr_gid : (gid_t)-1;
		known = true;
	}
	return gid;
}

static int open_up(const char *path, mode_t mode)
{
	gid_t gid = group_of_sockets();

	/* as another user than root it stays ours */
	if (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0 &&
	    errno != EPERM) {
		return -errno;
	}
	return chmod(path, mode) < 0 ? -errno : 0;
}

int unix_socket_listen(const char *path, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	if (unlink(path) < 0 && errno != ENOENT) {
		return -errno;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	rc = bind_private(fd, &address);
	if (rc == 0) {
		rc = open_up(path, mode);
	}
	if (rc == 0 && listen(fd, BACKLOG) < 0) {
		rc = -errno;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int unix_socket_ended(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0) {
		return -errno;
	}
	close(pair[1]);
	return pair[0];
}
