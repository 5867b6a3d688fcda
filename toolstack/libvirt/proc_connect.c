// SPDX-License-Identifier: BSD-2-Clause
/* The connection itself: opening it, and what there is at its other end. */
#include <hvd.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "json.h"
#include "procedures.h"

#define URI "hvd:///system"

/* One method: none.  Who may connect is a matter of the socket's mode. */
static void auth_list(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_u32(&call->reply, 1);
	xdr_put_u32(&call->reply, 0);
	call_reply(call);
}

static void open_connection(struct call *call)
{
	const char *uri =
		xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	uint32_t flags = xdr_get_u32(&call->args);
	const char *path;

	if (!call_args_end(call)) {
		return;
	}
	path = uri ? strchr(uri, ':') : NULL;
	if (client_is_open(call->client)) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "the connection is open already");
	} else if (uri && (!path || (strcmp(path, ":///system") != 0 &&
				     strcmp(path, ":///") != 0))) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there is only " URI ", not '%s'", uri);
	} else if (flags & ~(OPEN_READONLY | VIR_CONNECT_NO_ALIASES)) {
		call_error(call, VIR_ERR_INVALID_ARG, "unknown flags 0x%x",
			   flags);
	} else if (client_open(call->client, flags & OPEN_READONLY) < 0) {
		call_error(call, VIR_ERR_NO_CONNECT,
			   "hvd does not answer: start it ('systemctl start "
			   "hvd')");
	} else {
		call_reply(call);
	}
}

static void close_connection(struct call *call)
{
	struct client *client = call->client;

	if (!call_args_end(call)) {
		return;
	}
	call_reply(call);
	client_leave(client);
}

/* Numbers of features, of libvirt's driver interface (virDrvFeature). */
static void supports_feature(struct call *call)
{
	static const int32_t there[] = {
		8, /* file descriptors go with packets: those of answers */
		9, /* typed parameters may be strings */
		10, /* keepalive messages */
		14, /* events by callback id */
		15, /* close callbacks */
	};
	int32_t feature = xdr_get_i32(&call->args);
	bool found = false;

	if (!call_args_end(call)) {
		return;
	}
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		found |= there[i] == feature;
	}
	xdr_put_i32(&call->reply, found);
	call_reply(call);
}

/* hvd ends without its clients' ends: there is never anything to call back. */
static void close_callback(struct call *call)
{
	if (call_args_end(call)) {
		call_reply(call);
	}
}

static void get_type(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_string(&call->reply, "Zonevisor");
	call_reply(call);
}

static void got_version(struct call *call, struct json_object *result)
{
	unsigned int major = 0;
	unsigned int minor = 0;
	unsigned int release = 0;

	sscanf(json_text(result, "version"), "%u.%u.%u", &major, &minor,
	       &release);
	xdr_put_u64(&call->reply,
		    major * 1000000ull + minor * 1000ull + release);
	call_reply(call);
}

static void get_version(struct call *call)
{
	if (call_args_end(call)) {
		call_hvd(call, "host.info", NULL, got_version);
	}
}

/* The version of libvirt whose messages these are. */
static void get_lib_version(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_u64(&call->reply, LIBVIR_VERSION_NUMBER);
	call_reply(call);
}

static void get_hostname(struct call *call)
{
	char name[256] = "";

	if (!call_args_end(call)) {
		return;
	}
	gethostname(name, sizeof(name) - 1);
	xdr_put_string(&call->reply, name);
	call_reply(call);
}

static void get_uri(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_string(&call->reply, URI);
	call_reply(call);
}

/* A unix socket is. */
static void is_secure(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_i32(&call->reply, 1);
	call_reply(call);
}

static const struct procedure rows[] = {
	{ 66, "ConnectAuthList", auth_list, PROC_ANYTIME,
	  "none: access is a matter of the socket's mode" },
	{ 60, "ConnectSupportsFeature", supports_feature, PROC_ANYTIME,
	  "keepalive, event and close callbacks, strings in typed "
	  "parameters, file descriptors in answers" },
	{ 1, "ConnectOpen", open_connection, PROC_ANYTIME, "`hvd:///system`" },
	{ 2, "ConnectClose", close_connection, PROC_ANYTIME, NULL },
	{ 360, "ConnectRegisterCloseCallback", close_callback, PROC_READ,
	  NULL },
	{ 361, "ConnectUnregisterCloseCallback", close_callback, PROC_READ,
	  NULL },
	{ 3, "ConnectGetType", get_type, PROC_READ, "`Zonevisor`" },
	{ 4, "ConnectGetVersion", get_version, PROC_READ, "the hypervisor's" },
	{ 157, "ConnectGetLibVersion", get_lib_version, PROC_READ,
	  "of the libvirt whose protocol is spoken" },
	{ 59, "ConnectGetHostname", get_hostname, PROC_READ, NULL },
	{ 110, "ConnectGetURI", get_uri, PROC_READ, NULL },
	{ 149, "ConnectIsSecure", is_secure, PROC_READ, NULL },
};

const struct procedure_group connect_procedures = {
	"Connections", rows, sizeof(rows) / sizeof(rows[0])
};
