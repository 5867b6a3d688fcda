// SPDX-License-Identifier: BSD-2-Clause
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "event.h"
#include "link.h"
#include "log.h"
#include "server.h"
#include "stream.h"

#define READ_SIZE 65536u
#define INPUT_FIRST 1024u
#define QUEUED_COST 512u /* bytes of memory, beside those of the packet */
#define IDLE_MS 5000u /* until who is not open makes room for others */

struct client {
	struct client *next;
	struct client **link_to;
	struct server *server;
	struct client_owner *owner;
	uv_pipe_t pipe;
	uv_idle_t resume; /* takes up packets left over when calls finish */
	unsigned int open_handles;
	struct quota_waiter waiter;
	char name[48];
	bool readonly; /* the socket is */
	bool asked_readonly;
	bool closing;
	bool handling; /* inside handle_input() */
	bool stopped; /* reading is off */
	/* What has come of packets that were not dealt with. */
	uint8_t *input;
	size_t input_start;
	size_t input_len;
	size_t input_room;
	uint32_t fd_bytes; /* to come: those of file descriptors it sends */
	size_t held; /* what owner->held has of it */
	size_t queued; /* packets of output that wait */
	unsigned int call_count;
	struct call *calls;
	struct event_client *events;
	struct stream *streams;
	struct link *link; /* NULL: not open */
	uint64_t since; /* when it was not, in ms */
};

struct output {
	uv_write_t request;
	struct client *client;
	uint8_t *data;
};

/* What is read goes here first, from whomever. */
static uint8_t shared_input[READ_SIZE];

static void handle_input(struct client *client);
static void check_output(struct client *client);

struct server *client_server(struct client *client)
{
	return client->server;
}

uv_loop_t *client_loop(struct client *client)
{
	return client->pipe.loop;
}

bool client_is_readonly(struct client *client)
{
	return client->readonly || client->asked_readonly;
}

const void *client_user(struct client *client)
{
	return client->waiter.quota;
}

const char *client_name(struct client *client)
{
	return client->name;
}

bool client_is_open(struct client *client)
{
	return client->link;
}

struct link *client_link(struct client *client)
{
	return client->link;
}

struct call **client_calls(struct client *client)
{
	return &client->calls;
}

struct event_client **client_events(struct client *client)
{
	return &client->events;
}

struct stream **client_streams(struct client *client)
{
	return &client->streams;
}

void client_charge(struct client *client)
{
	rate_charge(&client->waiter.quota->rate, 1,
		    quota_queue_now(&client->owner->queue));
}

bool client_is_late(const struct client *client)
{
	return quota_queue_late(&client->owner->queue, client->waiter.quota);
}

/* With what each packet costs beside its bytes. */
size_t client_output(struct client *client)
{
	return uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe) +
	       client->queued * QUEUED_COST;
}

/* ------------------------------------------------------- open and close */

/* Who only asks for less has no need of a place on hvd's read-only socket. */
int client_open(struct client *client, bool readonly)
{
	int rc = link_open(client->pipe.loop,
			   server_hvd_socket(client->server, client->readonly),
			   &client->link);

	if (rc == 0) {
		client->asked_readonly = readonly;
	}
	return rc;
}

void client_leave(struct client *client)
{
	event_client_free(client);
	stream_close_all(client);
	call_drop_all(client);
	link_close(client->link);
	client->link = NULL;
	client->since = uv_now(client->pipe.loop);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	if (--client->open_handles == 0) {
		free(client->input);
		free(client);
	}
}

void client_close(struct client *client)
{
	if (client->closing) {
		return;
	}
	client->closing = true;
	*client->link_to = client->next;
	if (client->next) {
		client->next->link_to = client->link_to;
	}
	client->owner->count--;
	client->owner->held -= client->held;
	quota_queue_leave(&client->owner->queue, &client->waiter);
	if (client->waiter.quota) {
		quota_leave(client->waiter.quota);
	}
	client_leave(client);
	uv_close((uv_handle_t *)&client->pipe, on_handle_closed);
	uv_close((uv_handle_t *)&client->resume, on_handle_closed);
}

void client_close_all(struct client_owner *owner)
{
	while (owner->clients) {
		client_close(owner->clients);
	}
}

