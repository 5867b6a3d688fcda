/* SPDX-License-Identifier: BSD-2-Clause */
#include "step.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

bool step_through(void (*work)(void *ctx), void *ctx, void (*look)(void))
{
	pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
			_exit(77);
		}
		raise(SIGSTOP);
		work(ctx);
		/* Not by exit(): the parent has its own clean-up. */
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	if (!WIFSTOPPED(status)) {
		return false;
	}
	look();
	while (WIFSTOPPED(status)) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
		must(waitpid(pid, &status, 0) == pid);
		look();
	}
	must(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}
