// SPDX-License-Identifier: BSD-2-Clause
#include "link.h"

#include <errno.h>
#include <hvd.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>

struct request {
	struct request *next;
	struct request **link_to;
	struct link *link;
	link_reply_fn fn;
	void *arg;
};

struct link {
	struct hvd_conn *conn;
	struct request *requests; /* in flight */
	uv_poll_t poll;
	bool busy; /* inside hvd_process() */
	bool closed;
};

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void request_free(struct request *request)
{
	*request->link_to = request->next;
	if (request->next) {
		request->next->link_to = request->link_to;
	}
	free(request);
}

static void link_free(struct link *link)
{
	hvd_close(link->conn);
	while (link->requests) {
		request_free(link->requests);
	}
	uv_close((uv_handle_t *)&link->poll, on_poll_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct link *link = poll->data;

	(void)status;
	(void)events;
	link->busy = true;
	/* A lost connection fails the calls in flight. */
	hvd_process(link->conn);
	link->busy = false;
	if (link->closed) {
		link_free(link);
	}
}

int link_open(uv_loop_t *loop, const char *socket, struct link **ret_link)
{
	struct link *link = calloc(1, sizeof(*link));
	int rc = -ENOMEM;

	if (!link) {
		return rc;
	}
	link->conn = hvd_new(socket);
	if (link->conn) {
		hvd_set_timeout(link->conn, 0);
		rc = hvd_connect(link->conn);
	}
	if (rc == 0) {
		rc = uv_poll_init(loop, &link->poll, hvd_fd(link->conn));
	}
	if (rc < 0) {
		hvd_close(link->conn);
		free(link);
		return rc;
	}
	link->poll.data = link;
	uv_poll_start(&link->poll, UV_READABLE, on_readable);
	*ret_link = link;
	return 0;
}

void link_close(struct link *link)
{
	if (!link || link->closed) {
		return;
	}
	link->closed = true;
	uv_poll_stop(&link->poll);
	if (!link->busy) {
		link_free(link);
	}
}

struct hvd_conn *link_conn(struct link *link)
{
	return link->conn;
}

static void on_reply(struct hvd_conn *conn, int status, const char *text,
		     void *arg)
{
	static const struct hvd_error no_memory = {
		.code = -ENOMEM,
		.name = "NO_MEMORY",
		.message = "out of memory",
	};
	struct request *request = arg;
	link_reply_fn fn = request->fn;
	struct json_object *result = NULL;

	arg = request->arg;
	if (!request->link->closed) {
		result = status == 0 ? json_tokener_parse(text) : NULL;
	} else {
		fn = NULL;
	}
	request_free(request);
	if (fn) {
		fn(result,
		   result	? NULL
		   : status < 0 ? hvd_last_error(conn)
				: &no_memory,
		   arg);
	}
	json_object_put(result);
}

int link_call(struct link *link, const char *method, struct json_object *params,
	      link_reply_fn fn, void *arg)
{
	struct request *request = calloc(1, sizeof(*request));
	int rc = request ? 0 : -ENOMEM;

	/* A hvd that was started anew, after an upgrade, say. */
	if (rc == 0 && !hvd_is_connected(link->conn)) {
		rc = hvd_reconnect(link->conn);
	}
	if (rc == 0) {
		*request = (struct request){
			.next = link->requests,
			.link_to = &link->requests,
			.link = link,
			.fn = fn,
			.arg = arg,
		};
		rc = hvd_call_async(
			link->conn, method,
			params ? json_object_to_json_string_ext(
					 params, JSON_C_TO_STRING_PLAIN)
			       : NULL,
			on_reply, request, NULL);
	}
	json_object_put(params);
	if (rc < 0) {
		free(request);
		return rc;
	}
	if (link->requests) {
		link->requests->link_to = &request->next;
	}
	link->requests = request;
	return 0;
}