static struct client *holds_most(struct client_owner *owner)
{
	struct client *most = owner->clients;

	for (struct client *c = most; c; c = c->next) {
		if (c->held > most->held) {
			most = c;
		}
	}
	return most;
}

static size_t held_by(struct client *client)
{
	return client->input_room + client_output(client) + calls_size(client);
}

void client_account(struct client *client)
{
	struct client_owner *owner = client->owner;
	size_t held;

	if (client->closing) {
		return;
	}
	held = held_by(client);
	owner->held += held - client->held;
	client->held = held;
	while (owner->held > CLIENTS_HELD_MAX) {
		client_drop(holds_most(owner),
			    "clients hold too much memory, and it the most");
	}
}

static void log_drop(struct client *client, const char *why)
{
	char others[48] = "";
	unsigned int untold;

	if (!quota_may_tell(client->waiter.quota,
			    quota_queue_now(&client->owner->queue), &untold)) {
		return;
	}
	if (untold > 0) {
		snprintf(others, sizeof(others), ", as were %u more before it",
			 untold);
	}
	log_info("client %s is dropped: %s%s", client->name, why, others);
}

/*
 * It has cost as much as a packet, and its user has to wait for that: but not longer
 * than for a burst, however often it comes.
 */
void client_drop(struct client *client, const char *why)
{
	if (client->closing) {
		return;
	}
	if (!client_is_late(client)) {
		client_charge(client);
	}
	log_drop(client, why);
	client_close(client);
}

/* --------------------------------------------------------------- output */

void packet_begin(struct xdr_writer *w, const struct packet_header *header)
{
	xdr_writer_init(w, PACKET_OUT_MAX);
	xdr_put_u32(w, 0); /* the length, when it is known */
	xdr_put_u32(w, header->program);
	xdr_put_u32(w, header->version);
	xdr_put_i32(w, header->procedure);
	xdr_put_u32(w, header->type);
	xdr_put_u32(w, header->serial);
	xdr_put_u32(w, header->status);
}

static void finish_write(struct client *client, int status)
{
	client->queued--;
	if (client->closing) {
		return;
	}
	if (status < 0) {
		client_close(client);
		return;
	}
	client_account(client);
	check_output(client);
}

static void on_written(uv_write_t *request, int status)
{
	struct output *out = (struct output *)request;
	struct client *client = out->client;

	free(out->data);
	free(out);
	finish_write(client, status);
}

/* Queues len bytes of data, which is used up. */
static void queue(struct client *client, uint8_t *data, size_t done, size_t len)
{
	struct output *out = malloc(sizeof(*out));
	uv_buf_t buf = uv_buf_init((char *)data + done, (unsigned int)len);

	if (!out) {
		free(data);
		client_drop(client, "out of memory");
		return;
	}
	out->client = client;
	out->data = data;
	if (uv_write(&out->request, (uv_stream_t *)&client->pipe, &buf, 1,
		     on_written) < 0) {
		free(data);
		free(out);
		client_close(client);
		return;
	}
	client->queued++;
	client_account(client);
}

void client_send(struct client *client, struct xdr_writer *w)
{
	uv_buf_t buf;
	int done;

	if (client->closing || w->failed) {
		xdr_writer_fini(w);
		if (!client->closing) {
			client_drop(client,
				    "out of memory, or an answer too long");
		}
		return;
	}
	xdr_patch_u32(w, 0, (uint32_t)w->len);
	buf = uv_buf_init((char *)w->data, (unsigned int)w->len);
	done = uv_try_write((uv_stream_t *)&client->pipe, &buf, 1);
	if (done == UV_EAGAIN) {
		done = 0;
	}
	if (done < 0 || (size_t)done == w->len) {
		xdr_writer_fini(w);
		if (done < 0) {
			client_close(client);
		}
		return;
	}
	queue(client, w->data, (size_t)done, w->len - (size_t)done);
}

/* A file descriptor on its way to a client: a byte goes with it, as libvirt has it. */
struct parting_fd {
	uv_write_t request;
	uv_pipe_t handle; /* what libuv takes in the place of a descriptor */
	struct client *client;
	char byte;
};

