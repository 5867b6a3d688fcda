/* SPDX-License-Identifier: BSD-2-Clause */
#include "methods.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <zv/version.h>

#include "daemon.h"
#include "host_cpus.h"
#include "job.h"
#include "log.h"
#include "openrpc.h"
#include "privcmd.h"
#include "rpc.h"
#include "session.h"
#include "strict_json.h"
#include "text.h"
#include "trace.h"
#include "zone.h"

#define LOG_CHUNK 65536u

static struct daemon *daemon_of(const struct rpc_call *call)
{
	return session_daemon(rpc_call_user(call));
}

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static void fail_errno(struct rpc_call *call, const char *what, int err)
{
	struct zerror error;

	zerror_set(&error, ZERROR_INTERNAL, NULL, NULL, "%s: %s", what,
		   strerror(err));
	rpc_fail(call, &error);
}

/* ------------------------------------------------------ hvd and host */

static void daemon_version(struct rpc_call *call, struct json_object *params)
{
	static const char *const features[] = { "events", "consoles", "reset",
						"trace" };
	struct json_object *result = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct zerror error;
	char abi[16];

	(void)params;
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		json_object_array_add(list,
				      json_object_new_string(features[i]));
	}
	snprintf(abi, sizeof(abi), "%u.%u", ZV_ABI_MAJOR, ZV_ABI_MINOR);
	add_text(result, "version", ZV_VERSION);
	add_text(result, "abi", abi);
	json_object_object_add(result, "features", list);
	json_object_object_add(
		result, "connected",
		json_object_new_boolean(
			daemon_connect(daemon_of(call), &error) == 0));
	rpc_result(call, result);
}

static void host_info(struct rpc_call *call, struct json_object *params)
{
	struct daemon *daemon = daemon_of(call);
	struct json_object *memory;
	struct json_object *result;
	struct zv_info info = { 0 };
	struct zerror error;
	char text[sizeof(info.version) + 1];
	int rc;

	(void)params;
	if (daemon_connect(daemon, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	rc = privcmd_info(daemon->device, &info);
	if (rc < 0) {
		fail_errno(call, "the hypervisor does not say", -rc);
		return;
	}
	result = json_object_new_object();
	memory = json_object_new_object();
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(info.version),
		 info.version);
	text_sanitize(text, strlen(text), false);
	add_text(result, "version", text);
	snprintf(text, sizeof(text), "%u.%u", info.abi >> 16,
		 info.abi & 0xffff);
	add_text(result, "abi", text);
	add_uint(result, "pcpus", info.pcpu_count);
	json_object_object_add(result, "cpus",
			       host_cpus_to_json(daemon, info.pcpu_count));
	add_uint(memory, "total", info.pages_ram * ZV_PAGE_SIZE);
	add_uint(memory, "hypervisor", info.pages_hv * ZV_PAGE_SIZE);
	add_uint(memory, "zone0", info.pages_zone0 * ZV_PAGE_SIZE);
	add_uint(memory, "zones", info.pages_zones * ZV_PAGE_SIZE);
	add_uint(memory, "free", info.pages_free * ZV_PAGE_SIZE);
	json_object_object_add(result, "memory", memory);
	add_uint(result, "uptime_ns", info.uptime_ns);
	add_uint(result, "zones", info.zone_count);
	rpc_result(call, result);
}

static void host_log(struct rpc_call *call, struct json_object *params)
{
	/* one thread, and the answer is built before the next call */
	static char text[LOG_CHUNK];
	struct daemon *daemon = daemon_of(call);
	long long from = rpc_get_int(params, "pos", 0);
	struct json_object *result;
	struct zerror error;
	uint64_t first = 0;
	uint64_t pos;
	ssize_t got;

	if (from < 0) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.pos", NULL,
			   "pos must not be negative");
		rpc_fail(call, &error);
		return;
	}
	if (daemon_connect(daemon, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	pos = (uint64_t)from;
	got = privcmd_log(daemon->device, &pos, &first, text, sizeof(text));
	if (got < 0) {
		fail_errno(call, "the log cannot be read", (int)-got);
		return;
	}
	text_sanitize(text, (size_t)got, true);
	result = json_object_new_object();
	json_object_object_add(result, "text",
			       json_object_new_string_len(text, (int)got));
	add_uint(result, "first", first);
	add_uint(result, "pos", pos);
	rpc_result(call, result);
}

static struct json_object *vcpu_times_to_json(const struct zv_counters *c)
{
	uint64_t count = c->vcpu_count;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count && i < ZV_VCPUS_MAX; i++) {
		struct json_object *vcpu = json_object_new_object();

		add_uint(vcpu, "guest_ns", c->vcpu[i].guest_ns);
		add_uint(vcpu, "steal_ns", c->vcpu[i].steal_ns);
		json_object_array_add(list, vcpu);
	}
	return list;
}

