/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection: its life, and each message from its arrival to its answer. */
#include "transport/vhost_user/vhost_user.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/container_of.h"
#include "transport/vhost_user/vhost_user_internal.h"

/* Messages in one turn of the loop, so that rings get their turn. */
#define TURN_MESSAGES 16u

int vhost_user_wrong(struct vhost_user *vu, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(vu->why, sizeof(vu->why), format, args);
	va_end(args);
	return -EPROTO;
}

static void log_args(struct vhost_user *vu, const char *format, va_list args)
{
	char line[320];

	if (vu->on_log != NULL) {
		(void)vsnprintf(line, sizeof(line), format, args);
		vu->on_log(vu, line);
	}
}

void vhost_user_log(struct vhost_user *vu, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_args(vu, format, args);
	va_end(args);
}

/* ---------------------------------------------------------------------- end */

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* The device is at rest. */
static void release(struct vhost_user *vu)
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		vhost_user_ring_call(&vu->ring[q], -1);
		vhost_user_ring_err(&vu->ring[q], -1);
		vu->dev->inflight[q] = (struct inflight){ 0 };
	}
	vhost_user_mem_clear(&vu->mem);
	shared_map_close(&vu->tracking.map);
	event_unwatch(vu->loop, &vu->fault);
	close_fd(&vu->fault_fd);
	vu->closing = false;
	vu->open = false;
	vu->on_end(vu);
}

void vhost_user_end(struct vhost_user *vu, const char *format, ...)
{
	va_list args;

	if (!vu->open || vu->closing) {
		return;
	}
	va_start(args, format);
	log_args(vu, format, args);
	va_end(args);
	vu->closing = true;
	vu->held = false;
	event_unwatch(vu->loop, &vu->watch);
	close_fd(&vu->wire.fd);
	vhost_user_wire_fini(&vu->wire);
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		(void)vhost_user_ring_kick(&vu->ring[q], -1);
	}
	event_unwatch(vu->loop, &vu->backend);
	close_fd(&vu->backend_fd);
	vu->config_due = false;
	if (vhost_user_stop(vu)) {
		event_defer(vu->loop, &vu->go_on);
	}
}

void vhost_user_disconnect(struct vhost_user *vu, const char *why)
{
	vhost_user_end(vu, "%s", why);
}

/* ----------------------------------------------------------------- messages */

static bool wants_ack(const struct vhost_user *vu,
		      const struct vhost_user_kind *kind)
{
	return (vu->wire.msg.header.flags & VHOST_USER_NEED_REPLY) != 0 &&
	       (vu->protocol_features & VHOST_USER_PROTOCOL_F_REPLY_ACK) != 0 &&
	       (kind == NULL || !kind->answers);
}

/* REPLY_ACK: 0 is success. */
static int acknowledge(struct vhost_user *vu, uint64_t result)
{
	int rc = vhost_user_wire_send(vu->wire.fd, vu->wire.msg.header.request,
				      VHOST_USER_VERSION | VHOST_USER_REPLY,
				      &result, sizeof(result), -1);

	return rc == 0 ? 0 : vhost_user_wrong(vu, "answer: %s", strerror(-rc));
}

static int check_message(struct vhost_user *vu,
			 const struct vhost_user_kind *kind)
{
	const struct vhost_user_msg *msg = &vu->wire.msg;

	if (msg->header.size < kind->size_min ||
	    msg->header.size > kind->size_max) {
		return vhost_user_wrong(vu, "size: %u, not between %zu and %zu",
					msg->header.size, kind->size_min,
					kind->size_max);
	}
	if (msg->fd_count < kind->fds_min || msg->fd_count > kind->fds_max) {
		return vhost_user_wrong(
			vu, "file descriptors: %zu, not between %zu and %zu",
			msg->fd_count, kind->fds_min, kind->fds_max);
	}
	if ((vu->protocol_features & kind->needs) != kind->needs) {
		return vhost_user_wrong(
			vu, "protocol feature 0x%llx is not negotiated",
			(unsigned long long)kind->needs);
	}
	return 0;
}

static void end_wrong(struct vhost_user *vu, const struct vhost_user_kind *kind)
{
	if (wants_ack(vu, kind)) {
		/* The connection ends whether or not this arrives. */
		(void)vhost_user_wire_send(
			vu->wire.fd, vu->wire.msg.header.request,
			VHOST_USER_VERSION | VHOST_USER_REPLY, &(uint64_t){ 1 },
			sizeof(uint64_t), -1);
	}
	vhost_user_end(vu, "%s: %s: connection ended",
		       kind != NULL ? kind->name : "request", vu->why);
}

/* The device is at rest if the message needs it to be. */
static void carry_out(struct vhost_user *vu)
{
	const struct vhost_user_kind *kind =
		vhost_user_kind(vu->wire.msg.header.request);
	int rc = kind->handle(vu, &vu->wire.msg);

	if (rc == 0) {
		rc = vhost_user_settle(vu);
	}
	if (rc == 0 && wants_ack(vu, kind)) {
		rc = acknowledge(vu, 0);
	}
	if (rc != 0) {
		end_wrong(vu, kind);
		return;
	}
	vhost_user_wire_done(&vu->wire);
}

/* Something we do not do: whoever asks for an answer gets a refusal. */
static void refuse(struct vhost_user *vu, const struct vhost_user_kind *kind)
{
	uint32_t request = vu->wire.msg.header.request;

	(void)vhost_user_wrong(vu, "%u is not supported", request);
	if (!wants_ack(vu, kind) || acknowledge(vu, 1) != 0) {
		end_wrong(vu, kind);
		return;
	}
	vhost_user_wire_done(&vu->wire);
}

