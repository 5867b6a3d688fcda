/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A libvirt client's connection: packets in, packets out, pings answered.
 * Whatever it sends or fails to read costs at most one packet of input,
 * CLIENT_OUTPUT_MAX of output beyond one packet, and CLIENT_CALLS_MAX calls: it is
 * not read while that many are open, CLIENT_OUTPUT_PAUSE bytes wait for it, or its
 * user has asked more than its quota of requests has.  A
 * packet that is none ends the connection.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_CLIENT_H
#define ZV_TOOLSTACK_LIBVIRT_CLIENT_H

#include <stdbool.h>
#include <uv.h>

#include "protocol.h"
#include "quota.h"
#include "quota_queue.h"
#include "xdr.h"

#define CLIENT_CALLS_MAX 32u
#define CLIENT_OUTPUT_PAUSE (1u << 20)
#define CLIENT_OUTPUT_MAX (8u << 20) /* of events; then it is dropped */
#define CLIENTS_HELD_MAX (128u << 20) /* input, calls, output of a socket's */

struct call;
struct client;
struct event_client;
struct link;
struct server;
struct stream;

/*
 * The clients of one socket.  hvd sees them as one user, this process: what a user
 * may have there is therefore divided here.
 */
struct client_owner {
	struct quota_table quotas;
	struct quota_queue queue; /* of who waits for its quota */
	struct client *clients;
	unsigned int count;
	unsigned int places;
	size_t held; /* bytes: packets not complete, calls, answers not read */
};

/* Who finds no place is let go at once.  0 or a libuv error. */
int client_accept(struct server *server, struct client_owner *owner,
		  uv_stream_t *listener, bool readonly);
void client_close(struct client *client);
/* The same, after logging why: as often as its user may be logged. */
void client_drop(struct client *client, const char *why);
void client_close_all(struct client_owner *owner);

struct server *client_server(struct client *client);
uv_loop_t *client_loop(struct client *client);
/* By its socket, or by what it asked for. */
bool client_is_readonly(struct client *client);
/* Whose it is: to be compared only. */
const void *client_user(struct client *client);
/* "pid 12, uid 0" */
const char *client_name(struct client *client);

/* One more request of its user's quota: a packet, or a question to hvd. */
void client_charge(struct client *client);
/* The quota is used up: what wants to go on waits, unless it forgets about it. */
bool client_is_late(const struct client *client);
void client_wait(struct client *client, struct quota_waiter *waiter);
void client_forget(struct client *client, struct quota_waiter *waiter);

/* It has said CONNECT_OPEN, from when on there is a link to hvd. */
bool client_is_open(struct client *client);
/* 0, or a negative errno value: hvd cannot be reached. */
int client_open(struct client *client, bool readonly);
void client_leave(struct client *client); /* said CONNECT_CLOSE */
struct link *client_link(struct client *client);

/* What belongs to the client and ends with it. */
struct call **client_calls(struct client *client);
struct event_client **client_events(struct client *client);
struct stream **client_streams(struct client *client);
/* A call is over: there may be room for another one. */
void client_call_done(struct client *client);
/* Its calls may hold more memory than before.  May drop the client, or another. */
void client_account(struct client *client);
/* So many bytes wait to be read by it. */
size_t client_output(struct client *client);

/*
 * Packets: begin, put the body, send.  The writer is used up; one that has
 * failed ends the connection.
 */
void packet_begin(struct xdr_writer *w, const struct packet_header *header);
void client_send(struct client *client, struct xdr_writer *w);
/* The same, and a file descriptor after it, which is used up. */
void client_send_with_fd(struct client *client, struct xdr_writer *w, int fd);

#endif /* ZV_TOOLSTACK_LIBVIRT_CLIENT_H */
