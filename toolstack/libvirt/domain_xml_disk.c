/* SPDX-License-Identifier: BSD-2-Clause */
/* <disk> */
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

static const char source_attributes[][12] = { "@file", "@dev", "@protocol",
					      "@name" };

/* Of the source's attributes one sort of disk has some. */
static int check_source(const struct xml_place *at, const char *type,
			const char *const *allowed)
{
	for (size_t i = 0; i < COUNT(source_attributes); i++) {
		char path[64];
		bool good = false;

		snprintf(path, sizeof(path), "source/%s", source_attributes[i]);
		for (const char *const *a = allowed; *a; a++) {
			good |= strcmp(*a, source_attributes[i]) == 0;
		}
		if (!good && xml_value(at->node, path)) {
			return xml_refuse_below(at, path, VIR_ERR_XML_ERROR,
						"does not belong to a disk of "
						"type %s",
						type);
		}
	}
	return 0;
}

static int take_path(const struct xml_place *at, const char *type,
		     const char *attribute)
{
	const char *const allowed[] = { attribute, NULL };
	char path[64];

	snprintf(path, sizeof(path), "source/%s", attribute);
	if (check_source(at, type, allowed) < 0) {
		return -1;
	}
	if (xml_value(at->node, "source/host")) {
		return xml_refuse_below(at, "source/host", VIR_ERR_XML_ERROR,
					"does not belong to a disk of type %s",
					type);
	}
	if (!xml_value(at->node, path)) {
		return xml_refuse_below(at, path, VIR_ERR_XML_ERROR,
					"is missing: the image, a path of "
					"zone0");
	}
	return xml_set_text(at, "path", xml_value(at->node, path));
}

/* ------------------------------------------------------------------ NBD */

static int take_port(const struct xml_place *at, const char *text)
{
	uint64_t port;

	if (!text) {
		return 0;
	}
	if (!xml_number(text, &port) || port == 0 || port > UINT16_MAX) {
		return xml_refuse_below(at, "source/host/@port",
					VIR_ERR_XML_ERROR,
					"\"%.64s\" is no port", text);
	}
	return xml_set_int(at, "nbd.port", port);
}

static int take_host(const struct xml_place *at)
{
	const char *transport = xml_value(at->node, "source/host/@transport");
	const char *host = xml_value(at->node, "source/host/@name");
	const char *port = xml_value(at->node, "source/host/@port");
	const char *socket = xml_value(at->node, "source/host/@socket");
	bool is_unix = transport && strcmp(transport, "unix") == 0;

	if (is_unix ? !socket || host || port : !host || socket) {
		return xml_refuse_below(
			at, "source/host", VIR_ERR_XML_ERROR,
			is_unix ? "transport unix goes with a socket"
				: "needs the name of the server's machine, "
				  "or transport unix and a socket");
	}
	if (is_unix) {
		return xml_set_text(at, "nbd.socket", socket);
	}
	return xml_set_text(at, "nbd.host", host) < 0 ? -1
						      : take_port(at, port);
}

static int take_network(const struct xml_place *at)
{
	static const char *const allowed[] = { "@protocol", "@name", NULL };
	const char *protocol = xml_value(at->node, "source/@protocol");
	const char *name = xml_value(at->node, "source/@name");

	if (check_source(at, "network", allowed) < 0) {
		return -1;
	}
	if (!protocol || strcmp(protocol, "nbd") != 0) {
		return xml_refuse_below(
			at, "source/@protocol", VIR_ERR_CONFIG_UNSUPPORTED,
			"\"%.32s\" is not supported: only \"nbd\", which "
			"qemu-nbd and nbdkit serve others as",
			protocol ? protocol : "");
	}
	if (take_host(at) < 0) {
		return -1;
	}
	return name && *name ? xml_set_text(at, "nbd.export", name) : 0;
}

static int take_source(const struct xml_place *at)
{
	const char *type = xml_value(at->node, "@type");

	if (!type || strcmp(type, "file") == 0) {
		return take_path(at, "file", "@file");
	}
	if (strcmp(type, "block") == 0) {
		return take_path(at, "block", "@dev");
	}
	if (strcmp(type, "network") == 0) {
		return take_network(at);
	}
	return xml_refuse_below(at, "@type", VIR_ERR_CONFIG_UNSUPPORTED,
				"\"%.32s\" is not supported: only \"file\", "
				"\"block\" and, for NBD, \"network\"",
				type);
}

