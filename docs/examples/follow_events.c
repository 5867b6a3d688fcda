// SPDX-License-Identifier: BSD-2-Clause
/* Prints events as they happen, in an event loop; bears restarts of hvd. */
#include <errno.h>
#include <hvd.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void print_event(struct hvd_conn *conn, const struct hvd_event *event,
			void *arg)
{
	(void)conn;
	(void)arg;
	printf("%" PRIu64 " %s %s\n", event->seq, event->zone, event->event);
	fflush(stdout);
}

/* hvd may need some time to come back. */
static int connect_again(struct hvd_conn *conn)
{
	for (int tries = 0; tries < 30; tries++) {
		if (hvd_reconnect(conn) == 0) {
			return 0;
		}
		sleep(1);
	}
	return -1;
}

static void follow(struct hvd_conn *conn)
{
	struct pollfd pfd = { .fd = hvd_fd(conn), .events = POLLIN };

	while (poll(&pfd, 1, -1) >= 0 || errno == EINTR) {
		if (hvd_process(conn) == -ECONNRESET &&
		    connect_again(conn) != 0) {
			break;
		}
	}
}

int main(void)
{
	struct hvd_conn *conn = hvd_new(NULL);

	if (conn == NULL) {
		return 1;
	}
	if (hvd_connect(conn) == 0 &&
	    hvd_subscribe(conn, HVD_EVENTS_NEW, print_event, NULL, NULL) == 0) {
		follow(conn);
	}
	fprintf(stderr, "%s\n", hvd_last_error(conn)->message);
	hvd_close(conn);
	return 1;
}
