/* SPDX-License-Identifier: BSD-2-Clause */
/* What an I/O process is told, and how it says that it was told wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "io/io_config.h"

#define RAM "\"ram\":[{\"gpa\":1073741824,\"size\":268435456}]"
#define DEVICE(name, slot, bell)                                     \
	"{\"type\":\"console\",\"name\":\"" name "\",\"slot\":" slot \
	",\"shadow\":3,\"offset\":512,\"intid\":48,\"queues\":2,"    \
	"\"doorbell\":" bell "}"
#define PLACE(slot, bell)                                           \
	"\"slot\":" slot ",\"shadow\":3,\"offset\":0,\"intid\":48," \
	"\"doorbell\":" bell
#define RNG(name, slot, bell, more)          \
	"{\"type\":\"rng\",\"name\":\"" name \
	"\"," PLACE(slot, bell) ",\"queues\":1" more "}"
#define DISK(name, slot, bell, queues, more)                                 \
	"{\"type\":\"disk\",\"name\":\"" name                                \
	"\"," PLACE(slot, bell) ",\"queues\":" queues ",\"readonly\":false," \
				"\"writeback\":true,\"discard\":true" more "}"
#define NET(name, slot, bell, queues, more)  \
	"{\"type\":\"net\",\"name\":\"" name \
	"\"," PLACE(slot, bell) ",\"queues\":" queues more "}"
#define CABLE ",\"mac\":\"5a:00:11:22:33:44\",\"mtu\":1500,\"link\":true"
#define REST ",\"on-error\":\"report\",\"serial\":\"s\""
#define BEGIN "{\"cmd\":\"config\",\"zone\":\"linux1\",\"vcpus\":2,"

static int parse(const char *text, struct io_config *config,
		 struct zerror *error)
{
	return io_config_parse(text, strlen(text), config, error);
}

static void whole(void **state)
{
	struct io_config config;
	struct zerror error;

	(void)state;
	assert_int_equal(
		parse(BEGIN RAM
		      ",\"uart\":{\"shadow\":0},"
		      "\"rtc\":{\"shadow\":1,\"intid\":40},"
		      "\"gpio\":{\"shadow\":2},\"uid\":5,\"gid\":6,"
		      "\"devices\":[" DEVICE("console0", "0", "0") "]}",
		      &config, &error),
		0);
	assert_string_equal(config.zone, "linux1");
	assert_int_equal(config.vcpus, 2);
	assert_int_equal(config.ram_count, 1);
	assert_int_equal(config.ram[0].size, 0x10000000);
	assert_true(config.uart.present);
	assert_int_equal(config.uart.intid, 33);
	assert_int_equal(config.rtc.intid, 40);
	assert_int_equal(config.gpio.intid, 39);
	assert_int_equal(config.device_count, 1);
	assert_int_equal(config.device[0].kind, IO_DEVICE_CONSOLE);
	assert_int_equal(config.device[0].offset, 512);
	assert_int_equal(config.device[0].queues, 2);
	assert_int_equal(config.device[0].fd, -1);
	assert_true(config.drop);
	assert_int_equal(config.gid, 6);
}

static void least(void **state)
{
	struct io_config config;
	struct zerror error;

	(void)state;
	assert_int_equal(
		parse(BEGIN "\"ram\":[],\"devices\":[]}", &config, &error), 0);
	assert_false(config.uart.present);
	assert_false(config.drop);
}

static void types(void **state)
{
	static const char text[] = BEGIN RAM ",\"devices\":[" RNG(
		"rng0", "0", "0",
		",\"fd\":6,\"total-bytes-sec\":4096,"
		"\"burst-ms\":500") "," DISK("disk0", "1", "32", "4",
					     REST
					     ",\"fd\":7,"
					     "\"block-size\":4096,"
					     "\"read-iops-sec\":9") "," RNG("rng1",
									    "2",
									    "64",
									    ",\"fd\":8") "]}";
	const struct io_config_device *device;
	struct io_config config;
	struct zerror error;

	(void)state;
	if (parse(text, &config, &error) != 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	assert_int_equal(config.device_count, 3);
	device = config.device;
	assert_int_equal(device[0].kind, IO_DEVICE_RNG);
	assert_int_equal(device[0].fd, 6);
	assert_int_equal(device[0].rng.bytes_sec.per_second, 4096);
	assert_int_equal(device[0].rng.bytes_sec.burst, 2048);
	assert_int_equal(device[1].kind, IO_DEVICE_DISK);
	assert_int_equal(device[1].queues, 4);
	assert_int_equal(device[1].disk.block_size, 4096);
	assert_int_equal(
		device[1].disk.limits.rate[BLK_LIMIT_READ_OPS].per_second, 9);
	assert_int_equal(device[1].disk.limits.rate[BLK_LIMIT_READ_OPS].burst,
			 1);
	assert_int_equal(device[1].disk.limits.rate[BLK_LIMIT_OPS].per_second,
			 0);
	assert_string_equal(device[1].disk.serial, "s");
	assert_true(device[1].disk.writeback);
	assert_false(device[1].disk.readonly);
	assert_int_equal(device[2].rng.bytes_sec.per_second, 0);
}

static const struct io_config_disk *parse_one_disk(const char *members,
						   struct io_config *config,
						   struct zerror *error)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s",
		 BEGIN RAM
		 ",\"devices\":[{\"type\":\"disk\",\"name\":\"d\"," PLACE(
			 "0", "0") ",\"queues\":1,\"readonly\":false,"
				   "\"writeback\":true,\"discard\":true,"
				   "\"fd\":6" REST,
		 members, "}]}");
	return parse(text, config, error) == 0 ? &config->device[0].disk : NULL;
}

static void stores(void **state)
{
	static const struct {
		const char *members;
		const char *path;
	} bad[] = {
		{ ",\"store\":\"tape\"", "$.devices[0].store" },
		{ ",\"store\":7", "$.devices[0].store" },
		{ ",\"export\":\"x\"", "$.devices[0].export" },
		{ ",\"store\":\"file\",\"export\":\"x\"",
		  "$.devices[0].export" },
		{ ",\"store\":\"nbd\",\"export\":7", "$.devices[0].export" },
	};
	const struct io_config_disk *disk;
	struct io_config config;
	struct zerror error;
	char name[300];

	(void)state;
	disk = parse_one_disk("", &config, &error);
	assert_non_null(disk);
	assert_int_equal(disk->store, IO_STORE_FILE);
	assert_string_equal(disk->export_name, "");
	disk = parse_one_disk(",\"store\":\"file\"", &config, &error);
	assert_non_null(disk);
	assert_int_equal(disk->store, IO_STORE_FILE);
	disk = parse_one_disk(",\"store\":\"nbd\"", &config, &error);
	assert_non_null(disk);
	assert_int_equal(disk->store, IO_STORE_NBD);
	assert_string_equal(disk->export_name, "");
	for (int len = 255; len <= 256; len++) {
		snprintf(name, sizeof(name),
			 ",\"store\":\"nbd\",\"export\":\"%0*d\"", len, 7);
		disk = parse_one_disk(name, &config, &error);
		assert_true((disk != NULL) == (len == 255));
		assert_true(disk == NULL || strlen(disk->export_name) == 255);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(parse_one_disk(bad[i].members, &config, &error));
		assert_string_equal(error.path, bad[i].path);
	}
}

static void vhost(void **state)
{
	struct io_config config;
	struct zerror error;

	(void)state;
	assert_int_equal(parse(BEGIN RAM ",\"devices\":[" NET(
				       "net0", "0", "0", "7",
				       CABLE ",\"fd\":6,\"vhost\":true") "]}",
			       &config, &error),
			 0);
	assert_true(config.device[0].net.vhost);
	assert_int_equal(config.device[0].fd_count, 6);
	assert_true(io_config_has_vhost(&config));
	/* Three TAP queues and three of vhost-net, up to the last fd. */
	assert_int_equal(parse(BEGIN RAM ",\"devices\":[" NET(
				       "net0", "0", "0", "7",
				       CABLE ",\"fd\":192,\"vhost\":true") "]}",
			       &config, &error),
			 0);
	assert_int_equal(parse(BEGIN RAM ",\"devices\":[" NET(
				       "net0", "0", "0", "7",
				       CABLE ",\"fd\":193,\"vhost\":true") "]}",
			       &config, &error),
			 -1);
	assert_string_equal(error.path, "$.devices[0].fd");
	assert_int_equal(parse(BEGIN RAM ",\"devices\":[" NET(
				       "net0", "0", "0", "7",
				       CABLE ",\"fd\":6,\"vhost\":1") "]}",
			       &config, &error),
			 -1);
	assert_string_equal(error.path, "$.devices[0].vhost");
	assert_int_equal(parse(BEGIN RAM ",\"devices\":[" NET(
				       "net0", "0", "0", "7",
				       CABLE ",\"fd\":6,\"vhost\":false") "]}",
			       &config, &error),
			 0);
	assert_int_equal(config.device[0].fd_count, 3);
	assert_false(io_config_has_vhost(&config));
}

