// SPDX-License-Identifier: BSD-2-Clause
/* Asking for events.  Those that never happen here can be asked for as well. */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <string.h>

#include "call.h"
#include "event.h"
#include "procedures.h"

#define DOMAIN_EVENTS 28 /* of libvirt 11 */
#define OTHER_EVENTS 2 /* of each other family: its lifecycle, and changes */

/* The wish is registered, or the call answered; the callback's id, or negative. */
static int wish_for(struct call *call, const struct event_wish *wish)
{
	int32_t known =
		wish->family == EVENT_DOMAIN ? DOMAIN_EVENTS : OTHER_EVENTS;
	int id;

	if (wish->event < 0 || wish->event >= known) {
		call_error(call, VIR_ERR_INVALID_ARG, "unsupported event ID %d",
			   wish->event);
		return -EINVAL;
	}
	id = event_register(call->client, wish);
	if (id == -ENOMEM) {
		call_no_memory(call);
	} else if (id == -EEXIST) {
		call_error(call, VIR_ERR_INTERNAL_ERROR,
			   "domain event %d already registered", wish->event);
	} else if (id < 0) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "more than %u callbacks: deregister some",
			   EVENT_CALLBACKS_MAX);
	}
	return id;
}

static void register_new(struct call *call, const struct event_wish *wish)
{
	int id = wish_for(call, wish);

	if (id >= 0) {
		xdr_put_i32(&call->reply, id);
		event_reply(call);
	}
}

static void deregister(struct call *call, enum event_family family)
{
	int32_t id = xdr_get_i32(&call->args);

	if (!call_args_end(call)) {
		return;
	}
	if (event_deregister(call->client, family, id) < 0) {
		call_error(call, VIR_ERR_INTERNAL_ERROR,
			   "event callback %d not registered", id);
		return;
	}
	call_reply(call);
}

/* -------------------------------------------------------------- domains */

static void register_domain(struct call *call)
{
	struct event_wish wish = {
		.family = EVENT_DOMAIN,
		.event = xdr_get_i32(&call->args),
	};
	struct domain_ref ref;

	if (xdr_get_bool(&call->args)) {
		call_get_domain(call, &ref);
		wish.uuid = ref.uuid;
	}
	if (call_args_end(call)) {
		register_new(call, &wish);
	}
}

static void deregister_domain(struct call *call)
{
	deregister(call, EVENT_DOMAIN);
}

static void register_any_old(struct call *call)
{
	struct event_wish wish = {
		.family = EVENT_DOMAIN,
		.event = xdr_get_i32(&call->args),
		.old = true,
	};

	if (call_args_end(call) && wish_for(call, &wish) >= 0) {
		event_reply(call);
	}
}

static void not_registered(struct call *call, int32_t event)
{
	call_error(call, VIR_ERR_INTERNAL_ERROR,
		   "domain event %d not registered", event);
}

static void deregister_any_old(struct call *call)
{
	int32_t event = xdr_get_i32(&call->args);

	if (!call_args_end(call)) {
		return;
	}
	if (event_deregister_old(call->client, event) < 0) {
		not_registered(call, event);
		return;
	}
	call_reply(call);
}

static void register_oldest(struct call *call)
{
	struct event_wish wish = {
		.family = EVENT_DOMAIN,
		.event = VIR_DOMAIN_EVENT_ID_LIFECYCLE,
		.old = true,
	};

	if (call_args_end(call) && wish_for(call, &wish) >= 0) {
		xdr_put_i32(&call->reply, 1);
		event_reply(call);
	}
}

static void deregister_oldest(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	if (event_deregister_old(call->client, VIR_DOMAIN_EVENT_ID_LIFECYCLE) <
	    0) {
		not_registered(call, VIR_DOMAIN_EVENT_ID_LIFECYCLE);
		return;
	}
	xdr_put_i32(&call->reply, 0);
	call_reply(call);
}

/* -------------------------------------------------------- other objects */

