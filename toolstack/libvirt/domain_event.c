// SPDX-License-Identifier: BSD-2-Clause
#include "domain_event.h"

#include <hvd.h>
#include <libvirt/libvirt.h>
#include <string.h>

#include "domain_state.h"
#include "domain_xml.h"
#include "event.h"
#include "protocol.h"
#include "typed_param.h"
#include "uuid.h"
#include "xdr.h"

struct subject {
	uint8_t uuid[UUID_SIZE];
	struct xdr_writer body;
};

/* The first row whose word it is and whose beginning the reason has counts. */
static const struct row {
	const char *word;
	const char *reason;
	int event; /* virDomainEventType */
	int detail;
} rows[] = {
	{ "defined", "changed", VIR_DOMAIN_EVENT_DEFINED,
	  VIR_DOMAIN_EVENT_DEFINED_UPDATED },
	{ "defined", "renamed from", VIR_DOMAIN_EVENT_DEFINED,
	  VIR_DOMAIN_EVENT_DEFINED_RENAMED },
	{ "defined", "", VIR_DOMAIN_EVENT_DEFINED,
	  VIR_DOMAIN_EVENT_DEFINED_ADDED },
	{ "undefined", "renamed to", VIR_DOMAIN_EVENT_UNDEFINED,
	  VIR_DOMAIN_EVENT_UNDEFINED_RENAMED },
	{ "undefined", "", VIR_DOMAIN_EVENT_UNDEFINED,
	  VIR_DOMAIN_EVENT_UNDEFINED_REMOVED },
	{ "started", "", VIR_DOMAIN_EVENT_STARTED,
	  VIR_DOMAIN_EVENT_STARTED_BOOTED },
	{ "paused", "", VIR_DOMAIN_EVENT_SUSPENDED,
	  VIR_DOMAIN_EVENT_SUSPENDED_PAUSED },
	{ "preserved", "", VIR_DOMAIN_EVENT_SUSPENDED,
	  VIR_DOMAIN_EVENT_SUSPENDED_PAUSED },
	{ "resumed", "", VIR_DOMAIN_EVENT_RESUMED,
	  VIR_DOMAIN_EVENT_RESUMED_UNPAUSED },
	{ "shutdown", "", VIR_DOMAIN_EVENT_SHUTDOWN,
	  VIR_DOMAIN_EVENT_SHUTDOWN_GUEST },
	{ "crashed", "", VIR_DOMAIN_EVENT_CRASHED,
	  VIR_DOMAIN_EVENT_CRASHED_PANICKED },
};

static const char *reason_of(const struct hvd_event *event)
{
	return event->reason ? event->reason : "";
}

static const struct row *find(const struct hvd_event *event)
{
	const char *reason = reason_of(event);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(event->event, rows[i].word) == 0 &&
		    strncmp(reason, rows[i].reason, strlen(rows[i].reason)) ==
			    0) {
			return &rows[i];
		}
	}
	return NULL;
}

/* Each begins with the domain. */
static void begin(struct subject *subject, const struct hvd_event *event)
{
	memset(subject->uuid, 0, UUID_SIZE);
	uuid_parse(event->uuid, subject->uuid);
	xdr_writer_init(&subject->body, PACKET_STRING_MAX);
	xdr_put_string(&subject->body, event->zone);
	xdr_put_fixed(&subject->body, subject->uuid, UUID_SIZE);
	xdr_put_i32(&subject->body, (int32_t)event->id);
}

static void end(struct event_hub *hub, struct subject *subject, int32_t event)
{
	event_tell(hub, EVENT_DOMAIN, subject->uuid, event, &subject->body);
	xdr_writer_fini(&subject->body);
}