static void networks(void **state)
{
	static const char text[] = BEGIN RAM ",\"devices\":[" NET(
		"net0", "0", "0", "7",
		CABLE ",\"fd\":6,\"rx-bytes-sec\":1000000,"
		      "\"tx-packets-sec\":50") "," NET("net1", "1", "7", "3",
						       ",\"mac\":\"02:00:00:00:"
						       "00:01\",\"mtu\":68,"
						       "\"link\":false,"
						       "\"fd\":9") "]}";
	static const uint8_t mac[] = { 0x5a, 0, 0x11, 0x22, 0x33, 0x44 };
	const struct io_config_device *device;
	struct io_config config;
	struct zerror error;

	(void)state;
	if (parse(text, &config, &error) != 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	device = config.device;
	assert_int_equal(device[0].kind, IO_DEVICE_NET);
	assert_int_equal(device[0].fd, 6);
	assert_int_equal(device[0].fd_count, 3);
	assert_memory_equal(device[0].net.mac, mac, sizeof(mac));
	assert_int_equal(device[0].net.mtu, 1500);
	assert_true(device[0].net.link);
	assert_int_equal(device[0].net.limits.rx.bytes.per_second, 1000000);
	assert_int_equal(device[0].net.limits.rx.bytes.burst, 100000);
	assert_int_equal(device[0].net.limits.tx.packets.per_second, 50);
	assert_int_equal(device[0].net.limits.tx.bytes.per_second, 0);
	assert_int_equal(device[1].fd_count, 1);
	assert_int_equal(device[1].net.mtu, 68);
	assert_false(device[1].net.link);
	assert_int_equal(device[1].net.via, IO_LINK_TAP);
}

static void networks_over_streams(void **state)
{
	static const char text[] = BEGIN RAM ",\"devices\":[" NET(
		"net0", "0", "0", "3",
		CABLE ",\"fd\":6,\"via\":\"stream\"") "%s]}";
	static const char tap[] = "," NET("net1", "1", "7", "5",
					  CABLE ",\"fd\":7,\"via\":\"tap\"");
	char line[sizeof(text) + sizeof(tap)];
	struct io_config config;
	struct zerror error;

	(void)state;
	snprintf(line, sizeof(line), text, "");
	assert_int_equal(parse(line, &config, &error), 0);
	assert_int_equal(config.device[0].net.via, IO_LINK_STREAM);
	assert_int_equal(config.device[0].fd_count, 1);
	assert_false(io_config_has_taps(&config));
	snprintf(line, sizeof(line), text, tap);
	assert_int_equal(parse(line, &config, &error), 0);
	assert_int_equal(config.device[1].net.via, IO_LINK_TAP);
	assert_true(io_config_has_taps(&config));
}

#define IN_NET(queues, more) \
	BEGIN RAM ",\"devices\":[" NET("a", "0", "0", queues, more) "]}"

static void refused(void **state)
{
	static const struct {
		const char *text;
		const char *path;
	} bad[] = {
		{ "[]", "$" },
		{ "{}", "$.cmd" },
		{ "{\"cmd\":7}", "$.cmd" },
		{ "{\"cmd\":\"stop\"}", "$.cmd" },
		{ BEGIN RAM "}", "$.devices" },
		{ BEGIN "\"devices\":[]}", "$.ram" },
		{ BEGIN RAM ",\"devices\":[],\"x\":1}", "$.x" },
		{ BEGIN RAM ",\"devices\":{}}", "$.devices" },
		{ "{\"cmd\":\"config\",\"zone\":\"a/b\"}", "$.zone" },
		{ "{\"cmd\":\"config\",\"zone\":\"\"}", "$.zone" },
		{ "{\"cmd\":\"config\",\"zone\":\"z\",\"vcpus\":33}",
		  "$.vcpus" },
		{ "{\"cmd\":\"config\",\"zone\":\"z\",\"vcpus\":0}",
		  "$.vcpus" },
		{ "{\"cmd\":\"config\",\"zone\":\"z\",\"vcpus\":-1}",
		  "$.vcpus" },
		{ "{\"cmd\":\"config\",\"zone\":\"z\",\"vcpus\":1.5}",
		  "$.vcpus" },
		{ BEGIN "\"ram\":[{\"gpa\":0}]}", "$.ram[0].size" },
		{ BEGIN "\"ram\":[{\"gpa\":1,\"size\":4096}]}", "$.ram[0]" },
		{ BEGIN "\"ram\":[{\"gpa\":0,\"size\":4097}]}", "$.ram[0]" },
		{ BEGIN "\"ram\":[{\"gpa\":4611686018427387904,"
			"\"size\":4096}]}",
		  "$.ram[0]" },
		{ BEGIN "\"ram\":[{\"gpa\":0,\"size\":8192},"
			"{\"gpa\":4096,\"size\":4096}]}",
		  "$.ram[1]" },
		{ BEGIN "\"ram\":[{},{},{},{},{},{},{},{},{}]}", "$.ram" },
		{ BEGIN "\"ram\":[null]}", "$.ram[0]" },
		{ BEGIN RAM ",\"uart\":{}}", "$.uart.shadow" },
		{ BEGIN RAM ",\"uart\":{\"shadow\":16}}", "$.uart.shadow" },
		{ BEGIN RAM ",\"uart\":{\"shadow\":-1}}", "$.uart.shadow" },
		{ BEGIN RAM ",\"rtc\":{\"shadow\":1,\"intid\":31}}",
		  "$.rtc.intid" },
		{ BEGIN RAM ",\"gpio\":7}", "$.gpio" },
		{ BEGIN RAM ",\"devices\":[{}]}", "$.devices[0].type" },
		{ BEGIN RAM ",\"devices\":[{\"type\":\"blk\"}]}",
		  "$.devices[0].type" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("uart0", "0", "0") "]}",
		  "$.devices[0].name" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a b", "0", "0") "]}",
		  "$.devices[0].name" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a", "32", "0") "]}",
		  "$.devices[0].slot" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a", "0", "1023") "]}",
		  "$.devices[0].doorbell" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a", "0", "0") "," DEVICE(
			  "a", "1", "2") "]}",
		  "$.devices[1].name" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a", "0", "0") "," DEVICE(
			  "b", "0", "2") "]}",
		  "$.devices[1].slot" },
		{ BEGIN RAM ",\"devices\":[" DEVICE("a", "0", "0") "," DEVICE(
			  "b", "1", "1") "]}",
		  "$.devices[1].doorbell" },
		{ BEGIN RAM ",\"devices\":[{\"type\":\"console\",\"name\":"
			    "\"a\",\"slot\":0,\"shadow\":3,\"offset\":100,"
			    "\"intid\":48,\"doorbell\":0,\"queues\":2}]}",
		  "$.devices[0].offset" },
		{ BEGIN RAM ",\"devices\":[{\"type\":\"console\",\"name\":"
			    "\"a\",\"slot\":0,\"shadow\":3,\"offset\":0,"
			    "\"intid\":48,\"doorbell\":0,\"queues\":2,"
			    "\"cols\":80}]}",
		  "$.devices[0].cols" },
		{ BEGIN RAM ",\"devices\":[7]}", "$.devices[0]" },
		{ BEGIN RAM ",\"devices\":[" RNG("a", "0", "0", "") "]}",
		  "$.devices[0].fd" },
		{ BEGIN RAM
		  ",\"devices\":[" RNG("a", "0", "0", ",\"fd\":5") "]}",
		  "$.devices[0].fd" },
		{ BEGIN RAM
		  ",\"devices\":[" RNG("a", "0", "0", ",\"fd\":198") "]}",
		  "$.devices[0].fd" },
		{ BEGIN RAM
		  ",\"devices\":[" RNG("a", "0", "0", ",\"fd\":6") "," RNG(
			  "b", "1", "1", ",\"fd\":6") "]}",
		  "$.devices[1].fd" },
		{ BEGIN RAM ",\"devices\":[" RNG("a", "0", "0",
						 ",\"fd\":6,\"cols\":1") "]}",
		  "$.devices[0].cols" },
		{ BEGIN RAM ",\"devices\":[" RNG("a", "0", "0",
						 ",\"fd\":6,"
						 "\"total-bytes-sec\":0") "]}",
		  "$.devices[0].total-bytes-sec" },
		{ BEGIN RAM ",\"devices\":[" DISK("a", "0", "0", "9",
						  REST ",\"fd\":6") "]}",
		  "$.devices[0].queues" },
		{ BEGIN RAM ",\"devices\":[" DISK("a", "0", "0", "0",
						  REST ",\"fd\":6") "]}",
		  "$.devices[0].queues" },
		{ BEGIN RAM ",\"devices\":[" DISK("a", "0", "1017", "8",
						  REST ",\"fd\":6") "]}",
		  "$.devices[0].doorbell" },
		{ BEGIN RAM ",\"devices\":[" DISK(
			  "a", "0", "0", "8",
			  REST
			  ",\"fd\":6") "," RNG("b", "1", "7", ",\"fd\":7") "]}",
		  "$.devices[1].doorbell" },
		{ BEGIN RAM
		  ",\"devices\":[" DISK("a", "0", "0", "1",
					REST ",\"fd\":6,"
					     "\"block-size\":1000") "]}",
		  "$.devices[0].block-size" },
		{ BEGIN RAM ",\"devices\":[" DISK("a", "0", "0", "1",
						  ",\"fd\":6,"
						  "\"on-error\":\"x\"") "]}",
		  "$.devices[0].on-error" },
		{ BEGIN RAM ",\"devices\":[" DISK(
			  "a", "0", "0", "1",
			  ",\"fd\":6,\"on-error\":\"pause\","
			  "\"serial\":\"123456789012345678901\"") "]}",
		  "$.devices[0].serial" },
		{ IN_NET("2", CABLE ",\"fd\":6"), "$.devices[0].queues" },
		{ IN_NET("4", CABLE ",\"fd\":6"), "$.devices[0].queues" },
		{ IN_NET("9", CABLE ",\"fd\":6"), "$.devices[0].queues" },
		{ IN_NET("5", CABLE ",\"fd\":6,\"via\":\"stream\""),
		  "$.devices[0].queues" },
		{ IN_NET("3", CABLE ",\"fd\":6,\"via\":\"stream\","
				    "\"vhost\":true"),
		  "$.devices[0].vhost" },
		{ IN_NET("3", CABLE ",\"fd\":6,\"via\":\"\""),
		  "$.devices[0].via" },
		{ IN_NET("3", CABLE ",\"fd\":6,\"via\":1"),
		  "$.devices[0].via" },
		{ IN_NET("3", CABLE), "$.devices[0].fd" },
		{ IN_NET("5", CABLE ",\"fd\":197"), "$.devices[0].fd" },
		{ IN_NET("3", ",\"fd\":6,\"mtu\":1500,\"link\":true"),
		  "$.devices[0].mac" },
		{ IN_NET("3", ",\"fd\":6,\"mac\":\"03:00:00:00:00:01\","
			      "\"mtu\":1500,\"link\":true"),
		  "$.devices[0].mac" },
		{ IN_NET("3", ",\"fd\":6,\"mac\":\"02:00:00:00:00:01\","
			      "\"mtu\":67,\"link\":true"),
		  "$.devices[0].mtu" },
		{ IN_NET("3", ",\"fd\":6,\"mac\":\"02:00:00:00:00:01\","
			      "\"mtu\":65536,\"link\":true"),
		  "$.devices[0].mtu" },
		{ IN_NET("3", ",\"fd\":6,\"mac\":\"02:00:00:00:00:01\","
			      "\"mtu\":1500,\"link\":1"),
		  "$.devices[0].link" },
		{ IN_NET("3", CABLE ",\"fd\":6,\"rx-bytes-sec\":0"),
		  "$.devices[0].rx-bytes-sec" },
		{ IN_NET("3", CABLE ",\"fd\":6,\"total-bytes-sec\":1"),
		  "$.devices[0].total-bytes-sec" },
		{ BEGIN RAM
		  ",\"devices\":[" NET("a", "0", "0", "5",
				       CABLE ",\"fd\":6") "," RNG("b", "1", "5",
								  ",\"fd\":"
								  "7") "]}",
		  "$.devices[1].fd" },
		{ BEGIN RAM ",\"devices\":[],\"uid\":5}", "$.gid" },
		{ BEGIN RAM ",\"devices\":[],\"uid\":0,\"gid\":1}", "$.uid" },
		{ BEGIN RAM ",\"devices\":[],\"uid\":4294967295,\"gid\":1}",
		  "$.uid" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct io_config config;
		struct zerror error = { 0 };

		if (parse(bad[i].text, &config, &error) == 0) {
			fail_msg("accepted: %s", bad[i].text);
		}
		assert_string_equal(error.path, bad[i].path);
		assert_true(error.message[0] != '\0');
	}
}

