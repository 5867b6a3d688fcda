/* SPDX-License-Identifier: BSD-2-Clause */
#include "display_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "store.h"
#include "unix_socket.h"

#define BACKLOG 16
#define AUTO_PORTS 1000u /* how many are tried */
#define PORT_TEXT_MAX 16u
/* Seconds: whoever has not been heard of is asked then, and so many times more. */
#define SILENCE 60
#define SILENCE_ASK 15
#define SILENCE_TIMES 4

void display_listen_path(const char *dir, const char *zone, uint32_t head,
			 char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s-%u.sock", dir, zone, head) >=
	    PATH_MAX) {
		ret_path[0] = '\0';
	}
}

static void add(struct display_listen *listen, uint32_t head, int fd, bool tcp)
{
	listen->socket[listen->count].head = head;
	listen->socket[listen->count].fd = fd;
	listen->socket[listen->count].tcp = tcp;
	listen->count++;
}

void display_listen_close(struct display_listen *listen)
{
	/* They end here even if a process has copies and is slow to end. */
	for (unsigned int i = 0; i < listen->count; i++) {
		shutdown(listen->socket[i].fd, SHUT_RDWR);
		close(listen->socket[i].fd);
	}
	listen->count = 0;
	listen->port = 0;
}

/* ------------------------------------------------------- the unix sockets */

static int listen_unix(const char *dir, const char *zone, uint32_t head,
		       struct display_listen *listen, struct zerror *ret_error)
{
	char path[PATH_MAX];
	int fd;

	display_listen_path(dir, zone, head, path);
	fd = unix_socket_listen(path, 0660);
	if (fd < 0) {
		return zerror_set(
			ret_error, ZERROR_IO_ERROR, NULL,
			fd == -ENAMETOOLONG
				? "choose a shorter --run-dir or zone name"
				: NULL,
			"the viewers' socket %s: %s", path, strerror(-fd));
	}
	add(listen, head, fd, false);
	return 0;
}

/* ------------------------------------------------------ ports of a network */

/* The last choice, so that viewers find the same zone there after a restart. */
static void note_path(const char *dir, const char *zone,
		      char ret_path[PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s.port", dir, zone) >= PATH_MAX) {
		ret_path[0] = '\0';
	}
}