const char *methods_exit_name(size_t reason)
{
	static const char *const exits[] = {
		[ZV_EXIT_IRQ] = "irq",
		[ZV_EXIT_IDLE] = "idle",
		[ZV_EXIT_HVC] = "hvc",
		[ZV_EXIT_SMC] = "smc",
		[ZV_EXIT_SYSREG] = "sysreg",
		[ZV_EXIT_MMIO_VIC] = "mmio_vic",
		[ZV_EXIT_MMIO_DOORBELL] = "mmio_doorbell",
		[ZV_EXIT_MMIO_POSTED] = "mmio_posted",
		[ZV_EXIT_MMIO_W1C] = "mmio_w1c",
		[ZV_EXIT_MMIO_SHADOW] = "mmio_shadow",
		[ZV_EXIT_MMIO_FORWARD] = "mmio_forward",
		[ZV_EXIT_MMIO_NONE] = "mmio_none",
		[ZV_EXIT_FAULT] = "fault",
		[ZV_EXIT_TIMER] = "timer",
	};

	return reason < sizeof(exits) / sizeof(exits[0]) ? exits[reason] : NULL;
}

static struct json_object *counters_to_json(const struct zv_counters *c)
{
	struct json_object *result = json_object_new_object();
	struct json_object *by_kind = json_object_new_object();

	for (size_t i = 0; i < ZV_EXIT_COUNT; i++) {
		if (methods_exit_name(i)) {
			add_uint(by_kind, methods_exit_name(i), c->exits[i]);
		}
	}
	json_object_object_add(result, "exits", by_kind);
	add_uint(result, "injected", c->injected);
	add_uint(result, "doorbells", c->doorbells);
	add_uint(result, "posted", c->posted);
	add_uint(result, "forwarded", c->forwarded);
	add_uint(result, "events_raised", c->events_raised);
	add_uint(result, "wakeups", c->wakeups);
	add_uint(result, "switches", c->switches);
	add_uint(result, "guest_ns", c->guest_ns);
	add_uint(result, "steal_ns", c->steal_ns);
	add_uint(result, "hypercalls", c->hypercalls);
	add_uint(result, "hypercalls_failed", c->hypercalls_failed);
	json_object_object_add(result, "vcpus", vcpu_times_to_json(c));
	return result;
}

/* Of the parameter `zone`; without it zone0. */
static int counted_zone(struct daemon *daemon, struct json_object *params,
			uint32_t *ret_id, struct zerror *ret_error)
{
	const char *ref = rpc_get_string(params, "zone");
	struct zone *z = NULL;

	if (ref && zone_look_up(daemon, ref, "$.zone", &z, ret_error) < 0) {
		return -1;
	}
	if (z && z->id < 0) {
		return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
				  "start it first", "%s does not run", z->name);
	}
	*ret_id = z ? (uint32_t)z->id : ZV_ZONE0;
	return 0;
}

static void host_counters(struct rpc_call *call, struct json_object *params)
{
	struct daemon *daemon = daemon_of(call);
	struct zv_counters counters = { 0 };
	struct zerror error;
	uint32_t id = ZV_ZONE0;
	int rc;

	if (daemon_connect(daemon, &error) < 0 ||
	    counted_zone(daemon, params, &id, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	rc = privcmd_counters(daemon->device, id, &counters);
	if (rc < 0) {
		fail_errno(call, "the counters cannot be read", -rc);
		return;
	}
	rpc_result(call, counters_to_json(&counters));
}

static void log_level(struct rpc_call *call, struct json_object *params)
{
	const char *wanted = rpc_get_string(params, "level");
	struct json_object *result;
	enum log_level level;
	struct zerror error;

	if (wanted && log_parse_level(wanted, &level) < 0) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.level",
			   "error, warning, info or debug",
			   "there is no level %.64s", wanted);
		rpc_fail(call, &error);
		return;
	}
	if (wanted) {
		log_set_level(level);
	}
	result = json_object_new_object();
	add_text(result, "level", log_level_name());
	rpc_result(call, result);
}

/* -------------------------------------------------------------- jobs */

