/* SPDX-License-Identifier: BSD-2-Clause */
#include "dtb.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"

static uint8_t tree[IMAGE_DTB_SIZE];

static struct zone_def make_def(uint32_t vcpus, uint32_t devices)
{
	struct zone_def def = {
		.name = "z",
		.vcpus = vcpus,
		.memory = 3ull << 30,
		.cmdline = (char *)(uintptr_t) "console=ttyAMA0",
		.dtb_overlay = (char *)(uintptr_t) "/o.dtbo",
		.device_count = devices,
	};

	return def;
}

static int build(const struct zone_def *def, const struct image_plan *plan,
		 const void *overlay, size_t overlay_size, size_t room,
		 struct zerror *ret_error)
{
	uint8_t seed[DTB_SEED_SIZE];
	size_t size = 0;
	int rc;

	for (size_t i = 0; i < sizeof(seed); i++) {
		seed[i] = (uint8_t)i;
	}
	rc = dtb_build(def, plan, seed, overlay, overlay_size, tree, room,
		       &size, ret_error);
	if (rc == 0) {
		assert_int_equal(fdt_check_full(tree, room), 0);
		assert_int_equal(size, fdt_totalsize(tree));
	}
	return rc;
}

static void build_good(uint32_t vcpus, uint32_t devices)
{
	struct zone_def def = make_def(vcpus, devices);
	struct image_plan plan = {
		.dtb = 0x40000000,
		.kernel = 0x40200000,
		.initrd = 0x43000000,
		.initrd_size = 0x1234,
	};
	struct zerror error;

	assert_int_equal(build(&def, &plan, NULL, 0, sizeof(tree), &error), 0);
}

static int node(const char *path)
{
	int offset = fdt_path_offset(tree, path);

	if (offset < 0) {
		fail_msg("no %s", path);
	}
	return offset;
}

static void has_cells(const char *path, const char *name, const uint32_t *cells,
		      size_t count)
{
	int len;
	const fdt32_t *value = fdt_getprop(tree, node(path), name, &len);

	if (!value || len != (int)(count * 4)) {
		fail_msg("%s %s: %d bytes", path, name, len);
	}
	for (size_t i = 0; i < count; i++) {
		if (fdt32_to_cpu(value[i]) != cells[i]) {
			fail_msg("%s %s[%zu] = %x", path, name, i,
				 fdt32_to_cpu(value[i]));
		}
	}
}

#define CELL_LIST(...)      \
	(const uint32_t[])  \
	{                   \
		__VA_ARGS__ \
	}
#define HAS_CELLS(path, name, ...)                    \
	has_cells(path, name, CELL_LIST(__VA_ARGS__), \
		  sizeof(CELL_LIST(__VA_ARGS__)) / sizeof(uint32_t))

static void has_string(const char *path, const char *name, const char *text)
{
	const char *value = fdt_getprop(tree, node(path), name, NULL);

	assert_non_null(value);
	assert_string_equal(value, text);
}

static void test_same_as_qemu_virt(void **state)
{
	(void)state;
	build_good(2, 2);
	has_string("/", "compatible", "linux,dummy-virt");
	HAS_CELLS("/memory@40000000", "reg", 0, 0x40000000, 0, 0xc0000000);
	has_string("/psci", "compatible", "arm,psci-1.0");
	has_string("/psci", "method", "hvc");
	HAS_CELLS("/intc@8000000", "reg", 0, 0x08000000, 0, 0x10000, 0,
		  0x080a0000, 0, 2 * 0x20000);
	HAS_CELLS("/intc@8000000", "#interrupt-cells", 3);
	HAS_CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10,
		  4);
	has_string("/pl011@9000000", "compatible", "arm,pl011");
	HAS_CELLS("/pl011@9000000", "reg", 0, 0x09000000, 0, 0x1000);
	HAS_CELLS("/pl011@9000000", "interrupts", 0, 1, 4);
	HAS_CELLS("/pl031@9010000", "interrupts", 0, 2, 4);
	HAS_CELLS("/pl061@9030000", "interrupts", 0, 7, 4);
	HAS_CELLS("/gpio-keys/poweroff", "linux,code", 116);
	HAS_CELLS("/gpio-keys/poweroff", "gpios",
		  fdt_get_phandle(tree, node("/pl061@9030000")), 3, 0);
	HAS_CELLS("/virtio_mmio@a000000", "interrupts", 0, 16, 1);
	HAS_CELLS("/virtio_mmio@a000200", "interrupts", 0, 17, 1);
	HAS_CELLS("/virtio_mmio@a000200", "reg", 0, 0x0a000200, 0, 0x200);
	assert_true(fdt_path_offset(tree, "/virtio_mmio@a000400") < 0);
	assert_true(fdt_path_offset(tree, "/__symbols__") < 0);
}

