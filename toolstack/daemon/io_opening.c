/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_opening.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/*
 * An image may still be locked by what a killed process had under way, and a TAP
 * be in the hands of one that a killed daemon left behind.
 */
#define RETRY_MS 10u
#define RETRY_DOUBLINGS 6u /* 640 ms */
#define PATIENCE_MS 3000u /* of an impatient one */
#define WITHOUT_MS 200u /* what a guest's other devices wait for a network */
#define TELL_MS 10000u

struct io_opening {
	uv_work_t work;
	uv_timer_t timer;
	uv_loop_t *loop;
	const struct io_opening_ops *ops;
	void *owner;
	struct zone_def *def;
	uint32_t zone; /* id */
	const char *video_dir;
	bool patient;
	bool without; /* networks and servers that cannot be had */
	bool opened;
	bool working; /* a job is under way */
	bool dropped; /* goes when the job is done */
	int zone_fd; /* -1: not yet */
	struct io_resources resources;
	int rc; /* of the job */
	uint32_t busy; /* rc 0: which resource is locked by somebody */
	unsigned int tries;
	uint64_t since; /* the first try; loop time, ms */
	uint64_t told;
	struct zerror error;
};

static void work_on(struct io_opening *opening);
static void go_on_locking(struct io_opening *opening);

static void on_timer_closed(uv_handle_t *handle)
{
	struct io_opening *opening = handle->data;

	zone_def_destroy(opening->def);
	free(opening);
}

static void finish(struct io_opening *opening)
{
	io_resources_close(&opening->resources);
	uv_close((uv_handle_t *)&opening->timer, on_timer_closed);
}

void io_opening_drop(struct io_opening *opening)
{
	if (!opening || opening->dropped) {
		return;
	}
	opening->dropped = true;
	if (opening->zone_fd >= 0) {
		close(opening->zone_fd);
		opening->zone_fd = -1;
	}
	if (!opening->working) {
		finish(opening);
	}
}

static void fail(struct io_opening *opening, const struct zerror *error)
{
	struct zerror copy = *error;
	void *owner = opening->owner;
	const struct io_opening_ops *ops = opening->ops;

	io_opening_drop(opening);
	ops->failed(owner, &copy);
}

/* ------------------------------------------------------------ locking */

static void explain(struct io_opening *opening, struct zerror *ret_error)
{
	const struct io_resource *busy =
		&opening->resources.item[opening->busy];
	const struct zone_device *device = &opening->def->devices[busy->device];
	const char *zone = opening->ops->user_of(opening->owner, busy, true);
	const char *what = device->type == ZONE_DEVICE_GPU ? "video memory of"
			   : busy->lock			   ? "image"
							   : "export";
	char name[IO_RESOURCE_NAME_MAX];
	char path[ZERROR_PATH_MAX];

	if (device->type == ZONE_DEVICE_NET) {
		*ret_error =
			opening->error; /* net_tap.c, user_net.c know best */
		return;
	}
	io_resource_path(opening->def, busy->device, path);
	io_resource_name(device, name);
	if (zone) {
		zerror_set(ret_error, ZERROR_BUSY, path,
			   "stop that zone first; disks can share an image or "
			   "an export if all of them are \"readonly\"",
			   "the %s %.200s is in use by zone %s", what, name,
			   zone);
	} else {
		zerror_set(ret_error, ZERROR_BUSY, path,
			   "find out which has it locked (lslocks), and end it",
			   "the %s %.200s is in use by another process", what,
			   name);
	}
}

/* The rest of an old process lets go soon; a zone that runs does not. */
static bool is_hopeless(struct io_opening *opening, uint64_t now)
{
	const struct io_resource *busy =
		&opening->resources.item[opening->busy];

	return !opening->patient &&
	       (now - opening->since >= PATIENCE_MS ||
		opening->ops->user_of(opening->owner, busy, false));
}

static void on_retry(uv_timer_t *timer)
{
	go_on_locking(timer->data);
}

static void locked_by_somebody(struct io_opening *opening)
{
	uint64_t now = uv_now(opening->loop);
	unsigned int doublings = opening->tries < RETRY_DOUBLINGS
					 ? opening->tries
					 : RETRY_DOUBLINGS;
	bool first = opening->tries++ == 0;
	struct zerror error;

	if (first) {
		opening->since = now;
	}
	if (is_hopeless(opening, now)) {
		explain(opening, &error);
		fail(opening, &error);
		return;
	}
	opening->without =
		opening->patient && now - opening->since >= WITHOUT_MS;
	if (first || now - opening->told >= TELL_MS) {
		opening->told = now;
		explain(opening, &error);
		log_write(first ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
			  "%s: its I/O process waits: %s", opening->def->name,
			  error.message);
	}
	uv_timer_start(&opening->timer, on_retry, RETRY_MS << doublings, 0);
}

