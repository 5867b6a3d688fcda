/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened to zones, numbered.  The last EVENT_HISTORY events are kept so
 * that a client that comes back can ask for what it missed.  A gap in `seq`
 * tells a client that it was too slow; another `run`, that numbers which it has
 * seen were of an earlier daemon.  An event is kept as the message that
 * tells it, so that a thousand listeners cost no more than its sending.
 */
#ifndef ZV_TOOLSTACK_DAEMON_EVENT_H
#define ZV_TOOLSTACK_DAEMON_EVENT_H

#include <stdint.h>

#include "uuid.h"

struct json_object;
struct zone;

#define EVENT_HISTORY 1024u

struct event_listener {
	/* Takes one message without LF; it lives during the call only. */
	void (*deliver)(struct event_listener *listener, const char *message);
	struct event_listener *next;
	struct event_listener **link; /* NULL: not listening */
};

struct event_log {
	/* Numbers are of one run of the daemon: which. */
	char run[UUID_TEXT_SIZE];
	uint64_t seq; /* of the last event; 0: none yet */
	char *history[EVENT_HISTORY]; /* NULL: none, or no memory for it */
	struct event_listener *listeners;
};

/* 0 or a negative errno. */
int event_log_init(struct event_log *log);
void event_log_fini(struct event_log *log);

/* Of kind "lifecycle"; reason may be NULL. */
void event_publish(struct event_log *log, const struct zone *z,
		   const char *event, const char *reason);

/* Of kind "device", about one of the zone's. */
void event_publish_device(struct event_log *log, const struct zone *z,
			  const char *device, const char *event,
			  const char *reason);

/* Of kind "display": how many viewers there are. */
void event_publish_display(struct event_log *log, const struct zone *z,
			   const char *event, unsigned int viewers);

/* Of kind "job"; takes job over, which tells what it is. */
void event_publish_job(struct event_log *log, const struct zone *z,
		       struct json_object *job, const char *event,
		       const char *reason);

/* From now on; replay delivers what is still known of events after since. */
void event_listen(struct event_log *log, struct event_listener *listener);
void event_replay(struct event_log *log, struct event_listener *listener,
		  uint64_t since);
void event_unlisten(struct event_listener *listener);

#endif /* ZV_TOOLSTACK_DAEMON_EVENT_H */
