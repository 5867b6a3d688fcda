/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of <domain> itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"
#include "size.h"
#include "uuid.h"

#define CHUNK (2ull << 20) /* what memory comes in */
#define VCPUS_MAX 32u

/* ----------------------------------------------------------- the domain */

static const struct xml_word types[] = {
	{ "hvd", NULL },
	{ "kvm", NULL },
	{ NULL, NULL },
};

static void give_id(struct xml_out *out, xmlNode *element,
		    const struct xml_row *row, struct json_object *object)
{
	const char *id = xml_member_text(out->detail, "id");

	(void)object;
	if (out->live && id) {
		xml_put(out, element, row->path, id);
	}
}

/* libvirt's, which takes hyphens anywhere or nowhere. */
static int take_uuid(const struct xml_place *at)
{
	uint8_t uuid[UUID_SIZE];
	char text[UUID_TEXT_SIZE];
	size_t used = 0;

	for (const char *c = at->text; *c; c++) {
		if (strchr("- \t\n", *c)) {
			continue;
		}
		if (used == sizeof(text) - 1) {
			used = 0; /* no uuid, then */
			break;
		}
		text[used++] = *c;
		if (used == 8 || used == 13 || used == 18 || used == 23) {
			text[used++] = '-';
		}
	}
	text[used] = '\0';
	if (!uuid_parse(text, uuid)) {
		return xml_refuse(at, VIR_ERR_XML_ERROR, "\"%.64s\" is no uuid",
				  at->text);
	}
	uuid_format(uuid, text);
	return xml_set_text(at, "uuid", text);
}

static int take_title(const struct xml_place *at)
{
	return strchr(at->text, '\n')
		       ? xml_refuse(at, VIR_ERR_XML_ERROR,
				    "must be one line: <description> may "
				    "have more")
		       : xml_take_text(at);
}

/* --------------------------------------------------------------- memory */

bool xml_scale(const char *unit, uint64_t *ret_scale)
{
	static const char letters[] = "kmgtpe";
	static const char *const bytes[] = { "b", "byte", "bytes" };
	const char *letter = strchr(letters, *unit | 0x20);
	uint64_t base;

	for (size_t i = 0; i < COUNT(bytes); i++) {
		if (strcasecmp(unit, bytes[i]) == 0) {
			*ret_scale = 1;
			return true;
		}
	}
	if (!*unit || !letter) {
		return false;
	}
	if (unit[1] == '\0' || strcasecmp(unit + 1, "ib") == 0) {
		base = 1024;
	} else if (strcasecmp(unit + 1, "b") == 0) {
		base = 1000;
	} else {
		return false;
	}
	*ret_scale = 1;
	for (const char *l = letters; l <= letter; l++) {
		*ret_scale *= base;
	}
	return true;
}

static int read_memory(const struct xml_place *at, const char *name,
		       uint64_t *ret_bytes)
{
	const xmlNode *node = at->node;
	const char *unit = xml_value(node, "@unit");
	uint64_t scale;
	uint64_t bytes;

	if (!xml_scale(unit ? unit : "KiB", &scale)) {
		return xml_refuse_below(at, name, VIR_ERR_XML_ERROR,
					"\"%.32s\" is no unit: as in KiB, MB",
					unit);
	}
	if (!xml_number(xml_value(node, ""), &bytes) ||
	    __builtin_mul_overflow(bytes, scale, &bytes) ||
	    __builtin_add_overflow(bytes, CHUNK - 1, &bytes)) {
		return xml_refuse_below(at, name, VIR_ERR_XML_ERROR,
					"\"%.64s\" is not a number that fits",
					xml_value(node, ""));
	}
	*ret_bytes = bytes / CHUNK * CHUNK;
	return 0;
}

static int take_memory(const struct xml_place *at)
{
	char text[SIZE_TEXT_MAX];
	uint64_t bytes;

	if (read_memory(at, at->path, &bytes) < 0) {
		return -1;
	}
	size_format(bytes, text);
	return xml_set_text(at, "memory", text);
}

static void give_memory(struct xml_out *out, xmlNode *element,
			const struct xml_row *row, struct json_object *object)
{
	struct json_object *memory = xml_member(object, "memory");
	char number[24];
	uint64_t bytes = json_object_get_uint64(memory);

	/* zone0 has no definition, but a number of bytes */
	if (json_object_is_type(memory, json_type_int) ||
	    (memory && !size_parse(json_object_get_string(memory), &bytes))) {
		snprintf(number, sizeof(number), "%" PRIu64, bytes / 1024);
		xml_put(out, element, row->path, number);
	}
}

