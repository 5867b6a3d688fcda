// SPDX-License-Identifier: BSD-2-Clause
/* Shows that hvsh is waiting, and lets signals end the wait. */
#include "hvsh.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MS 100
/* Short waits show nothing. */
#define QUIET_MS 500
/* How often, and how long, the daemon is asked how far it is. */
#define ASK_MS 1000
#define ANSWER_MS 200

static struct {
	char verb[16];
	char zone[ZONE_NAME_MAX];
	struct timespec started;
	unsigned int turn;
	bool shown;
	/* The one that waits cannot ask. */
	struct hvd_conn *conn;
	long asked_ms;
	char far[48]; /* ", 45% of 2 GiB", or empty */
} state;

static long elapsed_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - state.started.tv_sec) * 1000 +
	       (now.tv_nsec - state.started.tv_nsec) / 1000000;
}

/* In the background it would write over what others print. */
static bool may_show(void)
{
	return isatty(STDERR_FILENO) && tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static void look(struct hvd_conn *waiting)
{
	struct hvd_job *jobs;
	size_t count;
	char text[40];

	state.far[0] = '\0';
	if (state.conn == NULL) {
		state.conn = hvd_new(hvd_path(waiting));
	}
	if (state.conn == NULL) {
		return;
	}
	hvd_set_timeout(state.conn, ANSWER_MS);
	if ((!hvd_is_connected(state.conn) && hvd_connect(state.conn) != 0) ||
	    hvd_job_list(state.conn, &jobs, &count) != 0) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(jobs[i].zone, state.zone) == 0 &&
		    jobs[i].total != 0) {
			format_progress(jobs[i].done, jobs[i].total, text,
					sizeof(text));
			snprintf(state.far, sizeof(state.far), ", %s", text);
		}
	}
	hvd_job_list_free(jobs, count);
}

static int on_wait(struct hvd_conn *conn, void *arg)
{
	static const char wheel[] = "|/-\\";
	long ms = elapsed_ms();

	(void)arg;
	if (signals_pending() != 0) {
		return signals_pending();
	}
	if (state.verb[0] != '\0' && ms >= QUIET_MS && may_show()) {
		if (!state.shown || ms - state.asked_ms >= ASK_MS) {
			look(conn);
			state.asked_ms = ms;
		}
		fprintf(stderr, "\r%c %s %s (%ld s%s)\033[K",
			wheel[state.turn++ % 4], state.verb, state.zone,
			ms / 1000, state.far);
		fflush(stderr);
		state.shown = true;
	}
	return 0;
}

void progress_start(struct context *ctx, const char *verb, const char *zone)
{
	snprintf(state.verb, sizeof(state.verb), "%s", verb);
	context_zone_name(ctx, zone, state.zone);
	clock_gettime(CLOCK_MONOTONIC, &state.started);
	state.turn = 0;
	state.far[0] = '\0';
	hvd_set_wait_callback(ctx->conn, INTERVAL_MS, on_wait, NULL);
}

void progress_stop(struct context *ctx)
{
	if (state.shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
		state.shown = false;
	}
	hvd_close(state.conn);
	state.conn = NULL;
	/* Signals end a wait also where nothing is shown. */
	state.verb[0] = '\0';
	hvd_set_wait_callback(ctx->conn, INTERVAL_MS, on_wait, NULL);
}
