/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the top folder: it reads the shipped definitions and the schema. */
#include "zone_def.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"

/* A good definition with one member's text exchanged or added. */
static char *with(const char *member, const char *value)
{
	static const struct {
		const char *name;
		const char *value;
	} base[] = {
		{ "name", "\"z\"" },
		{ "vcpus", "2" },
		{ "memory", "\"256M\"" },
		{ "kernel", "\"/k\"" },
	};
	static char text[100000];
	size_t len = 0;
	bool done = false;

	len += (size_t)sprintf(text + len, "{");
	for (size_t i = 0; i < COUNT(base); i++) {
		bool same = strcmp(base[i].name, member) == 0;

		done |= same;
		if (same && !value) {
			continue; /* left out */
		}
		len += (size_t)sprintf(text + len, "%s\"%s\":%s",
				       len > 1 ? "," : "", base[i].name,
				       same ? value : base[i].value);
	}
	if (!done && value) {
		len += (size_t)sprintf(text + len, ",\"%s\":%s", member, value);
	}
	sprintf(text + len, "}");
	return text;
}

static struct zone_def *parse(const char *text)
{
	struct zone_def *def = NULL;
	struct zerror error;

	if (zone_def_parse_text(text, strlen(text), &def, &error) < 0) {
		fail_msg("%s: %s %s", text, error.path, error.message);
	}
	return def;
}

static void test_defaults(void **state)
{
	struct zone_def *def = parse(with("", NULL));

	(void)state;
	assert_string_equal(def->name, "z");
	assert_true(uuid_is_null(def->uuid));
	assert_int_equal(def->vcpus, 2);
	assert_int_equal(def->memory, 256ull << 20);
	assert_string_equal(def->kernel, "/k");
	assert_null(def->initrd);
	assert_null(def->dtb_overlay);
	assert_string_equal(def->cmdline, "");
	assert_false(def->pinned);
	assert_int_equal(def->priority, 8);
	assert_int_equal(def->slice_us, 0);
	assert_false(def->autostart);
	assert_int_equal(def->on_crash, ZONE_POLICY_PRESERVE);
	assert_int_equal(def->on_reboot, ZONE_POLICY_RESTART);
	assert_int_equal(def->on_poweroff, ZONE_POLICY_DESTROY);
	assert_int_equal(def->device_count, 1);
	assert_string_equal(def->devices[0].name, "console0");
	zone_def_destroy(def);
}

static void test_autostart(void **state)
{
	static const struct {
		const char *value;
		bool on;
		int order;
		uint64_t delay_us;
		const char *canonical;
	} cases[] = {
		{ "false", false, 0, 0, "false" },
		{ "true", true, 0, 0, "true" },
		{ "{}", true, 0, 0, "true" },
		{ "{\"delay\":\"0s\"}", true, 0, 0, "true" },
		{ "{\"order\":-1000}", true, -1000, 0,
		  "{ \"order\": -1000, \"delay\": \"0s\" }" },
		{ "{\"delay\":\"3600s\",\"order\":7}", true, 7, 3600000000,
		  "{ \"order\": 7, \"delay\": \"3600s\" }" },
		{ "{\"delay\":\"1500ms\"}", true, 0, 1500000,
		  "{ \"order\": 0, \"delay\": \"1500ms\" }" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone_def *def = parse(with("autostart", cases[i].value));
		struct json_object *json = zone_def_to_json(def);
		struct zone_def *again =
			parse(json_object_to_json_string(json));

		assert_int_equal(def->autostart, cases[i].on);
		assert_int_equal(def->autostart_order, cases[i].order);
		assert_int_equal(def->autostart_delay_us, cases[i].delay_us);
		assert_string_equal(
			json_object_to_json_string(
				json_object_object_get(json, "autostart")),
			cases[i].canonical);
		assert_true(zone_def_equal(def, again));
		again->autostart_order++;
		assert_false(zone_def_equal(def, again));
		again->autostart_order--;
		again->autostart_delay_us++;
		assert_false(zone_def_equal(def, again));
		json_object_put(json);
		zone_def_destroy(again);
		zone_def_destroy(def);
	}
}

/* Each member takes each policy, whatever the others are. */
static void test_policies(void **state)
{
	static const char *const names[] = { "destroy", "restart", "preserve" };

	(void)state;
	for (unsigned int i = 0; i < 27; i++) {
		unsigned int crash = i % 3;
		unsigned int reboot = i / 3 % 3;
		unsigned int off = i / 9;
		struct json_object *json;
		struct zone_def *again;
		struct zone_def *def;
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"name\":\"z\",\"vcpus\":1,\"memory\":\"8M\","
			 "\"kernel\":\"/k\",\"on_crash\":\"%s\","
			 "\"on_reboot\":\"%s\",\"on_poweroff\":\"%s\"}",
			 names[crash], names[reboot], names[off]);
		def = parse(text);
		assert_int_equal(def->on_crash, crash);
		assert_int_equal(def->on_reboot, reboot);
		assert_int_equal(def->on_poweroff, off);
		json = zone_def_to_json(def);
		again = parse(json_object_to_json_string(json));
		assert_true(zone_def_equal(def, again));
		again->on_poweroff = (enum zone_policy)((off + 1) % 3);
		assert_false(zone_def_equal(def, again));
		json_object_put(json);
		zone_def_destroy(again);
		zone_def_destroy(def);
	}
}

static void test_everything(void **state)
{
	static const char text[] =
		"{\"name\":\"web-1\",\"vcpus\":2,\"memory\":\"1G\","
		"\"uuid\":\"6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48\","
		"\"kernel\":\"/k\",\"initrd\":\"/i\",\"dtb-overlay\":\"/o\","
		"\"cmdline\":\"quiet\",\"cpus\":[2,3],\"priority\":20,"
		"\"slice\":\"5ms\",\"autostart\":true,"
		"\"on_crash\":\"restart\",\"on_reboot\":\"destroy\","
		"\"on_poweroff\":\"restart\",\"devices\":[{\"type\":\"uart\"},"
		"{\"type\":\"console\",\"name\":\"b\"},"
		"{\"type\":\"console\"}]}";
	struct zone_def *def = parse(text);
	struct zone_def *copy = zone_def_copy(def);
	struct zone_def *again;
	struct json_object *json;

	(void)state;
	assert_true(def->pinned);
	assert_int_equal(def->cpus[1], 3);
	assert_int_equal(def->slice_us, 5000);
	assert_int_equal(def->device_count, 2);
	assert_string_equal(def->devices[0].name, "b");
	assert_string_equal(def->devices[1].name, "console0");
	assert_true(zone_def_equal(def, copy));
	json = zone_def_to_json(def);
	again = parse(json_object_to_json_string(json));
	assert_true(zone_def_equal(def, again));
	again->priority++;
	assert_false(zone_def_equal(def, again));
	json_object_put(json);
	zone_def_destroy(again);
	zone_def_destroy(copy);
	zone_def_destroy(def);
}

/* The definition with these devices. */
static struct zone_def *parse_devices(const char *devices)
{
	return parse(with("devices", devices));
}

static void test_disk(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"disk\",\"path\":\"/a\"},"
		"{\"type\":\"disk\",\"name\":\"root-of-the-web-server-1\","
		"\"path\":\"/b\",\"readonly\":true,"
		"\"cache\":\"writethrough\",\"direct\":false,"
		"\"queues\":5,\"block-size\":4096,\"discard\":false,"
		"\"limits\":{\"total-iops-sec\":500,"
		"\"write-bytes-sec\":\"1536K\",\"burst-ms\":2000},"
		"\"on-error\":\"pause\"},"
		"{\"type\":\"disk\",\"path\":\"/c\",\"serial\":\"a b\"}]");
	const struct zone_device *d = def->devices;

	(void)state;
	assert_int_equal(def->device_count, 3);
	assert_string_equal(d[0].name, "disk0");
	assert_string_equal(d[0].path, "/a");
	assert_string_equal(d[0].serial, "disk0");
	assert_int_equal(d[0].queues, 2); /* as many as vCPUs */
	assert_false(d[0].readonly || d[0].writethrough);
	assert_true(d[0].direct && d[0].discard);
	assert_int_equal(d[0].block_size, 0);
	assert_int_equal(d[0].on_error, ZONE_ON_ERROR_REPORT);
	assert_string_equal(d[1].serial, "root-of-the-web-serv");
	assert_true(d[1].readonly && d[1].writethrough);
	assert_false(d[1].direct || d[1].discard);
	assert_int_equal(d[1].queues, 5);
	assert_int_equal(d[1].block_size, 4096);
	assert_int_equal(d[1].limits[ZONE_LIMIT_IOPS], 500);
	assert_int_equal(d[1].limits[ZONE_LIMIT_READ_IOPS], 0);
	assert_int_equal(d[1].limits[ZONE_LIMIT_WRITE_BYTES], 1536 << 10);
	assert_int_equal(d[1].burst_ms, 2000);
	assert_int_equal(d[1].on_error, ZONE_ON_ERROR_PAUSE);
	assert_string_equal(d[2].name, "disk1");
	assert_string_equal(d[2].serial, "a b");
	zone_def_destroy(def);
}

