/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvirt's XML.  Oracle: what is taken and is a good definition comes back equal
 * through its own XML, live as well as inactive; what is refused has a code and a
 * message, and gives nothing.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml.h"
#include "zone_def.h"

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void check_again(const struct zone_def *def, struct json_object *detail,
			bool inactive)
{
	char *xml = domain_xml_format(detail, inactive);
	struct json_object *again = NULL;
	struct vir_error_text error = { 0 };
	struct zone_def *other = NULL;
	struct zerror why;

	check(xml != NULL);
	check(domain_xml_parse(xml, strlen(xml), &again, &error) == 0);
	check(zone_def_parse(again, "$", &other, &why) == 0);
	check(zone_def_equal(def, other));
	zone_def_destroy(other);
	json_object_put(again);
	free(xml);
}

static void check_taken(struct json_object *definition)
{
	struct json_object *detail = json_object_new_object();
	struct zone_def *def = NULL;
	struct zerror error;

	if (zone_def_parse(definition, "$", &def, &error) == 0) {
		json_object_object_add(detail, "definition",
				       zone_def_to_json(def));
		json_object_object_add(detail, "id", json_object_new_int(1));
		check_again(def, detail, true);
		check_again(def, detail, false);
		zone_def_destroy(def);
	}
	json_object_put(detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object = NULL;
	struct vir_error_text error = { 0 };
	const char *xml = (const char *)data;

	if (domain_xml_parse(xml, size, &object, &error) == 0) {
		check_taken(object);
		json_object_put(object);
	} else {
		check(!object && error.code && error.message[0]);
	}
	object = NULL;
	if (domain_xml_parse_device(xml, size, &object, &error) == 0) {
		json_object_put(object);
	} else {
		check(!object);
	}
	return 0;
}
