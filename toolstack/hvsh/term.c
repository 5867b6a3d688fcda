// SPDX-License-Identifier: BSD-2-Clause
/* The terminal: its width, raw mode, and always giving it back. */
#include "hvsh.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static struct termios raw;
static volatile sig_atomic_t is_raw;

size_t term_width(void)
{
	struct winsize size;
	uint64_t columns;
	const char *text;

	if (!isatty(STDOUT_FILENO)) {
		return 0;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		return size.ws_col;
	}
	text = getenv("COLUMNS");
	return text != NULL && parse_number(text, 10000, &columns) ? columns
								   : 80;
}

size_t term_height(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

void term_restore(void)
{
	/* tcsetattr() may be called in signal handlers. */
	if (is_raw) {
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		is_raw = 0;
	}
}

static void on_fatal(int sig)
{
	term_restore();
	/* SA_RESETHAND: this time it ends the process. */
	raise(sig);
}

/* Stopped by another process: the terminal is the user's until SIGCONT. */
static void on_stop(int sig)
{
	int saved_errno = errno;
	bool was_raw = is_raw;

	(void)sig;
	term_restore();
	raise(SIGSTOP);
	if (was_raw && tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0) {
		is_raw = 1;
	}
	errno = saved_errno;
}

/* A bug must not leave the user without echo. */
static void guard_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS,	 SIGFPE,
				       SIGILL,	SIGABRT, SIGPIPE };
	struct sigaction action = { .sa_handler = on_fatal,
				    .sa_flags = (int)SA_RESETHAND };
	struct sigaction old;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler == SIG_DFL) {
			sigaction(signals[i], &action, NULL);
		}
	}
	action.sa_handler = on_stop;
	action.sa_flags = 0;
	sigaction(SIGTSTP, &action, NULL);
}

static bool set_input(bool keys_only)
{
	static bool prepared;

	if (is_raw) {
		return true;
	}
	if (tcgetattr(STDIN_FILENO, &saved) != 0) {
		return false;
	}
	if (!prepared) {
		prepared = true;
		atexit(term_restore);
		guard_signals();
	}
	raw = saved;
	if (keys_only) {
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	} else {
		cfmakeraw(&raw);
	}
	is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
		is_raw = 0;
		return false;
	}
	return true;
}

bool term_raw(void)
{
	return set_input(false);
}

bool term_keys(void)
{
	return set_input(true);
}