static void not_json(void **state)
{
	struct io_config config;
	struct zerror error = { 0 };

	(void)state;
	assert_int_equal(parse("", &config, &error), -1);
	assert_int_equal(parse("{", &config, &error), -1);
	assert_int_equal(parse("{\"cmd\":\"config\",\"cmd\":\"config\"}",
			       &config, &error),
			 -1);
}

static void commands(void **state)
{
	static const struct {
		const char *text;
		int rc;
		enum io_command_kind kind;
		const char *device;
	} cases[] = {
		{ "{\"cmd\":\"powerkey\"}", 0, IO_COMMAND_POWERKEY, "" },
		{ "{\"cmd\":\"reset\"}", 0, IO_COMMAND_RESET, "" },
		{ "{\"cmd\":\"stop\"}", 0, IO_COMMAND_STOP, "" },
		{ "{\"cmd\":\"resize\",\"device\":\"a\"}", 0, IO_COMMAND_RESIZE,
		  "a" },
		{ "{\"cmd\":\"resume\",\"device\":\"b-1\"}", 0,
		  IO_COMMAND_RESUME, "b-1" },
		{ "{\"cmd\":\"counters\",\"device\":\"b-1\"}", 0,
		  IO_COMMAND_COUNTERS, "b-1" },
		{ "{\"cmd\":\"counters\"}", -1, 0, "" },
		{ "{\"cmd\":\"resize\"}", -1, 0, "" },
		{ "{\"cmd\":\"resize\",\"device\":\"\"}", -1, 0, "" },
		{ "{\"cmd\":\"resize\",\"device\":3}", -1, 0, "" },
		{ "{\"cmd\":\"stop\",\"device\":\"a\"}", -1, 0, "" },
		{ "{\"cmd\":\"config\"}", -1, 0, "" },
		{ "{\"cmd\":\"stop\",\"now\":true}", -1, 0, "" },
		{ "{\"cmd\":1}", -1, 0, "" },
		{ "{}", -1, 0, "" },
		{ "7", -1, 0, "" },
		{ "stop", -1, 0, "" },
	};

	static const struct io_config config;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct io_command command;
		struct zerror error;

		assert_int_equal(io_command_parse(&config, cases[i].text,
						  strlen(cases[i].text),
						  &command, &error),
				 cases[i].rc);
		if (cases[i].rc == 0) {
			assert_int_equal(command.kind, cases[i].kind);
			assert_string_equal(command.device, cases[i].device);
		}
	}
}