static void test_chosen(void **state)
{
	struct zone_def def = make_def(1, 0);
	struct image_plan plan = { .kernel = 0x40200000 };
	struct zerror error;
	int len;

	(void)state;
	build_good(1, 1);
	has_string("/chosen", "stdout-path", "/pl011@9000000");
	has_string("/chosen", "bootargs", "console=ttyAMA0");
	HAS_CELLS("/chosen", "linux,initrd-start", 0, 0x43000000);
	HAS_CELLS("/chosen", "linux,initrd-end", 0, 0x43001234);
	HAS_CELLS("/chosen", "kaslr-seed", 0x20212223, 0x24252627);
	assert_non_null(fdt_getprop(tree, node("/chosen"), "rng-seed", &len));
	assert_int_equal(len, 32);
	assert_int_equal(build(&def, &plan, NULL, 0, sizeof(tree), &error), 0);
	assert_null(
		fdt_getprop(tree, node("/chosen"), "linux,initrd-start", NULL));
}

static void test_cpus_in_clusters_of_16(void **state)
{
	(void)state;
	build_good(32, 32);
	HAS_CELLS("/cpus/cpu@0", "reg", 0);
	HAS_CELLS("/cpus/cpu@f", "reg", 15);
	HAS_CELLS("/cpus/cpu@100", "reg", 0x100);
	HAS_CELLS("/cpus/cpu@10f", "reg", 0x10f);
	has_string("/cpus/cpu@10f", "enable-method", "psci");
	assert_true(fdt_path_offset(tree, "/cpus/cpu@110") < 0);
	assert_int_equal(dtb_vcpu_mpidr(17), 0x101);
}

static void test_no_room(void **state)
{
	struct zone_def def = make_def(32, 32);
	struct image_plan plan = { 0 };
	struct zerror error;

	(void)state;
	for (size_t room = 0; room < 6000; room += 100) {
		assert_int_equal(build(&def, &plan, NULL, 0, room, &error), -1);
		assert_int_equal(error.code, ZERROR_INTERNAL);
	}
}

/* An overlay as dtc -@ makes it: sets a property of a node named by path. */
static size_t make_overlay(uint8_t *buffer, size_t room, const char *target)
{
	assert_int_equal(fdt_create(buffer, (int)room), 0);
	fdt_finish_reservemap(buffer);
	fdt_begin_node(buffer, "");
	fdt_begin_node(buffer, "fragment@0");
	fdt_property_string(buffer, "target-path", target);
	fdt_begin_node(buffer, "__overlay__");
	fdt_property_string(buffer, "added", "yes");
	fdt_begin_node(buffer, "new-node");
	fdt_end_node(buffer);
	fdt_end_node(buffer);
	fdt_end_node(buffer);
	fdt_end_node(buffer);
	assert_int_equal(fdt_finish(buffer), 0);
	return fdt_totalsize(buffer);
}

static void test_overlay(void **state)
{
	struct zone_def def = make_def(1, 1);
	struct image_plan plan = { 0 };
	uint8_t overlay[1024];
	uint8_t before[1024];
	struct zerror error;
	size_t size = make_overlay(overlay, sizeof(overlay), "/chosen");

	(void)state;
	memcpy(before, overlay, size);
	assert_int_equal(
		build(&def, &plan, overlay, size, sizeof(tree), &error), 0);
	assert_memory_equal(before, overlay, size);
	has_string("/chosen", "added", "yes");
	node("/chosen/new-node");
	has_string("/__symbols__", "uart", "/pl011@9000000");
}

static void test_bad_overlays(void **state)
{
	struct zone_def def = make_def(1, 1);
	struct image_plan plan = { 0 };
	uint8_t overlay[1024];
	struct zerror error;
	size_t size = make_overlay(overlay, sizeof(overlay), "/nowhere");

	(void)state;
	assert_int_equal(
		build(&def, &plan, overlay, size, sizeof(tree), &error), -1);
	assert_int_equal(error.code, ZERROR_IO_ERROR);
	assert_string_equal(error.path, "$.dtb-overlay");
	assert_non_null(strstr(error.message, "/o.dtbo"));
	assert_non_null(strstr(error.message, "FDT_ERR_NOTFOUND"));
	/* every cut of a good one is refused */
	size = make_overlay(overlay, sizeof(overlay), "/chosen");
	for (size_t len = 0; len < size; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, overlay, len);
		assert_int_equal(
			build(&def, &plan, cut, len, sizeof(tree), &error), -1);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_qemu_virt),
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_cpus_in_clusters_of_16),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_bad_overlays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