static const struct xml_word kib[] = { { "KiB", NULL }, { NULL, NULL } };

static int check_current_memory(const struct xml_place *at)
{
	struct xml_place current = *at;
	const char *text = xml_member_text(at->object, "memory");
	uint64_t memory;
	uint64_t bytes;

	current.node = xml_child(at->node, "currentMemory");
	if (!current.node) {
		return 0;
	}
	if (read_memory(&current, "currentMemory", &bytes) < 0) {
		return -1;
	}
	if (size_parse(text, &memory) || bytes == memory) {
		return 0;
	}
	return xml_refuse_below(&current, "currentMemory",
				VIR_ERR_CONFIG_UNSUPPORTED,
				"must be as much as <memory>: there is no "
				"balloon");
}

/* ---------------------------------------------------------------- vCPUs */

static bool vcpu_number(const char *text, uint64_t *ret)
{
	return text && xml_number(text, ret) && *ret <= VCPUS_MAX;
}

/* "max" and "on", or both in one number. */
static int take_vcpus(const struct xml_place *at, uint64_t *ret_max,
		      uint64_t *ret_on)
{
	const char *max = xml_value(at->node, "vcpu");
	const char *on = xml_value(at->node, "vcpu/@current");

	*ret_max = 1; /* libvirt's default */
	if (max && !vcpu_number(max, ret_max)) {
		return xml_refuse_below(at, "vcpu", VIR_ERR_XML_ERROR,
					"\"%.64s\": a zone has 1 to %u vCPUs",
					max, VCPUS_MAX);
	}
	*ret_on = *ret_max;
	if (on && (!vcpu_number(on, ret_on) || *ret_on > *ret_max)) {
		return xml_refuse_below(at, "vcpu/@current", VIR_ERR_XML_ERROR,
					"\"%.64s\" of %" PRIu64 " vCPUs", on,
					*ret_max);
	}
	if (*ret_on == *ret_max) {
		return xml_set_int(at, "vcpus", *ret_max);
	}
	return xml_set_int(at, "vcpus.max", *ret_max) < 0
		       ? -1
		       : xml_set_int(at, "vcpus.on", *ret_on);
}

static void give_vcpus(struct xml_out *out, xmlNode *element,
		       const struct xml_row *row, struct json_object *object)
{
	const char *max = xml_member_text(object, "vcpus.max");
	const char *on = xml_member_text(object, "vcpus.on");

	if (!max) {
		xml_give_text(out, element, row, object);
		return;
	}
	xml_put(out, element, row->path, max);
	if (on) {
		xml_put(out, element, "vcpu/@current", on);
	}
}

/* <vcpus> may say the same once more: the first ones are enabled. */
static int check_vcpu_list(const struct xml_place *at, uint64_t max,
			   uint64_t on)
{
	const xmlNode *list = xml_child(at->node, "vcpus");
	uint64_t next = 0;

	for (const xmlNode *n = list ? xml_child(list, "vcpu") : NULL; n;
	     n = xml_next(n, "vcpu"), next++) {
		const char *enabled = xml_value(n, "@enabled");
		uint64_t id;

		if (!vcpu_number(xml_value(n, "@id"), &id) || id != next ||
		    id >= max) {
			return xml_refuse_below(
				at, "vcpus/vcpu/@id", VIR_ERR_XML_ERROR,
				"must be 0 to %" PRIu64 ", in order", max - 1);
		}
		if (!enabled || strcmp(enabled, id < on ? "yes" : "no") != 0) {
			return xml_refuse_below(at, "vcpus/vcpu/@enabled",
						VIR_ERR_CONFIG_UNSUPPORTED,
						"vCPU %" PRIu64
						" must be \"%s\": the first "
						"%" PRIu64 " are on",
						id, id < on ? "yes" : "no", on);
		}
	}
	return 0;
}

/* For what is kept of each, and only then: <vcpu> says as much. */
static void give_vcpu_list(struct xml_out *out, xmlNode *element,
			   const struct xml_row *row,
			   struct json_object *object)
{
	const char *max = xml_member_text(object, "vcpus.max");
	const char *on = xml_member_text(object, "vcpus.on");
	const char *all = xml_member_text(object, "vcpus");
	uint64_t count;
	uint64_t count_on;
	xmlNode *list;

