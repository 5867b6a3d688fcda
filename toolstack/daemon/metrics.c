/* SPDX-License-Identifier: BSD-2-Clause */
#include "metrics.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon.h"
#include "metrics_scrape.h"
#include "openmetrics.h"
#include "privcmd.h"
#include "server.h"
#include "zone.h"

/* ------------------------------------------------------------- its life */

static void scrape_free(struct metrics_scrape *s)
{
	for (size_t i = 0; i < s->device_count; i++) {
		json_object_put(s->devices[i].counters);
	}
	free(s->devices);
	free(s->zones);
	free(s);
}

/* It is told nobody any more, and goes when no device may answer it. */
static void scrape_end(struct metrics_scrape *s)
{
	s->metrics = NULL;
	if (s->pending == 0) {
		scrape_free(s);
	}
}

void metrics_text_put(struct metrics_text *text)
{
	if (--text->refs == 0) {
		free(text->text);
		free(text);
	}
}

static struct metrics_text *make_text(const struct metrics_scrape *s)
{
	struct metrics_text *text = calloc(1, sizeof(*text));
	struct openmetrics to = { 0 };

	if (!text) {
		return NULL;
	}
	metrics_write(s, &to);
	if (to.failed) {
		free(to.text);
		free(text);
		return NULL;
	}
	*text = (struct metrics_text){ to.text, to.len, 1 };
	return text;
}

/* s NULL: there was no memory to begin. */
static void deliver(struct metrics *m, struct metrics_scrape *s)
{
	struct metrics_text *text = s ? make_text(s) : NULL;
	struct metrics_wish *wish;

	uv_timer_stop(&m->timer);
	if (s) {
		m->scrape = NULL;
		scrape_end(s);
	}
	while ((wish = m->wishes) != NULL) {
		m->wishes = wish->next;
		if (text) {
			text->refs++;
		}
		wish->told(wish, text);
	}
	if (text) {
		metrics_text_put(text);
	}
}

static void on_late(uv_timer_t *timer)
{
	struct metrics *m = timer->data;

	deliver(m, m->scrape);
}

static void on_counters(void *user, struct json_object *counters,
			const struct zerror *error)
{
	struct metrics_device *device = user;
	struct metrics_scrape *s = device->scrape;

	(void)error;
	s->pending--;
	if (!s->metrics) {
		scrape_end(s);
		return;
	}
	device->counters = json_object_get(counters);
	if (s->pending == 0) {
		deliver(s->metrics, s);
	}
}

/* ------------------------------------------------------ what is known */

static void find_info(struct metrics_zone *to, int rc)
{
	to->exists = rc == 0;
	to->vcpus_on = (uint64_t)__builtin_popcount(to->info.vcpus_on);
	to->vcpus_loaded = (uint64_t)__builtin_popcount(to->info.vcpus_loaded);
}

static void find_counters(struct metrics_zone *to, int device, uint32_t id)
{
	to->counted =
		device >= 0 && privcmd_counters(device, id, &to->counters) == 0;
}

static void look_at_zone0(struct metrics_scrape *s, int device)
{
	struct metrics_zone *to = &s->zones[s->zone_count];

	if (device < 0 || privcmd_zone_next(device, ZV_ZONE0, &to->info) != 0 ||
	    to->info.id != ZV_ZONE0) {
		return;
	}
	snprintf(to->name, sizeof(to->name), "zone0");
	uuid_format(to->info.uuid, to->uuid);
	to->state = zone_fsm_name(ZONE_RUNNING);
	to->vcpus = to->info.vcpu_count;
	to->memory = to->info.pages * ZV_PAGE_SIZE;
	to->autostart = 1;
	find_info(to, 0);
	find_counters(to, device, ZV_ZONE0);
	s->zone_count++;
}

static void look_at_devices(struct metrics_scrape *s, const struct zone *z,
			    const struct metrics_zone *zone)
{
	for (uint32_t i = 0; i < z->running_def->device_count; i++) {
		const struct zone_device *from = &z->running_def->devices[i];
		const struct device_status *status = &z->io.status[i];
		struct metrics_device *to = &s->devices[s->device_count++];

		*to = (struct metrics_device){
			.scrape = s,
			.zone = zone,
			.type = from->type,
			.state = device_state_name(status->state),
			.sized = status->sized,
			.size = status->size,
		};
		snprintf(to->name, sizeof(to->name), "%s", from->name);
	}
}

