/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method table and the OpenRPC document say the same, both ways; so do the
 * error codes.  And what hvd tells an I/O process is what hvd-io understands.
 */
#include "openrpc.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk/store_nbd.h"
#include "cmocka_all.h"
#include "io/io_config.h"
#include "io_process.h"
#include "methods.h"
#include "rpc.h"
#include "strict_json.h"
#include "zone_def.h"

/* hvd's and hvd-io's headers of this name cannot meet in one file. */

static struct json_object *document;

static int setup(void **state)
{
	struct zerror error;

	(void)state;
	document = strict_json_parse(openrpc_text, openrpc_len(), &error);
	if (!document) {
		fail_msg("%s", error.message);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_object_put(document);
	return 0;
}

static const char *text(struct json_object *json, const char *key)
{
	return json_object_get_string(json_object_object_get(json, key));
}

static struct json_object *find(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (strcmp(text(item, "name"), name) == 0) {
			return item;
		}
	}
	return NULL;
}

static unsigned int types_of(struct json_object *schema)
{
	const char *ref = text(schema, "$ref");
	const char *type = text(schema, "type");

	if (ref) {
		return strstr(ref, "ZoneDefinition") ? RPC_OBJECT : RPC_STRING;
	}
	if (json_object_object_get_ex(schema, "oneOf", NULL)) {
		return RPC_STRING | RPC_INT;
	}
	return strcmp(type, "string") == 0    ? RPC_STRING
	       : strcmp(type, "integer") == 0 ? RPC_INT
	       : strcmp(type, "boolean") == 0 ? RPC_BOOL
	       : strcmp(type, "array") == 0   ? RPC_ARRAY
					      : RPC_OBJECT;
}

static void compare_params(const struct rpc_method *m,
			   struct json_object *described)
{
	struct json_object *params =
		json_object_object_get(described, "params");
	size_t count = 0;

	for (const struct rpc_param *p = m->params; p->name; p++, count++) {
		struct json_object *param = find(params, p->name);
		struct json_object *required =
			param ? json_object_object_get(param, "required")
			      : NULL;

		if (!param ||
		    !!json_object_get_boolean(required) != p->required ||
		    types_of(json_object_object_get(param, "schema")) !=
			    p->types) {
			fail_msg("%s: parameter %s", m->name, p->name);
		}
	}
	if (json_object_array_length(params) != count) {
		fail_msg("%s: %zu parameters in the table", m->name, count);
	}
}

static void test_methods(void **state)
{
	struct json_object *methods =
		json_object_object_get(document, "methods");
	size_t count = 0;

	(void)state;
	for (const struct rpc_method *m = methods_table; m->name;
	     m++, count++) {
		struct json_object *described = find(methods, m->name);

		if (!described) {
			fail_msg("%s is not described", m->name);
		}
		compare_params(m, described);
		assert_int_equal(json_object_get_boolean(json_object_object_get(
					 described, "x-readonly")),
				 m->readonly);
	}
	/* as many, each found: the document has no other */
	assert_int_equal(json_object_array_length(methods), count);
}

static void test_errors(void **state)
{
	struct json_object *errors = json_object_object_get(
		json_object_object_get(document, "components"), "errors");
	struct json_object *methods =
		json_object_object_get(document, "methods");

	(void)state;
	json_object_object_foreach (errors, name, error) {
		int code = json_object_get_int(
			json_object_object_get(error, "code"));

		assert_string_equal(zerror_name(code), name);
	}
	assert_int_equal(json_object_object_length(errors), 18);
	for (size_t i = 0; i < json_object_array_length(methods); i++) {
		struct json_object *list = json_object_object_get(
			json_object_array_get_idx(methods, i), "errors");

		for (size_t j = 0; j < json_object_array_length(list); j++) {
			const char *ref = text(
				json_object_array_get_idx(list, j), "$ref");

			assert_true(json_object_object_get_ex(
				errors, strrchr(ref, '/') + 1, NULL));
		}
	}
}

static struct zone_def *parse_def(const char *text)
{
	struct zone_def *def = NULL;
	struct zerror error;