static void test_nbd(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"disk\",\"path\":\"/a\"},"
		"{\"type\":\"disk\",\"nbd\":{\"socket\":\"/run/a b\"},"
		"\"readonly\":true,\"on-error\":\"pause\"},"
		"{\"type\":\"disk\",\"nbd\":{\"socket\":\"/run/a b\","
		"\"export\":\"a/b?\\u00fc\"}},"
		"{\"type\":\"disk\",\"nbd\":{\"host\":\"192.0.2.1\"}},"
		"{\"type\":\"disk\",\"nbd\":{\"host\":\"2001:DB8:0::1\","
		"\"port\":65535,\"export\":\"x\"}}]");
	const struct zone_device *d = def->devices;
	static const char *const uris[] = {
		"nbd+unix:///?socket=/run/a%20b",
		"nbd+unix:///a/b%3F%C3%BC?socket=/run/a%20b",
		"nbd://192.0.2.1/",
		"nbd://[2001:db8::1]:65535/x",
	};

	(void)state;
	assert_int_equal(def->device_count, 5);
	assert_false(zone_def_is_nbd(&d[0]));
	for (size_t i = 0; i < COUNT(uris); i++) {
		char uri[ZONE_NBD_URI_MAX];

		assert_true(zone_def_is_nbd(&d[i + 1]));
		assert_null(d[i + 1].path);
		zone_nbd_uri(&d[i + 1].nbd, uri);
		assert_string_equal(uri, uris[i]);
	}
	assert_true(d[1].readonly);
	assert_int_equal(d[1].on_error, ZONE_ON_ERROR_PAUSE);
	assert_string_equal(d[1].nbd.address, "/run/a b");
	assert_int_equal(d[1].nbd.port, 0);
	assert_string_equal(d[1].nbd.export_name, "");
	assert_int_equal(d[3].nbd.port, 10809);
	assert_false(zone_nbd_same(&d[1].nbd, &d[2].nbd));
	assert_false(zone_nbd_same(&d[1].nbd, &d[3].nbd));
	zone_def_destroy(def);
}

/* The longest of everything, and a byte more. */
static void test_nbd_lengths(void **state)
{
	char text[512];
	char uri[ZONE_NBD_URI_MAX];

	(void)state;
	for (int more = 0; more <= 2; more++) {
		struct zone_def *def = NULL;
		struct zerror error;
		const char *definition;

		snprintf(text, sizeof(text),
			 "[{\"type\":\"disk\",\"nbd\":{\"socket\":"
			 "\"/%0*d\",\"export\":\"%0*d\"}}]",
			 106 + (more == 1), 7, 255 + (more == 2), 7);
		definition = with("devices", text);
		assert_int_equal(zone_def_parse_text(definition,
						     strlen(definition), &def,
						     &error),
				 more ? -1 : 0);
		if (more) {
			assert_string_equal(
				error.path,
				more == 1 ? "$.devices[0].nbd.socket"
					  : "$.devices[0].nbd.export");
			assert_non_null(strstr(error.message, "longer than"));
			continue;
		}
		memset(def->devices[0].nbd.export_name, '%', 255);
		memset(def->devices[0].nbd.address, '%', 107);
		zone_nbd_uri(&def->devices[0].nbd, uri);
		assert_int_equal(strlen(uri), 3 * (107 + 255) + 20);
		zone_def_destroy(def);
	}
}

static void test_rng(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"rng\"},{\"type\":\"rng\",\"name\":\"hw\","
		"\"source\":\"/dev/hwrng\","
		"\"limits\":{\"total-bytes-sec\":\"4K\"}}]");
	const struct zone_device *d = def->devices;

	(void)state;
	assert_string_equal(d[0].name, "rng0");
	assert_string_equal(d[0].path, "/dev/urandom");
	assert_int_equal(d[0].queues, 1);
	assert_string_equal(d[1].path, "/dev/hwrng");
	assert_int_equal(d[1].limits[ZONE_LIMIT_BYTES], 4096);
	assert_int_equal(d[1].burst_ms, ZONE_DEF_BURST_MS);
	zone_def_destroy(def);
}

static void test_gpu(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"rng\"},{\"type\":\"gpu\",\"heads\":2,"
		"\"width\":1920,\"height\":1080,\"memory\":\"32M\","
		"\"vnc\":{\"port\":5901,\"address\":\"0:0::1\","
		"\"password-file\":\"/p\",\"tls\":\"/t\"},\"card\":\"/c\"}]");
	struct zone_def *plain = parse_devices("[{\"type\":\"gpu\"}]");
	const struct zone_device *d = zone_def_gpu(def);

	(void)state;
	assert_ptr_equal(d, &def->devices[1]);
	assert_string_equal(d->name, "gpu0");
	assert_int_equal(d->queues, 2);
	assert_int_equal(d->gpu.heads, 2);
	assert_int_equal(d->gpu.width, 1920);
	assert_int_equal(d->gpu.height, 1080);
	assert_int_equal(d->gpu.memory, 32 << 20);
	assert_true(d->gpu.vnc.on);
	assert_int_equal(d->gpu.vnc.port, 5901);
	assert_string_equal(d->gpu.vnc.address, "::1");
	assert_string_equal(d->gpu.vnc.password_file, "/p");
	assert_string_equal(d->gpu.vnc.tls, "/t");
	assert_string_equal(d->gpu.card, "/c");
	d = zone_def_gpu(plain);
	assert_int_equal(d->gpu.heads, 1);
	assert_int_equal(d->gpu.width, 1280);
	assert_int_equal(d->gpu.height, 800);
	assert_int_equal(d->gpu.memory, 16 << 20);
	assert_false(d->gpu.vnc.on);
	zone_def_destroy(plain);
	zone_def_destroy(def);
	def = parse_devices("[{\"type\":\"gpu\",\"vnc\":{}}]");
	assert_true(def->devices[0].gpu.vnc.on);
	assert_int_equal(def->devices[0].gpu.vnc.port, 0);
	assert_string_equal(def->devices[0].gpu.vnc.address, "127.0.0.1");
	zone_def_destroy(def);
	def = parse_devices("[]");
	assert_null(zone_def_gpu(def));
	zone_def_destroy(def);
}

/* One picture for each head, and half a MiB. */
static void test_gpu_memory(void **state)
{
	static const struct {
		unsigned int heads, width, height, needs;
	} cases[] = {
		{ 1, 1280, 800, 5 },	{ 2, 1920, 1080, 17 },
		{ 4, 4096, 2160, 136 }, { 1, 1024, 896, 4 },
		{ 1, 1024, 898, 5 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[200];
		char says[64];
		struct zone_def *def;
		struct zerror error;

		for (unsigned int more = 0; more < 2; more++) {
			unsigned int memory = cases[i].needs - 1 + more;

			if (memory < 4) {
				continue;
			}
			snprintf(text, sizeof(text),
				 "[{\"type\":\"gpu\",\"heads\":%u,"
				 "\"width\":%u,\"height\":%u,"
				 "\"memory\":\"%uM\"}]",
				 cases[i].heads, cases[i].width,
				 cases[i].height, memory);
			if (more) {
				zone_def_destroy(parse_devices(text));
				continue;
			}
			assert_int_equal(zone_def_parse_text(
						 with("devices", text),
						 strlen(with("devices", text)),
						 &def, &error),
					 -1);
			snprintf(says, sizeof(says), "needs %uM: %u head%s",
				 cases[i].needs, cases[i].heads,
				 cases[i].heads == 1 ? " of" : "s of");
			assert_non_null(strstr(error.message, says));
			assert_string_equal(error.path, "$.devices[0].memory");
		}
	}
}

static void test_input(void **state)
{
	struct zone_def *def =
		parse_devices("[{\"type\":\"input\",\"kind\":\"keyboard\"},"
			      "{\"type\":\"input\",\"kind\":\"tablet\"},"
			      "{\"type\":\"input\",\"kind\":\"mouse\"}]");

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(def->devices[i].input, i);
		assert_int_equal(def->devices[i].queues, 2);
	}
	assert_string_equal(def->devices[1].name, "input1");
	assert_string_equal(zone_def_input_name(ZONE_INPUT_TABLET), "tablet");
	zone_def_destroy(def);
}

