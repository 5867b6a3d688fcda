// SPDX-License-Identifier: BSD-2-Clause
/* Addresses of domains on networks, as far as zone0 has seen them. */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"

#define NEIGHBOURS "/proc/net/arp"
#define NEIGHBOURS_MAX 4096u /* lines that are looked at */
#define COMPLETE 0x2u /* its hardware address is known (ATF_COM) */

struct wanted {
	struct domain_ref ref;
	uint32_t source;
};

/* Puts the addresses that a MAC has; how many. */
static uint32_t put_neighbours(struct xdr_writer *w, const char *mac)
{
	FILE *file = fopen(NEIGHBOURS, "re");
	char line[256];
	char address[64];
	char hardware[32];
	unsigned int flags;
	uint32_t count = 0;

	for (uint32_t i = 0;
	     file && i < NEIGHBOURS_MAX && fgets(line, sizeof(line), file);
	     i++) {
		if (sscanf(line, "%63s %*s %x %31s", address, &flags,
			   hardware) != 3 ||
		    !(flags & COMPLETE) || strcasecmp(hardware, mac) != 0) {
			continue;
		}
		xdr_put_i32(w, VIR_IP_ADDR_TYPE_IPV4);
		xdr_put_string(w, address);
		xdr_put_u32(w, 0); /* the network's prefix is not told */
		count++;
	}
	if (file) {
		fclose(file);
	}
	return count;
}

/* One of the list, if it has an address; else nothing stays of it. */
static bool put_interface(struct xdr_writer *w, struct json_object *device)
{
	size_t begin = w->len;
	const char *tap = json_text(device, "tap");
	const char *mac = json_text(device, "mac");
	uint32_t count;
	size_t at;

	if (!json_is(device, "type", "net") || !mac[0]) {
		return false;
	}
	xdr_put_string(w, tap[0] ? tap : json_text(device, "name"));
	xdr_put_optional_string(w, mac);
	at = w->len;
	xdr_put_u32(w, 0);
	count = put_neighbours(w, mac);
	if (count == 0) {
		w->len = begin;
		return false;
	}
	xdr_patch_u32(w, at, count);
	return true;
}

static void got_zone(struct call *call, struct json_object *zone)
{
	const struct wanted *wanted = call->state;
	struct json_object *devices = json_get(zone, "devices");
	size_t at = call->reply.len;
	uint32_t count = 0;

	if (!domain_is_active(zone)) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "domain is not running");
		return;
	}
	xdr_put_u32(&call->reply, 0);
	/* Of leases nobody tells. */
	if (wanted->source == VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) {
		size_t length = devices ? json_object_array_length(devices) : 0;

		for (size_t i = 0; i < length; i++) {
			count += put_interface(
				&call->reply,
				json_object_array_get_idx(devices, i));
		}
	}
	xdr_patch_u32(&call->reply, at, count);
	call_reply(call);
}

static void interface_addresses(struct call *call)
{
	struct wanted *wanted = call_keep(call, sizeof(*wanted), free);
	uint32_t flags;

	if (!wanted) {
		return;
	}
	call_get_domain(call, &wanted->ref);
	wanted->source = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (wanted->source == VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT) {
		call_error(call, VIR_ERR_ARGUMENT_UNSUPPORTED,
			   "zones have no guest agent: use --source arp");
		return;
	}
	if (wanted->source > VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "unknown source of addresses %u", wanted->source);
		return;
	}
	call_hvd(call, "zone.get", domain_params(&wanted->ref), got_zone);
}

static const struct procedure rows[] = {
	{ 353, "DomainInterfaceAddresses", interface_addresses, PROC_READ,
	  "`ARP`: zone0's neighbours; `LEASE`: none, as nobody tells of them" },
};

const struct procedure_group address_procedures = {
	"Addresses", rows, sizeof(rows) / sizeof(rows[0])
};