static void look_at_zone(struct metrics_scrape *s, const struct zone *z)
{
	const struct zone_def *def = z->running_def ? z->running_def : z->def;
	struct metrics_zone *to = &s->zones[s->zone_count++];

	snprintf(to->name, sizeof(to->name), "%s", z->name);
	uuid_format(z->uuid, to->uuid);
	to->state = zone_fsm_name(z->state);
	find_info(to, z->control_fd >= 0
			      ? privcmd_zone_info(z->control_fd, &to->info)
			      : -1);
	if (z->id >= 0) {
		find_counters(to, z->daemon->device, (uint32_t)z->id);
	}
	to->vcpus = def ? def->vcpus : to->info.vcpu_count;
	to->memory = def ? def->memory : to->info.pages * ZV_PAGE_SIZE;
	to->autostart = z->def && z->def->autostart;
	to->generation = z->generation;
	if (z->running_def) {
		to->has_io = true;
		to->io_restarts = z->io.restarts;
		to->has_display = z->display.on;
		to->viewers = z->display.viewers;
		to->display_restarts = z->display.restarts;
		look_at_devices(s, z, to);
	}
}

static uint64_t resident_bytes(void)
{
	unsigned long long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file) {
		return 0;
	}
	if (fscanf(file, "%llu %llu", &size, &resident) != 2) {
		resident = 0;
	}
	fclose(file);
	return resident * (unsigned long long)sysconf(_SC_PAGESIZE);
}

static uint64_t ns_of(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000u +
	       (uint64_t)time->tv_usec * 1000u;
}

static void look_at_daemon(struct metrics_scrape *s, struct daemon *daemon)
{
	struct rusage usage;
	struct zerror error;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		s->cpu_ns = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	}
	s->resident = resident_bytes();
	s->requests = daemon->requests;
	s->clients[0] = server_clients(daemon, false);
	s->clients[1] = server_clients(daemon, true);
	s->connected = daemon_connect(daemon, &error) == 0 &&
		       privcmd_info(daemon->device, &s->info) == 0;
}

static struct metrics_scrape *look(struct daemon *daemon)
{
	struct metrics_scrape *s = calloc(1, sizeof(*s));
	size_t devices = 0;

	if (!s) {
		return NULL;
	}
	/* May find zones. */
	look_at_daemon(s, daemon);
	for (const struct zone *z = daemon->zones; z; z = z->next) {
		devices += z->running_def ? z->running_def->device_count : 0;
	}
	s->zones = calloc(daemon->zone_count + 1, sizeof(*s->zones));
	s->devices = calloc(devices + 1, sizeof(*s->devices));
	if (!s->zones || !s->devices) {
		scrape_free(s);
		return NULL;
	}
	look_at_zone0(s, daemon->device);
	for (const struct zone *z = daemon->zones; z; z = z->next) {
		/* One whose first definition is being written is none yet. */
		if (z->def || z->state != ZONE_DEFINED) {
			look_at_zone(s, z);
		}
	}
	return s;
}

/* In the order in which look() has taken them down. */
static void ask_devices(struct metrics_scrape *s, struct daemon *daemon)
{
	struct metrics_device *device = s->devices;

	for (struct zone *z = daemon->zones; z; z = z->next) {
		uint32_t count =
			z->running_def ? z->running_def->device_count : 0;

		for (uint32_t i = 0; i < count; i++, device++) {
			if (zone_counters_ask(z, i, on_counters, device) == 0) {
				s->pending++;
			}
		}
	}
}

/* ------------------------------------------------------------- requests */

void metrics_init(struct metrics *m, struct daemon *daemon)
{
	*m = (struct metrics){ .daemon = daemon };
	uv_timer_init(&daemon->loop, &m->timer);
	m->timer.data = m;
}

void metrics_close(struct metrics *m)
{
	m->wishes = NULL;
	if (m->scrape) {
		scrape_end(m->scrape);
		m->scrape = NULL;
	}
	uv_close((uv_handle_t *)&m->timer, NULL);
}

void metrics_get(struct metrics *m, struct metrics_wish *wish)
{
	struct metrics_scrape *s;

	wish->next = m->wishes;
	m->wishes = wish;
	if (m->scrape) {
		return;
	}
	s = look(m->daemon);
	if (!s) {
		deliver(m, NULL);
		return;
	}
	s->metrics = m;
	m->scrape = s;
	/* A device may fail while it is asked: that is not the end of all. */
	s->pending = 1;
	ask_devices(s, m->daemon);
	if (--s->pending == 0) {
		deliver(m, s);
	} else {
		uv_timer_start(&m->timer, on_late, METRICS_MS, 0);
	}
}

void metrics_cancel(struct metrics *m, struct metrics_wish *wish)
{
	struct metrics_wish **place = &m->wishes;

	while (*place && *place != wish) {
		place = &(*place)->next;
	}
	if (*place) {
		*place = wish->next;
	}
}
