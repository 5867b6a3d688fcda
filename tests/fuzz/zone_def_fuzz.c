/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zone definitions.  Oracle: an accepted one comes back equal through its own
 * JSON, and its device tree and device actions can be made; a refused one has a
 * message of clean text and a path.
 */
#include <json-c/json.h>
#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dtb.h"
#include "shadow_layout.h"
#include "text.h"
#include "zone_def.h"

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static void check_text(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		size_t count = text_utf8_len(text + i, len - i);

		check(count > 0 && (unsigned char)text[i] >= 0x20);
		i += count;
	}
}

static int take_actions(void *arg, const struct zv_shadow_actions *batch)
{
	(void)arg;
	for (uint32_t i = 0; i < batch->count; i++) {
		check(batch->action[i].addr >> 12 < ZV_SHADOWS_MAX);
		check(batch->action[i].base + batch->action[i].count <=
		      ZV_DOORBELLS_MAX);
	}
	return 0;
}

static void check_tree(const struct zone_def *def)
{
	static uint8_t tree[IMAGE_DTB_SIZE];
	static const uint8_t seed[DTB_SEED_SIZE];
	struct image_plan plan = { .kernel = IMAGE_KERNEL_BASE };
	struct zerror error;
	size_t size;

	check(dtb_build(def, &plan, seed, NULL, 0, tree, sizeof(tree), &size,
			&error) == 0);
	check(fdt_check_full(tree, sizeof(tree)) == 0);
}

static void check_accepted(const struct zone_def *def)
{
	struct json_object *json = zone_def_to_json(def);
	const char *text =
		json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	struct zone_def *again = NULL;
	struct zone_def *copy = zone_def_copy(def);
	struct zerror error;

	check(zone_def_parse(json, "$", &again, &error) == 0);
	check(zone_def_equal(def, again));
	check(zone_def_equal(def, copy));
	check(text != NULL);
	check(zone_def_name_valid(def->name));
	check(def->memory % ZV_CHUNK_SIZE == 0);
	check(shadow_layout_actions(def, take_actions, NULL) == 0);
	check_tree(def);
	zone_def_destroy(copy);
	zone_def_destroy(again);
	json_object_put(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone_def *def = NULL;
	struct zerror error = { 0 };
	char *text = malloc(size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (zone_def_parse_text(text, size, &def, &error) == 0) {
		check_accepted(def);
		zone_def_destroy(def);
	} else {
		check(def == NULL && error.code != 0 && error.message[0]);
		check(error.code != ZERROR_INVALID_DEFINITION ||
		      error.path[0] == '$');
		check_text(error.message);
		check_text(error.path);
		check_text(error.hint);
	}
	free(text);
	return 0;
}