static void give_host(struct xml_out *out, xmlNode *source,
		      struct json_object *nbd)
{
	const char *export_name = xml_member_text(nbd, "export");
	const char *socket = xml_member_text(nbd, "socket");
	const char *host = xml_member_text(nbd, "host");
	const char *port = xml_member_text(nbd, "port");

	xml_put(out, source, "@protocol", "nbd");
	if (export_name && *export_name) {
		xml_put(out, source, "@name", export_name);
	}
	if (socket) {
		xml_put(out, source, "host/@transport", "unix");
		xml_put(out, source, "host/@socket", socket);
		return;
	}
	if (host) {
		xml_put(out, source, "host/@name", host);
	}
	if (port) {
		xml_put(out, source, "host/@port", port);
	}
}

static bool is_block(const char *path)
{
	return strncmp(path, "/dev/", 5) == 0;
}

static void give_type(struct xml_out *out, xmlNode *element,
		      const struct xml_row *row, struct json_object *object)
{
	const char *path = xml_member_text(object, "path");

	xml_put(out, element, row->path,
		!path		 ? "network"
		: is_block(path) ? "block"
				 : "file");
}

static void give_source(struct xml_out *out, xmlNode *element,
			const struct xml_row *row, struct json_object *object)
{
	const char *path = xml_member_text(object, "path");
	xmlNode *source = xml_add(out, element, "source");

	(void)row;
	if (!source) {
		return;
	}
	if (path) {
		xml_put(out, source, is_block(path) ? "@dev" : "@file", path);
	} else {
		give_host(out, source, xml_member(object, "nbd"));
	}
}

/* ---------------------------------------------------------------- driver */

/* libvirt's four modes are two choices: the guest's cache, and zone0's. */
static const struct cache_mode {
	const char *xml;
	const char *cache;
	bool direct;
} cache_modes[] = {
	{ "none", "writeback", true },
	{ "writeback", "writeback", false },
	{ "directsync", "writethrough", true },
	{ "writethrough", "writethrough", false },
};

static int set_cache(const struct xml_place *at, const struct cache_mode *mode)
{
	if (xml_set_text(at, "cache", mode->cache) < 0) {
		return -1;
	}
	return xml_member(at->object, "nbd")
		       ? 0
		       : xml_set_member(at, "direct",
					json_object_new_boolean(mode->direct));
}

static int take_cache(const struct xml_place *at)
{
	const char *text = xml_value(at->node, "driver/@cache");

	if (!text || strcmp(text, "default") == 0) {
		return 0;
	}
	for (size_t i = 0; i < COUNT(cache_modes); i++) {
		if (strcmp(text, cache_modes[i].xml) == 0) {
			return set_cache(at, &cache_modes[i]);
		}
	}
	return xml_refuse_below(at, "driver/@cache", VIR_ERR_CONFIG_UNSUPPORTED,
				"\"%.32s\" is not supported: only \"none\", "
				"\"writeback\", \"directsync\" and "
				"\"writethrough\"",
				text);
}

static void give_cache(struct xml_out *out, xmlNode *element,
		       const struct xml_row *row, struct json_object *object)
{
	const char *cache = xml_member_text(object, "cache");
	bool direct = xml_member_true(object, "direct");

	for (size_t i = 0; cache && i < COUNT(cache_modes); i++) {
		if (strcmp(cache, cache_modes[i].cache) == 0 &&
		    direct == cache_modes[i].direct) {
			xml_put(out, element, row->path, cache_modes[i].xml);
		}
	}
}

static int check_rerror(const struct xml_place *at)
{
	const char *rerror = xml_value(at->node, "driver/@rerror_policy");
	const char *error = xml_value(at->node, "driver/@error_policy");

	if (!rerror || strcmp(rerror, error ? error : "report") == 0) {
		return 0;
	}
	return xml_refuse_below(at, "driver/@rerror_policy",
				VIR_ERR_CONFIG_UNSUPPORTED,
				"must be as error_policy: reading and writing "
				"are alike");
}