/* An object is named by some of these, in this order. */
#define BY_NAME 1u
#define BY_UUID 2u
#define BY_USAGE 4u /* of a secret: a type, and an id */

static void register_other(struct call *call, enum event_family family,
			   unsigned int named_by)
{
	struct event_wish wish = {
		.family = family,
		.event = xdr_get_i32(&call->args),
	};

	if (xdr_get_bool(&call->args)) {
		if (named_by & BY_NAME) {
			xdr_get_string(&call->args, PACKET_STRING_MAX);
		}
		if (named_by & BY_UUID) {
			wish.uuid = xdr_get_fixed(&call->args, UUID_BYTES);
		}
		if (named_by & BY_USAGE) {
			xdr_get_i32(&call->args);
			xdr_get_string(&call->args, PACKET_STRING_MAX);
		}
	}
	if (call_args_end(call)) {
		register_new(call, &wish);
	}
}

static void register_network(struct call *call)
{
	register_other(call, EVENT_NETWORK, BY_NAME | BY_UUID);
}

static void deregister_network(struct call *call)
{
	deregister(call, EVENT_NETWORK);
}

static void register_pool(struct call *call)
{
	register_other(call, EVENT_STORAGE_POOL, BY_NAME | BY_UUID);
}

static void deregister_pool(struct call *call)
{
	deregister(call, EVENT_STORAGE_POOL);
}

static void register_device(struct call *call)
{
	register_other(call, EVENT_NODE_DEVICE, BY_NAME);
}

static void deregister_device(struct call *call)
{
	deregister(call, EVENT_NODE_DEVICE);
}

static void register_secret(struct call *call)
{
	register_other(call, EVENT_SECRET, BY_UUID | BY_USAGE);
}

static void deregister_secret(struct call *call)
{
	deregister(call, EVENT_SECRET);
}

#define NEVER "can be asked for, and are not told"

static const struct procedure rows[] = {
	{ 316, "ConnectDomainEventCallbackRegisterAny", register_domain,
	  PROC_READ,
	  "lifecycle, reboot, I/O errors (without a path), completed dumps, "
	  "viewers (connect and disconnect, without addresses), "
	  "changed metadata; "
	  "others can be asked for and do not happen. `Started Booted` comes "
	  "without a `Resumed` before" },
	{ 317, "ConnectDomainEventCallbackDeregisterAny", deregister_domain,
	  PROC_READ, NULL },
	{ 167, "ConnectDomainEventRegisterAny", register_any_old, PROC_READ,
	  "of older clients" },
	{ 168, "ConnectDomainEventDeregisterAny", deregister_any_old, PROC_READ,
	  "of older clients" },
	{ 105, "ConnectDomainEventRegister", register_oldest, PROC_READ,
	  "lifecycle" },
	{ 106, "ConnectDomainEventDeregister", deregister_oldest, PROC_READ,
	  NULL },
	{ 313, "ConnectNetworkEventRegisterAny", register_network, PROC_READ,
	  NEVER },
	{ 314, "ConnectNetworkEventDeregisterAny", deregister_network,
	  PROC_READ, NULL },
	{ 368, "ConnectStoragePoolEventRegisterAny", register_pool, PROC_READ,
	  "lifecycle, refresh: of what is done by virthvdd, not of its files" },
	{ 369, "ConnectStoragePoolEventDeregisterAny", deregister_pool,
	  PROC_READ, NULL },
	{ 374, "ConnectNodeDeviceEventRegisterAny", register_device, PROC_READ,
	  NEVER },
	{ 375, "ConnectNodeDeviceEventDeregisterAny", deregister_device,
	  PROC_READ, NULL },
	{ 380, "ConnectSecretEventRegisterAny", register_secret, PROC_READ,
	  NEVER },
	{ 381, "ConnectSecretEventDeregisterAny", deregister_secret, PROC_READ,
	  NULL },
};

const struct procedure_group event_procedures = {
	"Events", rows, sizeof(rows) / sizeof(rows[0])
};
