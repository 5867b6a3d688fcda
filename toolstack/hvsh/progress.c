// SPDX-License-Identifier: BSD-2-Clause
/* Shows that hvsh is waiting, and lets signals end the wait. */
#include "hvsh.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MS 100
/* Short waits show nothing. */
#define QUIET_MS 500

static struct {
	char text[80];
	struct timespec started;
	unsigned int turn;
	bool shown;
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

static int on_wait(struct hvd_conn *conn, void *arg)
{
	static const char wheel[] = "|/-\\";
	long ms = elapsed_ms();

	(void)conn;
	(void)arg;
	if (state.text[0] != '\0' && ms >= QUIET_MS && may_show()) {
		fprintf(stderr, "\r%c %s (%ld s)\033[K",
			wheel[state.turn++ % 4], state.text, ms / 1000);
		fflush(stderr);
		state.shown = true;
	}
	return signals_pending();
}

void progress_start(struct context *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(state.text, sizeof(state.text), fmt, args);
	va_end(args);
	clock_gettime(CLOCK_MONOTONIC, &state.started);
	state.turn = 0;
	hvd_set_wait_callback(ctx->conn, INTERVAL_MS, on_wait, NULL);
}

void progress_stop(struct context *ctx)
{
	if (state.shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
		state.shown = false;
	}
	/* Signals end a wait also where nothing is shown. */
	state.text[0] = '\0';
	hvd_set_wait_callback(ctx->conn, INTERVAL_MS, on_wait, NULL);
}
