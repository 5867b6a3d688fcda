/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_test.h"

#include <stdlib.h>
#include <string.h>

#include <zv/abi_all.h>
#include <zv/fdt_walk.h>
#include <zv/zone0_fdt.h>

#define SIZE (64 * 1024)

static const struct mem_range ram[] = { { 0x80000000, 0x20000000 },
					{ 0x100000000, 0x40000000 } };
static const u64 cpu_id[] = { 0, 1 };
static struct zone0_fdt_params params;
static void *tree;

static int setup(void **state)
{
	(void)state;
	params = (struct zone0_fdt_params){
		.ram = ram,
		.ram_count = 2,
		.cpu_id = cpu_id,
		.cpu_count = 2,
		.bootargs = "console=ttyAMA0",
		.initrd = { 0x81000000, 0x1234 },
		.host_page = 0x7ffff000,
		.event_first = 288,
		.event_count = 2,
	};
	tree = malloc(SIZE);
	log_forget();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(tree);
	return 0;
}

static void build_with(const char *from, const char *to)
{
	void *host = host_dtb_with(from, to);

	assert_int_equal(zone0_fdt_build(host, &params, tree, SIZE), 0);
	assert_int_equal(fdt_check_full(tree, SIZE), 0);
	free(host);
}

static void build(void)
{
	build_with("/dts-v1/;", "/dts-v1/;");
}

static int node(const char *path)
{
	return fdt_path_offset(tree, path);
}

static const char *string(const char *path, const char *name)
{
	return fdt_string_prop(tree, node(path), name);
}

static u64 cells(const char *path, const char *name, u32 first, u32 count)
{
	u32 have;
	const fdt32_t *p = fdt_cells_prop(tree, node(path), name, &have);

	assert_non_null(p);
	assert_true(first + count <= have);
	return fdt_cells_get(&p[first], count);
}

static void memory_is_zone0s(void **state)
{
	(void)state;
	build();
	assert_true(node("/memory@40000000") < 0);
	assert_int_equal(cells("/memory@80000000", "reg", 0, 2), 0x80000000);
	assert_int_equal(cells("/memory@80000000", "reg", 2, 2), 0x20000000);
	assert_int_equal(cells("/memory@100000000", "reg", 0, 2), 0x100000000);
	assert_string_equal(string("/memory@100000000", "device_type"),
			    "memory");
}

static void reservations_outside_go(void **state)
{
	u64 start, size;

	(void)state;
	build();
	assert_int_equal(fdt_num_mem_rsv(tree), 1);
	assert_int_equal(fdt_get_mem_rsv(tree, 0, &start, &size), 0);
	assert_int_equal(start, 0x80000000);
	assert_true(node("/reserved-memory/secure@50000000") < 0);
	assert_true(node("/reserved-memory/frame@90000000") >= 0);
	assert_true(node("/reserved-memory/anywhere") >= 0);
}

static void all_cpus_stay(void **state)
{
	(void)state;
	build();
	assert_true(node("/cpus/cpu@0") >= 0);
	assert_true(node("/cpus/cpu@1") >= 0);
	/* Disabled for the host: not one of ours. */
	assert_true(node("/cpus/cpu@2") < 0);
	assert_string_equal(string("/cpus/cpu@1", "enable-method"), "psci");
}

static void fewer_cpus(void **state)
{
	(void)state;
	params.cpu_count = 1;
	build();
	assert_true(node("/cpus/cpu@0") >= 0);
	assert_true(node("/cpus/cpu@1") < 0);
	assert_true(node("/cpus/cpu-map") < 0);
}

static void firmware_is_the_hypervisor(void **state)
{
	(void)state;
	build();
	assert_string_equal(string("/psci", "method"), "hvc");
	assert_true(fdt_is_compatible(tree, node("/psci"), "arm,psci-0.2"));
	assert_null(string("/cpus/cpu@0", "cpu-idle-states"));
	assert_true(node("/cpus/idle-states/idle0") < 0);
}