static void list_jobs(struct rpc_call *call, struct json_object *params)
{
	(void)params;
	rpc_result(call, job_list(daemon_of(call)));
}

static void cancel_job(struct rpc_call *call, struct json_object *params)
{
	long long id = rpc_get_int(params, "job", 0);
	enum job_kind kind;
	struct zone *z =
		id > 0 ? job_find(daemon_of(call), (uint64_t)id, &kind) : NULL;
	struct zerror error;

	if (!z) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.job",
			   "it is over, or never was: list the jobs (hvsh "
			   "jobs)",
			   "there is no job %lld", id);
		rpc_fail(call, &error);
	} else if (zone_cancel(z, kind, &error) < 0) {
		rpc_fail(call, &error);
	} else {
		rpc_result(call, NULL);
	}
}

static void cancel_call(struct rpc_call *call, struct json_object *params)
{
	struct zerror error;

	if (rpc_cancel(call, json_object_object_get(params, "id"), &error) <
	    0) {
		rpc_fail(call, &error);
	} else {
		rpc_result(call, NULL);
	}
}

/* ------------------------------------------------- events, discovery */

static void event_subscribe(struct rpc_call *call, struct json_object *params)
{
	struct session *session = rpc_call_user(call);
	struct daemon *daemon = session_daemon(session);
	struct event_listener *listener = session_listener(session);
	long long since = rpc_get_int(params, "since", -1);
	const char *run = rpc_get_string(params, "run");
	struct rpc_peer *peer = rpc_call_peer(call);
	struct json_object *result;
	struct zerror error;

	if (since < 0 && json_object_object_get_ex(params, "since", NULL)) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.since", NULL,
			   "since cannot be negative");
		rpc_fail(call, &error);
		return;
	}
	/* Of a number of an earlier run nothing is known: all is new. */
	if (since > 0 && run && strcmp(run, daemon->events.run) != 0) {
		since = 0;
	}
	result = json_object_new_object();
	event_listen(&daemon->events, listener);
	add_uint(result, "seq", daemon->events.seq);
	json_object_object_add(result, "run",
			       json_object_new_string(daemon->events.run));
	rpc_result(call, result);
	/* The answer may have found the client gone: then listen no more. */
	if (peer && listener->link && since >= 0) {
		event_replay(&daemon->events, listener, (uint64_t)since);
	}
}

static void event_unsubscribe(struct rpc_call *call, struct json_object *params)
{
	(void)params;
	event_unlisten(session_listener(rpc_call_user(call)));
	rpc_result(call, NULL);
}

/* Writes the document, made once: who asks often must not cost much. */
static int write_document(struct json_object *object, struct printbuf *to,
			  int level, int flags)
{
	const char *text = json_object_get_userdata(object);

	(void)level;
	(void)flags;
	return printbuf_memappend(to, text, (int)strlen(text));
}