	if (zone_def_parse_text(text, strlen(text), &def, &error) < 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	return def;
}

/* As if all of it were open; zone0 has a vhost-net for who may use it. */
static void open_resources(const struct zone_def *def, struct io_resources *ret)
{
	ret->count = 0;
	for (uint32_t i = 0; i < def->device_count; i++) {
		const struct zone_device *device = &def->devices[i];
		bool net = device->type == ZONE_DEVICE_NET;
		bool tap = net && !device->user;
		uint32_t pairs = tap ? zone_def_net_pairs(device) : 0;

		bool gpu = device->type == ZONE_DEVICE_GPU;

		if (net || gpu || io_resource_has_name(device)) {
			ret->item[ret->count++] = (struct io_resource){
				.device = i,
				.fd = tap ? -1 : 3,
				.paired = gpu,
				.tap.queues = pairs,
				.vhost.count = device->vhost == ZONE_VHOST_OFF
						       ? 0
						       : pairs,
			};
		}
	}
}

/* What hvd-io makes of what hvd tells it. */
static struct zone_def *tell(const char *definition, struct io_config *config)
{
	static struct io_resources resources;
	struct zone_def *def = parse_def(definition);
	struct zerror error;
	char *line;

	open_resources(def, &resources);
	line = io_process_config(def, &resources);

	if (io_config_parse(line, strlen(line), config, &error) != 0) {
		fail_msg("%s: %s %s", line, error.path, error.message);
	}
	free(line);
	return def;
}

#define ZONE                                               \
	"{\"name\":\"z1\",\"vcpus\":2,\"memory\":\"64M\"," \
	"\"kernel\":\"/k\",\"devices\":"
#define FIVE(device) device "," device "," device "," device "," device

static void test_hvd_io_understands(void **state)
{
	static struct io_config config;
	struct zone_def *def =
		tell(ZONE "[" FIVE("{\"type\":\"console\"}") "]}", &config);

	(void)state;
	assert_string_equal(config.zone, "z1");
	assert_int_equal(config.ram[0].size, def->memory);
	assert_int_equal(config.device_count, ZONE_DEF_CONSOLES_MAX);
	assert_int_equal(config.device[4].doorbell, 4 * 32);
	assert_int_equal(config.device[4].offset, 4 * 0x200);
	/* each has a log, and so has the UART */
	assert_int_equal(ZONE_DEF_CONSOLES_MAX, STATE_LOGS - 1);
	assert_int_equal(ZONE_DEF_DEVICES_MAX, IO_CONFIG_DEVICES_MAX);
	assert_int_equal(IO_PROCESS_RESOURCE_FD, IO_CONFIG_FD_FIRST);
	assert_int_equal(ZONE_DEF_BYTES_SEC_MAX, IO_CONFIG_RATE_MAX);
	assert_int_equal(ZONE_DEF_BURST_MS, IO_CONFIG_BURST_MS);
	assert_int_equal(ZONE_DEF_BURST_MS_MAX, IO_CONFIG_BURST_MS_MAX);
	zone_def_destroy(def);
}

static void test_hvd_io_understands_disks(void **state)
{
	static struct io_config config;
	struct zone_def *def = tell(
		ZONE "[{\"type\":\"disk\",\"path\":\"/a\"},"
		     "{\"type\":\"console\"},"
		     "{\"type\":\"disk\",\"path\":\"/b\","
		     "\"readonly\":true,\"cache\":\"writethrough\","
		     "\"queues\":8,\"block-size\":4096,\"discard\":false,"
		     "\"serial\":\"\\\"1\\\"\","
		     "\"limits\":{\"total-iops-sec\":1,\"read-iops-sec\":2,"
		     "\"write-iops-sec\":3,\"total-bytes-sec\":\"4K\","
		     "\"read-bytes-sec\":\"5K\",\"write-bytes-sec\":\"6K\","
		     "\"burst-ms\":7},\"on-error\":\"enospace\"},"
		     "{\"type\":\"rng\","
		     "\"limits\":{\"total-bytes-sec\":\"1T\"}}]}",
		&config);
	const struct io_config_device *d = config.device;

	(void)state;
	assert_int_equal(config.device_count, 4);
	assert_int_equal(d[0].kind, IO_DEVICE_DISK);
	assert_int_equal(d[0].fd, 6);
	assert_int_equal(d[0].queues, 2);
	assert_true(d[0].disk.writeback && d[0].disk.discard);
	assert_false(d[0].disk.readonly);
	assert_int_equal(d[0].disk.on_error, IO_ON_ERROR_REPORT);
	assert_string_equal(d[0].disk.serial, "disk0");
	assert_int_equal(d[1].fd, -1);
	assert_int_equal(d[2].fd, 7);
	assert_int_equal(d[2].queues, 8);
	assert_true(d[2].disk.readonly);
	assert_false(d[2].disk.writeback || d[2].disk.discard);
	assert_int_equal(d[2].disk.block_size, 4096);
	assert_string_equal(d[2].disk.serial, "\"1\"");
	assert_int_equal(d[2].disk.on_error, IO_ON_ERROR_PAUSE_FULL);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_BYTES].burst, 28);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_OPS].per_second, 1);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_READ_OPS].per_second,
			 2);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_WRITE_OPS].per_second,
			 3);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_BYTES].per_second,
			 4096);
	assert_int_equal(d[2].disk.limits.rate[BLK_LIMIT_READ_BYTES].per_second,
			 5120);
	assert_int_equal(
		d[2].disk.limits.rate[BLK_LIMIT_WRITE_BYTES].per_second, 6144);
	assert_int_equal(d[3].fd, 8);
	assert_int_equal(d[3].rng.bytes_sec.per_second, IO_CONFIG_RATE_MAX);
	zone_def_destroy(def);
}