static void give_block_size(struct xml_out *out, xmlNode *element,
			    const struct xml_row *row,
			    struct json_object *object)
{
	if (json_object_is_type(xml_member(object, row->member),
				json_type_int)) {
		xml_give_text(out, element, row, object);
	}
}

/* As libvirt calls what nobody has named: "ua-" would be a name. */
static void give_alias(struct xml_out *out, xmlNode *element,
		       const struct xml_row *row, struct json_object *object)
{
	const char *name = xml_member_text(object, "name");
	char alias[DOMAIN_XML_PATH_MAX];

	if (out->live && name) {
		snprintf(alias, sizeof(alias), "virtio-%s", name);
		xml_put(out, element, row->path, alias);
	}
}

static int take_alias(const struct xml_place *at)
{
	return strncmp(at->text, "ua-", 3) == 0
		       ? xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
				    "a disk is called as its target dev: "
				    "leave the alias out")
		       : 0;
}

/* Before the target, whose bus would be a drive's, too. */
static int take_device(const struct xml_place *at)
{
	return strcmp(at->text, "cdrom") == 0
		       ? xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
				    "there is no CD drive: give the image as a "
				    "disk with <readonly/>, target dev vdb and "
				    "bus virtio")
		       : xml_take_fixed(at);
}

static int finish(const struct xml_place *at)
{
	if (!xml_value(at->node, "target/@dev")) {
		return xml_refuse_below(at, "target/@dev", VIR_ERR_XML_ERROR,
					"is missing: as in vda");
	}
	return take_source(at) < 0 || take_cache(at) < 0 ? -1
							 : check_rerror(at);
}

/* ------------------------------------------------------------------ rows */

static const struct xml_word raw[] = { { "raw", NULL }, { NULL, NULL } };
static const struct xml_word drivers[] = {
	{ "hvd", NULL },
	{ "qemu", NULL },
	{ NULL, NULL },
};
/* virt-install writes "sd" for all of aarch64 that is not QEMU. */
static const struct xml_word buses[] = {
	{ "virtio", NULL },
	{ "sd", NULL },
	{ NULL, NULL },
};
static const struct xml_word devices[] = { { "disk", NULL }, { NULL, NULL } };
static const struct xml_word io_modes[] = {
	{ "io_uring", NULL },
	{ NULL, NULL },
};
static const struct xml_word discards[] = {
	{ "unmap", "true" },
	{ "ignore", "false" },
	{ NULL, NULL },
};
static const struct xml_word policies[] = {
	{ "report", "report" },
	{ "stop", "pause" },
	{ "enospace", "enospace" },
	{ NULL, NULL },
};
static const struct xml_word mandatory[] = {
	{ "mandatory", NULL },
	{ NULL, NULL },
};

#define BYTES(name, member) XML_BYTES("iotune/" name, "limits." member)
#define IOPS(name, member)                                                  \
	{                                                                   \
		"iotune/" name, DOMAIN_XML_USED, "`limits." member "`",     \
			"limits." member, NULL, take_iops, xml_give_text, 0 \
	}
#define NO_BURST "set the burst of all limits: <zv:limits burst-ms='…'/>"

/* 0 is libvirt's word for no limit. */
static int take_iops(const struct xml_place *at)
{
	uint64_t number;

	return xml_number(at->text, &number) && number == 0 ? 0
							    : xml_take_int(at);
}