static void test_net(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"net\"},{\"type\":\"net\",\"name\":\"lan\","
		"\"bridge\":\"br-lan\",\"mac\":\"52:54:00:AB:cd:ef\","
		"\"mtu\":9000,\"queues\":3,\"link\":false,"
		"\"vhost\":true,\"limits\":{"
		"\"rx-bytes-sec\":\"10M\",\"tx-bytes-sec\":\"4K\","
		"\"rx-packets-sec\":7,\"tx-packets-sec\":8,"
		"\"burst-ms\":20}}]");
	static const uint8_t mac[] = { 0x52, 0x54, 0, 0xab, 0xcd, 0xef };
	const struct zone_device *d = def->devices;

	(void)state;
	assert_string_equal(d[0].name, "net0");
	assert_string_equal(d[0].bridge, "zvbr0");
	assert_int_equal(d[0].mtu, 1500);
	assert_int_equal(zone_def_net_pairs(&d[0]), 2); /* it has 2 vCPUs */
	assert_int_equal(d[0].queues, 5);
	assert_true(d[0].link);
	assert_string_equal(d[1].name, "lan");
	assert_string_equal(d[1].bridge, "br-lan");
	assert_memory_equal(d[1].mac, mac, sizeof(mac));
	assert_int_equal(d[1].mtu, 9000);
	assert_int_equal(d[1].queues, 7);
	assert_false(d[1].link);
	assert_int_equal(d[0].vhost, ZONE_VHOST_AUTO);
	assert_int_equal(d[1].vhost, ZONE_VHOST_ON);
	assert_int_equal(d[1].limits[ZONE_LIMIT_RX_BYTES], 10 << 20);
	assert_int_equal(d[1].limits[ZONE_LIMIT_TX_BYTES], 4096);
	assert_int_equal(d[1].limits[ZONE_LIMIT_RX_PACKETS], 7);
	assert_int_equal(d[1].limits[ZONE_LIMIT_TX_PACKETS], 8);
	assert_int_equal(d[1].burst_ms, 20);
	zone_def_destroy(def);
}

static void test_net_in_user_mode(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"net\",\"user\":true},"
		"{\"type\":\"net\",\"user\":true,\"queues\":1,\"forward\":["
		"{\"proto\":\"udp\",\"address\":\"127.0.0.1\","
		"\"port\":2222,\"to\":22},{\"port\":2222}]},"
		"{\"type\":\"net\",\"user\":false}]");
	const struct zone_device *d = def->devices;

	(void)state;
	assert_true(d[0].user);
	assert_string_equal(d[0].bridge, "");
	assert_int_equal(d[0].queues, 3);
	assert_int_equal(d[0].forward_count, 0);
	assert_int_equal(d[1].forward_count, 2);
	assert_true(d[1].forward[0].udp);
	assert_string_equal(d[1].forward[0].address, "127.0.0.1");
	assert_int_equal(d[1].forward[0].port, 2222);
	assert_int_equal(d[1].forward[0].to, 22);
	assert_false(d[1].forward[1].udp);
	assert_string_equal(d[1].forward[1].address, "");
	assert_int_equal(d[1].forward[1].to, 2222);
	assert_false(d[2].user);
	assert_string_equal(d[2].bridge, "zvbr0");
	zone_def_destroy(def);
}

#define UUID_TEXT "6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48"

static const char *mac_of(const struct zone_def *def, uint32_t device)
{
	static char text[32];
	struct json_object *json = zone_def_to_json(def);
	struct json_object *mac = json_object_object_get(
		json_object_array_get_idx(
			json_object_object_get(json, "devices"), device),
		"mac");

	snprintf(text, sizeof(text), "%s",
		 mac ? json_object_get_string(mac) : "none");
	json_object_put(json);
	return text;
}

/* The address is there as soon as the uuid is, and is always the same one. */
static void test_mac_is_derived(void **state)
{
	static const char late[] = "{\"name\":\"z\",\"vcpus\":1,"
				   "\"memory\":\"64M\",\"kernel\":\"/k\","
				   "\"devices\":[{\"type\":\"net\"}]}";
	static const char at_once[] =
		"{\"name\":\"z\",\"uuid\":\"" UUID_TEXT "\",\"vcpus\":1,"
		"\"memory\":\"64M\",\"kernel\":\"/k\","
		"\"devices\":[{\"type\":\"net\"}]}";
	struct zone_def *a = parse(late);
	struct zone_def *b = parse(at_once);
	struct json_object *json;
	struct zone_def *again;
	struct zerror error;
	uint8_t mac[NET_MAC_BYTES];

	(void)state;
	assert_string_equal(mac_of(a, 0), "none");
	assert_int_equal(zone_def_set_uuid(a, b->uuid, &error), 0);
	net_mac_default(b->uuid, "net0", mac);
	assert_memory_equal(b->devices[0].mac, mac, sizeof(mac));
	assert_true(zone_def_equal(a, b));
	json = zone_def_to_json(a);
	again = parse(json_object_to_json_string(json));
	assert_true(zone_def_equal(a, again));
	json_object_put(json);
	zone_def_destroy(again);
	zone_def_destroy(b);
	zone_def_destroy(a);
}

/* Somebody gave one device the address that another one is to have. */
static void test_derived_mac_is_taken(void **state)
{
	struct zone_def *def =
		parse_devices("[{\"type\":\"net\",\"name\":\"a\","
			      "\"mac\":\"5a:00:00:00:00:01\"},"
			      "{\"type\":\"net\",\"name\":\"b\"}]");
	uint8_t uuid[UUID_SIZE] = { 1 };
	struct zerror error;

	(void)state;
	net_mac_default(uuid, "b", def->devices[0].mac);
	assert_int_equal(zone_def_set_uuid(def, uuid, &error), -1);
	assert_int_equal(error.code, ZERROR_INVALID_DEFINITION);
	assert_string_equal(error.path, "$.devices[1].mac");
	zone_def_destroy(def);
}

static int change(struct zone_def *def, const char *device, const char *text,
		  struct zerror *ret_error)
{
	struct json_object *changes = json_tokener_parse(text);
	int rc = zone_def_change_device(def, device, changes, ret_error);

	json_object_put(changes);
	return rc;
}

static void test_change(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"net\",\"limits\":{\"rx-packets-sec\":7,"
		"\"burst-ms\":3}},{\"type\":\"disk\",\"path\":\"/a\"}]");
	const struct zone_device *net = &def->devices[0];
	struct zerror error;

	(void)state;
	assert_int_equal(change(def, "net0",
				"{\"link\":false,\"mtu\":1400,"
				"\"limits\":{\"tx-bytes-sec\":\"1M\"}}",
				&error),
			 0);
	assert_false(net->link);
	assert_int_equal(net->mtu, 1400);
	assert_int_equal(net->limits[ZONE_LIMIT_TX_BYTES], 1 << 20);
	assert_int_equal(net->limits[ZONE_LIMIT_RX_PACKETS], 0);
	assert_int_equal(net->burst_ms, ZONE_DEF_BURST_MS);
	assert_int_equal(change(def, "net0", "{\"limits\":{}}", &error), 0);
	assert_int_equal(net->limits[ZONE_LIMIT_TX_BYTES], 0);
	assert_int_equal(change(def, "disk0",
				"{\"limits\":{\"total-iops-sec\":5}}", &error),
			 0);
	assert_int_equal(def->devices[1].limits[ZONE_LIMIT_IOPS], 5);
	assert_string_equal(def->devices[1].path, "/a");
	zone_def_destroy(def);
}