static void on_parted(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_fd_written(uv_write_t *request, int status)
{
	struct parting_fd *parting = (struct parting_fd *)request;
	struct client *client = parting->client;

	uv_close((uv_handle_t *)&parting->handle, on_parted);
	finish_write(client, status);
}

/*
 * libuv sends descriptors by pipes that are marked for it.  This one is not while it
 * is read, so that the kernel closes what clients send.
 */
static int write_fd(struct client *client, struct parting_fd *parting)
{
	uv_buf_t buf = uv_buf_init(&parting->byte, 1);
	int rc;

	client->pipe.ipc = 1;
	rc = uv_write2(&parting->request, (uv_stream_t *)&client->pipe, &buf, 1,
		       (uv_stream_t *)&parting->handle, on_fd_written);
	client->pipe.ipc = 0;
	return rc;
}

/* Its flags are as they were: they belong to who has the other copy. */
static int take_fd(struct client *client, struct parting_fd *parting, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int rc;

	uv_pipe_init(client->pipe.loop, &parting->handle, 0);
	parting->handle.data = parting;
	rc = uv_pipe_open(&parting->handle, fd);
	if (rc < 0) {
		close(fd);
	} else {
		fcntl(fd, F_SETFL, flags);
	}
	return rc;
}

static void send_fd(struct client *client, int fd)
{
	struct parting_fd *parting = calloc(1, sizeof(*parting));
	int rc;

	if (!parting) {
		close(fd);
		client_drop(client, "out of memory");
		return;
	}
	parting->client = client;
	rc = take_fd(client, parting, fd);
	if (rc == 0) {
		rc = write_fd(client, parting);
	}
	if (rc < 0) {
		uv_close((uv_handle_t *)&parting->handle, on_parted);
		client_close(client);
		return;
	}
	client->queued++;
	client_account(client);
}

void client_send_with_fd(struct client *client, struct xdr_writer *w, int fd)
{
	client_send(client, w);
	if (client->closing) {
		close(fd);
	} else {
		send_fd(client, fd);
	}
}

/* ---------------------------------------------------------------- input */

static void pong(struct client *client, const struct packet_header *ping)
{
	struct packet_header header = *ping;
	struct xdr_writer w;

	header.procedure = KEEPALIVE_PONG;
	packet_begin(&w, &header);
	client_send(client, &w);
}

static void handle_keepalive(struct client *client,
			     const struct packet_header *header)
{
	/* Answers to pings need no action: this side sends none. */
	if (header->type == PACKET_MESSAGE &&
	    header->procedure == KEEPALIVE_PING) {
		pong(client, header);
	}
}

/*
 * What goes with it is of no use to any call here: the kernel has closed it, and a
 * byte for each of them comes after the packet.
 */
static void handle_call_with_fds(struct client *client,
				 const struct packet_header *header,
				 uint8_t *body, size_t len)
{
	struct xdr_reader r;
	uint32_t count;

	xdr_reader_init(&r, body, len);
	count = xdr_get_u32(&r);
	if (len < sizeof(count) || count > PACKET_FDS_MAX) {
		client_drop(client, "a packet with too many file descriptors");
		return;
	}
	client->fd_bytes = count;
	client->call_count++;
	call_begin(client, header, body + sizeof(count), len - sizeof(count));
}

static void handle_packet(struct client *client, uint8_t *packet, size_t len)
{
	struct packet_header header;
	struct xdr_reader r;

	xdr_reader_init(&r, packet + sizeof(uint32_t), len - sizeof(uint32_t));
	header.program = xdr_get_u32(&r);
	header.version = xdr_get_u32(&r);
	header.procedure = xdr_get_i32(&r);
	header.type = xdr_get_u32(&r);
	header.serial = xdr_get_u32(&r);
	header.status = xdr_get_u32(&r);
	packet += PACKET_HEADER_SIZE;
	len -= PACKET_HEADER_SIZE;
	if (header.program == PROGRAM_KEEPALIVE) {
		handle_keepalive(client, &header);
	} else if (header.type == PACKET_CALL && header.status == STATUS_OK) {
		client->call_count++;
		call_begin(client, &header, packet, len);
	} else if (header.type == PACKET_CALL_WITH_FDS &&
		   header.status == STATUS_OK) {
		handle_call_with_fds(client, &header, packet, len);
	} else if (header.type == PACKET_STREAM) {
		stream_packet(client, &header, packet, len);
	} else {
		client_drop(client,
			    "a packet of a type that clients do not send");
	}
}

static void skip_fd_bytes(struct client *client)
{
	uint32_t count = client->fd_bytes < client->input_len
				 ? client->fd_bytes
				 : (uint32_t)client->input_len;

	client->fd_bytes -= count;
	client->input_start += count;
	client->input_len -= count;
}

/* The length of the packet at the front; 0: not known yet, or none. */
static size_t packet_size(struct client *client)
{
	struct xdr_reader r;
	uint32_t size;

	if (client->input_len < sizeof(size)) {
		return 0;
	}
	xdr_reader_init(&r, client->input + client->input_start, sizeof(size));
	size = xdr_get_u32(&r);
	if (size < PACKET_HEADER_SIZE ||
	    size > (client->readonly ? PACKET_READER_MAX : PACKET_IN_MAX)) {
		client_drop(client,
			    size < PACKET_HEADER_SIZE
				    ? "what it sent is no packet of libvirt's"
				    : "a packet too long");
		return 0;
	}
	return size;
}

static bool may_go_on(struct client *client)
{
	return !client->closing && !client->waiter.link &&
	       client->call_count < CLIENT_CALLS_MAX &&
	       client_output(client) < CLIENT_OUTPUT_PAUSE;
}

static void on_resume(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	handle_input(idle->data);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	(void)handle;
	(void)size;
	*buf = uv_buf_init((char *)shared_input, sizeof(shared_input));
}

static bool input_add(struct client *client, const void *data, size_t len)
{
	size_t room = client->input_room > 0 ? client->input_room : INPUT_FIRST;
	uint8_t *input;

	if (client->input_start > 0) {
		memmove(client->input, client->input + client->input_start,
			client->input_len);
		client->input_start = 0;
	}
	while (room < client->input_len + len) {
		room *= 2;
	}
	if (room > client->input_room) {
		input = realloc(client->input, room);
		if (!input) {
			return false;
		}
		client->input = input;
		client->input_room = room;
	}
	memcpy(client->input + client->input_len, data, len);
	client->input_len += len;
	return true;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	if (len < 0) {
		client_close(client);
		return;
	}
	if (!input_add(client, buf->base, (size_t)len)) {
		client_drop(client, "out of memory");
		return;
	}
	handle_input(client);
}

/* Reads from it, or does not, as it may go on or has to wait. */
static void set_reading(struct client *client)
{
	bool go_on = may_go_on(client);

	if (client->closing || go_on != client->stopped) {
		return;
	}
	client->stopped = !go_on;
	if (client->stopped) {
		uv_read_stop((uv_stream_t *)&client->pipe);
	} else {
		uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
	}
}

void client_wait(struct client *client, struct quota_waiter *waiter)
{
	struct client_owner *owner = client->owner;

	if (!client->waiter.quota->told) {
		client->waiter.quota->told = true;
		log_info(
			"client %s: more than %llu requests a second: these wait",
			client->name,
			(unsigned long long)owner->quotas.limits.per_second);
	}
	waiter->quota = client->waiter.quota;
	quota_queue_wait(&owner->queue, waiter);
}

void client_forget(struct client *client, struct quota_waiter *waiter)
{
	quota_queue_leave(&client->owner->queue, waiter);
}

static void handle_input(struct client *client)
{
	size_t size;

	client->handling = true;
	while (may_go_on(client) && !client_is_late(client)) {
		skip_fd_bytes(client);
		size = packet_size(client);
		if (client->closing || size == 0 || size > client->input_len) {
			break;
		}
		client_charge(client);
		handle_packet(client, client->input + client->input_start,
			      size);
		client->input_start += size;
		client->input_len -= size;
	}
	client->handling = false;
	if (client->closing) {
		return;
	}
	if (client->input_len == 0) {
		free(client->input);
		client->input = NULL;
		client->input_start = 0;
		client->input_room = 0;
	}
	client_account(client);
	if (!client->closing && !client->waiter.link &&
	    client_is_late(client)) {
		client_wait(client, &client->waiter);
	}
	set_reading(client);
}

static void on_quota(struct quota_waiter *waiter)
{
	handle_input((struct client *)((char *)waiter -
				       offsetof(struct client, waiter)));
}

/* There may be packets that nothing but room was missing for. */
static void go_on(struct client *client)
{
	if (!client->closing && !client->handling && client->stopped &&
	    may_go_on(client)) {
		uv_idle_start(&client->resume, on_resume);
	}
}

void client_call_done(struct client *client)
{
	client->call_count--;
	client_account(client);
	go_on(client);
}

static void check_output(struct client *client)
{
	if (client_output(client) < CLIENT_OUTPUT_PAUSE) {
		stream_resume_all(client);
		go_on(client);
	}
}

/* --------------------------------------------------------------- accept */

/* Who it is, and that there is one more of that user. */
static int take_credentials(struct client *client)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	int fd;
	int rc = uv_fileno((uv_handle_t *)&client->pipe, &fd);

	if (rc < 0) {
		return rc;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0) {
		return uv_translate_sys_error(errno);
	}
	snprintf(client->name, sizeof(client->name), "pid %d, uid %u",
		 (int)credentials.pid, (unsigned int)credentials.uid);
	client->waiter.quota =
		quota_join(&client->owner->quotas, credentials.uid,
			   quota_queue_now(&client->owner->queue));
	return client->waiter.quota ? 0 : UV_ENOMEM;
}

