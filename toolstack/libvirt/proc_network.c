// SPDX-License-Identifier: BSD-2-Clause
/* Networks: zone0's bridges.  Who made them changes them, not virthvdd. */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "network.h"
#include "procedures.h"
#include "server.h"
#include "xml_text.h"

#define NETWORKS_MAX 1024u

/* NULL: the call is answered.  The caller frees it. */
static struct network *list(struct call *call, uint32_t *ret_count)
{
	struct network *networks = calloc(NETWORKS_MAX, sizeof(*networks));

	if (!networks) {
		call_no_memory(call);
		return NULL;
	}
	*ret_count = network_list(server_sysfs(client_server(call->client)),
				  networks, NETWORKS_MAX);
	return networks;
}

static void put_network(struct xdr_writer *w, const struct network *network)
{
	xdr_put_string(w, network->name);
	xdr_put_fixed(w, network->uuid, sizeof(network->uuid));
}

/* --------------------------------------------------------------- lists */

/* Of two flags that mean the opposite, one alone asks for something. */
static bool wants(uint32_t flags, uint32_t yes, uint32_t no)
{
	return !(flags & no) || (flags & yes);
}

/* All are active, persistent and there when the machine has started. */
static bool all_match(uint32_t flags)
{
	return wants(flags, VIR_CONNECT_LIST_NETWORKS_ACTIVE,
		     VIR_CONNECT_LIST_NETWORKS_INACTIVE) &&
	       wants(flags, VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
		     VIR_CONNECT_LIST_NETWORKS_TRANSIENT) &&
	       wants(flags, VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
		     VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART);
}

static void list_all(struct call *call)
{
	int32_t want = xdr_get_i32(&call->args);
	uint32_t flags = xdr_get_u32(&call->args);
	struct network *networks;
	uint32_t count;

	if (!call_args_end(call)) {
		return;
	}
	networks = list(call, &count);
	if (!networks) {
		return;
	}
	if (!all_match(flags)) {
		count = 0;
	}
	xdr_put_u32(&call->reply, want ? count : 0);
	for (uint32_t i = 0; want && i < count; i++) {
		put_network(&call->reply, &networks[i]);
	}
	xdr_put_u32(&call->reply, count);
	free(networks);
	call_reply(call);
}

static void list_active(struct call *call)
{
	int32_t max = xdr_get_i32(&call->args);
	struct network *networks;
	uint32_t count;

	if (!call_args_end(call)) {
		return;
	}
	networks = list(call, &count);
	if (!networks) {
		return;
	}
	if (max < 0) {
		max = 0;
	}
	if (count > (uint32_t)max) {
		count = (uint32_t)max;
	}
	xdr_put_u32(&call->reply, count);
	for (uint32_t i = 0; i < count; i++) {
		xdr_put_string(&call->reply, networks[i].name);
	}
	free(networks);
	call_reply(call);
}

static void count_active(struct call *call)
{
	struct network *networks;
	uint32_t count;

	if (!call_args_end(call)) {
		return;
	}
	networks = list(call, &count);
	if (networks) {
		xdr_put_u32(&call->reply, count);
		free(networks);
		call_reply(call);
	}
}

/* None is defined without being there: an empty list, and its length. */
static void list_defined(struct call *call)
{
	xdr_get_i32(&call->args); /* how many fit */
	if (call_args_end(call)) {
		xdr_put_u32(&call->reply, 0);
		call_reply(call);
	}
}

static void count_defined(struct call *call)
{
	if (call_args_end(call)) {
		xdr_put_u32(&call->reply, 0);
		call_reply(call);
	}
}

/* ------------------------------------------------------------- lookups */

/* False: there is none, and the call is answered. */
static bool find(struct call *call, const char *name, const uint8_t *uuid,
		 struct network *ret_network)
{
	struct network *networks;
	uint32_t count;
	bool found = false;

	networks = list(call, &count);
	if (!networks) {
		return false;
	}
	for (uint32_t i = 0; i < count && !found; i++) {
		found = name ? strcmp(networks[i].name, name) == 0
			     : memcmp(networks[i].uuid, uuid, UUID_SIZE) == 0;
		if (found) {
			*ret_network = networks[i];
		}
	}
	free(networks);
	if (!found) {
		call_error(call, VIR_ERR_NO_NETWORK,
			   "no network with matching %s", call->subject);
	}
	return found;
}

static void lookup_by_name(struct call *call)
{
	const char *name = xdr_get_string(&call->args, PACKET_STRING_MAX);
	struct network network;

	if (!call_args_end(call)) {
		return;
	}
	snprintf(call->subject, sizeof(call->subject), "name '%s'", name);
	if (find(call, name, NULL, &network)) {
		put_network(&call->reply, &network);
		call_reply(call);
	}
}