static void test_change_is_refused(void **state)
{
	static const struct {
		const char *device;
		const char *changes;
		int code;
		const char *path;
	} cases[] = {
		{ "net9", "{\"link\":true}", ZERROR_INVALID_PARAMS,
		  "$.device" },
		{ "net0", "{\"link\":false,\"mtu\":67}",
		  ZERROR_INVALID_DEFINITION, "$.mtu" },
		{ "net0", "{\"link\":false,\"limits\":{\"iops\":1}}",
		  ZERROR_INVALID_DEFINITION, "$.limits.iops" },
		{ "net0", "{\"link\":false,\"bridge\":\"br1\"}",
		  ZERROR_UNSUPPORTED, "$.bridge" },
		{ "net0", "{\"vhost\":false}", ZERROR_UNSUPPORTED, "$.vhost" },
		{ "net0", "{\"link\":false,\"name\":\"b\"}", ZERROR_UNSUPPORTED,
		  "$.name" },
		{ "rng0", "{\"link\":true}", ZERROR_UNSUPPORTED, "$.link" },
		{ "console0", "{\"limits\":{}}", ZERROR_UNSUPPORTED,
		  "$.limits" },
		{ "gpu0", "{\"width\":641}", ZERROR_INVALID_DEFINITION,
		  "$.width" },
		{ "gpu0", "{\"width\":4096,\"height\":2160}",
		  ZERROR_INVALID_DEFINITION, "$.memory" },
		{ "gpu0", "{\"heads\":2}", ZERROR_UNSUPPORTED, "$.heads" },
	};
	static const char devices[] = "[{\"type\":\"net\"},{\"type\":\"rng\"},"
				      "{\"type\":\"console\"},"
				      "{\"type\":\"gpu\"}]";

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone_def *def = parse_devices(devices);
		struct zone_def *before = zone_def_copy(def);
		struct zerror error;

		assert_int_equal(
			change(def, cases[i].device, cases[i].changes, &error),
			-1);
		assert_int_equal(error.code, cases[i].code);
		assert_string_equal(error.path, cases[i].path);
		assert_true(zone_def_equal(def, before));
		zone_def_destroy(before);
		zone_def_destroy(def);
	}
}

/* ------------------------------------------------- what describes a zone */

#define DESCRIBED                                                           \
	"{\"name\":\"z\",\"vcpus\":1,\"memory\":\"64M\",\"kernel\":\"/k\"," \
	"\"title\":\"the \xc3\xbc shop\",\"description\":\"a\\n\\tb\","     \
	"\"metadata\":{\"urn:b\":\"<b/>\",\"urn:a\":\"<a x='1'/>\"}}"

static void test_described(void **state)
{
	struct zone_def *def = parse(DESCRIBED);
	struct zone_def *copy = zone_def_copy(def);
	struct json_object *json = zone_def_to_json(def);
	struct zone_def *again = parse(json_object_to_json_string(json));

	(void)state;
	assert_string_equal(def->about.title, "the \xc3\xbc shop");
	assert_string_equal(def->about.description, "a\n\tb");
	assert_int_equal(def->about.metadata_count, 2);
	assert_string_equal(def->about.metadata[0].uri, "urn:a");
	assert_string_equal(def->about.metadata[1].text, "<b/>");
	assert_true(zone_def_equal(def, again));
	assert_true(zone_def_equal(def, copy));
	copy->about.metadata[1].text[1] = 'c';
	assert_false(zone_def_equal(def, copy));
	free(again->about.title);
	again->about.title = NULL;
	assert_false(zone_def_equal(def, again));
	json_object_put(json);
	zone_def_destroy(again);
	zone_def_destroy(copy);
	zone_def_destroy(def);
}

/* No member, an empty one and one that is not there are the same. */
static void test_not_described(void **state)
{
	static const char *const members[][2] = {
		{ "title", "\"\"" },
		{ "description", "\"\"" },
		{ "metadata", "{}" },
	};
	struct zone_def *plain = parse(with("", NULL));

	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		struct zone_def *def =
			parse(with(members[i][0], members[i][1]));
		struct json_object *json = zone_def_to_json(def);

		assert_true(zone_def_equal(def, plain));
		assert_false(
			json_object_object_get_ex(json, members[i][0], NULL));
		json_object_put(json);
		zone_def_destroy(def);
	}
	zone_def_destroy(plain);
}

static int describe(struct zone_def *def, const char *text,
		    struct zerror *ret_error)
{
	struct json_object *changes = json_tokener_parse(text);
	int rc = zone_def_describe(def, changes, ret_error);

	json_object_put(changes);
	return rc;
}

static void test_describe(void **state)
{
	struct zone_def *def = parse(DESCRIBED);
	struct zone_about *about = &def->about;
	struct zerror error;

	(void)state;
	assert_int_equal(describe(def,
				  "{\"title\":\"\",\"metadata\":{"
				  "\"urn:c\":\"<c/>\",\"urn:a\":null,"
				  "\"urn:none\":null,\"urn:b\":\"<B/>\"}}",
				  &error),
			 0);
	assert_null(about->title);
	assert_string_equal(about->description, "a\n\tb");
	assert_int_equal(about->metadata_count, 2);
	assert_string_equal(about->metadata[0].uri, "urn:b");
	assert_string_equal(about->metadata[0].text, "<B/>");
	assert_string_equal(about->metadata[1].uri, "urn:c");
	assert_int_equal(describe(def,
				  "{\"title\":\"t\",\"description\":\"\","
				  "\"metadata\":{\"urn:b\":null,"
				  "\"urn:c\":null}}",
				  &error),
			 0);
	assert_string_equal(about->title, "t");
	assert_null(about->description);
	assert_int_equal(about->metadata_count, 0);
	zone_def_destroy(def);
}

/* As many as can be, in place of as many others; and not one more. */
static void test_metadata_is_bounded(void **state)
{
	struct zone_def *def = parse(with("", NULL));
	struct zerror error;
	char text[2000];

	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		size_t len = (size_t)sprintf(text, "{\"metadata\":{");

		for (unsigned int i = 0; i < ZONE_DEF_METADATA_MAX; i++) {
			len += (size_t)sprintf(text + len,
					       "%s\"urn:%u.%u\":\"<x/>\"",
					       i ? "," : "", turn, i);
			if (turn) {
				len += (size_t)sprintf(text + len,
						       ",\"urn:0.%u\":null", i);
			}
		}
		sprintf(text + len, "}}");
		assert_int_equal(describe(def, text, &error), 0);
		assert_int_equal(def->about.metadata_count,
				 ZONE_DEF_METADATA_MAX);
	}
	assert_int_equal(
		describe(def, "{\"metadata\":{\"urn:z\":\"\"}}", &error), -1);
	assert_string_equal(error.path, "$.metadata[\"urn:z\"]");
	assert_non_null(strstr(error.message, "can be 16"));
	zone_def_destroy(def);
}

/* Each fits, all of them do not. */
static void test_described_at_length(void **state)
{
	static char text[ZONE_DEF_METADATA_TEXT_MAX + 100];
	struct zone_def *def = parse(with("", NULL));
	struct zerror error;
	int rc = 0;
	int count = 0;

	(void)state;
	while (rc == 0) {
		size_t len = (size_t)sprintf(
			text, "{\"metadata\":{\"urn:%d\":\"", count++);

		memset(text + len, '/', ZONE_DEF_METADATA_TEXT_MAX);
		sprintf(text + len + ZONE_DEF_METADATA_TEXT_MAX, "\"}}");
		rc = describe(def, text, &error);
	}
	assert_int_equal(count, 4);
	assert_int_equal(error.code, ZERROR_TOO_LARGE);
	assert_true(error.hint[0] != '\0');
	zone_def_destroy(def);
}

