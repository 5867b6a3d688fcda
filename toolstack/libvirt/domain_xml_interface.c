/* SPDX-License-Identifier: BSD-2-Clause */
/* <interface> */
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

#define FORWARDS_MAX 16u
/* libvirt's name for a network that is there without anybody's doing. */
#define NETWORK_DEFAULT "default"

/* ---------------------------------------------------------------- source */

static int refuse_source(const struct xml_place *at, const char *path,
			 const char *type)
{
	return xml_value(at->node, path)
		       ? xml_refuse_below(at, path, VIR_ERR_XML_ERROR,
					  "does not belong to an interface of "
					  "type %s",
					  type)
		       : 0;
}

static int take_bridge(const struct xml_place *at)
{
	const char *bridge = xml_value(at->node, "source/@bridge");

	if (refuse_source(at, "source/@network", "bridge") < 0 ||
	    refuse_source(at, "portForward", "bridge") < 0 ||
	    refuse_source(at, "backend/@type", "bridge") < 0) {
		return -1;
	}
	return bridge ? xml_set_text(at, "bridge", bridge)
		      : xml_refuse_below(at, "source/@bridge",
					 VIR_ERR_XML_ERROR,
					 "is missing: a bridge of zone0, or "
					 "zvbr0, which hvd makes");
}

static int take_network(const struct xml_place *at)
{
	const char *network = xml_value(at->node, "source/@network");

	if (refuse_source(at, "source/@bridge", "network") < 0 ||
	    refuse_source(at, "portForward", "network") < 0 ||
	    refuse_source(at, "backend/@type", "network") < 0) {
		return -1;
	}
	if (!network) {
		return xml_refuse_below(at, "source/@network",
					VIR_ERR_XML_ERROR,
					"is missing: a bridge of zone0");
	}
	return strcmp(network, NETWORK_DEFAULT) == 0
		       ? 0
		       : xml_set_text(at, "bridge", network);
}

/* --------------------------------------------------------------- forward */

static int refuse_port(const struct xml_place *at, const char *attribute,
		       const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "portForward/range/%s", attribute);
	return xml_refuse_below(at, path, VIR_ERR_XML_ERROR,
				"\"%.32s\" is no port", text ? text : "");
}

static bool read_port(const char *text, uint64_t *ret)
{
	return text && xml_number(text, ret) && *ret > 0 && *ret <= UINT16_MAX;
}

static int add_forward(const struct xml_place *at, const xmlNode *node,
		       uint64_t port, uint64_t to)
{
	struct json_object *list = xml_member(at->object, "forward");
	const char *address = xml_value(node, "@address");
	const char *proto = xml_value(node, "@proto");
	struct xml_place item = *at;

	item.object = json_object_new_object();
	if (!item.object || json_object_array_add(list, item.object) < 0) {
		json_object_put(item.object);
		return xml_out_of_memory(at->error);
	}
	if ((proto && xml_set_text(&item, "proto", proto) < 0) ||
	    (address && xml_set_text(&item, "address", address) < 0) ||
	    xml_set_int(&item, "port", port) < 0) {
		return -1;
	}
	return xml_set_int(&item, "to", to);
}

/* A range is so many ports. */
static int take_range(const struct xml_place *at, const xmlNode *node,
		      const xmlNode *range)
{
	struct json_object *list = xml_member(at->object, "forward");
	const char *start = xml_value(range, "@start");
	const char *end = xml_value(range, "@end");
	const char *to = xml_value(range, "@to");
	uint64_t first;
	uint64_t last;
	uint64_t there;

	if (!read_port(start, &first)) {
		return refuse_port(at, "@start", start);
	}
	last = there = first;
	if (end && (!read_port(end, &last) || last < first)) {
		return refuse_port(at, "@end", end);
	}
	if (to &&
	    (!read_port(to, &there) || there + (last - first) > UINT16_MAX)) {
		return refuse_port(at, "@to", to);
	}
	if (last - first + json_object_array_length(list) >= FORWARDS_MAX) {
		return xml_refuse_below(
			at, "portForward", VIR_ERR_CONFIG_UNSUPPORTED,
			"at most %u ports can be forwarded", FORWARDS_MAX);
	}
	for (; first <= last; first++, there++) {
		if (add_forward(at, node, first, there) < 0) {
			return -1;
		}
	}
	return 0;
}

