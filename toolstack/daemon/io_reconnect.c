/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_reconnect.h"

#include <stdlib.h>

#include "nbd_socket.h"

struct io_reconnect {
	uv_work_t work;
	uv_timer_t timer;
	uv_loop_t *loop;
	const struct zone_def *def;
	const struct device_status *status;
	struct backoff *backoff;
	void (*back)(void *owner);
	void *owner;
	bool working; /* a job is under way */
	bool dropped; /* goes when the job is done */
	/* The job's own. */
	struct zone_nbd nbd[ZONE_DEF_DEVICES_MAX];
	uint32_t count;
	bool found; /* all of them */
};

#define TURN_MS 100u

static bool looking; /* one of all does; the loop's */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void io_reconnect_drop(struct io_reconnect *reconnect)
{
	if (!reconnect || reconnect->dropped) {
		return;
	}
	reconnect->dropped = true;
	if (!reconnect->working) {
		uv_close((uv_handle_t *)&reconnect->timer, on_closed);
	}
}

/* On another thread. */
static void on_work(uv_work_t *work)
{
	struct io_reconnect *reconnect = work->data;

	reconnect->found = true;
	for (uint32_t i = 0; reconnect->found && i < reconnect->count; i++) {
		reconnect->found = nbd_socket_probe(&reconnect->nbd[i]) == 0;
	}
}

static void look_later(struct io_reconnect *reconnect);

static uint32_t count_lost(const struct io_reconnect *reconnect)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < reconnect->def->device_count; i++) {
		count += reconnect->status[i].lost;
	}
	return count;
}

/* One that was lost while the job looked for others may not be back. */
static bool all_found(const struct io_reconnect *reconnect)
{
	return reconnect->found && count_lost(reconnect) == reconnect->count;
}

static void on_done(uv_work_t *work, int status)
{
	struct io_reconnect *reconnect = work->data;
	void (*back)(void *owner) = reconnect->back;
	void *owner = reconnect->owner;

	(void)status; /* nothing cancels queued work */
	reconnect->working = looking = false;
	if (reconnect->dropped) {
		uv_close((uv_handle_t *)&reconnect->timer, on_closed);
	} else if (all_found(reconnect)) {
		io_reconnect_drop(reconnect);
		back(owner);
	} else {
		look_later(reconnect);
	}
}

static void on_time(uv_timer_t *timer)
{
	struct io_reconnect *reconnect = timer->data;

	if (looking) {
		uv_timer_start(timer, on_time, TURN_MS, 0);
		return;
	}
	reconnect->count = 0;
	for (uint32_t i = 0; i < reconnect->def->device_count; i++) {
		if (reconnect->status[i].lost) {
			reconnect->nbd[reconnect->count++] =
				reconnect->def->devices[i].nbd;
		}
	}
	looking = uv_queue_work(reconnect->loop, &reconnect->work, on_work,
				on_done) == 0;
	reconnect->working = looking;
	if (!looking) {
		look_later(reconnect);
	}
}

static void look_later(struct io_reconnect *reconnect)
{
	uint64_t now = uv_now(reconnect->loop);

	uv_timer_start(&reconnect->timer, on_time,
		       backoff_next(reconnect->backoff, now), 0);
}

struct io_reconnect *io_reconnect_start(uv_loop_t *loop,
					const struct zone_def *def,
					const struct device_status *status,
					struct backoff *backoff,
					void (*back)(void *owner), void *owner)
{
	struct io_reconnect *reconnect = calloc(1, sizeof(*reconnect));

	if (!reconnect) {
		return NULL;
	}
	reconnect->loop = loop;
	reconnect->def = def;
	reconnect->status = status;
	reconnect->backoff = backoff;
	reconnect->back = back;
	reconnect->owner = owner;
	reconnect->work.data = reconnect->timer.data = reconnect;
	uv_timer_init(loop, &reconnect->timer);
	look_later(reconnect);
	return reconnect;
}