static void test_describe_is_refused(void **state)
{
	static const struct {
		const char *changes;
		const char *path;
	} cases[] = {
		{ "{\"title\":\"a\\nb\"}", "$.title" },
		{ "{\"title\":null}", "$.title" },
		{ "{\"description\":\"a\\u001b\"}", "$.description" },
		{ "{\"metadata\":\"<a/>\"}", "$.metadata" },
		{ "{\"metadata\":{\"urn:a\":5}}", "$.metadata[\"urn:a\"]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone_def *def = parse(DESCRIBED);
		struct zerror error;

		assert_int_equal(describe(def, cases[i].changes, &error), -1);
		assert_int_equal(error.code, ZERROR_INVALID_DEFINITION);
		assert_string_equal(error.path, cases[i].path);
		zone_def_destroy(def);
	}
}

static void test_queues_have_a_maximum(void **state)
{
	static const char text[] =
		"{\"name\":\"z\",\"vcpus\":32,\"memory\":\"64M\","
		"\"kernel\":\"/k\","
		"\"devices\":[{\"type\":\"disk\",\"path\":\"/a\"},"
		"{\"type\":\"net\"}]}";
	struct zone_def *def = parse(text);

	(void)state;
	assert_int_equal(def->devices[0].queues, 8);
	assert_int_equal(zone_def_net_pairs(&def->devices[1]), 3);
	zone_def_destroy(def);
}

/* What a dumped definition shows of it can be given, too. */
static void test_disk_defaults_are_written(void **state)
{
	struct zone_def *def = parse_devices(
		"[{\"type\":\"disk\",\"path\":\"/a\"},"
		"{\"type\":\"disk\",\"path\":\"/b\",\"block-size\":4096},"
		"{\"type\":\"disk\",\"path\":\"/c\","
		"\"block-size\":\"auto\"}]");
	static const char *const sizes[] = { "auto", "4096", "auto" };
	struct json_object *json = zone_def_to_json(def);
	struct json_object *list = json_object_object_get(json, "devices");

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct json_object *disk = json_object_array_get_idx(list, i);

		assert_string_equal(
			json_object_get_string(
				json_object_object_get(disk, "block-size")),
			sizes[i]);
	}
	json_object_put(json);
	zone_def_destroy(def);
}