static const struct xml_row rows[] = {
	{ "@type", DOMAIN_XML_USED,
	  "`file`, `block` (`path`) or `network` (`nbd`)", NULL, NULL, NULL,
	  give_type, 0 },
	{ "@device", DOMAIN_XML_FIXED, "`disk`", NULL, devices, take_device,
	  xml_give_fixed, 0 },
	XML_FIXED("@snapshot", xml_no, "`no`"),
	XML_FIXED("driver/@name", drivers, "`hvd`, or `qemu`"),
	{ "driver/@type", DOMAIN_XML_FIXED,
	  "`raw`; others by qemu-nbd, as `network`", NULL, raw, xml_take_fixed,
	  xml_give_fixed, 0 },
	{ "driver/@cache", DOMAIN_XML_USED, "`cache` and `direct`", NULL, NULL,
	  NULL, give_cache, 0 },
	XML_WORDS("driver/@error_policy", "on-error", policies,
		  "`on-error`: `stop` is `pause`, also `report`, `enospace`"),
	XML_LATER("driver/@rerror_policy", "as `error_policy`"),
	XML_FIXED("driver/@io", io_modes, "`io_uring`"),
	XML_FIXED("driver/@ioeventfd", xml_on, "`on`"),
	XML_FIXED("driver/@event_idx", xml_on, "`on`"),
	XML_FIXED("driver/@copy_on_read", xml_off, "`off`"),
	XML_FIXED("driver/@detect_zeroes", xml_off, "`off`"),
	XML_REFUSED("driver/@iothread", "each zone has one process for its "
					"I/O: leave it out"),
	XML_BOOL("driver/@discard", "discard", discards,
		 "`discard`: `unmap` or `ignore`"),
	XML_INT("driver/@queues", "queues"),
	XML_LATER("source/@file", "`path`"),
	XML_LATER("source/@dev", "`path`"),
	XML_LATER("source/@protocol", "`nbd`"),
	XML_LATER("source/@name", "`nbd.export`"),
	XML_FIXED("source/@startupPolicy", mandatory, "`mandatory`"),
	XML_DERIVED("source/@index", "libvirt's own"),
	XML_FIXED("source/@tls", xml_no, "`no`"),
	{ "source", DOMAIN_XML_FIXED, "where the image is", NULL, NULL, NULL,
	  give_source, 0 },
	XML_LATER("source/host/@transport", "`unix`, else TCP"),
	XML_LATER("source/host/@socket", "`nbd.socket`"),
	XML_LATER("source/host/@name", "`nbd.host`, an address"),
	XML_LATER("source/host/@port", "`nbd.port`"),
	XML_TRUE("backingStore", "empty"),
	XML_TEXT("target/@dev", "name"),
	XML_SAID("target/@bus", buses,
		 "`virtio`; `sd`, which virt-install writes, is taken for it"),
	XML_FIXED("model", xml_virtio, "`virtio`"),
	{ "blockio/@logical_block_size", DOMAIN_XML_USED, "`block-size`",
	  "block-size", NULL, xml_take_int, give_block_size, 0 },
	BYTES("total_bytes_sec", "total-bytes-sec"),
	BYTES("read_bytes_sec", "read-bytes-sec"),
	BYTES("write_bytes_sec", "write-bytes-sec"),
	IOPS("total_iops_sec", "total-iops-sec"),
	IOPS("read_iops_sec", "read-iops-sec"),
	IOPS("write_iops_sec", "write-iops-sec"),
	XML_REFUSED("iotune/total_bytes_sec_max", NO_BURST),
	XML_REFUSED("iotune/read_bytes_sec_max", NO_BURST),
	XML_REFUSED("iotune/write_bytes_sec_max", NO_BURST),
	XML_REFUSED("iotune/total_iops_sec_max", NO_BURST),
	XML_REFUSED("iotune/read_iops_sec_max", NO_BURST),
	XML_REFUSED("iotune/write_iops_sec_max", NO_BURST),
	{ "readonly", DOMAIN_XML_USED, "`readonly`", "readonly", NULL,
	  xml_take_present, xml_give_present, 0 },
	XML_REFUSED("shareable", "two zones may have an image only if both "
				 "disks are <readonly/>"),
	XML_REFUSED("transient", "use a copy of the image"),
	XML_TEXT("serial", "serial"),
	XML_KEPT("boot/@order", "a zone boots its kernel"),
	{ "alias/@name", DOMAIN_XML_DERIVED, "of a zone that runs", NULL, NULL,
	  take_alias, give_alias, 0 },
	XML_KEPT_TREE("address", "devices take slots in their order"),
	{ "zv:limits/@burst-ms", DOMAIN_XML_USED, "`limits.burst-ms`",
	  "limits.burst-ms", NULL, xml_take_int, xml_give_burst, 0 },
};

const struct xml_group domain_xml_disk = {
	.name = "disk",
	.type = "disk",
	.rows = rows,
	.row_count = COUNT(rows),
	.finish = finish,
};
