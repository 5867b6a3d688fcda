/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/container_of.h"

static void forget(struct display_child *child)
{
	event_unwatch(child->loop, &child->watch);
	close(child->pidfd);
	child->pid = 0;
}

static void on_exit_of(struct event_watch *watch, unsigned int events)
{
	struct display_child *child =
		container_of(watch, struct display_child, watch);
	int status = 0;

	(void)events;
	if (waitpid(child->pid, &status, WNOHANG) == 0) {
		return;
	}
	forget(child);
	child->on_end(child, status);
}

/* All above those that they become, so that none is lost on the way. */
static bool move(const struct display_child_task *task)
{
	int high[DISPLAY_CHILD_FDS_MAX];
	unsigned int end = DISPLAY_CHILD_FD + (unsigned int)task->fd_count;

	for (size_t i = 0; i < task->fd_count; i++) {
		high[i] = fcntl(task->fds[i], F_DUPFD, (int)end);
		if (high[i] < 0) {
			return false;
		}
	}
	for (size_t i = 0; i < task->fd_count; i++) {
		if (dup2(high[i], DISPLAY_CHILD_FD + (int)i) < 0) {
			return false;
		}
	}
	return syscall(SYS_close_range, end, ~0u, 0) == 0;
}

static int become(pid_t parent, const struct display_child_task *task)
{
	/* It may have ended before it was asked to take us along. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    getppid() != parent || !move(task) || task->sandbox() != 0) {
		return ECHILD;
	}
	return task->work(task->argument);
}

int display_child_start(struct display_child *child,
			const struct display_child_task *task)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int rc;

	if (pid < 0) {
		return -errno;
	}
	if (pid == 0) {
		_exit(become(parent, task));
	}
	child->pid = pid;
	child->watch.cb = on_exit_of;
	child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = child->pidfd < 0 ? -errno
			      : event_watch(child->loop, &child->watch,
					    child->pidfd, EVENT_READ);
	if (rc != 0) {
		/* Out of descriptors or memory: its own are all it has. */
		if (child->pidfd >= 0) {
			close(child->pidfd);
		}
		child->pid = 0;
	}
	return rc;
}

void display_child_forget(struct display_child *child)
{
	if (child->pid != 0) {
		forget(child);
	}
}
