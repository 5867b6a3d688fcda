/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Definitions are read again when an operator says so (SIGHUP), as if hvd had been
 * started anew: what somebody did to the files by hand is in force then.  What runs
 * goes on as it was started.
 *
 * This reads small files on the loop; nobody does it often.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store.h"
#include "zone_internal.h"

/* A definition that is being written is about to be in force: until then. */
#define LATER_MS 50u

struct reload {
	struct daemon *daemon;
	unsigned int changes;
};

static bool is_busy(const struct daemon *daemon)
{
	for (const struct zone *z = daemon->zones; z; z = z->next) {
		if (z->storing || zone_set_is_under_way(z)) {
			return true;
		}
	}
	return false;
}

static bool is_same(struct zone_def *a, struct zone_def *b)
{
	struct zone_def *const defs[] = { a, b };
	char *text[2];
	bool same;

	for (unsigned int i = 0; i < 2; i++) {
		text[i] = zone_record_text(
			&(struct zone_record){ .def = defs[i] });
	}
	same = text[0] && text[1] && strcmp(text[0], text[1]) == 0;
	free(text[0]);
	free(text[1]);
	return same;
}

/* The file gets the generation that clients are told, which only grows. */
static void take(struct zone *z, struct zone_def *def)
{
	struct zone_record record = {
		.def = def,
		.generation = z->generation + 1,
	};
	char *text = zone_record_text(&record);
	struct zerror error;
	bool changed;

	if (!text ||
	    store_save(z->daemon->zones_dir, z->name, text, &error) < 0) {
		log_warning("%s: its new generation could not be saved",
			    z->name);
	}
	free(text);
	changed = z->def;
	if (z->def) {
		zone_about_publish(z, &z->def->about, &def->about);
	}
	zone_def_destroy(z->def);
	z->def = def;
	zone_about_follow(z);
	z->generation = record.generation;
	memcpy(z->uuid, def->uuid, sizeof(z->uuid));
	zone_publish(z, "defined",
		     changed ? "changed: read again" : "read again");
}

/* Of a zone that is known.  Takes def over.  NULL, or why it is of no use. */
static const char *look_again(struct reload *reload, struct zone *z,
			      struct zone_def *def)
{
	struct zerror error;

	if (uuid_is_null(def->uuid) &&
	    zone_def_set_uuid(def, z->uuid, &error) < 0) {
		zone_def_destroy(def);
		return "out of memory";
	}
	if (memcmp(def->uuid, z->uuid, UUID_SIZE) != 0) {
		zone_def_destroy(def);
		return "a zone cannot get another uuid: what was known stays";
	}
	if (z->def && is_same(z->def, def)) {
		zone_def_destroy(def);
		return NULL;
	}
	take(z, def);
	reload->changes++;
	return NULL;
}

static const char *found(void *arg, const char *name, const char *text,
			 size_t len)
{
	struct reload *reload = arg;
	struct zone *z = zone_find(reload->daemon, name);
	struct zone_record stored;
	const char *why;

	if (!z) {
		why = zone_adopt_definition(reload->daemon, name, text, len);
		z = zone_find(reload->daemon, name);
		if (!why && z) {
			z->has_file = true;
			zone_publish(z, "defined", "read again");
			reload->changes++;
		}
		return why;
	}
	/* What is wrong with it does not make it gone. */
	z->has_file = true;
	why = zone_read_definition(name, text, len, &stored);
	return why ? why : look_again(reload, z, stored.def);
}

/* Nobody wrote that it should go, but it is not there any more. */
static void forget(struct reload *reload, struct zone *z)
{
	zone_def_destroy(z->def);
	z->def = NULL;
	reload->changes++;
	zone_publish(z, "undefined",
		     z->state == ZONE_DEFINED
			     ? NULL
			     : "it goes on as a transient zone");
	zone_reap(z);
}

static void reload_now(struct daemon *daemon)
{
	struct reload reload = { .daemon = daemon };
	struct zone *next;
	int rc;

	for (struct zone *z = daemon->zones; z; z = z->next) {
		z->has_file = false;
	}
	rc = store_load(daemon->zones_dir, found, &reload);
	if (rc < 0) {
		/* It says nothing about what is in it. */
		log_error("%s: %s", daemon->zones_dir, strerror(-rc));
		return;
	}
	for (struct zone *z = daemon->zones; z; z = next) {
		next = z->next;
		if (z->def && !z->has_file) {
			forget(&reload, z);
		}
	}
	log_info("definitions read again: %u changes", reload.changes);
}

static void on_later(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	if (is_busy(daemon)) {
		uv_timer_start(timer, on_later, LATER_MS, 0);
		return;
	}
	reload_now(daemon);
}

void zone_reload(struct daemon *daemon)
{
	if (!daemon->stopping) {
		on_later(&daemon->reload_timer);
	}
}

void zone_reload_init(struct daemon *daemon)
{
	uv_timer_init(&daemon->loop, &daemon->reload_timer);
	daemon->reload_timer.data = daemon;
}

void zone_reload_close(struct daemon *daemon)
{
	uv_handle_t *timer = (uv_handle_t *)&daemon->reload_timer;

	if (!uv_is_closing(timer)) {
		uv_close(timer, NULL);
	}
}