static void take_message(struct vhost_user *vu)
{
	const struct vhost_user_kind *kind =
		vhost_user_kind(vu->wire.msg.header.request);

	if (kind == NULL || kind->handle == NULL) {
		refuse(vu, kind);
		return;
	}
	if (check_message(vu, kind) != 0) {
		end_wrong(vu, kind);
		return;
	}
	if (kind->stops && !vhost_user_stop(vu)) {
		vu->held = true;
		(void)event_watch(vu->loop, &vu->watch, vu->wire.fd, 0);
		return;
	}
	carry_out(vu);
}

static void end_receive(struct vhost_user *vu, int error)
{
	const struct vhost_user_header *header = &vu->wire.msg.header;
	const struct vhost_user_kind *kind = vhost_user_kind(header->request);
	const char *name = kind != NULL ? kind->name : "header";

	switch (error) {
	case -ECONNRESET:
		vhost_user_end(vu, "the front-end has disconnected");
		break;
	case -EPROTO:
		vhost_user_end(vu,
			       "%s: it ends before it is whole: "
			       "connection ended",
			       name);
		break;
	case -EBADMSG:
		vhost_user_end(vu,
			       "%s: flags: 0x%x is not a request of "
			       "version 1: connection ended",
			       name, header->flags);
		break;
	case -EMSGSIZE:
		vhost_user_end(vu,
			       "%s: size: %u is more than any message "
			       "has: connection ended",
			       name, header->size);
		break;
	case -E2BIG:
		vhost_user_end(vu,
			       "%s: file descriptors: more than any "
			       "message has, or than fit: connection ended",
			       name);
		break;
	default:
		vhost_user_end(vu, "socket: %s: connection ended",
			       strerror(-error));
		break;
	}
}

static void on_socket(struct event_watch *watch, unsigned int events)
{
	struct vhost_user *vu = container_of(watch, struct vhost_user, watch);

	(void)events;
	for (unsigned int i = 0; i < TURN_MESSAGES; i++) {
		int rc;

		if (vu->held || vu->closing) {
			return;
		}
		rc = vhost_user_wire_receive(&vu->wire);
		if (rc == 0) {
			return;
		}
		if (rc < 0) {
			end_receive(vu, rc);
			return;
		}
		take_message(vu);
	}
}

static void on_go_on(struct event_defer *defer)
{
	struct vhost_user *vu = container_of(defer, struct vhost_user, go_on);

	if (vu->closing) {
		release(vu);
		return;
	}
	if (vu->held) {
		vu->held = false;
		carry_out(vu);
	}
	if (!vu->closing &&
	    event_watch(vu->loop, &vu->watch, vu->wire.fd, EVENT_READ) != 0) {
		vhost_user_end(vu, "socket: cannot be watched: connection "
				   "ended");
	}
}

static void on_fault(struct event_watch *watch, unsigned int events)
{
	struct vhost_user *vu = container_of(watch, struct vhost_user, fault);

	(void)events;
	event_unwatch(vu->loop, watch);
	vhost_user_end(vu, "SET_MEM_TABLE, ADD_MEM_REG or SET_INFLIGHT_FD: a "
			   "file was truncated after it: connection ended");
}

static void on_backend(struct event_watch *watch, unsigned int events)
{
	(void)events;
	vhost_user_tell_config(container_of(watch, struct vhost_user, backend));
}

/* -------------------------------------------------------------------- start */

void vhost_user_init(struct vhost_user *vu, struct virtio_device *dev,
		     struct event_loop *loop)
{
	memset(vu, 0, sizeof(*vu));
	vu->dev = dev;
	vu->loop = loop;
	vu->watch.cb = on_socket;
	vu->fault.cb = on_fault;
	vu->backend.cb = on_backend;
	vu->go_on.cb = on_go_on;
	vu->wire.fd = -1;
	vu->fault_fd = -1;
	vu->backend_fd = -1;
	dev->transport = &vhost_user_transport_ops;
	dev->transport_data = vu;
	dev->mark = vu->marks;
	for (uint32_t q = 0; q < dev->queue_count; q++) {
		vhost_user_ring_init(vu, q);
	}
}

static int begin(struct vhost_user *vu, int fd)
{
	int rc = vhost_user_wire_init(&vu->wire, fd);

	vu->fault_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vu->fault_fd < 0) {
		return -errno;
	}
	if (rc == 0) {
		rc = event_watch(vu->loop, &vu->fault, vu->fault_fd,
				 EVENT_READ);
	}
	if (rc == 0) {
		rc = event_watch(vu->loop, &vu->watch, fd, EVENT_READ);
	}
	return rc;
}

int vhost_user_connect(struct vhost_user *vu, int fd)
{
	int rc;

	if (vu->open) {
		close(fd);
		return -EBUSY;
	}
	vu->features = 0;
	vu->protocol_features = 0;
	vu->status = 0;
	vu->broken = false;
	vu->broken_told = false;
	vhost_user_mem_init(&vu->mem);
	vu->tracking = (struct vhost_user_tracking){ 0 };
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		vhost_user_ring_init(vu, q);
	}
	rc = begin(vu, fd);
	if (rc != 0) {
		event_unwatch(vu->loop, &vu->fault);
		close_fd(&vu->fault_fd);
		close_fd(&vu->wire.fd);
		return rc;
	}
	vu->open = true;
	return 0;
}
