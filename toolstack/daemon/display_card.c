/* SPDX-License-Identifier: BSD-2-Clause */
#include "display_card.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"

#define DRM_MAJOR 226
/* Nodes that draw and show nothing, /dev/dri/renderD128 and up. */
#define RENDER_MINOR_MIN 128u
#define RENDER_MINOR_MAX 191u
#define RETRY_MAX_MS 10000u

/* ------------------------------------------------------------------ opening */

static bool is_card(const struct stat *st)
{
	unsigned int number = minor(st->st_rdev);

	return S_ISCHR(st->st_mode) && major(st->st_rdev) == DRM_MAJOR &&
	       (number < RENDER_MINOR_MIN || number > RENDER_MINOR_MAX);
}

/*
 * Looked at before it is opened, as there are devices that do something when they
 * are: a watchdog, a tape.  -errno, -ENOTTY: it is something else.
 */
static int open_card(const char *card)
{
	char again[64];
	struct stat st;
	int place = open(card, O_PATH | O_CLOEXEC);
	int fd;

	if (place < 0) {
		return -errno;
	}
	snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
	if (fstat(place, &st) < 0) {
		fd = -errno;
	} else if (!is_card(&st)) {
		fd = -ENOTTY;
	} else {
		fd = open(again, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	close(place);
	return fd;
}

static int explain_open(const char *card, const char *at, int err,
			struct zerror *ret_error)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "ls /dev/dri shows those that it has; the "
				  "card's driver may have to be loaded",
				  "zone0 has no %.200s", card);
	case ENOTTY:
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "name one as /dev/dri/card0",
				  "%.200s is no graphics card", card);
	case EACCES:
	case EPERM:
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "run hvd as root, and see the rights of the "
				  "card (ls -l /dev/dri)",
				  "hvd may not open %.200s: %s", card,
				  strerror(err));
	default:
		return zerror_set(ret_error, ZERROR_IO_ERROR, at, NULL,
				  "%.200s cannot be opened: %s", card,
				  strerror(err));
	}
}

static int call(int fd, unsigned long what, void *argument)
{
	int rc;

	do {
		rc = ioctl(fd, what, argument);
	} while (rc < 0 && (errno == EINTR || errno == EAGAIN));
	return rc;
}

/* Has it monitors, and pictures that are drawn by a processor? */
static int check_card(int fd, const char *card, const char *at,
		      struct zerror *ret_error)
{
	struct drm_mode_card_res resources = { 0 };
	struct drm_get_cap dumb = { .capability = DRM_CAP_DUMB_BUFFER };

	if (call(fd, DRM_IOCTL_MODE_GETRESOURCES, &resources) < 0 ||
	    resources.count_crtcs == 0 || resources.count_connectors == 0) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, at,
				  "name another card; /sys/class/drm shows "
				  "which has connectors",
				  "%.200s drives no monitors", card);
	}
	if (call(fd, DRM_IOCTL_GET_CAP, &dumb) < 0 || dumb.value == 0) {
		return zerror_set(
			ret_error, ZERROR_UNSUPPORTED, at, "name another card",
			"the driver of %.200s has no dumb buffers", card);
	}
	return 0;
}

/* Who opens a card that has no master is it. */
static int become_master(int fd, const char *card, const char *at,
			 struct zerror *ret_error)
{
	if (call(fd, DRM_IOCTL_SET_MASTER, NULL) == 0) {
		return 0;
	}
	if (errno == EACCES) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "run hvd as root",
				  "hvd may not say what %.200s shows", card);
	}
	return zerror_set(ret_error, ZERROR_BUSY, at,
			  "end it (a desktop of zone0, perhaps), or name "
			  "another card",
			  "%.200s is taken by another program", card);
}

int display_card_open(const char *card, const char *at,
		      struct zerror *ret_error)
{
	int fd = open_card(card);

	if (fd < 0) {
		return explain_open(card, at, -fd, ret_error);
	}
	if (check_card(fd, card, at, ret_error) < 0 ||
	    become_master(fd, card, at, ret_error) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void display_card_close(int fd)
{
	/* Who has a copy may be slow to end, and the next one need not wait. */
	(void)call(fd, DRM_IOCTL_DROP_MASTER, NULL);
	close(fd);
}

bool display_card_same(const char *a, const char *b)
{
	struct stat one;
	struct stat other;

	return strcmp(a, b) == 0 ||
	       (stat(a, &one) == 0 && stat(b, &other) == 0 &&
		S_ISCHR(one.st_mode) && S_ISCHR(other.st_mode) &&
		one.st_rdev == other.st_rdev);
}

/* -------------------------------------------------------------- having one */

static void on_time(uv_timer_t *timer)
{
	struct display_card *card =
		(struct display_card *)((char *)timer -
					offsetof(struct display_card, timer));

	card->wanted(card);
}

void display_card_init(struct display_card *card, uv_loop_t *loop,
		       const char *zone, void (*wanted)(struct display_card *))
{
	*card = (struct display_card){
		.wanted = wanted,
		.zone = zone,
		.fd = -1,
	};
	uv_timer_init(loop, &card->timer);
}

void display_card_hold(struct display_card *card, const char *path, int fd)
{
	snprintf(card->path, sizeof(card->path), "%s", path);
	card->fd = fd;
	card->backoff = (struct backoff){ .longest_ms = RETRY_MAX_MS };
	card->error[0] = card->logged[0] = '\0';
}

void display_card_release(struct display_card *card)
{
	uv_timer_stop(&card->timer);
	if (card->fd >= 0) {
		display_card_close(card->fd);
		card->fd = -1;
	}
}

/* What is tried in vain for a night is not to fill the log. */
static void log_lost(struct display_card *card)
{
	if (strcmp(card->error, card->logged) != 0) {
		log_warning("%s: nothing is shown on %s: %s", card->zone,
			    card->path, card->error);
		snprintf(card->logged, sizeof(card->logged), "%s", card->error);
	}
}

void display_card_lost(struct display_card *card, const char *why)
{
	display_card_release(card);
	if (card->path[0] == '\0') {
		return;
	}
	snprintf(card->error, sizeof(card->error), "%s", why);
	log_lost(card);
	uv_timer_start(&card->timer, on_time,
		       backoff_next(&card->backoff, uv_now(card->timer.loop)),
		       0);
}

void display_card_shows(struct display_card *card)
{
	card->error[0] = card->logged[0] = '\0';
}

int display_card_take(struct display_card *card)
{
	struct zerror error;

	if (card->path[0] == '\0') {
		return -1;
	}
	uv_timer_stop(&card->timer);
	if (card->fd < 0) {
		card->fd = display_card_open(card->path, NULL, &error);
	}
	if (card->fd < 0) {
		display_card_lost(card, error.message);
	}
	return card->fd;
}
