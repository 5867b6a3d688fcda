/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_autostart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "store.h"
#include "zone_internal.h"

#define LIST_MAX (ZONE_COUNT_MAX * (ZV_NAME_MAX + 1u))
#define ALL "/" /* in the list: nobody is left; no zone is called so */

static void on_turn(uv_timer_t *timer);

static void list_path(const struct daemon *daemon, char ret_path[PATH_MAX + 16])
{
	snprintf(ret_path, PATH_MAX + 16, "%s/autostarted",
		 daemon->options.run_dir);
}

/* One line; whoever is killed has written all of it or nothing. */
static void add_to_list(const struct daemon *daemon, const char *name)
{
	char path[PATH_MAX + 16];
	char line[ZV_NAME_MAX + 2];
	int len = snprintf(line, sizeof(line), "%s\n", name);
	int fd;

	list_path(daemon, path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, (size_t)len) != len) {
		log_warning("%s: %s; the next hvd may start zones again", path,
			    strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

static uint64_t delay_ms(const struct zone *z)
{
	return (z->def->autostart_delay_us + 999) / 1000;
}

static bool is_up(const struct zone *z)
{
	return z->state != ZONE_DEFINED && z->state != ZONE_DYING;
}

/*
 * Who had a turn under an earlier daemon.  Returns false if everybody had one;
 * *ret_wait is what may be left of the last one's delay.
 */
static bool read_list(struct daemon *daemon, uint64_t *ret_wait)
{
	char path[PATH_MAX + 16];
	char *next = NULL;
	bool all = false;
	char *text;
	size_t len;
	int rc;

	list_path(daemon, path);
	rc = store_read_file(path, LIST_MAX, &text, &len);
	if (rc < 0) {
		if (rc != -ENOENT) {
			log_warning("%s: %s; no zone is started", path,
				    strerror(-rc));
		}
		return rc == -ENOENT;
	}
	for (char *line = strtok_r(text, "\n", &next); line;
	     line = strtok_r(NULL, "\n", &next)) {
		struct zone *z = zone_find(daemon, line);

		all |= strcmp(line, ALL) == 0;
		if (z && z->autostart_due) {
			z->autostart_due = false;
			*ret_wait = is_up(z) ? delay_ms(z) : 0;
		}
	}
	free(text);
	return !all;
}

/* The zones are sorted by name. */
static struct zone *next_zone(const struct daemon *daemon)
{
	struct zone *best = NULL;

	for (struct zone *z = daemon->zones; z; z = z->next) {
		if (!z->autostart_due || !z->def || !z->def->autostart) {
			continue;
		}
		if (!best ||
		    z->def->autostart_order < best->def->autostart_order) {
			best = z;
		}
	}
	return best;
}

static void after(struct daemon *daemon, uint64_t ms)
{
	uv_timer_start(&daemon->autostart.timer, on_turn, ms, 0);
}

static void turn_over(struct zone *z)
{
	z->autostart_due = false;
	z->autostart_begun = false;
	add_to_list(z->daemon, z->name);
	if (is_up(z)) {
		after(z->daemon, delay_ms(z));
		return;
	}
	log_warning("%s: was not started with the machine: %s", z->name,
		    z->reason);
	zone_publish(z, "autostart-failed", z->reason);
	after(z->daemon, 0);
}

static void on_turn(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct zone *z = next_zone(daemon);

	daemon->autostart.waits_for = z;
	if (!z) {
		add_to_list(daemon, ALL);
		return;
	}
	if (z->moving) {
		return; /* zone_autostart_moved() goes on */
	}
	if (z->state == ZONE_DEFINED && !z->autostart_begun) {
		z->autostart_begun = true;
		zone_start(z, false, NULL);
	}
	/* One that an earlier daemon left half made goes first. */
	if (z->state != ZONE_STARTING &&
	    (z->state != ZONE_DYING || z->autostart_begun)) {
		turn_over(z);
	}
}

void zone_autostart_entered(struct zone *z)
{
	/* When whoever changes its state is through with it. */
	if (z->daemon->autostart.waits_for == z && z->autostart_due) {
		after(z->daemon, 0);
	}
}

void zone_autostart_moved(struct zone *from, struct zone *to)
{
	bool waits = from->autostart_due &&
		     from->daemon->autostart.waits_for == from;

	to->autostart_due = from->autostart_due;
	if (to != from && to->def->autostart && !to->autostart_due) {
		add_to_list(to->daemon, to->name);
	}
	if (waits) {
		after(from->daemon, 0);
	}
}

void zone_autostart_begin(struct daemon *daemon)
{
	uint64_t wait = 0;

	for (struct zone *z = daemon->zones; z; z = z->next) {
		z->autostart_due = z->def && z->def->autostart;
	}
	if (read_list(daemon, &wait)) {
		after(daemon, wait);
	}
}

void zone_autostart_init(struct daemon *daemon)
{
	uv_timer_init(&daemon->loop, &daemon->autostart.timer);
	daemon->autostart.timer.data = daemon;
}

void zone_autostart_close(struct daemon *daemon)
{
	uv_handle_t *timer = (uv_handle_t *)&daemon->autostart.timer;

	if (!uv_is_closing(timer)) {
		uv_close(timer, NULL);
	}
}