	(void)row;
	if (!xml_kept_has(out, "vcpus") ||
	    !vcpu_number(max ? max : all, &count) ||
	    !vcpu_number(max ? on : all, &count_on)) {
		return;
	}
	list = xml_add(out, element, "vcpus");
	for (uint64_t i = 0; !out->failed && i < count; i++) {
		xmlNode *vcpu = xml_add(out, list, "vcpu");

		if (vcpu) {
			xml_set(out, vcpu, "id", "%" PRIu64, i);
			xml_set(out, vcpu, "enabled",
				i < count_on ? "yes" : "no");
		}
	}
}

static int put_pin(const struct xml_place *at, struct json_object *cpus,
		   const xmlNode *pin, uint64_t max)
{
	const char *set = xml_value(pin, "@cpuset");
	uint64_t vcpu;
	uint64_t cpu;

	if (!vcpu_number(xml_value(pin, "@vcpu"), &vcpu) || vcpu >= max) {
		return xml_refuse_below(at, "cputune/vcpupin/@vcpu",
					VIR_ERR_XML_ERROR,
					"must be 0 to %" PRIu64, max - 1);
	}
	if (json_object_array_get_idx(cpus, vcpu)) {
		return xml_refuse_below(at, "cputune/vcpupin/@vcpu",
					VIR_ERR_XML_ERROR,
					"%" PRIu64 " is there twice", vcpu);
	}
	if (!set || !xml_number(set, &cpu) || cpu > INT32_MAX) {
		return xml_refuse_below(
			at, "cputune/vcpupin/@cpuset",
			VIR_ERR_CONFIG_UNSUPPORTED,
			"\"%.64s\" is not one CPU: a vCPU is on a CPU of its "
			"own; leave it out to have one chosen",
			set ? set : "");
	}
	return json_object_array_put_idx(
		       cpus, vcpu, json_object_new_int64((int64_t)cpu)) < 0
		       ? xml_out_of_memory(at->error)
		       : 0;
}

static int take_pins(const struct xml_place *at, uint64_t max)
{
	const xmlNode *tune = xml_child(at->node, "cputune");
	const xmlNode *pin = tune ? xml_child(tune, "vcpupin") : NULL;
	struct json_object *cpus;

	if (!pin) {
		return 0;
	}
	cpus = json_object_new_array();
	if (!cpus ||
	    (max > 1 && json_object_array_put_idx(cpus, max - 1, NULL) < 0)) {
		json_object_put(cpus);
		return xml_out_of_memory(at->error);
	}
	for (; pin; pin = xml_next(pin, "vcpupin")) {
		if (put_pin(at, cpus, pin, max) < 0) {
			json_object_put(cpus);
			return -1;
		}
	}
	return xml_set_member(at, "cpus", cpus);
}

static void give_pins(struct xml_out *out, xmlNode *element,
		      const struct xml_row *row, struct json_object *object)
{
	struct json_object *cpus = xml_member(object, "cpus");
	xmlNode *tune = NULL;

	(void)row;
	if (!json_object_is_type(cpus, json_type_array)) {
		return;
	}
	for (size_t i = 0; i < json_object_array_length(cpus); i++) {
		struct json_object *cpu = json_object_array_get_idx(cpus, i);
		xmlNode *pin;

		if (!cpu) {
			continue;
		}
		tune = tune ? tune : xml_add(out, element, "cputune");
		pin = xml_add(out, tune, "vcpupin");
		xml_set(out, pin, "vcpu", "%zu", i);
		xml_set(out, pin, "cpuset", "%s", json_object_get_string(cpu));
	}
}

/* -------------------------------------------------------------- devices */

static const struct xml_group *group_of_type(const char *type)
{
	static const struct xml_group *const groups[] = {
		&domain_xml_disk, &domain_xml_interface, &domain_xml_console,
		&domain_xml_rng,  &domain_xml_video,	 &domain_xml_input,
	};

	for (size_t i = 0; type && i < COUNT(groups); i++) {
		if (strcmp(groups[i]->type, type) == 0) {
			return groups[i];
		}
	}
	return NULL;
}

static void give_device(struct xml_out *out, xmlNode *element,
			const struct xml_group *group,
			struct json_object *device)
{
	xmlNode *node = xml_add(out, element, group->name);

	if (node) {
		xml_give(out, group, node, device);
		xml_kept_give(out, group, node, xml_member_text(device, "xml"));
	}
}

