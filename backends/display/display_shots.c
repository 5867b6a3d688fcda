/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_shots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/container_of.h"
#include "display/display_png.h"
#include "display/display_sandbox.h"

struct work {
	const uint8_t *memory;
	struct display_scanout picture;
};

/* In the child: a positive errno is its status. */
static int write_file(void *argument)
{
	const struct work *work = argument;

	return -display_png_write(DISPLAY_CHILD_FD, work->memory,
				  &work->picture);
}

static void finish(struct display_shots *shots, const char *why)
{
	uint32_t id = shots->queue[0].id;

	close(shots->queue[0].fd);
	shots->count--;
	memmove(shots->queue, shots->queue + 1,
		shots->count * sizeof(shots->queue[0]));
	if (shots->count != 0) {
		event_defer(shots->hub->loop, &shots->next);
	}
	shots->on_shot(shots, id, why);
}

static void on_child_end(struct display_child *child, int status)
{
	struct display_shots *shots =
		container_of(child, struct display_shots, child);

	if (WIFEXITED(status)) {
		finish(shots, WEXITSTATUS(status) != 0
				      ? strerror(WEXITSTATUS(status))
				      : NULL);
	} else {
		finish(shots, "the process that wrote it was killed");
	}
}

static void on_next(struct event_defer *defer)
{
	struct display_shots *shots =
		container_of(defer, struct display_shots, next);
	const struct display_hub *hub = shots->hub;
	uint32_t head = shots->queue[0].head;
	struct work work = {
		.memory = hub->memory,
		.picture = hub->shown[head],
	};
	char why[48];
	int rc;

	if (work.picture.format == 0) {
		snprintf(why, sizeof(why), "head %u shows nothing", head);
		finish(shots, why);
		return;
	}
	rc = display_child_start(&shots->child,
				 &(struct display_child_task){
					 .fds = { shots->queue[0].fd },
					 .fd_count = 1,
					 .sandbox = display_sandbox_child,
					 .work = write_file,
					 .argument = &work,
				 });
	if (rc != 0) {
		finish(shots, strerror(-rc));
	}
}

static const char *check(const struct display_shots *shots, int fd)
{
	struct stat st;

	if (fd < 0) {
		return "no file came with the command";
	}
	/* Anything else might not take it all, ever. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return "that is no regular file";
	}
	return shots->count == DISPLAY_SHOTS_MAX
		       ? "too many screenshots at a time: try again"
		       : NULL;
}

void display_shots_add(struct display_shots *shots, uint32_t id, uint32_t head,
		       int fd)
{
	const char *why = check(shots, fd);

	if (why != NULL) {
		if (fd >= 0) {
			close(fd);
		}
		shots->on_shot(shots, id, why);
		return;
	}
	shots->queue[shots->count].id = id;
	shots->queue[shots->count].head = head;
	shots->queue[shots->count].fd = fd;
	if (shots->count++ == 0) {
		event_defer(shots->hub->loop, &shots->next);
	}
}

void display_shots_init(struct display_shots *shots)
{
	shots->next.cb = on_next;
	shots->child.loop = shots->hub->loop;
	shots->child.on_end = on_child_end;
}

void display_shots_fini(struct display_shots *shots)
{
	event_undefer(shots->hub->loop, &shots->next);
	display_child_forget(&shots->child);
	while (shots->count != 0) {
		close(shots->queue[--shots->count].fd);
	}
}
