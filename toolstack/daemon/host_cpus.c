/* SPDX-License-Identifier: BSD-2-Clause */
#include "host_cpus.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>

#include "daemon.h"
#include "privcmd.h"
#include "zone.h"

#define SYSFS "/sys/devices/system/cpu"

static void add_vcpu(struct json_object *list, const char *zone, uint32_t vcpu)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "zone", json_object_new_string(zone));
	json_object_object_add(json, "vcpu",
			       json_object_new_int64((int64_t)vcpu));
	json_object_array_add(list, json);
}

/* What the kernel does not know is -1 there, or not there at all. */
static void add_place(struct json_object *json, uint32_t cpu, const char *key,
		      const char *file)
{
	char path[PATH_MAX];
	int number = -1;
	FILE *stream;

	snprintf(path, sizeof(path), SYSFS "/cpu%u/topology/%s", cpu, file);
	stream = fopen(path, "re");
	if (!stream) {
		return;
	}
	if (fscanf(stream, "%d", &number) == 1 && number >= 0) {
		json_object_object_add(json, key, json_object_new_int(number));
	}
	fclose(stream);
}

static void add_vcpus_of(const struct zone *z, struct json_object **lists,
			 uint32_t count)
{
	struct zv_zone_info info = { 0 };

	if (z->control_fd < 0 || privcmd_zone_info(z->control_fd, &info) < 0) {
		return;
	}
	for (uint32_t i = 0; i < info.vcpu_count && i < ZV_VCPUS_MAX; i++) {
		if (info.pcpu[i] < count) {
			add_vcpu(lists[info.pcpu[i]], z->name, i);
		}
	}
}

struct json_object *host_cpus_to_json(const struct daemon *daemon,
				      uint32_t count)
{
	struct json_object *all = json_object_new_array();
	struct json_object *lists[ZV_PCPUS_MAX];

	count = count < ZV_PCPUS_MAX ? count : ZV_PCPUS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		struct json_object *json = json_object_new_object();

		lists[i] = json_object_new_array();
		json_object_object_add(json, "cpu",
				       json_object_new_int64((int64_t)i));
		add_place(json, i, "package", "physical_package_id");
		add_place(json, i, "cluster", "cluster_id");
		add_place(json, i, "core", "core_id");
		json_object_object_add(json, "vcpus", lists[i]);
		json_object_array_add(all, json);
		add_vcpu(lists[i], "zone0", i);
	}
	for (const struct zone *z = daemon->zones; z; z = z->next) {
		add_vcpus_of(z, lists, count);
	}
	return all;
}