static bool find_by_uuid(struct call *call, const uint8_t *uuid,
			 struct network *ret_network)
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	snprintf(call->subject, sizeof(call->subject), "uuid '%s'", text);
	return find(call, NULL, uuid, ret_network);
}

static void lookup_by_uuid(struct call *call)
{
	const uint8_t *uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	struct network network;

	if (call_args_end(call) && find_by_uuid(call, uuid, &network)) {
		put_network(&call->reply, &network);
		call_reply(call);
	}
}

/* For procedures whose only argument is a network; its uuid counts. */
static bool get_network(struct call *call, struct network *ret_network)
{
	const uint8_t *uuid;

	xdr_get_string(&call->args, PACKET_STRING_MAX);
	uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	return call_args_end(call) && find_by_uuid(call, uuid, ret_network);
}

/* ---------------------------------------------------------- one of them */

static char *format(const struct network *network)
{
	char uuid[UUID_TEXT_SIZE];
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to) {
		return NULL;
	}
	uuid_format(network->uuid, uuid);
	fputs("<network>\n", to);
	xml_put_element(to, 1, "name", network->name);
	xml_put_element(to, 1, "uuid", uuid);
	fputs("  <forward mode='bridge'/>\n  <bridge name='", to);
	xml_put_text(to, network->bridge);
	fputs("'/>\n</network>\n", to);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void get_xml(struct call *call)
{
	const uint8_t *uuid;
	struct network network;
	uint32_t flags;
	char *text;

	xdr_get_string(&call->args, PACKET_STRING_MAX);
	uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags, VIR_NETWORK_XML_INACTIVE) ||
	    !find_by_uuid(call, uuid, &network)) {
		return;
	}
	text = format(&network);
	if (!text) {
		call_no_memory(call);
		return;
	}
	xdr_put_string(&call->reply, text);
	free(text);
	call_reply(call);
}

static void get_bridge(struct call *call)
{
	struct network network;

	if (get_network(call, &network)) {
		xdr_put_string(&call->reply, network.bridge);
		call_reply(call);
	}
}

/* Whether it is active, persistent, started with the machine. */
static void get_true(struct call *call)
{
	struct network network;

	if (get_network(call, &network)) {
		xdr_put_i32(&call->reply, 1);
		call_reply(call);
	}
}

/* Who gives out addresses, if anybody does, is not known here. */
static void get_leases(struct call *call)
{
	const uint8_t *uuid;
	struct network network;
	uint32_t flags;

	xdr_get_string(&call->args, PACKET_STRING_MAX);
	uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	xdr_get_optional_string(&call->args, PACKET_STRING_MAX); /* a MAC */
	xdr_get_i32(&call->args); /* with results */
	flags = xdr_get_u32(&call->args);
	if (call_args_end(call) && call_only_flags(call, flags, 0) &&
	    find_by_uuid(call, uuid, &network)) {
		xdr_put_u32(&call->reply, 0);
		xdr_put_u32(&call->reply, 0);
		call_reply(call);
	}
}

static const struct procedure rows[] = {
	{ 283, "ConnectListAllNetworks", list_all, PROC_READ,
	  "zone0's bridges; hvd's own is `default`" },
	{ 38, "ConnectListNetworks", list_active, PROC_READ, NULL },
	{ 52, "ConnectNumOfNetworks", count_active, PROC_READ, NULL },
	{ 36, "ConnectListDefinedNetworks", list_defined, PROC_READ,
	  "none: a bridge is there, or it is none" },
	{ 50, "ConnectNumOfDefinedNetworks", count_defined, PROC_READ, "none" },
	{ 46, "NetworkLookupByName", lookup_by_name, PROC_READ, NULL },
	{ 47, "NetworkLookupByUUID", lookup_by_uuid, PROC_READ,
	  "made from the name" },
	{ 43, "NetworkGetXMLDesc", get_xml, PROC_READ,
	  "`<forward mode='bridge'/>`" },
	{ 45, "NetworkGetBridgeName", get_bridge, PROC_READ, NULL },
	{ 152, "NetworkIsActive", get_true, PROC_READ, "always" },
	{ 153, "NetworkIsPersistent", get_true, PROC_READ, "always" },
	{ 44, "NetworkGetAutostart", get_true, PROC_READ, "always" },
	{ 341, "NetworkGetDHCPLeases", get_leases, PROC_READ,
	  "none: nobody tells of them" },
};

const struct procedure_group network_procedures = {
	"Networks", rows, sizeof(rows) / sizeof(rows[0])
};
