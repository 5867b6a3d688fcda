// SPDX-License-Identifier: BSD-2-Clause
/*
 * What there is none of here.  Clients that list everything get empty lists,
 * which they show, instead of an error, at which some give up.  Filters are
 * taken whatever they are: nothing passes them all.
 */
#include <libvirt/libvirt.h>
#include <stdint.h>

#include "call.h"
#include "procedures.h"

#define ANY_FLAGS UINT32_MAX

/* ------------------------------------------------------- of a connection */

static void reply_zeros(struct call *call, unsigned int count)
{
	while (count-- > 0) {
		xdr_put_u32(&call->reply, 0);
	}
	call_reply(call);
}

/* need_results, flags: an array, and how many there are. */
static void list_all(struct call *call)
{
	xdr_get_i32(&call->args);
	xdr_get_u32(&call->args);
	if (call_args_end(call)) {
		reply_zeros(call, 2);
	}
}

static void count(struct call *call)
{
	if (call_args_end(call)) {
		reply_zeros(call, 1);
	}
}

/* The most that the client takes: an array. */
static void list_names(struct call *call)
{
	xdr_get_i32(&call->args);
	if (call_args_end(call)) {
		reply_zeros(call, 1);
	}
}

/* Node devices may be asked for by what they can. */
static void count_devices(struct call *call)
{
	xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	xdr_get_u32(&call->args);
	if (call_args_end(call)) {
		reply_zeros(call, 1);
	}
}

static void list_devices(struct call *call)
{
	xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	xdr_get_i32(&call->args);
	xdr_get_u32(&call->args);
	if (call_args_end(call)) {
		reply_zeros(call, 1);
	}
}

/* ----------------------------------------------------------- of a domain */

/* There is such a domain: that much is checked. */
static void got_one_zero(struct call *call, struct json_object *zone)
{
	(void)zone;
	reply_zeros(call, 1);
}

static void got_two_zeros(struct call *call, struct json_object *zone)
{
	(void)zone;
	reply_zeros(call, 2);
}

static void no_flags(struct call *call)
{
	call_get_zone(call, true, 0, got_one_zero);
}

static void any_flags(struct call *call)
{
	call_get_zone(call, true, ANY_FLAGS, got_one_zero);
}

static void messages(struct call *call)
{
	call_get_zone(call, true,
		      VIR_DOMAIN_MESSAGE_DEPRECATION |
			      VIR_DOMAIN_MESSAGE_TAINTING,
		      got_one_zero);
}

static void iothreads(struct call *call)
{
	call_get_zone(call, true,
		      VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG,
		      got_two_zeros);
}

static void is_updated(struct call *call)
{
	call_get_zone(call, false, 0, got_one_zero);
}

/* An empty label, which is not enforced; or an array, and its length. */
static void labels(struct call *call)
{
	call_get_zone(call, false, 0, got_two_zeros);
}

/* A number and flags after the domain. */
static void ask_with_number(struct call *call, call_step_fn step)
{
	struct domain_ref ref;

	call_get_domain(call, &ref);
	xdr_get_i32(&call->args);
	xdr_get_u32(&call->args);
	if (call_args_end(call)) {
		call_hvd(call, "zone.get", domain_params(&ref), step);
	}
}

static void snapshot_names(struct call *call)
{
	ask_with_number(call, got_one_zero);
}

static void list_of_domain(struct call *call)
{
	ask_with_number(call, got_two_zeros);
}

static const struct procedure rows[] = {
	{ 284, "ConnectListAllInterfaces", list_all, PROC_READ, NULL },
	{ 126, "ConnectNumOfInterfaces", count, PROC_READ, NULL },
	{ 127, "ConnectListInterfaces", list_names, PROC_READ, NULL },
	{ 137, "ConnectNumOfDefinedInterfaces", count, PROC_READ, NULL },
	{ 138, "ConnectListDefinedInterfaces", list_names, PROC_READ, NULL },
	{ 285, "ConnectListAllNodeDevices", list_all, PROC_READ, NULL },
	{ 111, "NodeNumOfDevices", count_devices, PROC_READ, NULL },
	{ 112, "NodeListDevices", list_devices, PROC_READ, NULL },
	{ 286, "ConnectListAllNWFilters", list_all, PROC_READ, NULL },
	{ 178, "ConnectNumOfNWFilters", count, PROC_READ, NULL },
	{ 179, "ConnectListNWFilters", list_names, PROC_READ, NULL },
	{ 401, "ConnectListAllNWFilterBindings", list_all, PROC_READ, NULL },
	{ 287, "ConnectListAllSecrets", list_all, PROC_READ, NULL },
	{ 139, "ConnectNumOfSecrets", count, PROC_READ, NULL },
	{ 140, "ConnectListSecrets", list_names, PROC_READ, NULL },
	{ 183, "DomainHasManagedSaveImage", no_flags, PROC_READ, NULL },
	{ 187, "DomainSnapshotNum", any_flags, PROC_READ, NULL },
	{ 188, "DomainSnapshotListNames", snapshot_names, PROC_READ, NULL },
	{ 274, "DomainListAllSnapshots", list_of_domain, PROC_READ, NULL },
	{ 190, "DomainHasCurrentSnapshot", no_flags, PROC_READ, NULL },
	{ 413, "DomainListAllCheckpoints", list_of_domain, PROC_READ, NULL },
	{ 202, "DomainIsUpdated", is_updated, PROC_READ, NULL },
	{ 426, "DomainGetMessages", messages, PROC_READ, NULL },
	{ 351, "DomainGetIOThreadInfo", iothreads, PROC_READ, NULL },
	{ 121, "DomainGetSecurityLabel", labels, PROC_READ, "no label" },
	{ 278, "DomainGetSecurityLabelList", labels, PROC_READ, NULL },
};

const struct procedure_group empty_procedures = {
	"What there is none of", rows, sizeof(rows) / sizeof(rows[0])
};
