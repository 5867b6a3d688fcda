// SPDX-License-Identifier: BSD-2-Clause
/* The command that prints events. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

/* A restarted daemon is waited for that long. */
#define RECONNECT_TRIES 60
#define RECONNECT_MS 500

struct printer {
	bool json;
	int status;
};

static void on_event(struct hvd_conn *conn, const struct hvd_event *event,
		     void *arg)
{
	struct printer *printer = arg;
	char progress[48];
	char time[40];

	(void)conn;
	if (printer->json) {
		puts(event->json);
	} else {
		format_time(event->time, time, sizeof(time));
		printf("%" PRIu64 " %s %s ", event->seq, time, event->zone);
		if (event->job_kind != NULL) {
			printf("job %" PRIu64 " (%s) ", event->job,
			       event->job_kind);
		}
		printf("%s%s%s", event->device != NULL ? event->device : "",
		       event->device != NULL ? " " : "", event->event);
		if (event->job_total != 0) {
			format_progress(event->job_done, event->job_total,
					progress, sizeof(progress));
			printf(" %s", progress);
		}
		if (event->reason != NULL) {
			fputs(" (", stdout);
			print_clean(event->reason);
			putchar(')');
		}
		putchar('\n');
	}
	/* Each event is seen when it happens, also through a pipe. */
	printer->status = finish_output(printer->status);
}

int events_reconnect(struct context *ctx, const char *verb)
{
	struct pollfd pfd = { .fd = signals_fd(), .events = POLLIN };

	complain("%s: the connection was lost, trying again", verb);
	for (int i = 0; i < RECONNECT_TRIES; i++) {
		if (hvd_reconnect(ctx->conn) == 0) {
			return EXIT_OK;
		}
		poll(&pfd, 1, RECONNECT_MS);
		if (signals_pending() != 0) {
			return EXIT_OK; /* the caller sees it too */
		}
	}
	return report(ctx, -ECONNRESET, "%s", verb);
}

static int follow(struct context *ctx, struct printer *printer)
{
	struct pollfd fds[2] = {
		{ .fd = hvd_fd(ctx->conn), .events = POLLIN },
		{ .fd = signals_fd(), .events = POLLIN },
	};
	int status;

	while (signals_pending() == 0 && printer->status == EXIT_OK) {
		if (hvd_process(ctx->conn) == -ECONNRESET) {
			status = events_reconnect(ctx, "events");
			if (status != EXIT_OK) {
				return status;
			}
			continue;
		}
		poll(fds, 2, -1);
	}
	return signals_pending() != 0 ? signals_follow_status()
				      : printer->status;
}

int cmd_events(struct context *ctx, const struct args *args)
{
	struct printer printer = { .json = args_has(args, "json") };
	uint64_t since;
	int status, err;

	if (!args_number(args, "since", HVD_EVENTS_NEW, INT64_MAX, &since)) {
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_subscribe(ctx->conn, since, on_event, &printer, NULL);
	if (err != 0) {
		return report(ctx, err, "events");
	}
	status = follow(ctx, &printer);
	/* The prompt goes on with the same connection. */
	if (ctx->interactive) {
		signals_clear();
		hvd_unsubscribe(ctx->conn);
	}
	return status;
}
