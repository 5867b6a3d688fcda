/* SPDX-License-Identifier: BSD-2-Clause */
#include "trace.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "daemon.h"
#include "log.h"
#include "privcmd.h"
#include "rpc.h"
#include "session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Records that one answer looks at: others get their turn, too. */
#define RECORDS_MAX (4 * ZV_TRACE_READ_MAX)

static const char *const class_names[ZV_TRACE_CLASS_COUNT] = {
	"run", "sched", "irq", "io", "hypercall", "state",
};

/* ---------------------------------------------------------------- words */

static const char *const leave_words[] = {
	[ZV_LEAVE_IRQ] = "irq",	      [ZV_LEAVE_WFX] = "wfx",
	[ZV_LEAVE_HVC] = "hvc",	      [ZV_LEAVE_SMC] = "smc",
	[ZV_LEAVE_SYSREG] = "sysreg", [ZV_LEAVE_ACCESS] = "access",
	[ZV_LEAVE_FETCH] = "fetch",   [ZV_LEAVE_SERROR] = "serror",
	[ZV_LEAVE_OTHER] = "other",
};

static const char *const block_words[] = { "irq", "access", "off" };

static const char *const state_words[] = {
	[ZV_ZONE_CREATED] = "created",	   [ZV_ZONE_RUNNING] = "running",
	[ZV_ZONE_PAUSED] = "paused",	   [ZV_ZONE_OFF] = "off",
	[ZV_ZONE_RESETTING] = "resetting", [ZV_ZONE_CRASHED] = "crashed",
	[ZV_ZONE_DYING] = "dying",
};

static const char *const hypercall_words[ZV_HC_COUNT] = {
	[ZV_HC_VERSION] = "version",
	[ZV_HC_INFO] = "info",
	[ZV_HC_LOG_READ] = "log_read",
	[ZV_HC_COUNTERS] = "counters",
	[ZV_HC_ZONE_NEXT] = "zone_next",
	[ZV_HC_TRACE_SET] = "trace_set",
	[ZV_HC_TRACE_READ] = "trace_read",
	[ZV_HC_ZONE_CREATE] = "zone_create",
	[ZV_HC_ZONE_DESTROY] = "zone_destroy",
	[ZV_HC_ZONE_START] = "zone_start",
	[ZV_HC_ZONE_PAUSE] = "zone_pause",
	[ZV_HC_ZONE_RESUME] = "zone_resume",
	[ZV_HC_ZONE_STOP] = "zone_stop",
	[ZV_HC_ZONE_RESET] = "zone_reset",
	[ZV_HC_ZONE_INFO] = "zone_info",
	[ZV_HC_MEM_POPULATE] = "mem_populate",
	[ZV_HC_MEM_GRANT] = "mem_grant",
	[ZV_HC_MEM_REVOKE] = "mem_revoke",
	[ZV_HC_MEM_NEXT] = "mem_next",
	[ZV_HC_VCPU_SET] = "vcpu_set",
	[ZV_HC_VCPU_GET] = "vcpu_get",
	[ZV_HC_VCPU_PIN] = "vcpu_pin",
	[ZV_HC_VCPU_LIMIT] = "vcpu_limit",
	[ZV_HC_SHADOW_CREATE] = "shadow_create",
	[ZV_HC_SHADOW_ACTIONS] = "shadow_actions",
	[ZV_HC_SHADOW_UPDATE] = "shadow_update",
	[ZV_HC_IO_COMPLETE] = "io_complete",
	[ZV_HC_IRQ_INJECT] = "irq_inject",
	[ZV_HC_IO_RING_KICK] = "io_ring_kick",
};

/* What each event is called, and what its detail and first argument are. */
static const struct event {
	uint16_t number;
	const char *name;
	const char *const *words; /* of its detail, or NULL */
	size_t word_count;
	bool is_signed; /* the argument */
} events[] = {
	{ ZV_TRACE_ENTER, "enter", NULL, 0, false },
	{ ZV_TRACE_LEAVE, "leave", leave_words, COUNT(leave_words), false },
	{ ZV_TRACE_SWITCH, "switch", NULL, 0, false },
	{ ZV_TRACE_READY, "ready", NULL, 0, false },
	{ ZV_TRACE_BLOCK, "block", block_words, COUNT(block_words), false },
	{ ZV_TRACE_INJECT, "inject", NULL, 0, false },
	{ ZV_TRACE_DOORBELL, "doorbell", NULL, 0, false },
	{ ZV_TRACE_FORWARD, "forward", NULL, 0, false },
	{ ZV_TRACE_POSTED, "posted", NULL, 0, false },
	{ ZV_TRACE_HYPERCALL, "hypercall", hypercall_words,
	  COUNT(hypercall_words), true },
	{ ZV_TRACE_STATE, "state", state_words, COUNT(state_words), false },
};