static const struct io_config zone_of_six = {
	.device_count = 6,
	.device = {
		{ .kind = IO_DEVICE_CONSOLE, .name = "con" },
		{ .kind = IO_DEVICE_DISK, .name = "disk" },
		{ .kind = IO_DEVICE_RNG, .name = "rng" },
		{ .kind = IO_DEVICE_NET, .name = "net" },
		{ .kind = IO_DEVICE_GPU, .name = "gpu", .gpu = { .heads = 2 } },
		{ .kind = IO_DEVICE_INPUT, .name = "input" },
	},
};

static struct io_settings set(const char *text)
{
	struct io_command command;
	struct zerror error;

	if (io_command_parse(&zone_of_six, text, strlen(text), &command,
			     &error) != 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	assert_int_equal(command.kind, IO_COMMAND_SET);
	return command.set;
}

static void settings(void **state)
{
	struct io_settings s;

	(void)state;
	s = set("{\"cmd\":\"set\",\"device\":\"net\",\"link\":false}");
	assert_true(s.has_link);
	assert_false(s.link);
	assert_false(s.has_limits);
	assert_int_equal(s.mtu, 0);
	s = set("{\"cmd\":\"set\",\"device\":\"net\",\"mtu\":9000,"
		"\"limits\":{\"tx-bytes-sec\":7,\"burst-ms\":2000}}");
	assert_false(s.has_link);
	assert_int_equal(s.mtu, 9000);
	assert_true(s.has_limits);
	assert_int_equal(s.limits.net.tx.bytes.per_second, 7);
	assert_int_equal(s.limits.net.tx.bytes.burst, 14);
	assert_int_equal(s.limits.net.rx.bytes.per_second, 0);
	s = set("{\"cmd\":\"set\",\"device\":\"disk\","
		"\"limits\":{\"read-iops-sec\":5}}");
	assert_int_equal(s.limits.disk.rate[BLK_LIMIT_READ_OPS].per_second, 5);
	s = set("{\"cmd\":\"set\",\"device\":\"rng\",\"limits\":{}}");
	assert_true(s.has_limits);
	assert_int_equal(s.limits.rng.per_second, 0);
	assert_false(s.has_mode);
	s = set("{\"cmd\":\"set\",\"device\":\"gpu\",\"head\":1,"
		"\"width\":640,\"height\":2160}");
	assert_true(s.has_mode);
	assert_int_equal(s.mode.head, 1);
	assert_int_equal(s.mode.width, 640);
	assert_int_equal(s.mode.height, 2160);
	s = set("{\"cmd\":\"set\",\"device\":\"gpu\","
		"\"width\":4096,\"height\":480}");
	assert_int_equal(s.mode.head, 0);
}

static void settings_refused(void **state)
{
	static const struct {
		const char *text; /* after the command's name */
		const char *device; /* that can be told of it */
		const char *path;
	} bad[] = {
		{ "\"device\":\"net\"", "net", "$" },
		{ "\"link\":true", "", "$.device" },
		{ "\"device\":\"eth\",\"link\":true", "eth", "$.device" },
		{ "\"device\":\"net\",\"link\":1", "net", "$.link" },
		{ "\"device\":\"net\",\"mtu\":67", "net", "$.mtu" },
		{ "\"device\":\"net\",\"mtu\":65536", "net", "$.mtu" },
		{ "\"device\":\"net\",\"mac\":\"x\"", "net", "$.mac" },
		{ "\"device\":\"net\",\"limits\":7", "net", "$.limits" },
		{ "\"device\":\"net\",\"limits\":{\"rx-bytes-sec\":0}", "net",
		  "$.limits.rx-bytes-sec" },
		{ "\"device\":\"net\",\"link\":true,"
		  "\"limits\":{\"read-iops-sec\":1}",
		  "net", "$.limits.read-iops-sec" },
		{ "\"device\":\"disk\",\"link\":true", "disk", "$.link" },
		{ "\"device\":\"disk\",\"mtu\":1500,\"limits\":{}", "disk",
		  "$.mtu" },
		{ "\"device\":\"con\",\"limits\":{}", "con", "$.limits" },
		{ "\"device\":\"gpu\",\"limits\":{}", "gpu", "$.limits" },
		{ "\"device\":\"gpu\",\"width\":640", "gpu", "$.height" },
		{ "\"device\":\"gpu\",\"head\":1", "gpu", "$.width" },
		{ "\"device\":\"gpu\",\"head\":2,\"width\":640,\"height\":480",
		  "gpu", "$.head" },
		{ "\"device\":\"gpu\",\"width\":639,\"height\":480", "gpu",
		  "$.width" },
		{ "\"device\":\"gpu\",\"width\":640,\"height\":2161", "gpu",
		  "$.height" },
		{ "\"device\":\"net\",\"width\":640,\"height\":480", "net",
		  "$.width" },
		{ "\"device\":\"input\",\"head\":0", "input", "$.head" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct io_command command;
		struct zerror error = { 0 };
		char text[256];

		snprintf(text, sizeof(text), "{\"cmd\":\"set\",%s}",
			 bad[i].text);
		if (io_command_parse(&zone_of_six, text, strlen(text), &command,
				     &error) == 0) {
			fail_msg("accepted: %s", text);
		}
		assert_string_equal(error.path, bad[i].path);
		assert_string_equal(command.device, bad[i].device);
	}
}

#define GPU                                                                       \
	"\"type\":\"gpu\",\"name\":\"gpu0\",\"slot\":0,\"queues\":2,\"heads\":2," \
	"\"width\":1280,\"height\":800,"
#define SCREEN_PLACE "\"shadow\":3,\"offset\":0,\"intid\":48,\"doorbell\":0"
#define INPUT                                                             \
	"\"type\":\"input\",\"name\":\"input0\",\"slot\":1,\"queues\":2," \
	"\"shadow\":3,\"offset\":512,\"intid\":49,\"doorbell\":2"

/* A zone with that device. */
static int parse_one(const char *device, struct io_config *ret,
		     struct zerror *ret_error)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"cmd\":\"config\",\"zone\":\"z\",\"vcpus\":1,\"ram\":[],"
		 "\"devices\":[%s]}",
		 device);
	return io_config_parse(text, strlen(text), ret, ret_error);
}

