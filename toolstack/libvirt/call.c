// SPDX-License-Identifier: BSD-2-Clause
#include "call.h"

#include <errno.h>
#include <hvd.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition_edit.h"
#include "json.h"
#include "link.h"
#include "log.h"
#include "procedures.h"

/* -------------------------------------------------------- begin and end */

static void call_free(struct call *call)
{
	*call->link = call->next;
	if (call->next) {
		call->next->link = call->link;
	}
	client_forget(call->client, &call->question.waiter);
	json_object_put(call->question.params);
	definition_edit_fini(call);
	if (call->state) {
		call->free_state(call->state);
	}
	xdr_writer_fini(&call->reply);
	free(call);
}

void call_drop_all(struct client *client)
{
	struct call **calls = client_calls(client);

	while (*calls) {
		call_free(*calls);
		client_call_done(client);
	}
}

/* Of what a body says, hvd's question or a thread's work have a copy. */
size_t calls_size(struct client *client)
{
	size_t size = 0;

	for (struct call *c = *client_calls(client); c; c = c->next) {
		size += sizeof(*c) + 2 * c->body_len + c->reply.room;
	}
	return size;
}

/* Of calls that a read-only client does not have. */
bool call_audit_text(struct call *call, char ret_text[CALL_WHAT_SIZE])
{
	if (!call->procedure ||
	    (call->procedure->flags & (PROC_READ | PROC_ANYTIME))) {
		return false;
	}
	snprintf(ret_text, CALL_WHAT_SIZE, "%s: %s%s%s",
		 client_name(call->client), call->procedure->name,
		 call->subject[0] ? " " : "", call->subject);
	return true;
}

/* Who changed what. */
static void audit(struct call *call, const char *outcome)
{
	char what[CALL_WHAT_SIZE];

	if (call_audit_text(call, what)) {
		log_audit(what, outcome);
	}
}

static void finish(struct call *call, struct xdr_writer *w)
{
	struct client *client = call->client;

	call_free(call);
	client_send(client, w);
	client_call_done(client);
}

void call_reply(struct call *call)
{
	struct xdr_writer w = call->reply;

	audit(call, "done");
	call->reply = (struct xdr_writer){ 0 };
	finish(call, &w);
}

void call_reply_fd(struct call *call, int fd)
{
	struct client *client = call->client;
	struct packet_header header = call->header;
	struct xdr_writer w;

	audit(call, "done");
	header.type = PACKET_REPLY_WITH_FDS;
	packet_begin(&w, &header);
	xdr_put_u32(&w, 1);
	call_free(call);
	client_send_with_fd(client, &w, fd);
	client_call_done(client);
}

void call_error_text(struct call *call, const struct vir_error_text *error)
{
	struct packet_header header = call->header;
	struct xdr_writer w;

	audit(call, error->message);
	header.type = PACKET_REPLY;
	header.status = STATUS_ERROR;
	packet_begin(&w, &header);
	vir_error_put(&w, error);
	finish(call, &w);
}

void call_error(struct call *call, int code, const char *format, ...)
{
	char message[VIR_ERROR_MESSAGE_SIZE];
	struct vir_error_text error;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	vir_error_set(&error, code, "%s", message);
	call_error_text(call, &error);
}

void call_error_hvd(struct call *call, const struct hvd_error *error)
{
	struct vir_error_text text;

	vir_error_of_hvd(error, call->subject[0] ? call->subject : NULL, &text);
	call_error_text(call, &text);
}

void call_no_memory(struct call *call)
{
	call_error(call, VIR_ERR_NO_MEMORY, "out of memory");
}

/* Why the call cannot be carried out at all; false: it can. */
static bool refuse(struct call *call)
{
	const struct procedure *row = call->procedure;

	if (call->header.program != PROGRAM_REMOTE ||
	    call->header.version != PROGRAM_VERSION) {
		/* Clients take these for "not supported" and do without. */
		call_error(call, VIR_ERR_RPC,
			   "unknown procedure: %d of program 0x%x",
			   call->header.procedure, call->header.program);
	} else if (call->header.type == PACKET_CALL_WITH_FDS) {
		call_error(call, VIR_ERR_NO_SUPPORT,
			   "no file descriptors are taken here: ask for one, "
			   "by virDomainOpenGraphicsFD");
	} else if (!row) {
		call_error(call, VIR_ERR_RPC, "unknown procedure: %d",
			   call->header.procedure);
	} else if (!(row->flags & PROC_ANYTIME) &&
		   !client_is_open(call->client)) {
		call_error(call, VIR_ERR_NO_CONNECT,
			   "the connection is not open");
	} else if (!(row->flags & (PROC_READ | PROC_ANYTIME)) &&
		   client_is_readonly(call->client)) {
		call_error(call, VIR_ERR_OPERATION_DENIED,
			   "operation %s forbidden for read only access",
			   row->name);
	} else {
		return false;
	}
	return true;
}

