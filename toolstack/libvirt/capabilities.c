/* SPDX-License-Identifier: BSD-2-Clause */
#include "capabilities.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

#define VCPUS_MAX "32"

static xmlDoc *begin(const char *name, xmlNode **ret_root)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *root =
		doc ? xmlNewDocNode(doc, NULL, (const xmlChar *)name, NULL)
		    : NULL;

	if (!root) {
		xmlFreeDoc(doc);
		return NULL;
	}
	xmlDocSetRootElement(doc, root);
	*ret_root = root;
	return doc;
}

static char *end(struct xml_out *out, xmlDoc *doc)
{
	char *text = out->failed ? NULL : xml_print(xmlDocGetRootElement(doc));

	xmlFreeDoc(doc);
	return text;
}

/* ------------------------------------------------------------- the machine */

static int64_t number(struct json_object *object, const char *member)
{
	return json_object_get_int64(xml_member(object, member));
}

/* Of two CPUs where zone0 does not know: each is a core of its own. */
static bool same_core(struct json_object *a, struct json_object *b)
{
	return xml_member(a, "core") && xml_member(b, "core") &&
	       number(a, "core") == number(b, "core") &&
	       number(a, "cluster") == number(b, "cluster") &&
	       number(a, "package") == number(b, "package");
}

static void add_cpu(struct xml_out *out, xmlNode *list,
		    struct json_object *cpus, struct json_object *cpu)
{
	xmlNode *node = xml_add(out, list, "cpu");
	char siblings[256];
	size_t used = (size_t)snprintf(siblings, sizeof(siblings), "%" PRId64,
				       number(cpu, "cpu"));

	for (size_t i = 0; i < json_object_array_length(cpus); i++) {
		struct json_object *other = json_object_array_get_idx(cpus, i);

		if (other != cpu && same_core(cpu, other) &&
		    used < sizeof(siblings)) {
			used += (size_t)snprintf(
				siblings + used, sizeof(siblings) - used,
				",%" PRId64, number(other, "cpu"));
		}
	}
	xml_set(out, node, "id", "%" PRId64, number(cpu, "cpu"));
	xml_set(out, node, "socket_id", "%" PRId64, number(cpu, "package"));
	xml_set(out, node, "die_id", "0");
	xml_set(out, node, "core_id", "%" PRId64,
		number(cpu, xml_member(cpu, "core") ? "core" : "cpu"));
	if (!out->failed) {
		xml_put(out, node, "@siblings", siblings);
	}
}

static void add_cells(struct xml_out *out, xmlNode *host,
		      struct json_object *host_info)
{
	struct json_object *cpus = xml_member(host_info, "cpus");
	int64_t kib = number(host_info, "memory.total") / 1024;
	xmlNode *cell;
	xmlNode *list;
	char text[24];

	xml_put(out, host, "topology/cells/@num", "1");
	xml_put(out, host, "topology/cells/cell/@id", "0");
	if (out->failed) {
		return;
	}
	cell = host->last->last->last;
	snprintf(text, sizeof(text), "%" PRId64, kib);
	xml_put(out, cell, "memory", text);
	xml_put(out, cell, "memory/@unit", "KiB");
	list = xml_add(out, cell, "cpus");
	if (!list || !json_object_is_type(cpus, json_type_array)) {
		return;
	}
	xml_set(out, list, "num", "%zu", json_object_array_length(cpus));
	for (size_t i = 0; i < json_object_array_length(cpus); i++) {
		add_cpu(out, list, cpus, json_object_array_get_idx(cpus, i));
	}
}

static void add_guest(struct xml_out *out, xmlNode *root)
{
	/* The first one is what clients choose. */
	static const char *const types[] = { "hvd", "kvm" };
	xmlNode *arch;

	xml_put(out, root, "guest/os_type", "hvm");
	xml_put(out, root, "guest/arch/@name", "aarch64");
	xml_put(out, root, "guest/arch/wordsize", "64");
	xml_put(out, root, "guest/arch/emulator", CAPABILITIES_EMULATOR);
	if (out->failed) {
		return;
	}
	arch = root->last->last;
	xml_put(out, arch, "machine", "zone");
	xml_put(out, arch, "machine/@maxCpus", VCPUS_MAX);
	for (size_t i = 0; i < COUNT(types); i++) {
		xmlNode *domain = xml_add(out, arch, "domain");

		if (domain) {
			xml_put(out, domain, "@type", types[i]);
		}
	}
}

char *capabilities_format(struct json_object *host_info,
			  const char *uuid_of_host)
{
	struct xml_out out = { .detail = host_info };
	xmlNode *root;
	xmlDoc *doc = begin("capabilities", &root);
	xmlNode *host = doc ? xml_add(&out, root, "host") : NULL;

	if (host) {
		if (uuid_of_host) {
			xml_put(&out, host, "uuid", uuid_of_host);
		}
		xml_put(&out, host, "cpu/arch", "aarch64");
		add_cells(&out, host, host_info);
		add_guest(&out, root);
	}
	return doc ? end(&out, doc) : NULL;
}

/* ---------------------------------------------------------------- a domain */