static void screens(void **state)
{
	static const struct {
		const char *device;
		const char *path;
	} bad[] = {
		{ "{" GPU SCREEN_PLACE "}", "$.devices[0].fd" },
		{ "{" GPU SCREEN_PLACE ",\"fd\":197}", "$.devices[0].fd" },
		{ "{" GPU SCREEN_PLACE ",\"fd\":6,\"kind\":\"x\"}",
		  "$.devices[0].kind" },
		{ "{" GPU SCREEN_PLACE ",\"fd\":6},{" INPUT "}",
		  "$.devices[1].kind" },
		{ "{" INPUT ",\"kind\":\"pen\"}", "$.devices[0].kind" },
		{ "{" INPUT ",\"kind\":1}", "$.devices[0].kind" },
		{ "{" INPUT ",\"kind\":\"mouse\",\"fd\":6}",
		  "$.devices[0].fd" },
		{ "{" GPU SCREEN_PLACE
		  ",\"fd\":6},{\"type\":\"rng\",\"name\":\"r\","
		  "\"slot\":1,\"shadow\":3,\"offset\":512,\"intid\":49,"
		  "\"doorbell\":2,\"queues\":1,\"fd\":7}",
		  "$.devices[1].fd" },
	};
	static struct io_config config;
	struct zerror error = { 0 };

	(void)state;
	if (parse_one("{" GPU SCREEN_PLACE ",\"fd\":196},{" INPUT
		      ",\"kind\":\"tablet\"}",
		      &config, &error) != 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	assert_int_equal(config.device[0].kind, IO_DEVICE_GPU);
	assert_int_equal(config.device[0].fd_count, 2);
	assert_int_equal(config.device[0].gpu.heads, 2);
	assert_int_equal(config.device[0].gpu.width, 1280);
	assert_int_equal(config.device[0].gpu.height, 800);
	assert_int_equal(config.device[1].kind, IO_DEVICE_INPUT);
	assert_int_equal(config.device[1].input.kind, INPUT_TABLET);
	assert_int_equal(config.device[1].fd, -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse_one(bad[i].device, &config, &error) == 0) {
			fail_msg("accepted: %s", bad[i].device);
		}
		assert_string_equal(error.path, bad[i].path);
	}
}