static int take_forward(const struct xml_place *at, const xmlNode *node)
{
	const xmlNode *range = xml_child(node, "range");

	if (!range) {
		return xml_refuse_below(
			at, "portForward/range", VIR_ERR_CONFIG_UNSUPPORTED,
			"is missing: name each port that leads to the guest");
	}
	for (; range; range = xml_next(range, "range")) {
		if (take_range(at, node, range) < 0) {
			return -1;
		}
	}
	return 0;
}

static int take_user(const struct xml_place *at)
{
	const xmlNode *node = xml_child(at->node, "portForward");

	if (refuse_source(at, "source/@bridge", "user") < 0 ||
	    refuse_source(at, "source/@network", "user") < 0 ||
	    xml_set_member(at, "user", json_object_new_boolean(true)) < 0) {
		return -1;
	}
	if (node &&
	    xml_set_member(at, "forward", json_object_new_array()) < 0) {
		return -1;
	}
	for (; node; node = xml_next(node, "portForward")) {
		if (take_forward(at, node) < 0) {
			return -1;
		}
	}
	return 0;
}

static void give_forwards(struct xml_out *out, xmlNode *element,
			  const struct xml_row *row, struct json_object *object)
{
	struct json_object *list = xml_member(object, "forward");
	size_t count = json_object_is_type(list, json_type_array)
			       ? json_object_array_length(list)
			       : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *address = xml_member_text(item, "address");
		const char *proto = xml_member_text(item, "proto");
		const char *port = xml_member_text(item, "port");
		const char *to = xml_member_text(item, "to");
		xmlNode *node = xml_add(out, element, row->path);

		if (!node || !port) {
			return;
		}
		xml_put(out, node, "@proto", proto ? proto : "tcp");
		if (address) {
			xml_put(out, node, "@address", address);
		}
		xml_put(out, node, "range/@start", port);
		xml_put(out, node, "range/@to", to ? to : port);
	}
}

/* ---------------------------------------------------------------- others */

static int finish(const struct xml_place *at)
{
	const char *type = xml_value(at->node, "@type");

	if (type && strcmp(type, "bridge") == 0) {
		return take_bridge(at);
	}
	if (type && strcmp(type, "network") == 0) {
		return take_network(at);
	}
	if (type && strcmp(type, "user") == 0) {
		return take_user(at);
	}
	return xml_refuse_below(at, "@type", VIR_ERR_CONFIG_UNSUPPORTED,
				"\"%.32s\" is not supported: only \"bridge\", "
				"\"network\" and \"user\"",
				type ? type : "");
}

static void give_type(struct xml_out *out, xmlNode *element,
		      const struct xml_row *row, struct json_object *object)
{
	xml_put(out, element, row->path,
		xml_member_true(object, "user") ? "user" : "bridge");
}

static void give_backend(struct xml_out *out, xmlNode *element,
			 const struct xml_row *row, struct json_object *object)
{
	if (xml_member_true(object, "user")) {
		xml_put(out, element, row->path, row->words[0].xml);
	}
}

/* The names that hvd and libvirt give while it runs; others somebody wants. */
static int take_target(const struct xml_place *at)
{
	const char *text = at->text;

	if (strncmp(text, "vnet", 4) == 0 ||
	    (text[0] == 'z' && text[1] == 'v' && text[2] >= '0' &&
	     text[2] <= '9')) {
		return 0;
	}
	return xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
			  "hvd names the interface in zone0, zv3.0: leave it "
			  "out");
}

static struct json_object *live_device(struct xml_out *out, const char *name)
{
	struct json_object *list = xml_member(out->detail, "devices");
	size_t count = json_object_is_type(list, json_type_array)
			       ? json_object_array_length(list)
			       : 0;

	for (size_t i = 0; name && i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *its = xml_member_text(item, "name");

		if (its && strcmp(its, name) == 0) {
			return item;
		}
	}
	return NULL;
}

static void give_target(struct xml_out *out, xmlNode *element,
			const struct xml_row *row, struct json_object *object)
{
	struct json_object *device =
		live_device(out, xml_member_text(object, "name"));
	const char *tap = device ? xml_member_text(device, "tap") : NULL;

	if (out->live && tap) {
		xml_put(out, element, row->path, tap);
	}
}

/* ------------------------------------------------------------------ rows */

static const struct xml_word drivers[] = {
	{ "vhost", "true" },
	{ "qemu", "false" },
	{ NULL, NULL },
};
static const struct xml_word links[] = {
	{ "up", "true" },
	{ "down", "false" },
	{ NULL, NULL },
};
static const struct xml_word passt[] = { { "passt", NULL }, { NULL, NULL } };