static void locked(struct io_opening *opening)
{
	if (opening->tries) {
		log_info("%s: waited %llu ms for its images, exports and "
			 "networks",
			 opening->def->name,
			 (unsigned long long)(uv_now(opening->loop) -
					      opening->since));
	}
	opening->ops->opened(opening->owner, opening);
}

/* ---------------------------------------------------------------- jobs */

/*
 * The zone's fd before the locks: an I/O process that an earlier daemon left
 * behind has them, and ends when its own fd is stale.
 */
static void identified(struct io_opening *opening)
{
	struct zerror error;

	opening->opened = true;
	opening->ops->identified(opening->owner, &opening->resources);
	opening->zone_fd = opening->ops->open_zone(opening->owner);
	if (opening->zone_fd < 0) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "no I/O fd of the zone: %s",
			   strerror(-opening->zone_fd));
		fail(opening, &error);
		return;
	}
	go_on_locking(opening);
}

/*
 * From here on this zone is seen to have its exports, so of two that want one
 * the first gets it.
 */
static void go_on_locking(struct io_opening *opening)
{
	for (uint32_t i = 0; i < opening->resources.count; i++) {
		const struct io_resource *r = &opening->resources.item[i];

		if (r->nbd.address[0] &&
		    opening->ops->user_of(opening->owner, r, true)) {
			opening->busy = i;
			locked_by_somebody(opening);
			return;
		}
	}
	work_on(opening);
}

/* On another thread. */
static void on_work(uv_work_t *work)
{
	struct io_opening *opening = work->data;
	const struct io_resource_place place = {
		.video_dir = opening->video_dir,
		.keep_video = opening->patient,
	};

	if (!opening->opened) {
		opening->rc =
			io_resources_open(opening->def, &place,
					  &opening->resources, &opening->error);
	} else {
		opening->rc = io_resources_lock(
			opening->def, opening->zone, opening->without,
			&opening->resources, &opening->busy, &opening->error);
	}
}

/* It may be a network in user mode that failed, or an NBD server. */
static bool can_do_without(const struct io_opening *opening)
{
	return opening->rc < 0 && opening->opened && opening->patient &&
	       !opening->without;
}

static void on_done(uv_work_t *work, int status)
{
	struct io_opening *opening = work->data;

	(void)status; /* nothing cancels queued work */
	opening->working = false;
	if (opening->dropped) {
		finish(opening);
	} else if (can_do_without(opening)) {
		opening->without = true;
		work_on(opening);
	} else if (opening->rc < 0) {
		fail(opening, &opening->error);
	} else if (!opening->opened) {
		identified(opening);
	} else if (opening->rc == 0) {
		locked_by_somebody(opening);
	} else {
		locked(opening);
	}
}

static void on_no_thread(uv_timer_t *timer)
{
	struct io_opening *opening = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
		   "hvd: no thread to open images");
	fail(opening, &error);
}

static void work_on(struct io_opening *opening)
{
	opening->working = uv_queue_work(opening->loop, &opening->work, on_work,
					 on_done) == 0;
	if (!opening->working) {
		uv_timer_start(&opening->timer, on_no_thread, 0, 0);
	}
}

struct io_opening *io_opening_start(uv_loop_t *loop,
				    const struct io_opening_ops *ops,
				    void *owner, uint32_t zone,
				    const struct zone_def *def,
				    const char *video_dir, bool patient)
{
	struct io_opening *opening = calloc(1, sizeof(*opening));

	if (!opening) {
		return NULL;
	}
	opening->def = zone_def_copy(def);
	if (!opening->def) {
		free(opening);
		return NULL;
	}
	opening->work.data = opening->timer.data = opening;
	opening->loop = loop;
	opening->ops = ops;
	opening->owner = owner;
	opening->zone = zone;
	opening->video_dir = video_dir;
	opening->patient = patient;
	opening->zone_fd = -1;
	uv_timer_init(loop, &opening->timer);
	work_on(opening);
	return opening;
}

int io_opening_zone_fd(const struct io_opening *opening)
{
	return opening->zone_fd;
}

const struct io_resources *
io_opening_resources(const struct io_opening *opening)
{
	return &opening->resources;
}

int io_opening_take_viewer(struct io_opening *opening)
{
	int fd = -1;

	for (uint32_t i = 0; i < opening->resources.count; i++) {
		if (opening->resources.item[i].paired) {
			fd = opening->resources.item[i].viewer;
			opening->resources.item[i].viewer = -1;
		}
	}
	return fd;
}
