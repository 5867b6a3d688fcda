// SPDX-License-Identifier: BSD-2-Clause
/*
 * Defines the zone that standard input describes, starts it and prints its
 * console until the zone is off.
 */
#include <hvd.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define DEFINITION_MAX 65536

static int failed(struct hvd_conn *conn, const char *what)
{
	const struct hvd_error *error = hvd_last_error(conn);

	fprintf(stderr, "%s: %s\n", what, error->message);
	if (error->path != NULL) {
		fprintf(stderr, "  at %s\n", error->path);
	}
	if (error->hint != NULL) {
		fprintf(stderr, "  hint: %s\n", error->hint);
	}
	return 1;
}

static void print_console(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char data[4096];
	ssize_t n;

	while (poll(&pfd, 1, -1) > 0 &&
	       (n = read(fd, data, sizeof(data))) > 0) {
		fwrite(data, 1, (size_t)n, stdout);
		fflush(stdout);
	}
}

static int run(struct hvd_conn *conn, const char *definition)
{
	struct hvd_console_options options = { .flags = HVD_CONSOLE_READONLY };
	struct hvd_zone_defined *zone;
	struct hvd_console *console;
	int status = 0;

	if (hvd_zone_define(conn, definition, &zone) != 0) {
		return failed(conn, "define");
	}
	if (hvd_zone_start(conn, zone->name, 0) != 0) {
		status = failed(conn, "start");
	} else if (hvd_console_open(conn, zone->name, &options, &console) !=
		   0) {
		status = failed(conn, "console");
	} else {
		print_console(console->fd);
		hvd_console_close(console);
	}
	hvd_zone_defined_free(zone);
	return status;
}

int main(void)
{
	static char definition[DEFINITION_MAX];
	struct hvd_conn *conn = hvd_new(NULL);
	int status;

	if (conn == NULL ||
	    fread(definition, 1, sizeof(definition) - 1, stdin) == 0) {
		return 1;
	}
	status = hvd_connect(conn) != 0 ? failed(conn, "connect")
					: run(conn, definition);
	hvd_close(conn);
	return status;
}