static const struct event *event_find(uint16_t number)
{
	for (size_t i = 0; i < COUNT(events); i++) {
		if (events[i].number == number) {
			return &events[i];
		}
	}
	return NULL;
}

static const char *detail_word(const struct event *event,
			       const struct zv_trace_record *r)
{
	if (event->number == ZV_TRACE_FORWARD) {
		return r->detail >> 8 ? "write" : "read";
	}
	return r->detail < event->word_count ? event->words[r->detail] : NULL;
}

/* ------------------------------------------------------------- switching */

static uint32_t wanted(const struct daemon *daemon)
{
	uint32_t classes = 0;

	for (const struct trace_client *c = daemon->tracers; c; c = c->next) {
		classes |= c->classes;
	}
	return classes;
}

static void unlink_client(struct trace_client *client)
{
	if (!client->link) {
		return;
	}
	*client->link = client->next;
	if (client->next) {
		client->next->link = client->link;
	}
	client->link = NULL;
	client->classes = 0;
}

static void link_client(struct daemon *daemon, struct trace_client *client)
{
	client->next = daemon->tracers;
	client->link = &daemon->tracers;
	if (client->next) {
		client->next->link = &client->next;
	}
	daemon->tracers = client;
}

void trace_leave(struct daemon *daemon, struct trace_client *client)
{
	int rc;

	if (!client->link) {
		return;
	}
	unlink_client(client);
	rc = privcmd_trace_set(daemon->device, wanted(daemon));
	if (rc < 0) {
		log_warning("the trace cannot be switched: %s", strerror(-rc));
	}
}

void trace_reset(struct daemon *daemon)
{
	int rc = privcmd_trace_set(daemon->device, wanted(daemon));

	/* An older hypervisor or module has no trace. */
	if (rc < 0 && rc != -ENOSYS && rc != -ENOTTY) {
		log_warning("the trace cannot be switched: %s", strerror(-rc));
	}
}

static void fail(struct rpc_call *call, int err)
{
	struct zerror error;

	switch (err) {
	case ENOSYS:
	case ENOTTY:
		zerror_set(&error, ZERROR_UNSUPPORTED, NULL,
			   "install hypervisor and module of hvd's version",
			   "this hypervisor has no trace");
		break;
	case ENOMEM:
		zerror_set(&error, ZERROR_NO_MEMORY, NULL,
			   "destroy a zone; the trace needs 128 KiB for each "
			   "CPU of the machine",
			   "the pool has no memory for the trace");
		break;
	default:
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "the hypervisor's trace: %s", strerror(err));
	}
	rpc_fail(call, &error);
}

static int parse_classes(struct json_object *list, uint32_t *ret_classes,
			 struct zerror *ret_error)
{
	uint32_t classes = 0;
	char path[ZERROR_PATH_MAX];

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *name = json_object_is_type(item, json_type_string)
					   ? json_object_get_string(item)
					   : "";
		size_t c = 0;

		while (c < COUNT(class_names) &&
		       strcmp(class_names[c], name) != 0) {
			c++;
		}
		if (c == COUNT(class_names)) {
			zerror_path(path, "$.events[%zu]", i);
			return zerror_set(
				ret_error, ZERROR_INVALID_PARAMS, path,
				"run, sched, irq, io, hypercall or "
				"state",
				"there is no class of events %.64s", name);
		}
		classes |= 1u << c;
	}
	*ret_classes = classes;
	return 0;
}

/* Where each pCPU's records end now. */
static struct json_object *ends(struct daemon *daemon, uint32_t pcpu_count)
{
	struct json_object *list = json_object_new_array();
	struct zv_trace_record record;

	for (uint32_t cpu = 0; cpu < pcpu_count; cpu++) {
		uint64_t pos = UINT64_MAX;
		uint64_t first;
		ssize_t got = privcmd_trace_read(daemon->device, cpu, &pos,
						 &first, &record, 1);

		json_object_array_add(
			list, json_object_new_uint64(got < 0 ? 0 : pos));
	}
	return list;
}