void call_begin(struct client *client, const struct packet_header *header,
		const uint8_t *body, size_t len)
{
	struct call *call = calloc(1, sizeof(*call) + len);
	struct call **calls = client_calls(client);
	struct packet_header reply = *header;

	if (!call) {
		client_call_done(client);
		client_close(client);
		return;
	}
	memcpy(call->body, body, len);
	call->body_len = len;
	call->client = client;
	call->header = *header;
	call->procedure = procedure_find(header->procedure);
	xdr_reader_init(&call->args, call->body, len);
	reply.type = PACKET_REPLY;
	packet_begin(&call->reply, &reply);
	call->next = *calls;
	call->link = calls;
	if (call->next) {
		call->next->link = &call->next;
	}
	*calls = call;
	if (!refuse(call)) {
		call->procedure->run(call);
	}
}

bool call_args_end(struct call *call)
{
	if (xdr_is_complete(&call->args)) {
		return true;
	}
	call_error(call, VIR_ERR_RPC,
		   "the arguments of %s are not what they should be",
		   call->procedure->name);
	return false;
}

void *call_keep(struct call *call, size_t size, void (*free_state)(void *))
{
	call->state = calloc(1, size);
	call->free_state = free_state;
	if (!call->state) {
		call_no_memory(call);
		return NULL;
	}
	return call->state;
}

/* ----------------------------------------------------------- asking hvd */

static void on_hvd(struct json_object *result, const struct hvd_error *error,
		   void *arg)
{
	struct call *call = arg;

	if (!error) {
		call->step(call, result);
	} else if (call->fail) {
		call->fail(call, error);
	} else {
		call_error_hvd(call, error);
	}
}

static void ask(struct call *call, const char *method,
		struct json_object *params)
{
	struct link *link = client_link(call->client);
	int rc;

	client_charge(call->client);
	rc = link_call(link, method, params, on_hvd, call);
	if (rc == -ENOMEM) {
		call_no_memory(call);
	} else if (rc < 0) {
		call_error_hvd(call, hvd_last_error(link_conn(link)));
	} else {
		client_account(call->client);
	}
}

static void on_quota(struct quota_waiter *waiter)
{
	struct call *call =
		(struct call *)((char *)waiter -
				offsetof(struct call, question.waiter));
	struct json_object *params = call->question.params;

	call->question.params = NULL;
	ask(call, call->question.method, params);
}

/* One call may need many questions: they wait as packets do. */
void call_hvd_or(struct call *call, const char *method,
		 struct json_object *params, call_step_fn step,
		 call_fail_fn fail)
{
	call->step = step;
	call->fail = fail;
	if (!client_is_late(call->client)) {
		ask(call, method, params);
		return;
	}
	call->question.method = method;
	call->question.params = params;
	call->question.waiter.go_on = on_quota;
	client_wait(call->client, &call->question.waiter);
	client_account(call->client);
}

void call_hvd(struct call *call, const char *method, struct json_object *params,
	      call_step_fn step)
{
	call_hvd_or(call, method, params, step, NULL);
}

void call_step_done(struct call *call, struct json_object *result)
{
	(void)result;
	call_reply(call);
}

/* -------------------------------------------------------------- domains */

void call_get_domain(struct call *call, struct domain_ref *ret_ref)
{
	const uint8_t *uuid;

	*ret_ref = (struct domain_ref){ .name = "" };
	ret_ref->name = xdr_get_string(&call->args, PACKET_STRING_MAX);
	uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	ret_ref->id = xdr_get_i32(&call->args);
	if (!uuid || !ret_ref->name) {
		return;
	}
	memcpy(ret_ref->uuid, uuid, UUID_SIZE);
	uuid_format(uuid, ret_ref->uuid_text);
	snprintf(call->subject, sizeof(call->subject), "uuid '%s' (%.40s)",
		 ret_ref->uuid_text, ret_ref->name);
}

bool call_only_flags(struct call *call, uint32_t flags, uint32_t known)
{
	if (flags & ~known) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "unsupported flags (0x%x) in %s", flags & ~known,
			   call->procedure->name);
		return false;
	}
	return true;
}

void call_domain(struct call *call, bool with_flags, uint32_t known,
		 const char *method, call_step_fn step)
{
	struct domain_ref ref;
	uint32_t flags = 0;

	call_get_domain(call, &ref);
	if (with_flags) {
		flags = xdr_get_u32(&call->args);
	}
	if (call_args_end(call) && call_only_flags(call, flags, known)) {
		call_hvd(call, method, domain_params(&ref), step);
	}
}

void call_get_zone(struct call *call, bool with_flags, uint32_t known,
		   call_step_fn step)
{
	call_domain(call, with_flags, known, "zone.get", step);
}

struct json_object *domain_params(const struct domain_ref *ref)
{
	struct json_object *params = json_object_new_object();

	json_put(params, "name", json_object_new_string(ref->uuid_text));
	return params;
}

void put_domain(struct xdr_writer *w, struct json_object *zone)
{
	uint8_t uuid[UUID_SIZE] = { 0 };

	uuid_parse(json_text(zone, "uuid"), uuid);
	xdr_put_string(w, json_text(zone, "name"));
	xdr_put_fixed(w, uuid, sizeof(uuid));
	xdr_put_i32(w, (int32_t)json_number(zone, "id", -1));
}