/* What is written is read again; one member changed is another definition. */
static void test_devices_are_compared(void **state)
{
	static const char *const variants[] = {
		"[{\"type\":\"disk\",\"path\":\"/a\"}]",
		"[{\"type\":\"disk\",\"path\":\"/b\"}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"readonly\":true}]",
		"[{\"type\":\"disk\",\"path\":\"/a\","
		"\"cache\":\"writethrough\"}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"direct\":false}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"queues\":1}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"serial\":\"x\"}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"block-size\":512}]",
		"[{\"type\":\"disk\",\"path\":\"/a\",\"discard\":false}]",
		"[{\"type\":\"disk\",\"path\":\"/a\","
		"\"on-error\":\"enospace\"}]",
		"[{\"type\":\"disk\",\"path\":\"/a\","
		"\"limits\":{\"read-iops-sec\":7}}]",
		"[{\"type\":\"disk\",\"path\":\"/a\","
		"\"limits\":{\"read-iops-sec\":7,\"burst-ms\":1}}]",
		"[{\"type\":\"disk\",\"nbd\":{\"socket\":\"/a\"}}]",
		"[{\"type\":\"disk\",\"nbd\":{\"socket\":\"/b\"}}]",
		"[{\"type\":\"disk\","
		"\"nbd\":{\"socket\":\"/a\",\"export\":\"b\"}}]",
		"[{\"type\":\"disk\",\"nbd\":{\"host\":\"192.0.2.1\"}}]",
		"[{\"type\":\"disk\","
		"\"nbd\":{\"host\":\"192.0.2.1\",\"port\":7}}]",
		"[{\"type\":\"rng\"}]",
		"[{\"type\":\"rng\",\"source\":\"/dev/hwrng\"}]",
		"[{\"type\":\"console\"}]",
		"[{\"type\":\"net\"}]",
		"[{\"type\":\"net\",\"bridge\":\"br0\"}]",
		"[{\"type\":\"net\",\"user\":true}]",
		"[{\"type\":\"net\",\"user\":true,"
		"\"forward\":[{\"port\":1}]}]",
		"[{\"type\":\"net\",\"user\":true,"
		"\"forward\":[{\"port\":2}]}]",
		"[{\"type\":\"net\",\"user\":true,"
		"\"forward\":[{\"port\":1,\"to\":2}]}]",
		"[{\"type\":\"net\",\"user\":true,"
		"\"forward\":[{\"port\":1,\"proto\":\"udp\"}]}]",
		"[{\"type\":\"net\",\"user\":true,"
		"\"forward\":[{\"port\":1,\"address\":\"10.0.0.1\"}]}]",
		"[{\"type\":\"net\",\"mac\":\"5a:00:00:00:00:01\"}]",
		"[{\"type\":\"net\",\"mtu\":1400}]",
		"[{\"type\":\"net\",\"queues\":1}]",
		"[{\"type\":\"net\",\"link\":false}]",
		"[{\"type\":\"net\",\"vhost\":false}]",
		"[{\"type\":\"net\",\"vhost\":true}]",
		"[{\"type\":\"net\","
		"\"limits\":{\"rx-packets-sec\":7}}]",
		"[{\"type\":\"gpu\"}]",
		"[{\"type\":\"gpu\",\"heads\":2}]",
		"[{\"type\":\"gpu\",\"width\":640}]",
		"[{\"type\":\"gpu\",\"height\":480}]",
		"[{\"type\":\"gpu\",\"memory\":\"17M\"}]",
		"[{\"type\":\"gpu\",\"vnc\":{}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"port\":5900}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"address\":\"::\"}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"password-file\":\"/a\"}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"password-file\":\"/b\"}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"tls\":\"/a\"}}]",
		"[{\"type\":\"gpu\",\"vnc\":{\"tls\":\"/b\"}}]",
		"[{\"type\":\"gpu\",\"card\":\"/a\"}]",
		"[{\"type\":\"gpu\",\"card\":\"/b\"}]",
		"[{\"type\":\"input\",\"kind\":\"mouse\"}]",
		"[{\"type\":\"input\",\"kind\":\"tablet\"}]",
		"[]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(variants); i++) {
		struct zone_def *a = parse_devices(variants[i]);
		struct zone_def *copy = zone_def_copy(a);
		struct json_object *json = zone_def_to_json(a);
		struct zone_def *again =
			parse(json_object_to_json_string(json));

		assert_true(zone_def_equal(a, copy));
		assert_true(zone_def_equal(a, again));
		for (size_t k = 0; k < COUNT(variants); k++) {
			struct zone_def *b = parse_devices(variants[k]);

			if (zone_def_equal(a, b) != (i == k)) {
				fail_msg("%s %s", variants[i], variants[k]);
			}
			zone_def_destroy(b);
		}
		json_object_put(json);
		zone_def_destroy(again);
		zone_def_destroy(copy);
		zone_def_destroy(a);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *member;
		const char *value;
		const char *path;
		const char *says;
	} cases[] = {
		{ "name", NULL, "$.name", "missing" },
		{ "name", "5", "$.name", "string" },
		{ "name", "\"\"", "$.name", "not a zone name" },
		{ "name", "\"-a\"", "$.name", "not a zone name" },
		{ "name", "\"a/b\"", "$.name", "not a zone name" },
		{ "name", "\"a b\"", "$.name", "not a zone name" },
		{ "name", "\"\xc3\xa9\"", "$.name", "not a zone name" },
		{ "name", "\"zone0\"", "$.name", "root zone" },
		{ "name", "\"6F0C1E5A-94d2-4c39-8a51-0f9b7c2d3e48\"", "$.name",
		  "not a zone name" },
		{ "uuid", "\"x\"", "$.uuid", "UUID" },
		{ "uuid", "\"00000000-0000-0000-0000-000000000000\"", "$.uuid",
		  "UUID" },
		{ "uuid", "null", "$.uuid", "null" },
		{ "title", "5", "$.title", "string" },
		{ "title", "\"a\\tb\"", "$.title", "control" },
		{ "description", "\"a\\rb\"", "$.description", "control" },
		{ "metadata", "[]", "$.metadata", "object" },
		{ "metadata", "{\"\":\"\"}", "$.metadata[\"\"]", "URI" },
		{ "metadata", "{\"a\\nb\":\"\"}", "$.metadata[\"a?b\"]",
		  "URI" },
		{ "metadata", "{\"urn:a\":null}", "$.metadata[\"urn:a\"]",
		  "null" },
		{ "vcpus", NULL, "$.vcpus", "missing" },
		{ "vcpus", "0", "$.vcpus", "1 to 32" },
		{ "vcpus", "33", "$.vcpus", "1 to 32" },
		{ "vcpus", "-1", "$.vcpus", "1 to 32" },
		{ "vcpus", "99999999999999999999", "$.vcpus", "1 to 32" },
		{ "vcpus", "2.0", "$.vcpus", "int" },
		{ "vcpus", "\"2\"", "$.vcpus", "int" },
		{ "memory", "256", "$.memory", "string" },
		{ "memory", "\"256\"", "$.memory", "unit" },
		{ "memory", "\"2M\"", "$.memory", "4M to 255G" },
		{ "memory", "\"256G\"", "$.memory", "4M to 255G" },
		{ "memory", "\"257M\"", "$.memory", "multiple of 2M" },
		{ "kernel", NULL, "$.kernel", "missing" },
		{ "kernel", "\"vmlinuz\"", "$.kernel", "absolute" },
		{ "kernel", "\"\"", "$.kernel", "absolute" },
		{ "initrd", "1", "$.initrd", "string" },
		{ "initrd", "\"x\"", "$.initrd", "absolute" },
		{ "dtb-overlay", "\"x\"", "$.dtb-overlay", "absolute" },
		{ "dtb_overlay", "\"/x\"", "$.dtb_overlay", "no such" },
		{ "cmdline", "[]", "$.cmdline", "string" },
		{ "cpus", "1", "$.cpus", "array" },
		{ "cpus", "[1]", "$.cpus", "1 entries for 2 vCPU" },
		{ "cpus", "[1,2,3]", "$.cpus", "3 entries" },
		{ "cpus", "[1,64]", "$.cpus[1]", "0 to 63" },
		{ "cpus", "[1,\"2\"]", "$.cpus[1]", "int" },
		{ "priority", "32", "$.priority", "0 to 31" },
		{ "slice", "5", "$.slice", "string" },
		{ "slice", "\"5\"", "$.slice", "unit" },
		{ "slice", "\"99us\"", "$.slice", "100us to 1s" },
		{ "slice", "\"2s\"", "$.slice", "100us to 1s" },
		{ "autostart", "1", "$.autostart", "boolean or an object" },
		{ "autostart", "[]", "$.autostart", "boolean or an object" },
		{ "autostart", "{\"after\":1}", "$.autostart.after",
		  "no such" },
		{ "autostart", "{\"order\":\"1\"}", "$.autostart.order",
		  "int" },
		{ "autostart", "{\"order\":1001}", "$.autostart.order",
		  "-1000 to 1000" },
		{ "autostart", "{\"order\":-1001}", "$.autostart.order",
		  "-1000 to 1000" },
		{ "autostart", "{\"delay\":5}", "$.autostart.delay", "string" },
		{ "autostart", "{\"delay\":\"5\"}", "$.autostart.delay",
		  "unit" },
		{ "autostart", "{\"delay\":\"3601s\"}", "$.autostart.delay",
		  "0s to 3600s" },
		{ "on_crash", "\"reboot\"", "$.on_crash",
		  "on_crash cannot be \"reboot\"" },
		{ "on_reboot", "\"ignore\"", "$.on_reboot", "cannot be" },
		{ "on_poweroff", "\"Destroy\"", "$.on_poweroff", "cannot be" },
		{ "on_poweroff", "true", "$.on_poweroff", "string" },
		{ "devices", "{}", "$.devices", "array" },
		{ "devices", "[1]", "$.devices[0]", "object" },
		{ "devices", "[{}]", "$.devices[0].type", "missing" },
		{ "devices", "[{\"type\":1}]", "$.devices[0].type", "string" },
		{ "devices", "[{\"type\":\"console\"},{\"type\":\"warp\"}]",
		  "$.devices[1].type", "not a device type" },
		{ "devices", "[{\"type\":\"uart\"},{\"type\":\"uart\"}]",
		  "$.devices[1]", "second uart" },
		{ "devices", "[{\"type\":\"uart\",\"name\":\"u\"}]",
		  "$.devices[0].name", "no such" },
		{ "devices", "[{\"type\":\"console\",\"size\":1}]",
		  "$.devices[0].size", "no such" },
		{ "devices", "[{\"type\":\"console\",\"name\":\"uart0\"}]",
		  "$.devices[0].name", "taken" },
		{ "devices", "[{\"type\":\"console\",\"name\":\"../x\"}]",
		  "$.devices[0].name", "device name" },
		{ "devices",
		  "[{\"type\":\"console\",\"name\":\"a\"},"
		  "{\"type\":\"console\",\"name\":\"a\"}]",
		  "$.devices[1].name", "taken" },
#define DISK(more) "[{\"type\":\"disk\",\"path\":\"/a\"" more "}]"
#define NBD(nbd) "[{\"type\":\"disk\",\"nbd\":" nbd "}]"
#define NET(more) "[{\"type\":\"net\"," more "}]"
#define RNG(more) "[{\"type\":\"rng\"," more "}]"
#define GPU(more) "[{\"type\":\"gpu\"" more "}]"
		{ "devices", GPU(",\"heads\":5"), "$.devices[0].heads",
		  "1 to 4" },
		{ "devices", GPU(",\"width\":638"), "$.devices[0].width",
		  "640 to 4096" },
		{ "devices", GPU(",\"height\":601"), "$.devices[0].height",
		  "odd" },
		{ "devices", GPU(",\"memory\":\"3M\""), "$.devices[0].memory",
		  "4M to 256M" },
		{ "devices", GPU(",\"memory\":\"257M\""), "$.devices[0].memory",
		  "4M to 256M" },
		{ "devices", GPU(",\"memory\":\"8193K\""),
		  "$.devices[0].memory", "whole M" },
		{ "devices", GPU(",\"heads\":2,\"vnc\":{\"port\":65535}"),
		  "$.devices[0].vnc.port", "no ports for 2 heads" },
		{ "devices", GPU(",\"vnc\":{\"port\":80}"),
		  "$.devices[0].vnc.port", "1024 to 65535" },
		{ "devices", GPU(",\"vnc\":{\"address\":\"::x\"}"),
		  "$.devices[0].vnc.address", "neither" },
		{ "devices", "[{\"type\":\"gpu\"},{\"type\":\"gpu\"}]",
		  "$.devices[1]", "more than 1 devices" },
		{ "devices", "[{\"type\":\"input\"}]", "$.devices[0].kind",
		  "missing" },
		{ "devices", "[{\"type\":\"warp\"}]", "$.devices[0].type",
		  "not a device type" },
		{ "devices", "[{\"type\":\"disk\"}]", "$.devices[0].path",
		  "missing" },
		{ "devices", "[{\"type\":\"disk\",\"path\":\"a\"}]",
		  "$.devices[0].path", "absolute" },
		{ "devices", "[{\"type\":\"disk\",\"path\":\"\"}]",
		  "$.devices[0].path", "absolute" },
		{ "devices",
		  "[{\"type\":\"disk\",\"path\":\"/a\",\"readonly\":true},"
		  "{\"type\":\"disk\",\"path\":\"/a\",\"readonly\":true}]",
		  "$.devices[1].path", "image of disk0 already" },
		{ "devices", DISK(",\"nbd\":{\"socket\":\"/s\"}"),
		  "$.devices[0].nbd", "clashes with path" },
		{ "devices", NBD("\"/s\""), "$.devices[0].nbd", "object" },
		{ "devices", NBD("{}"), "$.devices[0].nbd",
		  "a socket or a host" },
		{ "devices", NBD("{\"export\":\"a\"}"), "$.devices[0].nbd",
		  "a socket or a host" },
		{ "devices", NBD("{\"socket\":\"/s\",\"name\":\"a\"}"),
		  "$.devices[0].nbd.name", "no such member" },
		{ "devices", NBD("{\"socket\":\"/s\",\"host\":\"::1\"}"),
		  "$.devices[0].nbd.host", "clashes with socket" },
		{ "devices", NBD("{\"socket\":\"/s\",\"port\":1}"),
		  "$.devices[0].nbd.port", "belongs to a host" },
		{ "devices", NBD("{\"socket\":\"s\"}"),
		  "$.devices[0].nbd.socket", "absolute" },
		{ "devices", NBD("{\"socket\":\"\"}"),
		  "$.devices[0].nbd.socket", "absolute" },
		{ "devices", NBD("{\"socket\":5}"), "$.devices[0].nbd.socket",
		  "string" },
		{ "devices", NBD("{\"host\":\"localhost\"}"),
		  "$.devices[0].nbd.host", "neither" },
		{ "devices", NBD("{\"host\":\"\"}"), "$.devices[0].nbd.host",
		  "neither" },
		{ "devices", NBD("{\"host\":\"::1\",\"port\":0}"),
		  "$.devices[0].nbd.port", "1 to 65535" },
		{ "devices", NBD("{\"host\":\"::1\",\"port\":65536}"),
		  "$.devices[0].nbd.port", "1 to 65535" },
		{ "devices", NBD("{\"socket\":\"/s\",\"export\":5}"),
		  "$.devices[0].nbd.export", "string" },
		{ "devices", NBD("{\"socket\":\"/s\"},\"direct\":true"),
		  "$.devices[0].direct", "a disk with a path" },
		{ "devices",
		  "[{\"type\":\"disk\",\"nbd\":{\"host\":\"::1\"}},"
		  "{\"type\":\"disk\",\"nbd\":{\"host\":\"0::1\","
		  "\"port\":10809,\"export\":\"\"}}]",
		  "$.devices[1].nbd", "export of disk0 already" },
		{ "devices", DISK(",\"readonly\":1"), "$.devices[0].readonly",
		  "boolean" },
		{ "devices", DISK(",\"direct\":\"yes\""), "$.devices[0].direct",
		  "boolean" },
		{ "devices", DISK(",\"cache\":\"none\""), "$.devices[0].cache",
		  "cannot be \"none\"" },
		{ "devices", DISK(",\"cache\":false"), "$.devices[0].cache",
		  "string" },
		{ "devices", DISK(",\"queues\":0"), "$.devices[0].queues",
		  "1 to 8" },
		{ "devices", DISK(",\"queues\":9"), "$.devices[0].queues",
		  "1 to 8" },
		{ "devices", DISK(",\"block-size\":1024"),
		  "$.devices[0].block-size", "cannot be 1024" },
		{ "devices", DISK(",\"block-size\":256"),
		  "$.devices[0].block-size", "512 to 4096" },
		{ "devices", DISK(",\"block-size\":\"automatic\""),
		  "$.devices[0].block-size", "int, not string" },
		{ "devices", DISK(",\"serial\":\"\""), "$.devices[0].serial",
		  "0 characters" },
		{ "devices", DISK(",\"serial\":\"123456789012345678901\""),
		  "$.devices[0].serial", "21 characters" },
		{ "devices", DISK(",\"serial\":\"a\\u0001\""),
		  "$.devices[0].serial", "not allowed" },
		{ "devices", DISK(",\"on-error\":\"stop\""),
		  "$.devices[0].on-error", "cannot be" },
		{ "devices", DISK(",\"limits\":5"), "$.devices[0].limits",
		  "object" },
		{ "devices", DISK(",\"limits\":{\"iops\":5}"),
		  "$.devices[0].limits.iops", "no such member" },
		{ "devices", DISK(",\"limits\":{\"total-iops-sec\":0}"),
		  "$.devices[0].limits.total-iops-sec", "1 to" },
		{ "devices", DISK(",\"limits\":{\"total-bytes-sec\":5}"),
		  "$.devices[0].limits.total-bytes-sec", "string" },
		{ "devices", DISK(",\"limits\":{\"total-bytes-sec\":\"2T\"}"),
		  "$.devices[0].limits.total-bytes-sec", "1K to 1T" },
		{ "devices", DISK(",\"limits\":{\"burst-ms\":5}"),
		  "$.devices[0].limits.burst-ms", "there is none" },
		{ "devices",
		  DISK(",\"limits\":{\"read-iops-sec\":5,"
		       "\"burst-ms\":60001}"),
		  "$.devices[0].limits.burst-ms", "1 to 60000" },
		{ "devices", RNG("\"source\":\"/dev/zero\""),
		  "$.devices[0].source", "cannot be" },
		{ "devices", RNG("\"path\":\"/dev/hwrng\""),
		  "$.devices[0].path", "no such member" },
		{ "devices", RNG("\"limits\":{\"total-iops-sec\":5}"),
		  "$.devices[0].limits.total-iops-sec", "no such member" },
		{ "devices", NET("\"bridge\":\"\""), "$.devices[0].bridge",
		  "cannot be" },
		{ "devices", NET("\"bridge\":\"sixteen-letters-\""),
		  "$.devices[0].bridge", "cannot be" },
		{ "devices", NET("\"bridge\":\"a/b\""), "$.devices[0].bridge",
		  "cannot be" },
		{ "devices", NET("\"bridge\":\"a:b\""), "$.devices[0].bridge",
		  "cannot be" },
		{ "devices", NET("\"bridge\":\"a b\""), "$.devices[0].bridge",
		  "cannot be" },
		{ "devices", NET("\"bridge\":\"..\""), "$.devices[0].bridge",
		  "cannot be" },
		{ "devices", NET("\"bridge\":\"\xc3\xa9\""),
		  "$.devices[0].bridge", "cannot be" },
		{ "devices", NET("\"user\":1"), "$.devices[0].user",
		  "boolean" },
		{ "devices", NET("\"user\":true,\"bridge\":\"zvbr0\""),
		  "$.devices[0].bridge", "cannot go with \"user\": true" },
		{ "devices", NET("\"user\":true,\"vhost\":true"),
		  "$.devices[0].vhost", "cannot go with \"user\": true" },
		{ "devices", NET("\"user\":true,\"queues\":2"),
		  "$.devices[0].queues", "must be 1" },
		{ "devices", NET("\"forward\":[{\"port\":1}]"),
		  "$.devices[0].forward", "a network in user mode" },
		{ "devices", NET("\"user\":true,\"forward\":7"),
		  "$.devices[0].forward", "array" },
		{ "devices", NET("\"user\":true,\"forward\":[7]"),
		  "$.devices[0].forward[0]", "object" },
		{ "devices", NET("\"user\":true,\"forward\":[{}]"),
		  "$.devices[0].forward[0].port", "is missing" },
		{ "devices", NET("\"user\":true,\"forward\":[{\"port\":0}]"),
		  "$.devices[0].forward[0].port", "1 to 65535" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":65536}]"),
		  "$.devices[0].forward[0].port", "1 to 65535" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1,\"to\":0}]"),
		  "$.devices[0].forward[0].to", "1 to 65535" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1,"
		      "\"proto\":\"icmp\"}]"),
		  "$.devices[0].forward[0].proto", "cannot be" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1,"
		      "\"address\":\"1.2.3\"}]"),
		  "$.devices[0].forward[0].address", "not an IPv4 address" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1,"
		      "\"address\":\"1.2.3.4/1\"}]"),
		  "$.devices[0].forward[0].address", "not an IPv4 address" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1,\"x\":2}]"),
		  "$.devices[0].forward[0].x", "no such member" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1},"
		      "{\"port\":1,\"address\":\"127.0.0.1\"}]"),
		  "$.devices[0].forward[1].port", "is forwarded already" },
		{ "devices",
		  NET("\"user\":true,\"forward\":[{\"port\":1},{\"port\":2},"
		      "{\"port\":3},{\"port\":4},{\"port\":5},{\"port\":6},"
		      "{\"port\":7},{\"port\":8},{\"port\":9},{\"port\":10},"
		      "{\"port\":11},{\"port\":12},{\"port\":13},"
		      "{\"port\":14},{\"port\":15},{\"port\":16},"
		      "{\"port\":17}]"),
		  "$.devices[0].forward", "more than 16" },
		{ "devices", NET("\"mac\":\"5a:00\""), "$.devices[0].mac",
		  "not an Ethernet address" },
		{ "devices", NET("\"mac\":\"5b:00:00:00:00:01\""),
		  "$.devices[0].mac", "no single device's" },
		{ "devices", NET("\"mac\":\"00:00:00:00:00:00\""),
		  "$.devices[0].mac", "no single device's" },
		{ "devices", NET("\"mtu\":67"), "$.devices[0].mtu",
		  "68 to 65535" },
		{ "devices", NET("\"mtu\":65536"), "$.devices[0].mtu",
		  "68 to 65535" },
		{ "devices", NET("\"queues\":4"), "$.devices[0].queues",
		  "1 to 3" },
		{ "devices", NET("\"queues\":0"), "$.devices[0].queues",
		  "1 to 3" },
		{ "devices", NET("\"link\":1"), "$.devices[0].link",
		  "boolean" },
		{ "devices", NET("\"vhost\":\"auto\""), "$.devices[0].vhost",
		  "boolean" },
		{ "devices", NET("\"limits\":{\"total-iops-sec\":5}"),
		  "$.devices[0].limits.total-iops-sec", "no such member" },
		{ "devices",
		  "[{\"type\":\"uart\"},"
		  "{\"type\":\"net\",\"mac\":\"5a:00:00:00:00:01\"},"
		  "{\"type\":\"net\",\"mac\":\"5A:00:00:00:00:01\"}]",
		  "$.devices[2].mac", "the address of net0 already" },
		{ "devices",
		  "[{\"type\":\"console\"},{\"type\":\"console\"},"
		  "{\"type\":\"console\"},{\"type\":\"console\"},"
		  "{\"type\":\"console\"},{\"type\":\"console\"}]",
		  "$.devices[5]", "more than 5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = with(cases[i].member, cases[i].value);
		struct zone_def *def = NULL;
		struct zerror error;

		if (zone_def_parse_text(text, strlen(text), &def, &error) ==
		    0) {
			fail_msg("accepted: %s", text);
		}
		assert_null(def);
		if (error.code != ZERROR_INVALID_DEFINITION ||
		    strcmp(error.path, cases[i].path) != 0 ||
		    !strstr(error.message, cases[i].says)) {
			fail_msg("%s: %d %s %s", text, error.code, error.path,
				 error.message);
		}
	}
}