/* What is kept of it is the domain's. */
static void give_graphics(struct xml_out *out, xmlNode *element,
			  struct json_object *device)
{
	xmlNode *node = xml_add(out, element, domain_xml_graphics.name);

	if (node) {
		xml_give(out, &domain_xml_graphics, node, device);
	}
}

static void give_devices(struct xml_out *out, xmlNode *element,
			 const struct xml_row *row, struct json_object *object)
{
	struct json_object *devices = xml_member(object, row->member);
	xmlNode *list = xml_add(out, element, row->path);
	size_t count = json_object_is_type(devices, json_type_array)
			       ? json_object_array_length(devices)
			       : 0;

	for (size_t i = 0; list && i < count; i++) {
		struct json_object *device =
			json_object_array_get_idx(devices, i);
		const struct xml_group *group =
			group_of_type(xml_member_text(device, "type"));

		if (group == &domain_xml_video) {
			give_graphics(out, list, device);
		}
		if (group) {
			give_device(out, list, group, device);
		}
	}
	if (list) {
		give_device(out, list, &domain_xml_serial, object);
		give_device(out, list, &domain_xml_memballoon, object);
	}
}

/* ----------------------------------------------------- what libvirt lacks */

static void give_priority(struct xml_out *out, xmlNode *element,
			  const struct xml_row *row, struct json_object *object)
{
	const char *text = xml_member_text(object, row->member);

	if (text && strcmp(text, "8") != 0) {
		xml_put(out, element, row->path, text);
	}
}

/* ---------------------------------------------------------------- finish */

static int need(const struct xml_place *at, const char *path,
		const char *advice)
{
	return xml_value(at->node, path)
		       ? 0
		       : xml_refuse_below(at, path, VIR_ERR_XML_ERROR,
					  "is missing: %s", advice);
}

static int finish(const struct xml_place *at)
{
	uint64_t max;
	uint64_t on;

	if (need(at, "@type", "\"hvd\"") < 0 ||
	    need(at, "name", "the zone's") < 0 ||
	    need(at, "memory", "as in <memory unit='MiB'>256</memory>") < 0 ||
	    need(at, "os/kernel",
		 "an uncompressed arm64 Image or a boot loader such as U-Boot, "
		 "in zone0") < 0) {
		return -1;
	}
	if (check_current_memory(at) < 0 || take_vcpus(at, &max, &on) < 0) {
		return -1;
	}
	if (max == 0 || on == 0) {
		return xml_refuse_below(at, "vcpu", VIR_ERR_XML_ERROR,
					"a zone has 1 to %u vCPUs", VCPUS_MAX);
	}
	return check_vcpu_list(at, max, on) < 0 ? -1 : take_pins(at, max);
}

/* ------------------------------------------------------------------ rows */

static const struct xml_word hvm[] = { { "hvm", NULL }, { NULL, NULL } };
static const struct xml_word aarch64[] = {
	{ "aarch64", NULL },
	{ NULL, NULL },
};
static const struct xml_word machines[] = {
	{ "zone", NULL },
	{ "virt", NULL },
	{ NULL, NULL },
};
static const struct xml_word boot_devices[] = {
	{ "hd", NULL },
	{ NULL, NULL },
};
static const struct xml_word gics[] = {
	{ "3", NULL },
	{ "host", NULL },
	{ NULL, NULL },
};
static const struct xml_word cpu_modes[] = {
	{ "host-passthrough", NULL },
	{ NULL, NULL },
};
static const struct xml_word cpu_checks[] = {
	{ "none", NULL },
	{ NULL, NULL },
};
static const struct xml_word on_off[] = {
	{ "on", NULL },
	{ "off", NULL },
	{ NULL, NULL },
};
static const struct xml_word utc[] = { { "utc", NULL }, { NULL, NULL } };
static const struct xml_word static_word[] = {
	{ "static", NULL },
	{ NULL, NULL },
};
static const struct xml_word immediate[] = {
	{ "immediate", NULL },
	{ NULL, NULL },
};
static const struct xml_word none[] = { { "none", NULL }, { NULL, NULL } };
static const struct xml_word policies[] = {
	{ "destroy", "destroy" },
	{ "restart", "restart" },
	{ "preserve", "preserve" },
	{ NULL, NULL },
};

#define GIVEN(path, member, take, give, how)                            \
	{                                                               \
		path, DOMAIN_XML_USED, how, member, NULL, take, give, 0 \
	}
