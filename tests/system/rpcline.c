/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks hvd: each line of standard input is a request, sent when the one before
 * it has been answered. All that hvd says is printed.
 *
 * usage: rpcline SOCKET <REQUESTS
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFICATION "{\"jsonrpc\":\"2.0\",\"method\":"

static FILE *connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		return NULL;
	}
	return fdopen(fd, "r");
}

static bool send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, text, len);

		if (put <= 0) {
			return false;
		}
		text += put;
		len -= (size_t)put;
	}
	return true;
}

static bool ask(FILE *hvd, const char *request, size_t len)
{
	char *line = NULL;
	size_t room = 0;
	bool answered = false;

	if (!send_all(fileno(hvd), request, len)) {
		return false;
	}
	while (!answered && getline(&line, &room, hvd) > 0) {
		fputs(line, stdout);
		answered =
			strncmp(line, NOTIFICATION, strlen(NOTIFICATION)) != 0;
	}
	free(line);
	return answered;
}

int main(int argc, char **argv)
{
	FILE *hvd = argc == 2 ? connect_to(argv[1]) : NULL;
	char *request = NULL;
	size_t room = 0;
	ssize_t len;

	if (!hvd) {
		perror("rpcline");
		return 1;
	}
	while ((len = getline(&request, &room, stdin)) > 0) {
		if (!ask(hvd, request, (size_t)len)) {
			fputs("rpcline: hvd closed the connection\n", stderr);
			return 1;
		}
	}
	free(request);
	fclose(hvd);
	return 0;
}