static void test_hvd_io_understands_nbd(void **state)
{
	static struct io_config config;
	struct zone_def *def =
		tell(ZONE "[{\"type\":\"disk\",\"path\":\"/a\"},"
			  "{\"type\":\"disk\",\"nbd\":{\"socket\":\"/s\"}},"
			  "{\"type\":\"disk\",\"readonly\":true,"
			  "\"nbd\":{\"host\":\"::1\",\"export\":\"\\\"x\"}}]}",
		     &config);
	const struct io_config_device *d = config.device;

	(void)state;
	assert_int_equal(config.device_count, 3);
	assert_int_equal(d[0].disk.store, IO_STORE_FILE);
	assert_int_equal(d[1].disk.store, IO_STORE_NBD);
	assert_int_equal(d[1].fd, 7);
	assert_string_equal(d[1].disk.export_name, "");
	assert_int_equal(d[2].disk.store, IO_STORE_NBD);
	assert_int_equal(d[2].fd, 8);
	assert_string_equal(d[2].disk.export_name, "\"x");
	assert_true(d[2].disk.readonly);
	assert_int_equal(ZONE_DEF_NBD_EXPORT_MAX, IO_CONFIG_EXPORT_MAX);
	/* hvd waits for as long as hvd-io does */
	assert_int_equal(IO_PROCESS_NBD_MS, STORE_NBD_HANDSHAKE_MS);
	zone_def_destroy(def);
}

static void test_hvd_io_understands_networks(void **state)
{
	static struct io_config config;
	struct zone_def *def = tell(
		ZONE "[{\"type\":\"net\",\"mac\":\"5a:00:11:22:33:44\"},"
		     "{\"type\":\"net\",\"mac\":\"5a:00:11:22:33:46\","
		     "\"user\":true,\"forward\":[{\"port\":1}]},"
		     "{\"type\":\"net\",\"mac\":\"5a:00:11:22:33:45\","
		     "\"vhost\":false,\"queues\":3,\"mtu\":9000,\"link\":false,"
		     "\"limits\":{\"rx-bytes-sec\":\"1K\","
		     "\"tx-bytes-sec\":\"2K\",\"rx-packets-sec\":3,"
		     "\"tx-packets-sec\":4,\"burst-ms\":1000}}]}",
		&config);
	const struct io_config_device *d = config.device;

	(void)state;
	assert_int_equal(config.device_count, 3);
	assert_int_equal(d[0].kind, IO_DEVICE_NET);
	assert_int_equal(d[0].fd, 6);
	assert_int_equal(d[0].net.mac[5], 0x44);
	assert_int_equal(d[0].net.mtu, 1500);
	assert_true(d[0].net.link);
	assert_int_equal(d[0].net.via, IO_LINK_TAP);
	assert_true(d[0].net.vhost);
	assert_int_equal(d[0].fd_count, 4);
	assert_int_equal(d[1].fd, 6 + 4);
	assert_int_equal(d[1].net.via, IO_LINK_STREAM);
	assert_int_equal(d[1].fd_count, 1);
	assert_false(d[1].net.vhost);
	assert_false(d[2].net.vhost);
	assert_int_equal(d[2].fd, d[1].fd + 1);
	assert_int_equal(d[2].fd_count, 3);
	assert_int_equal(d[2].queues, 7);
	assert_int_equal(d[2].net.mtu, 9000);
	assert_false(d[2].net.link);
	assert_int_equal(d[2].net.limits.rx.bytes.per_second, 1024);
	assert_int_equal(d[2].net.limits.tx.bytes.burst, 2048);
	assert_int_equal(d[2].net.limits.rx.packets.per_second, 3);
	assert_int_equal(d[2].net.limits.tx.packets.per_second, 4);
	zone_def_destroy(def);
}