/* A person reads the message alone, so it tells what it is about. */
static void test_errors_have_a_subject(void **state)
{
	static const struct {
		const char *text;
		const char *message;
		const char *hint; /* a part of it */
	} cases[] = {
		{ "{}", "name is missing", "1 to 63 letters" },
		{ "{\"name\":\"z\"}", "vcpus is missing", "as in 2" },
		{ "{\"name\":\"z\",\"vcpus\":1}", "memory is missing",
		  "\"256M\"" },
		{ "{\"name\":\"z\",\"vcpus\":1,\"memory\":\"64M\"}",
		  "kernel is missing", "/vmlinuz" },
		{ "[]", "the definition must be of type object, not array",
		  "object" },
		{ "{\"name\":\"-z\"}", "name \"-z\" is not a zone name",
		  "letters" },
		{ "{\"memroy\":\"64M\"}",
		  "memroy is unknown: a zone definition has no such member",
		  "did you mean \"memory\"?" },
		{ "{\"cpu\":2}",
		  "cpu is unknown: a zone definition has no such member",
		  "did you mean \"cpus\" or \"vcpus\"?" },
		{ "{\"dtb_overlay\":\"/x\"}",
		  "dtb_overlay is unknown: a zone definition has no such "
		  "member",
		  "did you mean \"dtb-overlay\"?" },
		{ "{\"disks\":1}",
		  "disks is unknown: a zone definition has no such member",
		  "there are name, uuid, " },
		{ "{\"name\":\"z\",\"vcpus\":1,\"memory\":\"64M\","
		  "\"kernel\":\"/k\",\"devices\":[{\"type\":\"console\","
		  "\"nmae\":\"c\"}]}",
		  "devices[0].nmae is unknown: a device of type console has no "
		  "such member",
		  "did you mean \"name\"?" },
		{ "{\"name\":\"z\",\"memory\":\"64M\",\"kernel\":\"/k\","
		  "\"vcpus\":{\"max\":1,\"online\":1}}",
		  "vcpus.online is unknown: vcpus has no such member",
		  "there are max, on" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct zone_def *def = NULL;
		struct zerror error;

		assert_int_equal(zone_def_parse_text(cases[i].text,
						     strlen(cases[i].text),
						     &def, &error),
				 -1);
		assert_string_equal(error.message, cases[i].message);
		assert_non_null(strstr(error.hint, cases[i].hint));
	}
}

static void test_limits_of_texts(void **state)
{
	static char value[ZONE_DEF_PATH_MAX + 10];
	struct zone_def *def = NULL;
	struct zerror error;
	char *text;

	(void)state;
	memset(value, 'a', sizeof(value));
	value[0] = '"';
	value[ZONE_DEF_CMDLINE_MAX + 1] = '"';
	value[ZONE_DEF_CMDLINE_MAX + 2] = '\0';
	zone_def_destroy(parse(with("cmdline", value)));
	value[ZONE_DEF_CMDLINE_MAX + 1] = 'a';
	value[ZONE_DEF_CMDLINE_MAX + 2] = '"';
	value[ZONE_DEF_CMDLINE_MAX + 3] = '\0';
	text = with("cmdline", value);
	assert_int_equal(zone_def_parse_text(text, strlen(text), &def, &error),
			 -1);
	assert_string_equal(error.path, "$.cmdline");

	memset(value, 'a', sizeof(value));
	value[0] = '"';
	value[64] = '"'; /* 63 characters */
	value[65] = '\0';
	def = parse(with("name", value));
	assert_int_equal(strlen(def->name), 63);
	zone_def_destroy(def);
	value[64] = 'a';
	value[65] = '"';
	value[66] = '\0';
	text = with("name", value);
	assert_int_equal(zone_def_parse_text(text, strlen(text), &def, &error),
			 -1);
}

static void test_whole_text_limit(void **state)
{
	static char text[ZONE_DEF_TEXT_MAX + 2];
	struct zone_def *def;
	struct zerror error;

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_int_equal(zone_def_parse_text(text, strlen(text), &def, &error),
			 -1);
	assert_int_equal(error.code, ZERROR_TOO_LARGE);
}

static char *read_file(const char *path)
{
	static char text[ZONE_DEF_TEXT_MAX];
	FILE *file = fopen(path, "r");
	size_t len;

	if (!file) {
		fail_msg("%s: run in the top folder", path);
	}
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void test_shipped_definitions(void **state)
{
	(void)state;
	zone_def_destroy(parse(read_file("configs/zones/linux1.json")));
	zone_def_destroy(parse(read_file("configs/zones/linux2.json")));
}

/* Of the schema of devices: the one of that type. */
static struct json_object *schema_of(struct json_object *schema,
				     const char *type)
{
	static const char *const way[] = { "properties", "devices", "items",
					   "oneOf" };
	struct json_object *list = schema;

	for (size_t i = 0; i < COUNT(way); i++) {
		list = json_object_object_get(list, way[i]);
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *properties = json_object_object_get(
			json_object_array_get_idx(list, i), "properties");
		struct json_object *name = json_object_object_get(
			json_object_object_get(properties, "type"), "const");

		if (strcmp(json_object_get_string(name), type) == 0) {
			return properties;
		}
	}
	fail_msg("the schema lacks devices of type %s", type);
	return NULL;
}

static void test_schema_has_the_same_device_members(void **state)
{
	struct json_object *schema =
		json_tokener_parse(read_file("configs/zone.schema.json"));

	(void)state;
	for (unsigned int i = 0; i < ZONE_DEVICE_TYPES; i++) {
		enum zone_device_type type = (enum zone_device_type)i;
		const char *const *names = zone_def_device_members(type);
		struct json_object *properties =
			schema_of(schema, zone_def_device_type_name(type));
		int count = 0;

		for (; names[count]; count++) {
			if (!json_object_object_get_ex(properties, names[count],
						       NULL)) {
				fail_msg("the schema lacks %s", names[count]);
			}
		}
		assert_int_equal(json_object_object_length(properties),
				 count + 1); /* and "type" */
	}
	json_object_put(schema);
}

static void test_schema_has_the_same_members(void **state)
{
	struct json_object *schema =
		json_tokener_parse(read_file("configs/zone.schema.json"));
	struct json_object *properties =
		json_object_object_get(schema, "properties");
	const char *const *names = zone_def_members();
	int count = 0;

	(void)state;
	assert_non_null(properties);
	for (; names[count]; count++) {
		if (!json_object_object_get_ex(properties, names[count],
					       NULL)) {
			fail_msg("the schema lacks %s", names[count]);
		}
	}
	assert_int_equal(json_object_object_length(properties), count);
	json_object_put(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_autostart),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_nbd),
		cmocka_unit_test(test_nbd_lengths),
		cmocka_unit_test(test_rng),
		cmocka_unit_test(test_gpu),
		cmocka_unit_test(test_gpu_memory),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_net_in_user_mode),
		cmocka_unit_test(test_mac_is_derived),
		cmocka_unit_test(test_derived_mac_is_taken),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_change_is_refused),
		cmocka_unit_test(test_described),
		cmocka_unit_test(test_not_described),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_metadata_is_bounded),
		cmocka_unit_test(test_described_at_length),
		cmocka_unit_test(test_describe_is_refused),
		cmocka_unit_test(test_queues_have_a_maximum),
		cmocka_unit_test(test_disk_defaults_are_written),
		cmocka_unit_test(test_devices_are_compared),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_errors_have_a_subject),
		cmocka_unit_test(test_limits_of_texts),
		cmocka_unit_test(test_whole_text_limit),
		cmocka_unit_test(test_shipped_definitions),
		cmocka_unit_test(test_schema_has_the_same_members),
		cmocka_unit_test(test_schema_has_the_same_device_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
