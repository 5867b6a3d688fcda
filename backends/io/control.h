/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket to the daemon: lines of JSON both ways.  Its end is no reason to
 * stop: a zone goes on without the daemon.
 */
#ifndef ZV_BACKENDS_IO_CONTROL_H
#define ZV_BACKENDS_IO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "io/io_counter.h"
#include "zerror.h"

#define CONTROL_LINE_MAX 65536u
#define CONTROL_FDS_MAX 8u /* that came and were not taken */

struct control {
	struct event_loop *loop;
	int fd;
	struct event_watch watch;
	/* A line without its end; line[len] is NUL. */
	void (*on_line)(struct control *control, const char *line, size_t len);
	/* No more lines will come. */
	void (*on_end)(struct control *control);
	void *owner;
	size_t fd_count;
	int fds[CONTROL_FDS_MAX]; /* in the order of the lines */
	size_t len;
	char line[CONTROL_LINE_MAX + 1];
};

/* Set on_line, on_end and owner afterwards; fd becomes non-blocking. */
int control_init(struct control *control, struct event_loop *loop, int fd);
int control_start(struct control *control);
void control_stop(struct control *control);

/*
 * From on_line: the fd that came with the line (SCM_RIGHTS), now the caller's;
 * -1: none.  Those that nobody takes are closed.
 */
int control_take_fd(struct control *control);

struct json_object;

/*
 * Events; one that the socket has no room for is dropped, for the daemon does
 * not read and nothing here may wait for it.
 */
/* The object is control's from here on. */
void control_send(struct control *control, struct json_object *object);
void control_send_event(struct control *control, const char *event);
/* device: which cannot be made, or NULL. */
void control_send_fatal(struct control *control, const struct zerror *error,
			const char *device);

/* What there is to say of a device. */
struct control_device {
	const char *name;
	const char *state;
	const char *why; /* NULL: nothing is wrong */
	bool lost; /* see struct io_device */
	bool has_size;
	uint64_t size; /* bytes */
};

void control_send_device(struct control *control,
			 const struct control_device *device);
void control_send_resized(struct control *control, const char *device,
			  uint64_t size);
void control_send_counters(struct control *control, const char *device,
			   const struct io_counters *all);
/* What was asked of a device is done; event is the name of the command. */
void control_send_done(struct control *control, const char *event,
		       const char *device);
/* A command for that device could not be carried out. */
void control_send_refused(struct control *control, const char *device,
			  const char *why);

#endif /* ZV_BACKENDS_IO_CONTROL_H */