static void tell_change(struct event_hub *hub, const struct hvd_event *event,
			int what, int detail)
{
	struct subject subject;

	begin(&subject, event);
	xdr_put_i32(&subject.body, what);
	xdr_put_i32(&subject.body, detail);
	end(hub, &subject, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
}

/* reason: "title", "description", "metadata URI" */
static void tell_described(struct event_hub *hub, const struct hvd_event *event)
{
	static const char element[] = "metadata ";
	const char *reason = reason_of(event);
	const char *uri = NULL;
	struct subject subject;
	int type;

	if (strcmp(reason, "title") == 0) {
		type = VIR_DOMAIN_METADATA_TITLE;
	} else if (strcmp(reason, "description") == 0) {
		type = VIR_DOMAIN_METADATA_DESCRIPTION;
	} else if (strncmp(reason, element, strlen(element)) == 0) {
		type = VIR_DOMAIN_METADATA_ELEMENT;
		uri = reason + strlen(element);
	} else {
		return;
	}
	if (uri && strcmp(uri, DOMAIN_XML_KEPT_URI) == 0) {
		return;
	}
	begin(&subject, event);
	xdr_put_i32(&subject.body, type);
	xdr_put_optional_string(&subject.body, uri);
	end(hub, &subject, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE);
}

static void tell_lifecycle(struct event_hub *hub, const struct hvd_event *event)
{
	const struct row *row = find(event);
	struct subject subject;

	if (row) {
		tell_change(hub, event, row->event, row->detail);
	} else if (strcmp(event->event, "stopped") == 0) {
		tell_change(hub, event, VIR_DOMAIN_EVENT_STOPPED,
			    domain_end(reason_of(event))->stopped);
	} else if (strcmp(event->event, "rebooted") == 0) {
		begin(&subject, event);
		end(hub, &subject, VIR_DOMAIN_EVENT_ID_REBOOT);
	} else if (strcmp(event->event, "described") == 0) {
		tell_described(hub, event);
	}
}

/* Which file it is about is in the domain's XML, at the alias. */
static void tell_error(struct event_hub *hub, const struct hvd_event *event,
		       int32_t action)
{
	struct subject subject;

	for (int with_reason = 0; with_reason < 2; with_reason++) {
		begin(&subject, event);
		xdr_put_string(&subject.body, "");
		xdr_put_string(&subject.body, event->device);
		xdr_put_i32(&subject.body, action);
		if (with_reason) {
			xdr_put_string(&subject.body, reason_of(event));
		}
		end(hub, &subject,
		    with_reason ? VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON
				: VIR_DOMAIN_EVENT_ID_IO_ERROR);
	}
}

static void tell_device(struct event_hub *hub, const struct hvd_event *event)
{
	if (!event->device) {
		return;
	}
	if (strcmp(event->event, "error") == 0) {
		tell_error(hub, event, VIR_DOMAIN_EVENT_IO_ERROR_REPORT);
	} else if (strcmp(event->event, "paused") == 0) {
		tell_error(hub, event, VIR_DOMAIN_EVENT_IO_ERROR_PAUSE);
	}
}

/* Who looks hvd does not say: addresses are a unix socket's without a name. */
static void tell_display(struct event_hub *hub, const struct hvd_event *event)
{
	bool comes = strcmp(event->event, "connected") == 0;
	struct subject subject;

	if (!comes && strcmp(event->event, "disconnected") != 0) {
		return;
	}
	begin(&subject, event);
	xdr_put_i32(&subject.body,
		    comes ? VIR_DOMAIN_EVENT_GRAPHICS_CONNECT
			  : VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT);
	for (int i = 0; i < 2; i++) { /* here, and there */
		xdr_put_i32(&subject.body,
			    VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_UNIX);
		xdr_put_string(&subject.body, "");
		xdr_put_string(&subject.body, "");
	}
	xdr_put_string(&subject.body, ""); /* how it was let in */
	xdr_put_u32(&subject.body, 0); /* whose names it has */
	end(hub, &subject, VIR_DOMAIN_EVENT_ID_GRAPHICS);
}

/* Jobs in libvirt's sense: of those it knows there are dumps. */
static void tell_job(struct event_hub *hub, const struct hvd_event *event)
{
	bool done = strcmp(event->event, "done") == 0;
	struct typed_list list;
	struct subject subject;

	if (!event->job_kind || strcmp(event->job_kind, "dump") != 0 ||
	    (!done && strcmp(event->event, "failed") != 0 &&
	     strcmp(event->event, "cancelled") != 0)) {
		return;
	}
	begin(&subject, event);
	typed_begin(&list, &subject.body);
	typed_put_int(&list, VIR_DOMAIN_JOB_OPERATION,
		      VIR_DOMAIN_JOB_OPERATION_DUMP);
	typed_put_ullong(&list, VIR_DOMAIN_JOB_MEMORY_TOTAL, event->job_total);
	typed_put_ullong(&list, VIR_DOMAIN_JOB_MEMORY_PROCESSED,
			 event->job_done);
	typed_put_bool(&list, VIR_DOMAIN_JOB_SUCCESS, done);
	typed_end(&list);
	end(hub, &subject, VIR_DOMAIN_EVENT_ID_JOB_COMPLETED);
}

void domain_event_tell(struct event_hub *hub, const struct hvd_event *event)
{
	if (strcmp(event->kind, "lifecycle") == 0) {
		tell_lifecycle(hub, event);
	} else if (strcmp(event->kind, "device") == 0) {
		tell_device(hub, event);
	} else if (strcmp(event->kind, "job") == 0) {
		tell_job(hub, event);
	} else if (strcmp(event->kind, "display") == 0) {
		tell_display(hub, event);
	}
}