static void note_port(const char *dir, const char *zone, uint16_t port)
{
	char path[PATH_MAX];
	int fd;

	note_path(dir, zone, path);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%u\n", port) < 0) {
		log_warning("%s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* 0: there is none. */
static uint16_t noted_port(const char *dir, const char *zone)
{
	char path[PATH_MAX];
	char *text = NULL;
	size_t len;
	long port;

	note_path(dir, zone, path);
	if (store_read_file(path, PORT_TEXT_MAX, &text, &len) < 0) {
		return 0;
	}
	port = strtol(text, NULL, 10);
	free(text);
	return port >= (long)ZONE_DEF_VNC_PORT_MIN && port <= UINT16_MAX
		       ? (uint16_t)port
		       : 0;
}

static socklen_t make_address(const char *text, uint16_t port,
			      struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	inet_pton(AF_INET6, text, &v6->sin6_addr);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno
								      : 0;
}

/*
 * Connections have it of who accepts them: a viewer whose machine is gone would
 * keep its place for as long as the picture does not change.
 */
static int notice_silence(int fd)
{
	int rc = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);

	rc = rc == 0 ? set(fd, IPPROTO_TCP, TCP_KEEPIDLE, SILENCE) : rc;
	rc = rc == 0 ? set(fd, IPPROTO_TCP, TCP_KEEPINTVL, SILENCE_ASK) : rc;
	return rc == 0 ? set(fd, IPPROTO_TCP, TCP_KEEPCNT, SILENCE_TIMES) : rc;
}

/* shared: perhaps with who has it already.  An fd or -errno. */
static int bind_tcp(const char *address, uint16_t port, int shared)
{
	struct sockaddr_storage at;
	socklen_t len = make_address(address, port, &at);
	int rc;
	int fd = socket(at.ss_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return -errno;
	}
	rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	rc = rc == 0 ? set(fd, SOL_SOCKET, SO_REUSEPORT, shared) : rc;
	rc = rc == 0 ? notice_silence(fd) : rc;
	if (rc == 0 && bind(fd, (struct sockaddr *)&at, len) < 0) {
		rc = -errno;
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/* An fd or -errno. */
static int listen_tcp(const char *address, uint16_t port, bool adopted)
{
	int rc = adopted ? -1 : bind_tcp(address, port, false);
	int fd;

	if (!adopted && rc < 0) {
		return rc;
	}
	if (!adopted) {
		close(rc); /* nobody is there */
	}
	fd = bind_tcp(address, port, true);
	if (fd >= 0 && listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

struct ports {
	const struct zone_gpu *gpu;
	display_listen_taken_fn taken_by;
	void *arg;
	struct display_listen *listen;
	bool adopted;
	uint16_t failed; /* the port that cannot be had */
	const char *owner; /* the zone that has it; NULL: unknown */
};

/* All heads' ports from this one on, or none: 0 or -errno. */
static int listen_from(struct ports *p, uint16_t first)
{
	unsigned int before = p->listen->count;
	const char *address = p->gpu->vnc.address;
	int fd = 0;

	for (uint32_t head = 0; head < p->gpu->heads; head++) {
		p->failed = (uint16_t)(first + head);
		p->owner = p->taken_by(p->arg, address, p->failed);
		fd = p->owner ? -EADDRINUSE
			      : listen_tcp(address, p->failed, p->adopted);
		if (fd < 0) {
			break;
		}
		add(p->listen, head, fd, true);
	}
	if (fd >= 0) {
		p->listen->port = first;
		return 0;
	}
	while (p->listen->count > before) {
		close(p->listen->socket[--p->listen->count].fd);
	}
	return fd;
}

static int listen_auto(struct ports *p, uint16_t last)
{
	int rc = last ? listen_from(p, last) : -EADDRINUSE;

	p->adopted &= rc == 0; /* a new one is to be its own */
	for (unsigned int i = 0; rc == -EADDRINUSE && i < AUTO_PORTS; i++) {
		rc = listen_from(p, (uint16_t)(ZONE_DEF_VNC_AUTO + i));
	}
	return rc;
}

static int explain(const struct ports *p, int err, const char *path,
		   struct zerror *ret_error)
{
	const struct zone_vnc *vnc = &p->gpu->vnc;
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.vnc.%s", path,
		    err == EADDRNOTAVAIL ? "address" : "port");
	if (err == EADDRINUSE && p->owner) {
		return zerror_set(ret_error, ZERROR_BUSY, at,
				  "choose another or \"auto\", or stop that "
				  "zone first",
				  "port %u is taken by zone %s", p->failed,
				  p->owner);
	}
	if (err == EADDRINUSE) {
		return zerror_set(ret_error, ZERROR_BUSY, at,
				  "choose another or \"auto\"; ss -lntp shows "
				  "who listens there",
				  "port %u is taken by another program",
				  p->failed);
	}
	if (err == EADDRNOTAVAIL) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "ip address shows those that it has",
				  "%s is no address of zone0", vnc->address);
	}
	return zerror_set(ret_error, ZERROR_IO_ERROR, at, NULL,
			  "port %u at %s: %s", p->failed, vnc->address,
			  strerror(err));
}

static int listen_vnc(const char *dir, const char *zone,
		      const struct zone_gpu *gpu, const char *path,
		      bool adopted, struct ports *p, struct zerror *ret_error)
{
	uint16_t last = adopted ? noted_port(dir, zone) : 0;
	int rc;

	p->adopted = adopted;
	rc = gpu->vnc.port ? listen_from(p, gpu->vnc.port)
			   : listen_auto(p, last);

	if (rc == 0) {
		/* A kill while it is written would lose it. */
		if (p->listen->port != last) {
			note_port(dir, zone, p->listen->port);
		}
		return 0;
	}
	explain(p, -rc, path, ret_error);
	if (!adopted) {
		return -1;
	}
	log_warning("%s: viewers on a network have to wait until it starts "
		    "again: %s",
		    zone, ret_error->message);
	return 0;
}

/* --------------------------------------------------------------- the whole */

int display_listen_open(const char *dir, const char *zone,
			const struct zone_device *gpu, const char *path,
			bool adopted, display_listen_taken_fn taken_by,
			void *arg, struct display_listen *ret,
			struct zerror *ret_error)
{
	struct ports ports = {
		.gpu = &gpu->gpu,
		.taken_by = taken_by,
		.arg = arg,
		.listen = ret,
	};
	int rc = 0;

	*ret = (struct display_listen){ 0 };
	for (uint32_t head = 0; rc == 0 && head < gpu->gpu.heads; head++) {
		rc = listen_unix(dir, zone, head, ret, ret_error);
	}
	if (rc == 0 && gpu->gpu.vnc.on) {
		rc = listen_vnc(dir, zone, &gpu->gpu, path, adopted, &ports,
				ret_error);
	}
	if (rc < 0) {
		display_listen_close(ret);
	}
	return rc;
}

void display_listen_remove(const char *dir, const char *zone)
{
	char path[PATH_MAX];

	for (uint32_t head = 0; head < ZONE_DEF_HEADS_MAX; head++) {
		display_listen_path(dir, zone, head, path);
		unlink(path);
	}
	note_path(dir, zone, path);
	unlink(path);
}