static void heads_and_modes(void **state)
{
	static const struct {
		int heads;
		int width;
		int height;
		const char *wrong;
	} cases[] = {
		{ 1, 640, 480, NULL },	   { 4, 4096, 2160, NULL },
		{ 0, 640, 480, "heads" },  { 5, 640, 480, "heads" },
		{ 1, 639, 480, "width" },  { 1, 4097, 480, "width" },
		{ 1, 640, 479, "height" }, { 1, 640, 2161, "height" },
	};
	static struct io_config config;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zerror error = { 0 };
		char text[512];
		char path[64] = "";

		snprintf(text, sizeof(text),
			 "{\"type\":\"gpu\",\"name\":\"g\",\"slot\":0,"
			 "\"queues\":2,\"fd\":6,\"heads\":%d,\"width\":%d,"
			 "\"height\":%d," SCREEN_PLACE "}",
			 cases[i].heads, cases[i].width, cases[i].height);
		if (cases[i].wrong != NULL) {
			snprintf(path, sizeof(path), "$.devices[0].%s",
				 cases[i].wrong);
		}
		assert_int_equal(parse_one(text, &config, &error),
				 cases[i].wrong != NULL ? -1 : 0);
		assert_string_equal(error.path, path);
	}
}

static struct io_command command_of(const char *text)
{
	struct io_command command;
	struct zerror error;

