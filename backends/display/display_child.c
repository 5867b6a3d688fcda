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
#include "display/display_sandbox.h"

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

/* Both above those that they become, so that neither is lost on the way. */
static bool move(int fd, int link)
{
	int high = fcntl(fd, F_DUPFD, DISPLAY_CHILD_FD_LINK + 1);
	int high_link =
		link >= 0 ? fcntl(link, F_DUPFD, DISPLAY_CHILD_FD_LINK + 1) : 0;
	unsigned int rest = DISPLAY_CHILD_FD_LINK + (link >= 0);

	return high >= 0 && high_link >= 0 &&
	       dup2(high, DISPLAY_CHILD_FD) >= 0 &&
	       (link < 0 || dup2(high_link, DISPLAY_CHILD_FD_LINK) >= 0) &&
	       syscall(SYS_close_range, rest, ~0u, 0) == 0;
}

static int become(pid_t parent, int fd, int link, int (*work)(void *argument),
		  void *argument)
{
	/* It may have ended before it was asked to take us along. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    getppid() != parent || !move(fd, link) ||
	    display_sandbox_child() != 0) {
		return ECHILD;
	}
	return work(argument);
}

int display_child_start(struct display_child *child, int fd, int link,
			int (*work)(void *argument), void *argument)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int rc;

	if (pid < 0) {
		return -errno;
	}
	if (pid == 0) {
		_exit(become(parent, fd, link, work, argument));
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
