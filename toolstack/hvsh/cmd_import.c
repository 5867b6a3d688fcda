// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command that takes hvisor-tool's files: one about a zone, and perhaps one
 * about the virtio devices of zones.  Where things are in memory and which
 * interrupts virtio devices have is hvd's choice; all else that a definition
 * cannot say is told.
 */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_mac.h"
#include "size.h"

#define RAM_BASE 0x40000000u
#define ENTRY 0x40200000u /* where hvd loads what is no Image */
#define MEMORY_UNIT (2u << 20) /* of a definition */
#define INTERRUPTS_MAX 1024u

struct source {
	const char *file;
	struct json_object *json;
};

struct import {
	struct source zone, virtio; /* virtio.json: NULL if there is none */
	struct json_object *definition;
	bool is_virtio_irq[INTERRUPTS_MAX];
};

static void say(const char *kind, const struct source *from, const char *text,
		const char *fmt, va_list args)
{
	char member[80];

	vsnprintf(member, sizeof(member), fmt, args);
	complain("%s%s: %s: %s", kind, file_title(from->file), member, text);
}

/* text: what becomes of the member. */
__attribute__((format(printf, 3, 4))) static void
warn(const struct source *from, const char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("warning: ", from, text, fmt, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static bool
refuse(const struct source *from, const char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("import: ", from, text, fmt, args);
	va_end(args);
	return false;
}

static struct json_object *member_of(struct json_object *json, const char *name,
				     enum json_type type)
{
	struct json_object *value;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, name, &value) &&
			       json_object_is_type(value, type)
		       ? value
		       : NULL;
}

static const char *text_of(struct json_object *json, const char *name)
{
	return json_object_get_string(member_of(json, name, json_type_string));
}

static size_t length_of(struct json_object *list)
{
	return list != NULL ? json_object_array_length(list) : 0;
}

static struct json_object *item_of(struct json_object *list, size_t at)
{
	return json_object_array_get_idx(list, at);
}

/* A number, or a text that is one in C's ways. */
static bool number_of(struct json_object *value, uint64_t *ret)
{
	const char *text;
	char *end;

	if (json_object_is_type(value, json_type_int)) {
		*ret = json_object_get_uint64(value);
		return json_object_get_int64(value) >= 0;
	}
	text = json_object_get_string(value);
	if (!json_object_is_type(value, json_type_string) || text[0] < '0' ||
	    text[0] > '9') {
		return false;
	}
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return errno == 0 && *end == '\0';
}

static bool number_in(struct json_object *json, const char *name, uint64_t *ret)
{
	struct json_object *value;

	return json_object_is_type(json, json_type_object) &&
	       json_object_object_get_ex(json, name, &value) &&
	       number_of(value, ret);
}

static void add_text(struct json_object *json, const char *name,
		     const char *text)
{
	json_object_object_add(json, name, json_object_new_string(text));
}

static bool add_path(struct json_object *json, const char *name,
		     const char *path)
{
	struct json_object *value = definition_path(path);

	json_object_object_add(json, name, value);
	return value != NULL;
}

/* -------------------------------- members that are known, and those that are not */

struct known {
	const char *name;
	const char *
		lost; /* what is lost with it; NULL: nothing, or told elsewhere */
};

static const struct known zone_members[] = {
	{ "arch", NULL },
	{ "name", NULL },
	{ "zone_id", NULL },
	{ "cpus", NULL },
	{ "memory_regions", NULL },
	{ "interrupts", NULL },
	{ "ivc_configs", "zones have no memory in common" },
	{ "kernel_filepath", NULL },
	{ "dtb_filepath", NULL },
	{ "kernel_load_paddr", NULL },
	{ "dtb_load_paddr", NULL },
	{ "entry_point", NULL },
	{ "modules", "they are not loaded" },
	{ "arch_config", NULL },
	{ "pci_config", "zones have no PCI" },
	{ "num_pci_devs", NULL },
	{ "alloc_pci_devs", "PCI devices are not passed through" },
	{ "boot_protocol", "zones boot as Linux does" },
	{ "multiboot_enabled", "zones boot as Linux does" },
	{ "multiboot_info_paddr", NULL },
	{ "kernel_cmdline", NULL },
	{ "initramfs_filepath", NULL },
	{ "initramfs_load_gpa", NULL },
	{ NULL, NULL },
};

/* Addresses are those of hvd's device tree. */
static const struct known arch_members[] = {
	{ "gic_version", NULL },
	{ "gicd_base", NULL },
	{ "gicd_size", NULL },
	{ "gicr_base", NULL },
	{ "gicr_size", NULL },
	{ "gicc_base", NULL },
	{ "gicc_size", NULL },
	{ "gicc_offset", NULL },
	{ "gich_base", NULL },
	{ "gich_size", NULL },
	{ "gicv_base", NULL },
	{ "gicv_size", NULL },
	{ "gits_base", "zones have no ITS" },
	{ "gits_size", NULL },
	{ "is_aarch32", NULL },
	{ "memory_map_addr", "zones have no UEFI" },
	{ "memory_map_size", NULL },
	{ "sys_map_addr", NULL },
	{ NULL, NULL },
};

/* Does it say anything? */
static bool has_content(struct json_object *value)
{
	return json_object_is_type(value, json_type_array)
		       ? json_object_array_length(value) > 0
	       : json_object_is_type(value, json_type_boolean)
		       ? json_object_get_boolean(value)
		       : value != NULL;
}

static void check_members(const struct source *from, struct json_object *json,
			  const char *prefix, const struct known *known)
{
	json_object_object_foreach (json, key, value) {
		const struct known *one = known;

		while (one->name != NULL && strcmp(one->name, key) != 0) {
			one++;
		}
		if (one->name == NULL) {
			warn(from, "nothing is known of it", "%s%s", prefix,
			     key);
		} else if (one->lost != NULL && has_content(value)) {
			warn(from, one->lost, "%s%s", prefix, key);
		}
	}
}

/* ---------------------------------------------------------------- the zone */

static bool take_cpus(struct import *import)
{
	struct json_object *list =
		member_of(import->zone.json, "cpus", json_type_array);

	if (length_of(list) == 0) {
		return refuse(&import->zone, "a list of CPUs is needed",
			      "cpus");
	}
	json_object_object_add(import->definition, "vcpus",
			       json_object_new_int64((int64_t)length_of(list)));
	json_object_object_add(import->definition, "cpus",
			       json_object_get(list));
	return true;
}

static void check_ram(const struct import *import, struct json_object *region,
		      size_t at, bool first)
{
	uint64_t start;

	if (!first) {
		warn(&import->zone, "its size is added to the first one's",
		     "memory_regions[%zu]", at);
	} else if (!number_in(region, "virtual_start", &start) ||
		   start != RAM_BASE) {
		warn(&import->zone, "RAM starts at 0x40000000",
		     "memory_regions[%zu].virtual_start", at);
	}
}

/* Adds a region's size to *bytes, if it is RAM. */
static bool take_region(const struct import *import, size_t at,
			struct json_object *region, uint64_t *bytes)
{
	const char *type = text_of(region, "type");
	uint64_t size;

	if (type == NULL) {
		return refuse(&import->zone, "a type is needed",
			      "memory_regions[%zu].type", at);
	}
	if (strcmp(type, "virtio") == 0) {
		return true;
	}
	if (strcmp(type, "ram") != 0) {
		warn(&import->zone, "devices are not passed through",
		     "memory_regions[%zu]", at);
		return true;
	}
	if (!number_in(region, "size", &size) || size > INT64_MAX - *bytes) {
		return refuse(&import->zone, "a number of bytes is needed",
			      "memory_regions[%zu].size", at);
	}
	check_ram(import, region, at, *bytes == 0);
	*bytes += size;
	return true;
}

static bool take_memory(struct import *import)
{
	struct json_object *list =
		member_of(import->zone.json, "memory_regions", json_type_array);
	char text[SIZE_TEXT_MAX];
	uint64_t bytes = 0, rest;

	for (size_t i = 0; i < length_of(list); i++) {
		if (!take_region(import, i, item_of(list, i), &bytes)) {
			return false;
		}
	}
	if (bytes == 0) {
		return refuse(&import->zone, "a region of type ram is needed",
			      "memory_regions");
	}
	rest = bytes % MEMORY_UNIT;
	if (rest != 0) {
		warn(&import->zone, "rounded up to a multiple of 2M",
		     "memory_regions");
		bytes += MEMORY_UNIT - rest;
	}
	size_format(bytes, text);
	add_text(import->definition, "memory", text);
	return true;
}

static bool is_path(const char *path)
{
	return path != NULL && path[0] != '\0' && strcmp(path, "null") != 0;
}

static bool take_files(struct import *import)
{
	struct json_object *zone = import->zone.json;
	const char *kernel = text_of(zone, "kernel_filepath");
	const char *initrd = text_of(zone, "initramfs_filepath");
	const char *cmdline = text_of(zone, "kernel_cmdline");
	uint64_t entry;

	if (!is_path(kernel)) {
		return refuse(&import->zone, "a zone needs a kernel",
			      "kernel_filepath");
	}
	if (!add_path(import->definition, "kernel", kernel) ||
	    (is_path(initrd) &&
	     !add_path(import->definition, "initrd", initrd))) {
		return false;
	}
	if (cmdline != NULL) {
		add_text(import->definition, "cmdline", cmdline);
	}
	if (is_path(text_of(zone, "dtb_filepath"))) {
		warn(&import->zone,
		     "hvd makes the device tree; its bootargs can be given as "
		     "cmdline",
		     "dtb_filepath");
	}
	if (number_in(zone, "entry_point", &entry) && entry != ENTRY) {
		warn(&import->zone, "a kernel is loaded at 0x40200000",
		     "entry_point");
	}
	return true;
}

static bool check_arch(const struct import *import)
{
	struct json_object *config =
		member_of(import->zone.json, "arch_config", json_type_object);
	const char *arch = text_of(import->zone.json, "arch");
	const char *gic = text_of(config, "gic_version");

	if (arch != NULL && strcmp(arch, "arm64") != 0 &&
	    strcmp(arch, "aarch64") != 0) {
		return refuse(&import->zone, "zones are aarch64", "arch");
	}
	if (json_object_get_boolean(
		    member_of(config, "is_aarch32", json_type_boolean))) {
		return refuse(&import->zone, "zones start in 64-bit state",
			      "arch_config.is_aarch32");
	}
	if (gic != NULL && strcmp(gic, "v3") != 0) {
		warn(&import->zone, "zones have a GICv3",
		     "arch_config.gic_version");
	}
	if (config != NULL) {
		check_members(&import->zone, config, "arch_config.",
			      arch_members);
	}
	return true;
}

static void check_interrupts(const struct import *import)
{
	struct json_object *list =
		member_of(import->zone.json, "interrupts", json_type_array);
	uint64_t irq;

	for (size_t i = 0; i < length_of(list); i++) {
		if (!number_of(item_of(list, i), &irq) ||
		    irq >= INTERRUPTS_MAX || !import->is_virtio_irq[irq]) {
			warn(&import->zone,
			     import->virtio.json != NULL
				     ? "no virtio device has it, and others "
				       "are not passed through"
				     : "interrupts are not passed through",
			     "interrupts[%zu]", i);
		}
	}
}

static bool take_zone(struct import *import)
{
	const char *name = text_of(import->zone.json, "name");

	if (name == NULL) {
		return refuse(&import->zone, "a text is needed", "name");
	}
	add_text(import->definition, "name", name);
	check_members(&import->zone, import->zone.json, "", zone_members);
	return take_cpus(import) && take_memory(import) && take_files(import) &&
	       check_arch(import);
}

/* ------------------------------------------------------------- its devices */

static bool take_mac(struct json_object *from, struct json_object *device)
{
	struct json_object *list = member_of(from, "mac", json_type_array);
	char text[3 * NET_MAC_BYTES] = "";
	uint64_t byte;

	if (length_of(list) != NET_MAC_BYTES) {
		return false;
	}
	for (size_t i = 0; i < NET_MAC_BYTES; i++) {
		if (!number_of(item_of(list, i), &byte) || byte > 0xff) {
			return false;
		}
		snprintf(text + 3 * i, sizeof(text) - 3 * i, "%02x%s",
			 (unsigned int)byte, i + 1 < NET_MAC_BYTES ? ":" : "");
	}
	add_text(device, "mac", text);
	return true;
}

/* path: of the device in the file. */
static bool take_net(const struct import *import, const char *path,
		     struct json_object *from, struct json_object *device)
{
	add_text(device, "type", "net");
	if (!take_mac(from, device)) {
		warn(&import->virtio, "it is not six bytes; hvd chooses one",
		     "%s.mac", path);
	}
	warn(&import->virtio,
	     "hvd makes the TAP device, on its own bridge unless the "
	     "definition names another",
	     "%s.tap", path);
	return true;
}

static bool take_disk(const struct import *import, const char *path,
		      struct json_object *from, struct json_object *device)
{
	const char *image = text_of(from, "img");

	if (!is_path(image)) {
		return refuse(&import->virtio, "a disk needs an image",
			      "%s.img", path);
	}
	add_text(device, "type", "disk");
	return add_path(device, "path", image);
}

static bool is_disabled(struct json_object *device)
{
	const char *status = text_of(device, "status");

	return status != NULL && strcmp(status, "disable") == 0;
}

static bool take_device(struct import *import, const char *path,
			struct json_object *from, struct json_object *list)
{
	const char *type = text_of(from, "type");
	struct json_object *device;
	uint64_t irq;

	if (type == NULL) {
		return refuse(&import->virtio, "a type is needed", "%s.type",
			      path);
	}
	if (number_in(from, "irq", &irq) && irq < INTERRUPTS_MAX) {
		import->is_virtio_irq[irq] = true;
	}
	if (is_disabled(from)) {
		return true;
	}
	if (strcmp(type, "blk") != 0 && strcmp(type, "net") != 0 &&
	    strcmp(type, "console") != 0) {
		warn(&import->virtio, "zones have no such devices", "%s.type",
		     path);
		return true;
	}
	device = json_object_new_object();
	json_object_array_add(list, device);
	if (type[0] == 'b') {
		return take_disk(import, path, from, device);
	}
	if (type[0] == 'n') {
		return take_net(import, path, from, device);
	}
	add_text(device, "type", "console");
	return true;
}

static bool take_devices(struct import *import, size_t zone,
			 struct json_object *from)
{
	struct json_object *devices =
		member_of(from, "devices", json_type_array);
	struct json_object *list = json_object_new_array();
	char path[64];

	json_object_object_add(import->definition, "devices", list);
	for (size_t i = 0; i < length_of(devices); i++) {
		snprintf(path, sizeof(path), "zones[%zu].devices[%zu]", zone,
			 i);
		if (!take_device(import, path, item_of(devices, i), list)) {
			return false;
		}
	}
	return true;
}

/* The file is about all zones. */
static bool take_virtio(struct import *import)
{
	struct json_object *zones =
		member_of(import->virtio.json, "zones", json_type_array);
	uint64_t wanted, id;

	if (!number_in(import->zone.json, "zone_id", &wanted)) {
		return refuse(&import->zone,
			      "it tells which devices are the zone's",
			      "zone_id");
	}
	for (size_t i = 0; i < length_of(zones); i++) {
		if (number_in(item_of(zones, i), "id", &id) && id == wanted) {
			return take_devices(import, i, item_of(zones, i));
		}
	}
	return refuse(&import->virtio, "none has the zone_id of the zone",
		      "zones");
}

static bool read_source(struct source *source)
{
	char *text = definition_read(source->file);

	source->json = text != NULL ? json_tokener_parse(text) : NULL;
	free(text);
	return source->json != NULL;
}

static bool take(struct import *import)
{
	if (!read_source(&import->zone) ||
	    (import->virtio.file != NULL && !read_source(&import->virtio)) ||
	    !take_zone(import) ||
	    (import->virtio.file != NULL && !take_virtio(import))) {
		return false;
	}
	check_interrupts(import);
	return true;
}

int cmd_import(struct context *ctx, const struct args *args)
{
	struct import import = {
		.zone.file = args->positionals[0],
		.virtio.file = args->positionals[1],
		.definition = json_object_new_object(),
	};
	int status = EXIT_REQUEST;

	if (take(&import)) {
		status = definition_make(ctx, "import", import.definition,
					 args_has(args, "print"));
	}
	json_object_put(import.definition);
	json_object_put(import.zone.json);
	json_object_put(import.virtio.json);
	return status;
}