	if (io_command_parse(&zone_of_six, text, strlen(text), &command,
			     &error) != 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	return command;
}

static void keys(void **state)
{
	static const char *const bad[] = {
		"\"device\":\"input\"",
		"\"device\":\"input\",\"keys\":7",
		"\"device\":\"input\",\"keys\":[]",
		"\"device\":\"input\",\"keys\":[0]",
		"\"device\":\"input\",\"keys\":[768]",
		"\"device\":\"input\",\"keys\":[-1]",
		"\"device\":\"input\",\"keys\":[1.5]",
		"\"device\":\"input\",\"keys\":[\"1\"]",
		"\"device\":\"input\",\"keys\":[4294967297]",
		"\"device\":\"input\",\"keys\":[1,2,3,4,5,6,7,8,9,10,11,12,"
		"13,14,15,16,17]",
		"\"device\":\"input\",\"keys\":[1],\"hold-ms\":0",
		"\"device\":\"input\",\"keys\":[1],\"hold-ms\":10001",
		"\"keys\":[1]",
		"\"device\":\"input\",\"keys\":[1],\"link\":true",
	};
	struct io_command c;

	(void)state;
	c = command_of("{\"cmd\":\"keys\",\"device\":\"input\","
		       "\"keys\":[29,56,767]}");
	assert_int_equal(c.kind, IO_COMMAND_KEYS);
	assert_string_equal(c.device, "input");
	assert_int_equal(c.keys.count, 3);
	assert_int_equal(c.keys.code[0], 29);
	assert_int_equal(c.keys.code[2], 767);
	assert_int_equal(c.keys.hold_ms, 100);
	c = command_of("{\"cmd\":\"keys\",\"device\":\"input\",\"keys\":[1,2,3,"
		       "4,5,6,7,8,9,10,11,12,13,14,15,16],\"hold-ms\":10000}");
	assert_int_equal(c.keys.count, 16);
	assert_int_equal(c.keys.hold_ms, 10000);
	c = command_of("{\"cmd\":\"display\",\"device\":\"gpu\"}");
	assert_int_equal(c.kind, IO_COMMAND_DISPLAY);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct zerror error;
		char text[256];

		snprintf(text, sizeof(text), "{\"cmd\":\"keys\",%s}", bad[i]);
		if (io_command_parse(&zone_of_six, text, strlen(text), &c,
				     &error) == 0) {
			fail_msg("accepted: %s", text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(least),
		cmocka_unit_test(types),
		cmocka_unit_test(stores),
		cmocka_unit_test(refused),
		cmocka_unit_test(not_json),
		cmocka_unit_test(commands),
		cmocka_unit_test(networks),
		cmocka_unit_test(networks_over_streams),
		cmocka_unit_test(vhost),
		cmocka_unit_test(settings),
		cmocka_unit_test(settings_refused),
		cmocka_unit_test(screens),
		cmocka_unit_test(heads_and_modes),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
