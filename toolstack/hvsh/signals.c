// SPDX-License-Identifier: BSD-2-Clause
/* Signals that ask hvsh to stop what it does. */
#include "hvsh.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t pending;
static int pipe_fds[2] = { -1, -1 };

static void on_signal(int sig)
{
	int saved = errno;
	ssize_t n;

	pending = sig;
	/* A full pipe is readable already. */
	n = write(pipe_fds[1], "", 1);
	(void)n;
	errno = saved;
}

void signals_init(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction old;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		complain("out of file descriptors");
		exit(EXIT_REQUEST);
	}
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* nohup and background jobs of plain shells ignore some. */
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN) {
			sigaction(signals[i], &action, NULL);
		}
	}
}

int signals_fd(void)
{
	return pipe_fds[0];
}

int signals_pending(void)
{
	return pending;
}

void signals_clear(void)
{
	char buf[64];

	while (read(pipe_fds[0], buf, sizeof(buf)) > 0) {}
	pending = 0;
}

int signals_exit_status(void)
{
	return pending != 0 ? 128 + (int)pending : EXIT_INTERRUPTED;
}

int signals_follow_status(void)
{
	return pending == SIGINT ? EXIT_OK : signals_exit_status();
}
