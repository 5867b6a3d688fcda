// SPDX-License-Identifier: BSD-2-Clause
/* Shows something again whenever an event tells that it may be another. */
#include "hvsh.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct watch {
	const char *zone; /* NULL: all of them matter */
	bool changed;
};

static void on_event(struct hvd_conn *conn, const struct hvd_event *event,
		     void *arg)
{
	struct watch *watch = arg;

	(void)conn;
	if (watch->zone == NULL || event->zone == NULL ||
	    strcmp(watch->zone, event->zone) == 0) {
		watch->changed = true;
	}
}

/* Is there a key, and is it the one that leaves? */
static bool wants_to_leave(void)
{
	char key;

	return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q';
}

static int show_again(struct context *ctx, const struct args *args, bool screen,
		      bool first, show_fn show)
{
	int status;

	if (screen) {
		fputs("\033[H\033[J", stdout); /* an empty screen */
	} else if (!first) {
		putchar('\n');
	}
	status = show(ctx, args);
	return finish_output(status);
}

static int follow(struct context *ctx, const struct args *args,
		  struct watch *watch, bool screen, show_fn show)
{
	struct pollfd fds[3] = {
		{ .fd = hvd_fd(ctx->conn), .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = screen ? STDIN_FILENO : -1, .events = POLLIN },
	};
	bool first = true;
	int status;

	while (signals_pending() == 0) {
		if (hvd_process(ctx->conn) == -ECONNRESET) {
			status = events_reconnect(ctx, args->command);
			if (status != EXIT_OK) {
				return status;
			}
			watch->changed = true;
			continue;
		}
		if (watch->changed) {
			watch->changed = false;
			status = show_again(ctx, args, screen, first, show);
			first = false;
			if (status != EXIT_OK && status != EXIT_CONNECT &&
			    signals_pending() == 0) {
				return status;
			}
			continue;
		}
		if (poll(fds, 3, -1) > 0 && fds[2].revents != 0 &&
		    wants_to_leave()) {
			return EXIT_OK;
		}
	}
	return signals_follow_status();
}

int watch(struct context *ctx, const struct args *args, const char *zone,
	  show_fn show)
{
	struct watch state = { .changed = true };
	char name[ZONE_NAME_MAX];
	bool screen;
	int status, err;

	if (zone != NULL) {
		context_zone_name(ctx, zone, name);
		state.zone = name;
	}
	/* First, so that nothing that happens meanwhile is missed. */
	err = hvd_subscribe(ctx->conn, HVD_EVENTS_NEW, on_event, &state, NULL);
	if (err != 0) {
		return report(ctx, err, "%s", args->command);
	}
	screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && term_keys();
	status = follow(ctx, args, &state, screen, show);
	term_restore();
	/* The prompt goes on with the same connection. */
	if (ctx->interactive) {
		signals_clear();
		hvd_unsubscribe(ctx->conn);
	}
	return status;
}