/* Takes line over. */
static void command(const struct io_config *config, char *line,
		    struct io_command *ret)
{
	struct zerror error;

	if (io_command_parse(config, line, strlen(line), ret, &error) != 0) {
		fail_msg("%s: %s %s", line, error.path, error.message);
	}
	free(line);
}

static void test_hvd_io_understands_screens(void **state)
{
	static const struct io_process_changes mode = { .mode = true };
	static struct io_config config;
	struct zone_def *def =
		tell(ZONE "[{\"type\":\"disk\",\"path\":\"/a\"},"
			  "{\"type\":\"gpu\",\"heads\":4,\"width\":4096,"
			  "\"height\":2160,\"memory\":\"256M\"},"
			  "{\"type\":\"input\",\"kind\":\"keyboard\"},"
			  "{\"type\":\"input\",\"kind\":\"tablet\"},"
			  "{\"type\":\"input\",\"kind\":\"mouse\"},"
			  "{\"type\":\"rng\"}]}",
		     &config);
	const struct io_config_device *d = config.device;
	struct json_object *keys = json_tokener_parse("[1,29,248]");
	struct io_command got;

	(void)state;
	assert_int_equal(config.device_count, 6);
	assert_int_equal(d[1].kind, IO_DEVICE_GPU);
	assert_int_equal(d[1].fd, 7);
	assert_int_equal(d[1].fd_count, 2);
	assert_int_equal(d[1].gpu.heads, 4);
	assert_int_equal(d[1].gpu.width, 4096);
	assert_int_equal(d[1].gpu.height, 2160);
	for (unsigned int i = 2; i < 5; i++) {
		assert_int_equal(d[i].kind, IO_DEVICE_INPUT);
		assert_int_equal(d[i].fd, -1);
	}
	assert_int_not_equal(d[2].input.kind, d[3].input.kind);
	assert_int_not_equal(d[3].input.kind, d[4].input.kind);
	assert_int_equal(d[5].fd, 9);
	command(&config, io_process_set_line(&def->devices[1], 3, &mode), &got);
	assert_int_equal(got.kind, IO_COMMAND_SET);
	assert_true(got.set.has_mode);
	assert_int_equal(got.set.mode.head, 3);
	assert_int_equal(got.set.mode.width, 4096);
	assert_int_equal(got.set.mode.height, 2160);
	command(&config, io_process_keys_line(&def->devices[2], keys, 10000),
		&got);
	assert_int_equal(got.kind, IO_COMMAND_KEYS);
	assert_int_equal(got.keys.count, 3);
	assert_int_equal(got.keys.code[2], 248);
	assert_int_equal(got.keys.hold_ms, 10000);
	json_object_put(keys);
	zone_def_destroy(def);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_hvd_io_understands),
		cmocka_unit_test(test_hvd_io_understands_disks),
		cmocka_unit_test(test_hvd_io_understands_nbd),
		cmocka_unit_test(test_hvd_io_understands_networks),
		cmocka_unit_test(test_hvd_io_understands_screens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