/* Paths of elements with an enum, and its values up to NULL. */
static const struct {
	const char *path;
	const char *name; /* NULL: just supported='no' */
	const char *values[5];
} enums[] = {
	{ "os", "firmware", { NULL } },
	{ "os/loader", NULL, { NULL } },
	/* Clients take this mode for their own choice if it may be "on". */
	{ "cpu/mode", "hostPassthroughMigratable", { "on", "off", NULL } },
	{ "memoryBacking", NULL, { NULL } },
	{ "devices/disk", "diskDevice", { "disk", NULL } },
	{ "devices/disk", "bus", { "virtio", NULL } },
	{ "devices/disk", "model", { "virtio", NULL } },
	{ "devices/graphics", "type", { "vnc", NULL } },
	{ "devices/video", "modelType", { "virtio", NULL } },
	{ "devices/hostdev", NULL, { NULL } },
	{ "devices/rng", "model", { "virtio", NULL } },
	{ "devices/rng", "backendModel", { "random", NULL } },
	{ "devices/filesystem", NULL, { NULL } },
	{ "devices/tpm", NULL, { NULL } },
	{ "devices/redirdev", NULL, { NULL } },
	{ "devices/channel", NULL, { NULL } },
	{ "features/gic", "version", { "3", NULL } },
	{ "features/vmcoreinfo", NULL, { NULL } },
	{ "features/genid", NULL, { NULL } },
	{ "features/backingStoreInput", NULL, { NULL } },
	{ "features/backup", NULL, { NULL } },
	{ "features/sev", NULL, { NULL } },
};

/* The element at path, which is the last one of each on the way. */
static xmlNode *reach(struct xml_out *out, xmlNode *root, const char *path)
{
	xmlNode *node = root;

	xml_put(out, root, path, NULL);
	for (; !out->failed && *path; path += *path == '/') {
		path += strcspn(path, "/");
		node = node->last;
	}
	return out->failed ? NULL : node;
}

static void add_enum(struct xml_out *out, xmlNode *root, size_t row)
{
	xmlNode *node = reach(out, root, enums[row].path);
	bool is_mode = strcmp(enums[row].path, "cpu/mode") == 0;
	xmlNode *list;

	if (!node) {
		return;
	}
	if (is_mode) {
		xml_put(out, node, "@name", "host-passthrough");
	}
	if (!node->properties || is_mode) {
		xml_put(out, node, "@supported",
			enums[row].name ? "yes" : "no");
	}
	if (!enums[row].name) {
		return;
	}
	list = xml_add(out, node, "enum");
	if (!list) {
		return;
	}
	xml_put(out, list, "@name", enums[row].name);
	for (size_t i = 0; enums[row].values[i]; i++) {
		xmlNode *value = xml_add(out, list, "value");

		if (value) {
			xml_put(out, value, "", enums[row].values[i]);
		}
	}
}

/* CPU modes that schema and clients want to find, to learn that they are not. */
static void add_other_modes(struct xml_out *out, xmlNode *root)
{
	static const char *const names[] = { "maximum", "host-model",
					     "custom" };
	xmlNode *cpu = reach(out, root, "cpu");

	for (size_t i = 0; cpu && i < COUNT(names); i++) {
		xmlNode *mode = xml_add(out, cpu, "mode");

		if (mode) {
			xml_put(out, mode, "@name", names[i]);
			xml_put(out, mode, "@supported", "no");
		}
	}
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0) {
			return true;
		}
	}
	return false;
}

static int check(const char *what, const char *text, const char *const *words,
		 struct vir_error_text *ret_error)
{
	if (!text || !*text || is_one_of(text, words)) {
		return 0;
	}
	return vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
			     "there is no %s \"%.64s\": use %s", what, text,
			     words[0]);
}

char *domain_capabilities_format(struct json_object *host_info,
				 const char *emulator, const char *arch,
				 const char *machine, const char *virttype,
				 struct vir_error_text *ret_error)
{
	static const char *const types[] = { "hvd", "kvm", NULL };
	static const char *const arches[] = { "aarch64", NULL };
	static const char *const machines[] = { "zone", "virt", NULL };
	static const char *const emulators[] = { CAPABILITIES_EMULATOR, NULL };
	struct xml_out out = { .detail = host_info };
	xmlNode *root;
	xmlDoc *doc;
	char *text;

	if (check("emulator", emulator, emulators, ret_error) < 0 ||
	    check("architecture", arch, arches, ret_error) < 0 ||
	    check("machine", machine, machines, ret_error) < 0 ||
	    check("type of domains", virttype, types, ret_error) < 0) {
		return NULL;
	}
	doc = begin("domainCapabilities", &root);
	if (!doc) {
		xml_out_of_memory(ret_error);
		return NULL;
	}
	xml_put(&out, root, "path", CAPABILITIES_EMULATOR);
	xml_put(&out, root, "domain",
		virttype && *virttype ? virttype : types[0]);
	xml_put(&out, root, "machine",
		machine && *machine ? machine : machines[0]);
	xml_put(&out, root, "arch", arches[0]);
	xml_put(&out, root, "vcpu/@max", VCPUS_MAX);
	xml_put(&out, root, "iothreads/@supported", "no");
	for (size_t i = 0; i < COUNT(enums); i++) {
		add_enum(&out, root, i);
		if (strcmp(enums[i].path, "cpu/mode") == 0) {
			add_other_modes(&out, root);
		}
	}
	text = end(&out, doc);
	if (!text) {
		xml_out_of_memory(ret_error);
	}
	return text;
}
