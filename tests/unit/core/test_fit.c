/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "boot_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zv/boot.h>

static const char bundle_dts[] =
	"/dts-v1/;\n"
	"/ {\n"
	"	images {\n"
	"		kernel { type = \"kernel\"; compression = \"none\";\n"
	"			data = [01 02 03 04]; };\n"
	"		disk { type = \"ramdisk\"; data = [0a 0b]; };\n"
	"	};\n"
	"	configurations {\n"
	"		default = \"main\";\n"
	"		other { kernel = \"disk\"; };\n"
	"		main { kernel = \"kernel\"; ramdisk = \"disk\";\n"
	"			bootargs = \"quiet\"; zone0-memory = \"512M\";\n"
	"			zone0-cpus = <3>; };\n"
	"	};\n"
	"};\n";

static struct fit_bundle bundle;
static void *held;

/* The bundle with one replacement and some bytes behind the tree. */
static int read_with(const char *from, const char *to, const char *tail)
{
	const char *at = strstr(bundle_dts, from);
	size_t size;
	char *text;
	void *dtb;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - bundle_dts),
			     bundle_dts, to, at + strlen(from)) > 0);
	dtb = dts_compile(text, &size);
	free(text);
	free(held);
	held = malloc(size + strlen(tail));
	memcpy(held, dtb, size);
	memcpy((char *)held + size, tail, strlen(tail));
	free(dtb);
	log_forget();
	memset(&bundle, 0, sizeof(bundle));
	return fit_read(held, size + strlen(tail), &bundle);
}

static void rejects(const char *from, const char *to, const char *reason)
{
	assert_true(read_with(from, to, "") < 0);
	assert_non_null(strstr(log_text(), reason));
	assert_null(bundle.kernel.data);
}

static void reads_default_configuration(void **state)
{
	(void)state;
	assert_int_equal(read_with("quiet", "quiet", ""), 0);
	assert_int_equal(bundle.kernel.size, 4);
	assert_memory_equal(bundle.kernel.data, "\1\2\3\4", 4);
	assert_int_equal(bundle.ramdisk.size, 2);
	assert_string_equal(bundle.bootargs, "quiet");
	assert_int_equal(bundle.zone0_memory, 512 << 20);
	assert_int_equal(bundle.zone0_cpus, 3);
}

static void optional_parts(void **state)
{
	(void)state;
	assert_int_equal(read_with("ramdisk = \"disk\";\n"
				   "			bootargs = \"quiet\"; "
				   "zone0-memory = \"512M\";\n"
				   "			zone0-cpus = <3>;",
				   "", ""),
			 0);
	assert_int_equal(bundle.ramdisk.size, 0);
	assert_null(bundle.bootargs);
	assert_int_equal(bundle.zone0_memory, 0);
	assert_int_equal(bundle.zone0_cpus, 0);
}

static void external_data(void **state)
{
	(void)state;
	/* dtc pads the tree to a multiple of four. */
	assert_int_equal(read_with("data = [0a 0b]",
				   "data-offset = <1>; data-size = <3>",
				   "xyz!"),
			 0);
	assert_int_equal(bundle.ramdisk.size, 3);
	assert_memory_equal(bundle.ramdisk.data, "yz!", 3);
	assert_true(read_with("data = [0a 0b]",
			      "data-offset = <2>; data-size = <3>",
			      "xyz!") < 0);
	assert_true(read_with("data = [0a 0b]",
			      "data-position = <0xfffffff0>; data-size = <32>",
			      "xyz!") < 0);
	assert_int_equal(read_with("data = [0a 0b]",
				   "data-position = <4>; data-size = <8>", ""),
			 0);
	assert_ptr_equal(bundle.ramdisk.data, (char *)held + 4);
}

static void memory_sizes(void **state)
{
	static const struct {
		const char *text;
		u64 size; /* 0: refused */
	} cases[] = {
		{ "1G", GIB(1) },
		{ "64K", KIB(64) },
		{ "4096", 4096 },
		{ "0x40000000", GIB(1) },
		{ "0x10M", MIB(16) },
		{ "", 0 },
		{ "G", 0 },
		{ "12X", 0 },
		{ "1GB", 0 },
		{ "-1", 0 },
		{ "99999999999999999999", 0 },
		{ "0x", 0 },
		{ "18446744073709551615G", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = read_with("512M", cases[i].text, "");

		assert_int_equal(err < 0, cases[i].size == 0);
		assert_int_equal(bundle.zone0_memory, cases[i].size);
	}
	rejects("zone0-memory = \"512M\"", "zone0-memory = <1>",
		"zone0-memory");
}

static void errors_name_what_is_wrong(void **state)
{
	(void)state;
	rejects("\"main\"", "\"mine\"", "\"mine\"");
	rejects("kernel = \"kernel\"", "kernel = \"karnel\"", "karnel");
	rejects("main { kernel = \"kernel\";", "main { ", "has no kernel");
	rejects("main { kernel = \"kernel\"", "main { kernel = \"disk\"",
		"type is not");
	rejects("compression = \"none\"", "compression = \"gzip\"",
		"compression");
	rejects("data = [01 02 03 04]", "data", "data missing");
	rejects("images {", "pictures {", "/images");
	rejects("configurations {", "settings {", "/configurations");
}

static void damaged_header(void **state)
{
	(void)state;
	assert_int_equal(read_with("quiet", "quiet", ""), 0);
	log_forget();
	assert_true(fit_read(held, 16, &bundle) < 0);
	assert_true(fit_read(held, 200, &bundle) < 0);
	((u8 *)held)[0] ^= 1;
	assert_true(fit_read(held, 4096, &bundle) < 0);
	assert_non_null(strstr(log_text(), "no valid FIT"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_default_configuration),
		cmocka_unit_test(optional_parts),
		cmocka_unit_test(external_data),
		cmocka_unit_test(memory_sizes),
		cmocka_unit_test(errors_name_what_is_wrong),
		cmocka_unit_test(damaged_header),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(held);
	return failed;
}