static void psci_is_made_if_absent(void **state)
{
	(void)state;
	build_with("compatible = \"arm,psci-1.0\", \"arm,psci-0.2\";",
		   "compatible = \"test,firmware\";");
	assert_string_equal(string("/psci", "method"), "hvc");
	assert_true(fdt_is_compatible(tree, node("/psci"), "arm,psci-1.0"));
}

static void what_is_not_virtual_is_hidden(void **state)
{
	(void)state;
	build();
	assert_true(node("/pmu") < 0);
	assert_true(node("/interrupt-controller@8000000/msi@8080000") < 0);
	assert_null(fdt_getprop(tree, node("/pcie@3f000000"), "msi-map", NULL));
	assert_true(node("/soc/serial@9000000") >= 0);
}

static void chosen(void **state)
{
	(void)state;
	build();
	assert_string_equal(string("/chosen", "bootargs"), "console=ttyAMA0");
	assert_string_equal(string("/chosen", "stdout-path"),
			    "serial0:115200n8");
	assert_int_equal(cells("/chosen", "linux,initrd-start", 0, 2),
			 0x81000000);
	assert_int_equal(cells("/chosen", "linux,initrd-end", 0, 2),
			 0x81001234);
	assert_int_equal(cells("/chosen", "rng-seed", 3, 1), 4);
}

static void chosen_without_files(void **state)
{
	(void)state;
	params.initrd.size = 0;
	params.bootargs = NULL;
	build();
	assert_null(fdt_getprop(tree, node("/chosen"), "bootargs", NULL));
	assert_null(
		fdt_getprop(tree, node("/chosen"), "linux,initrd-start", NULL));
}

static void hypervisor_node(void **state)
{
	(void)state;
	build();
	assert_true(fdt_is_compatible(tree, node("/hypervisor"),
				      "zonevisor,hypervisor"));
	assert_string_equal(string("/hypervisor", "method"), "hvc");
	assert_int_equal(cells("/hypervisor", "zonevisor,abi-version", 0, 1),
			 ZV_ABI_VERSION);
	assert_int_equal(cells("/hypervisor", "reg", 0, 2), 0x7ffff000);
	assert_int_equal(cells("/hypervisor", "reg", 2, 2), 0x1000);
	/* <0 spi edge> for each vCPU */
	assert_int_equal(cells("/hypervisor", "interrupts", 1, 1), 256);
	assert_int_equal(cells("/hypervisor", "interrupts", 4, 1), 257);
	assert_int_equal(cells("/hypervisor", "interrupts", 5, 1), 1);
	assert_int_equal(
		cells("/hypervisor", "interrupt-parent", 0, 1),
		fdt_get_phandle(tree, node("/interrupt-controller@8000000")));
}

static void foreign_hypervisor_node_goes(void **state)
{
	(void)state;
	build_with(
		"	psci {",
		"	hypervisor { compatible = \"test,other\"; };\n	psci {");
	assert_false(
		fdt_is_compatible(tree, node("/hypervisor"), "test,other"));
	assert_true(fdt_is_compatible(tree, node("/hypervisor"),
				      "zonevisor,hypervisor"));
}

static void no_room(void **state)
{
	void *host = host_dtb_with("/dts-v1/;", "/dts-v1/;");

	(void)state;
	assert_int_equal(
		zone0_fdt_build(host, &params, tree, fdt_totalsize(host) + 64),
		-28);
	assert_non_null(strstr(log_text(), "NOSPACE"));
	free(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_zone0s),
		TEST(reservations_outside_go),
		TEST(all_cpus_stay),
		TEST(fewer_cpus),
		TEST(firmware_is_the_hypervisor),
		TEST(psci_is_made_if_absent),
		TEST(what_is_not_virtual_is_hidden),
		TEST(chosen),
		TEST(chosen_without_files),
		TEST(hypervisor_node),
		TEST(foreign_hypervisor_node_goes),
		TEST(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
