// SPDX-License-Identifier: BSD-2-Clause
/* The user's editor, and what is asked when it has ended. */
#include "hvsh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* $1: the file.  A variable may have options in it: "code --wait". */
static char *script(void)
{
	static const char fallback[] =
		"if command -v editor >/dev/null; then editor \"$1\"; "
		"else vi \"$1\"; fi";
	const char *editor = getenv("VISUAL");
	char *text;

	if (editor == NULL || editor[0] == '\0') {
		editor = getenv("EDITOR");
	}
	if (editor == NULL || editor[0] == '\0') {
		return strdup(fallback);
	}
	return asprintf(&text, "%s \"$1\"", editor) >= 0 ? text : NULL;
}

/* Keys that mean the editor must not end hvsh. */
static void set_keys(const struct sigaction *action, struct sigaction old[2])
{
	sigaction(SIGINT, action, old != NULL ? &old[0] : NULL);
	sigaction(SIGQUIT, action, old != NULL ? &old[1] : NULL);
}

static void run_script(const char *text, const char *path)
{
	const struct sigaction plain = { .sa_handler = SIG_DFL };

	set_keys(&plain, NULL);
	execl("/bin/sh", "sh", "-c", text, "sh", path, (char *)NULL);
	_exit(127);
}

/* As waitpid() has it, or -1. */
static int run_and_wait(const char *text, const char *path)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old[2];
	int status = -1;
	pid_t pid;

	fflush(stdout);
	set_keys(&ignore, old);
	pid = fork();
	if (pid == 0) {
		run_script(text, path);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	sigaction(SIGINT, &old[0], NULL);
	sigaction(SIGQUIT, &old[1], NULL);
	return status;
}

bool editor_run(const char *path)
{
	char *text = script();
	int status;

	if (text == NULL) {
		out_of_memory();
		return false;
	}
	status = run_and_wait(text, path);
	free(text);
	if (status == 0) {
		return true;
	}
	if (status > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		complain("the editor cannot be run");
		hint("set VISUAL or EDITOR to one that is installed");
	} else if (status > 0 && WIFEXITED(status)) {
		complain("the editor failed with status %d",
			 WEXITSTATUS(status));
	} else {
		complain("the editor did not end by itself");
	}
	return false;
}

bool ask(const char *question)
{
	char line[80];
	ssize_t len;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		return false;
	}
	fprintf(stderr, "%s [Y/n] ", question);
	do {
		len = read(STDIN_FILENO, line, sizeof(line));
	} while (len < 0 && errno == EINTR && signals_pending() == 0);
	return len > 0 && line[0] != 'n' && line[0] != 'N';
}