void methods_trace_set(struct rpc_call *call, struct json_object *params)
{
	struct session *session = rpc_call_user(call);
	struct daemon *daemon = session_daemon(session);
	struct trace_client *client = session_tracer(session);
	struct json_object *result;
	struct zv_info info = { 0 };
	struct zerror error;
	uint32_t before = client->classes;
	uint32_t classes = 0;
	int rc;

	if (parse_classes(json_object_object_get(params, "events"), &classes,
			  &error) < 0 ||
	    daemon_connect(daemon, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	if (!rpc_call_peer(call)) {
		/* Zones that were found told it events, and it is gone. */
		rpc_result(call, NULL);
		return;
	}
	unlink_client(client);
	if (classes) {
		client->classes = classes;
		link_client(daemon, client);
	}
	rc = privcmd_trace_set(daemon->device, wanted(daemon));
	if (rc == 0) {
		rc = privcmd_info(daemon->device, &info);
	}
	if (rc < 0) {
		/* It is as it was. */
		unlink_client(client);
		if (before) {
			client->classes = before;
			link_client(daemon, client);
		}
		(void)privcmd_trace_set(daemon->device, wanted(daemon));
		fail(call, -rc);
		return;
	}
	result = json_object_new_object();
	json_object_object_add(result, "pos", ends(daemon, info.pcpu_count));
	rpc_result(call, result);
}

/* --------------------------------------------------------------- reading */

static struct json_object *id_or_null(uint16_t id)
{
	return id == ZV_TRACE_NONE ? NULL : json_object_new_int(id);
}

static struct json_object *record_to_json(const struct zv_trace_record *r)
{
	const struct event *event = event_find(r->event);
	struct json_object *json;
	const char *word;

	if (!event) {
		return NULL; /* of a hypervisor that is newer */
	}
	word = detail_word(event, r);
	json = json_object_new_array_ext(6);
	json_object_array_add(json, json_object_new_uint64(r->time_ns));
	json_object_array_add(json, json_object_new_string(event->name));
	json_object_array_add(json, id_or_null(r->zone));
	json_object_array_add(json, id_or_null(r->vcpu));
	json_object_array_add(json, word ? json_object_new_string(word) : NULL);
	json_object_array_add(
		json, event->is_signed
			      ? json_object_new_int64((int64_t)r->arg[0])
			      : json_object_new_uint64(r->arg[0]));
	return json;
}

static void add_records(struct json_object *list, uint32_t classes,
			const struct zv_trace_record *r, size_t count)
{
	struct json_object *json;

	for (size_t i = 0; i < count; i++) {
		if (!(classes & ZV_TRACE_BIT(r[i].event))) {
			continue; /* another client's */
		}
		json = record_to_json(&r[i]);
		if (json) {
			json_object_array_add(list, json);
		}
	}
}

/*
 * The records, as many as one answer may have, and what was lost before them.
 * What is between two pieces is lost in the next answer.
 */
static int read_records(struct daemon *daemon, uint32_t cpu, uint32_t classes,
			uint64_t *pos, uint64_t *ret_lost,
			struct json_object *list)
{
	struct zv_trace_record part[ZV_TRACE_READ_MAX];
	uint64_t start = *pos;
	uint64_t first;
	size_t done = 0;
	ssize_t got;

	*ret_lost = 0;
	while (done < RECORDS_MAX) {
		uint64_t at = *pos;

		got = privcmd_trace_read(daemon->device, cpu, &at, &first, part,
					 ZV_TRACE_READ_MAX);
		if (got < 0) {
			return (int)got;
		}
		if (done == 0) {
			*ret_lost = first > start ? first - start : 0;
		} else if (first != *pos) {
			break;
		}
		*pos = at;
		add_records(list, classes, part, (size_t)got);
		done += (size_t)got;
		if ((size_t)got < ZV_TRACE_READ_MAX) {
			break;
		}
	}
	return 0;
}

static int check_cpu_and_pos(long long cpu, long long pos,
			     struct zerror *ret_error)
{
	if (cpu < 0 || cpu >= (long long)ZV_PCPUS_MAX) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.cpu",
				  "host.info says how many CPUs there are",
				  "there is no CPU %lld", cpu);
	}
	if (pos < 0) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.pos",
				  NULL, "pos must not be negative");
	}
	return 0;
}

void methods_trace_read(struct rpc_call *call, struct json_object *params)
{
	struct session *session = rpc_call_user(call);
	struct daemon *daemon = session_daemon(session);
	uint32_t classes = session_tracer(session)->classes;
	long long cpu = rpc_get_int(params, "cpu", 0);
	long long from = rpc_get_int(params, "pos", 0);
	struct json_object *result;
	struct json_object *list;
	struct zerror error;
	uint64_t pos = (uint64_t)from;
	uint64_t lost;
	int rc;

	if (check_cpu_and_pos(cpu, from, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	if (!classes) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   "call trace.set on this connection first",
			   "this client does not trace");
		rpc_fail(call, &error);
		return;
	}
	list = json_object_new_array();
	rc = read_records(daemon, (uint32_t)cpu, classes, &pos, &lost, list);
	if (rc < 0) {
		json_object_put(list);
		if (rc == -EINVAL) {
			(void)check_cpu_and_pos(ZV_PCPUS_MAX, 0, &error);
			rpc_fail(call, &error);
		} else {
			fail(call, -rc);
		}
		return;
	}
	result = json_object_new_object();
	json_object_object_add(result, "records", list);
	json_object_object_add(result, "lost", json_object_new_uint64(lost));
	json_object_object_add(result, "pos", json_object_new_uint64(pos));
	rpc_result(call, result);
}