#define NO_BURST "set the burst of all limits: <zv:limits burst-ms='…'/>"
#define KIB(path, member)                                                    \
	{                                                                    \
		path, DOMAIN_XML_USED, "`" member "`, in KiB", member, NULL, \
			xml_take_kib, xml_give_kib, 0                        \
	}

static const struct xml_row rows[] = {
	{ "@type", DOMAIN_XML_USED, "`bridge`, `network` or `user`", NULL, NULL,
	  NULL, give_type, 0 },
	XML_FIXED("@trustGuestRxFilters", xml_no, "`no`"),
	XML_TEXT("mac/@address", "mac"),
	XML_TEXT("source/@bridge", "bridge"),
	XML_LATER("source/@network",
		  "`bridge` of that name; `default` is hvd's own"),
	XML_LATER("source", "where it is plugged in"),
	XML_REFUSED("source/@portgroup", "bridges have none: leave it out"),
	{ "portForward", DOMAIN_XML_USED, "`forward`", NULL, NULL, NULL,
	  give_forwards, XML_MANY },
	XML_LATER("portForward/@proto", "`proto`"),
	XML_LATER("portForward/@address", "`address`"),
	{ "portForward/range", DOMAIN_XML_USED, "an entry for each port", NULL,
	  NULL, NULL, NULL, XML_MANY },
	XML_LATER("portForward/range/@start", "`port`"),
	XML_LATER("portForward/range/@end", "a port for each up to it"),
	XML_LATER("portForward/range/@to", "`to`"),
	{ "portForward/range/@exclude", DOMAIN_XML_DERIVED,
	  "`no`: each port is listed", NULL, xml_no, xml_take_fixed, NULL, 0 },
	XML_SAID("model/@type", xml_virtio, "`virtio`"),
	XML_BOOL("driver/@name", "vhost", drivers,
		 "`vhost`: `vhost` is true, `qemu` is false"),
	XML_INT("driver/@queues", "queues"),
	XML_FIXED("driver/@ioeventfd", xml_on, "`on`"),
	XML_FIXED("driver/@event_idx", xml_on, "`on`"),
	{ "backend/@type", DOMAIN_XML_FIXED, "`passt`, of type `user`", NULL,
	  passt, xml_take_fixed, give_backend, 0 },
	KIB("bandwidth/inbound/@average", "limits.rx-bytes-sec"),
	KIB("bandwidth/outbound/@average", "limits.tx-bytes-sec"),
	XML_REFUSED("bandwidth/inbound/@peak", NO_BURST),
	XML_REFUSED("bandwidth/inbound/@burst", NO_BURST),
	XML_REFUSED("bandwidth/inbound/@floor", "nothing is set aside"),
	XML_REFUSED("bandwidth/outbound/@peak", NO_BURST),
	XML_REFUSED("bandwidth/outbound/@burst", NO_BURST),
	{ "target/@dev", DOMAIN_XML_DERIVED, "of a zone that runs", NULL, NULL,
	  take_target, give_target, 0 },
	XML_BOOL("link/@state", "link", links, "`link`: `up` or `down`"),
	XML_INT("mtu/@size", "mtu"),
	XML_KEPT("boot/@order", "a zone boots its kernel"),
	{ "alias/@name", DOMAIN_XML_USED, "`name`, after `ua-`", "name", NULL,
	  xml_take_alias, xml_give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
	XML_REFUSED("filterref", "there are no filters: leave it out"),
	XML_REFUSED("virtualport", "only bridges of Linux: leave it out"),
	XML_REFUSED("vlan", "make a bridge in zone0 on the VLAN's interface"),
	XML_REFUSED("ip", "the guest sets its address, or gets it by DHCP"),
	XML_INT("zv:limits/@rx-packets-sec", "limits.rx-packets-sec"),
	XML_INT("zv:limits/@tx-packets-sec", "limits.tx-packets-sec"),
	{ "zv:limits/@burst-ms", DOMAIN_XML_USED, "`limits.burst-ms`",
	  "limits.burst-ms", NULL, xml_take_int, xml_give_burst, 0 },
};

const struct xml_group domain_xml_interface = {
	.name = "interface",
	.type = "net",
	.rows = rows,
	.row_count = COUNT(rows),
	.finish = finish,
};