static char *make_document(struct zerror *ret_error)
{
	struct json_object *document =
		strict_json_parse(openrpc_text, openrpc_len(), ret_error);
	char *text;

	if (!document) {
		return NULL;
	}
	add_text(json_object_object_get(document, "info"), "version",
		 ZV_VERSION);
	text = strdup(json_object_to_json_string_ext(
		document,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(document);
	if (!text) {
		zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory");
	}
	return text;
}

static void rpc_discover(struct rpc_call *call, struct json_object *params)
{
	static char *text;
	struct json_object *document;
	struct zerror error;

	(void)params;
	if (!text) {
		text = make_document(&error);
	}
	if (!text) {
		rpc_fail(call, &error);
		return;
	}
	document = json_object_new_object();
	json_object_set_serializer(document, write_document, text, NULL);
	rpc_result(call, document);
}

/* ------------------------------------------------------------ table */

#define NAME                             \
	{                                \
		"name", RPC_STRING, true \
	}

const struct rpc_method methods_table[] = {
	{ "hvd.version", true, daemon_version, { { 0 } } },
	{ "host.info", true, host_info, { { 0 } } },
	{ "host.log", true, host_log, { { "pos", RPC_INT, false } } },
	{ "host.counters",
	  true,
	  host_counters,
	  { { "zone", RPC_STRING, false } } },
	{ "zone.list",
	  true,
	  methods_zone_list,
	  { { "detail", RPC_BOOL, false } } },
	{ "zone.get", true, methods_zone_get, { NAME } },
	{ "zone.define",
	  false,
	  methods_zone_define,
	  { { "definition", RPC_OBJECT, true },
	    { "generation", RPC_INT, false } } },
	{ "zone.undefine", false, methods_zone_undefine, { NAME } },
	{ "zone.rename",
	  false,
	  methods_zone_rename,
	  { NAME, { "new_name", RPC_STRING, true } } },
	{ "zone.clone",
	  false,
	  methods_zone_clone,
	  { NAME,
	    { "new_name", RPC_STRING, true },
	    { "uuid", RPC_STRING, false },
	    { "devices", RPC_OBJECT, false } } },
	{ "zone.create",
	  false,
	  methods_zone_create,
	  { { "definition", RPC_OBJECT, true },
	    { "paused", RPC_BOOL, false } } },
	{ "zone.start",
	  false,
	  methods_zone_start,
	  { NAME, { "paused", RPC_BOOL, false } } },
	{ "zone.shutdown",
	  false,
	  methods_zone_shutdown,
	  { NAME,
	    { "timeout", RPC_INT, false },
	    { "force", RPC_BOOL, false } } },
	{ "zone.reboot", false, methods_zone_reboot, { NAME } },
	{ "zone.reset", false, methods_zone_reset, { NAME } },
	{ "zone.destroy", false, methods_zone_destroy, { NAME } },
	{ "zone.pause", false, methods_zone_pause, { NAME } },
	{ "zone.resume", false, methods_zone_resume, { NAME } },
	{ "zone.dump",
	  false,
	  methods_zone_dump,
	  { NAME,
	    { "path", RPC_STRING, true },
	    { "live", RPC_BOOL, false },
	    { "force", RPC_BOOL, false } } },
	{ "zone.pin",
	  false,
	  methods_zone_pin,
	  { NAME, { "vcpu", RPC_INT, true }, { "pcpu", RPC_INT, true } } },
	{ "zone.set",
	  false,
	  methods_zone_set,
	  { NAME,
	    { "vcpus", RPC_INT, false },
	    { "title", RPC_STRING, false },
	    { "description", RPC_STRING, false },
	    { "metadata", RPC_OBJECT, false } } },
	{ "device.counters",
	  true,
	  methods_device_counters,
	  { NAME, { "device", RPC_STRING, true } } },
	{ "device.resize",
	  false,
	  methods_device_resize,
	  { NAME, { "device", RPC_STRING, true } } },
	{ "device.resume",
	  false,
	  methods_device_resume,
	  { NAME, { "device", RPC_STRING, true } } },
	{ "device.set",
	  false,
	  methods_device_set,
	  { NAME,
	    { "device", RPC_STRING, true },
	    { "link", RPC_BOOL, false },
	    { "mtu", RPC_INT, false },
	    { "limits", RPC_OBJECT, false },
	    { "width", RPC_INT, false },
	    { "height", RPC_INT, false } } },
	{ "display.get", true, methods_display_get, { NAME } },
	{ "display.screenshot",
	  false,
	  methods_display_screenshot,
	  { NAME,
	    { "path", RPC_STRING, true },
	    { "head", RPC_INT, false },
	    { "force", RPC_BOOL, false } } },
	{ "display.send_keys",
	  false,
	  methods_display_send_keys,
	  { NAME,
	    { "keys", RPC_ARRAY, true },
	    { "hold_ms", RPC_INT, false } } },
	{ "console.attach",
	  false,
	  methods_zone_attach,
	  { NAME,
	    { "device", RPC_STRING, false },
	    { "from", RPC_STRING | RPC_INT, false },
	    { "force", RPC_BOOL, false },
	    { "readonly", RPC_BOOL, false } } },
	{ "job.list", true, list_jobs, { { 0 } } },
	{ "job.cancel", false, cancel_job, { { "job", RPC_INT, true } } },
	{ "log.level", false, log_level, { { "level", RPC_STRING, false } } },
	{ "trace.set",
	  false,
	  methods_trace_set,
	  { { "events", RPC_ARRAY, true } } },
	{ "trace.read",
	  true,
	  methods_trace_read,
	  { { "cpu", RPC_INT, true }, { "pos", RPC_INT, false } } },
	{ "event.subscribe",
	  true,
	  event_subscribe,
	  { { "since", RPC_INT, false }, { "run", RPC_STRING, false } } },
	{ "event.unsubscribe", true, event_unsubscribe, { { 0 } } },
	{ "rpc.cancel",
	  true,
	  cancel_call,
	  { { "id", RPC_STRING | RPC_INT, true } } },
	{ "rpc.discover", true, rpc_discover, { { 0 } } },
	{ 0 },
};