static bool is_full(const struct client_owner *owner)
{
	return owner->count > owner->places;
}

/* Half of what others leave: so there is something left for the next user. */
static bool takes_too_much(const struct client_owner *owner,
			   const struct quota *quota)
{
	unsigned int others = owner->count - quota->connections;

	return quota->connections > (owner->places - others + 1) / 2;
}

/* Why there is no place for a new one; NULL: there is. */
static const char *no_place_for(const struct client *client)
{
	const struct client_owner *owner = client->owner;
	const struct quota *quota = client->waiter.quota;

	if (is_full(owner)) {
		return "there are too many clients";
	}
	if (quota_exceeded(&owner->quotas, quota) ||
	    takes_too_much(owner, quota)) {
		return "this user has too many connections";
	}
	return NULL;
}

static bool is_idle(const struct client *client)
{
	return !client->link && !client->calls &&
	       uv_now(client->pipe.loop) - client->since >= IDLE_MS;
}

/* Of a user, or if quota is NULL, of anybody. */
static struct client *find_idle(const struct client_owner *owner,
				const struct quota *quota)
{
	struct client *client = owner->clients;

	while (client &&
	       (!is_idle(client) || (quota && client->waiter.quota != quota))) {
		client = client->next;
	}
	return client;
}

/* Its user's own idle ones go first. */
static void make_room_for(const struct client *client)
{
	struct client_owner *owner = client->owner;
	struct client *idle = find_idle(owner, client->waiter.quota);

	if (!idle && is_full(owner)) {
		idle = find_idle(owner, NULL);
	}
	if (idle) {
		client_drop(idle, "it was not opened, and its place is wanted");
	}
}

static void admit(struct client *client)
{
	const char *why = no_place_for(client);

	if (why) {
		make_room_for(client);
		why = no_place_for(client);
	}
	if (why) {
		client_drop(client, why);
	} else {
		uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
	}
}

int client_accept(struct server *server, struct client_owner *owner,
		  uv_stream_t *listener, bool readonly)
{
	struct client *client = calloc(1, sizeof(*client));
	int rc;

	if (!client) {
		return UV_ENOMEM;
	}
	client->server = server;
	client->owner = owner;
	client->waiter.go_on = on_quota;
	client->since = uv_now(listener->loop);
	client->readonly = readonly;
	client->open_handles = 2;
	uv_pipe_init(listener->loop, &client->pipe, 0);
	uv_idle_init(listener->loop, &client->resume);
	client->pipe.data = client;
	client->resume.data = client;
	client->next = owner->clients;
	client->link_to = &owner->clients;
	if (client->next) {
		client->next->link_to = &client->next;
	}
	owner->clients = client;
	owner->count++;
	rc = uv_accept(listener, (uv_stream_t *)&client->pipe);
	if (rc == 0) {
		rc = take_credentials(client);
	}
	if (rc < 0) {
		client_close(client);
	} else {
		admit(client);
	}
	return rc;
}
