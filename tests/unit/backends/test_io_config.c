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
	",\"shadow\":3,\"offset\":512,\"intid\":48,\"doorbell\":" bell "}"
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
	assert_int_equal(config.console_count, 1);
	assert_int_equal(config.console[0].offset, 512);
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
			    "\"intid\":48,\"doorbell\":0}]}",
		  "$.devices[0].offset" },
		{ BEGIN RAM ",\"devices\":[{\"type\":\"console\",\"name\":"
			    "\"a\",\"slot\":0,\"shadow\":3,\"offset\":0,"
			    "\"intid\":48,\"doorbell\":0,\"cols\":80}]}",
		  "$.devices[0].cols" },
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
		enum io_command command;
	} cases[] = {
		{ "{\"cmd\":\"powerkey\"}", 0, IO_COMMAND_POWERKEY },
		{ "{\"cmd\":\"reset\"}", 0, IO_COMMAND_RESET },
		{ "{\"cmd\":\"stop\"}", 0, IO_COMMAND_STOP },
		{ "{\"cmd\":\"config\"}", -1, 0 },
		{ "{\"cmd\":\"stop\",\"now\":true}", -1, 0 },
		{ "{\"cmd\":1}", -1, 0 },
		{ "{}", -1, 0 },
		{ "7", -1, 0 },
		{ "stop", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum io_command command = IO_COMMAND_POWERKEY;
		struct zerror error;

		assert_int_equal(io_command_parse(cases[i].text,
						  strlen(cases[i].text),
						  &command, &error),
				 cases[i].rc);
		if (cases[i].rc == 0) {
			assert_int_equal(command, cases[i].command);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),    cmocka_unit_test(least),
		cmocka_unit_test(refused),  cmocka_unit_test(not_json),
		cmocka_unit_test(commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