#define POLICY(path) XML_WORDS(path, path, policies, "`" path "`")

static const struct xml_row rows[] = {
	XML_SAID("@type", types, "`hvd`; `kvm` is taken for it"),
	{ "@id", DOMAIN_XML_DERIVED, "of a zone that runs", NULL, NULL, NULL,
	  give_id, 0 },
	XML_TEXT("name", "name"),
	GIVEN("uuid", "uuid", take_uuid, xml_give_text, "`uuid`"),
	XML_REFUSED("genid", "a zone has no generation id: leave it out"),
	GIVEN("title", "title", take_title, xml_give_text, "`title`"),
	XML_TEXT("description", "description"),
	{ "metadata", DOMAIN_XML_USED,
	  "`metadata`: each element, as it is, by its namespace", "metadata",
	  NULL, xml_take_metadata, xml_give_metadata, XML_TREE },
	{ "memory/@unit", DOMAIN_XML_USED,
	  "`KiB` if it is missing; also `b`, `KB`, `MB`, `MiB` …", NULL, kib,
	  NULL, xml_give_fixed, 0 },
	GIVEN("memory", "memory", take_memory, give_memory,
	      "`memory`, rounded up to 2 MiB"),
	XML_FIXED("memory/@dumpCore", xml_on, "`on`: a dump has all of it"),
	{ "currentMemory/@unit", DOMAIN_XML_USED, "as of `memory`", NULL, kib,
	  NULL, xml_give_fixed, 0 },
	{ "currentMemory", DOMAIN_XML_USED, "as much as `memory`", NULL, NULL,
	  NULL, give_memory, 0 },
	XML_REFUSED("maxMemory",
		    "memory cannot be plugged in: set <memory> while the zone "
		    "is off"),
	XML_TRUE("memoryBacking/nosharepages", "no page is ever shared"),
	XML_TRUE("memoryBacking/locked", "nothing is swapped"),
	XML_TRUE("memoryBacking/hugepages", "mapped in 2 MiB and 1 GiB"),
	XML_FIXED("memoryBacking/allocation/@mode", immediate,
		  "`immediate`: a zone has its memory from its start on"),
	XML_SAID("vcpu/@placement", static_word, "`static`"),
	GIVEN("vcpu", "vcpus", NULL, give_vcpus, "`vcpus`, or its `max`"),
	XML_LATER("vcpu/@current", "`on` of `vcpus`"),
	XML_REFUSED("vcpu/@cpuset", "give each vCPU a CPU: <cputune>"),
	{ "vcpus/vcpu", DOMAIN_XML_USED, "the first ones are enabled", NULL,
	  NULL, NULL, give_vcpu_list, XML_MANY },
	XML_LATER("vcpus/vcpu/@id", "from 0 on, in order"),
	XML_LATER("vcpus/vcpu/@enabled", "`yes` of those that are on"),
	XML_KEPT("vcpus/vcpu/@hotpluggable", "each but the first can be"),
	XML_KEPT("vcpus/vcpu/@order", "they go by their number"),
	{ "cputune/vcpupin", DOMAIN_XML_USED, "`cpus`", "cpus", NULL, NULL,
	  give_pins, XML_MANY },
	XML_LATER("cputune/vcpupin/@vcpu", "which entry of `cpus`"),
	XML_LATER("cputune/vcpupin/@cpuset", "one CPU"),
	XML_REFUSED(
		"cputune/shares",
		"set the priority: <zv:zone>, docs/reference/libvirt-xml.md"),
	XML_REFUSED("cputune/emulatorpin",
		    "hvd gives a zone's I/O process a CPU without vCPUs"),
	XML_REFUSED("iothreads", "each zone has one process for its I/O"),
	{ "os/type", DOMAIN_XML_FIXED, "`hvm`", NULL, hvm, xml_take_fixed,
	  xml_give_fixed, 0 },
	XML_SAID("os/type/@arch", aarch64, "`aarch64`"),
	XML_SAID("os/type/@machine", machines, "`zone`, or `virt`"),
	XML_TEXT("os/kernel", "kernel"),
	XML_TEXT("os/initrd", "initrd"),
	XML_TEXT("os/cmdline", "cmdline"),
	XML_TEXT("os/dtb", "dtb-overlay"),
	{ "os/boot", DOMAIN_XML_KEPT, "a zone boots its kernel", NULL, NULL,
	  NULL, NULL, XML_MANY },
	XML_FIXED("os/boot/@dev", boot_devices, "`hd`"),
	XML_FIXED("os/bootmenu/@enable", xml_no, "`no`"),
	XML_REFUSED("os/@firmware",
		    "name a kernel; U-Boot is one, which boots from disks"),
	XML_REFUSED("os/loader",
		    "name it as <kernel>, which takes flat binaries such as "
		    "U-Boot"),
	XML_REFUSED("os/nvram", "there is no UEFI that would keep anything"),
	XML_SAID("features/gic/@version", gics, "`3`"),
	XML_KEPT("features/acpi", "tools ask for it; a zone has a device "
				  "tree"),
	XML_KEPT("features/apic", "of x86, as tools ask for everywhere"),
	XML_KEPT("features/pae", "of x86, as tools ask for everywhere"),
	XML_SAID("cpu/@mode", cpu_modes, "`host-passthrough`"),
	XML_SAID("cpu/@check", cpu_checks, "`none`"),
	XML_FIXED("cpu/@migratable", on_off, "zones do not migrate"),
	XML_REFUSED("cpu/model", "a zone sees the machine's CPUs: use mode "
				 "host-passthrough"),
	XML_REFUSED("cpu/topology", "each vCPU is a core of its own: leave it "
				    "out"),
	XML_SAID("clock/@offset", utc, "`utc`: the PL031 has zone0's time"),
	POLICY("on_poweroff"),
	POLICY("on_reboot"),
	POLICY("on_crash"),
	XML_FIXED("pm/suspend-to-mem/@enabled", xml_no, "`no`"),
	XML_FIXED("pm/suspend-to-disk/@enabled", xml_no, "`no`"),
	XML_REFUSED("resource",
		    "a zone's memory and CPUs are its own, without cgroups: "
		    "leave it out"),
	XML_FIXED("seclabel/@type", none, "`none`"),
	XML_FIXED("seclabel/@model", none, "`none`"),
	{ "devices", DOMAIN_XML_USED, "`devices`, in their order", "devices",
	  NULL, NULL, give_devices, 0 },
	XML_KEPT("devices/emulator", "the hypervisor runs every zone"),
	XML_REFUSED("devices/sound", "there is none: leave it out"),
	XML_FIXED("devices/audio/@type", none, "`none`"),
	XML_KEPT("devices/audio/@id", "there is no sound"),
	XML_REFUSED("devices/channel",
		    "use a <console> with target type virtio, which the guest "
		    "sees as hvc0 …"),
	XML_REFUSED("devices/parallel", "use a <console>"),
	XML_REFUSED("devices/hostdev", "no device of the machine can be given "
				       "away"),
	XML_REFUSED("devices/redirdev", "there is no USB"),
	XML_REFUSED("devices/hub", "there is no USB"),
	XML_REFUSED("devices/smartcard", "there is none: leave it out"),
	XML_REFUSED("devices/filesystem",
		    "share files over the network, or give it a disk"),
	XML_REFUSED("devices/tpm", "there is none: leave it out"),
	XML_REFUSED("devices/watchdog", "set on_crash and let the guest reset "
					"itself"),
	XML_REFUSED("devices/panic", "a crash is noticed without it: on_crash"),
	XML_REFUSED("devices/vsock", "use the network"),
	XML_REFUSED("devices/iommu", "there is none: leave it out"),
	XML_REFUSED("devices/memory", "memory cannot be plugged in: set "
				      "<memory> while the zone is off"),
	XML_REFUSED("devices/shmem", "zones share no memory"),
	GIVEN("zv:zone/zv:priority", "priority", xml_take_int, give_priority,
	      "`priority`"),
	XML_TEXT("zv:zone/zv:slice", "slice"),
	XML_INT("zv:zone/zv:autostart/@order", "autostart.order"),
	XML_TEXT("zv:zone/zv:autostart/@delay", "autostart.delay"),
	{ "zv:zone/zv:metadata", DOMAIN_XML_USED,
	  "an entry of `metadata` that is no element of its namespace",
	  "metadata", NULL, xml_take_odd_metadata, xml_give_odd_metadata,
	  XML_MANY },
	XML_LATER("zv:zone/zv:metadata/@namespace", "its key"),
};

const struct xml_group domain_xml_domain = {
	.rows = rows,
	.row_count = COUNT(rows),
	.finish = finish,
};
