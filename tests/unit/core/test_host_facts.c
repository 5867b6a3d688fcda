/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_test.h"

#include <stdlib.h>
#include <string.h>

#include <zv/boot.h>
#include <zv/mem_range.h>

static struct host_facts facts;

/* Reads host_dts with one replacement. */
static int read_with(const char *from, const char *to)
{
	void *dtb = host_dtb_with(from, to);
	int err;

	log_forget();
	memset(&facts, 0xff, sizeof(facts));
	err = host_facts_read(dtb, 0, &facts);
	free(dtb);
	return err;
}

static void read_plain(void)
{
	assert_int_equal(read_with("/dts-v1/;", "/dts-v1/;"), 0);
}

static void rejects(const char *from, const char *to, const char *reason)
{
	assert_true(read_with(from, to) < 0);
	assert_non_null(strstr(log_text(), reason));
}

static bool has_device(u64 start, u64 size)
{
	struct range_list l = { facts.device, facts.device_count,
				BOOT_DEVICES_MAX };

	return range_contains(&l, start, size);
}

static void ram_is_merged(void **state)
{
	(void)state;
	read_plain();
	assert_int_equal(facts.ram_count, 1);
	assert_int_equal(facts.ram[0].start, 0x40000000);
	assert_int_equal(facts.ram[0].size, 0x80000000);
}

static void ram_is_whole_pages(void **state)
{
	(void)state;
	assert_int_equal(read_with("reg = <0 0x80000000 0 0x40000000>",
				   "reg = <0 0x80000800 0 0x1900>"),
			 0);
	assert_int_equal(facts.ram_count, 2);
	assert_int_equal(facts.ram[1].start, 0x80001000);
	assert_int_equal(facts.ram[1].size, 0x1000);
}

static void reserved_from_both_places(void **state)
{
	static const struct mem_range want[] = {
		{ 0x44000000, 0x2000 },
		{ 0x50000000, 0x100000 },
		{ 0x80000000, 0x1000 },
		{ 0x90000000, 0x200000 },
	};

	(void)state;
	read_plain();
	assert_int_equal(facts.reserved_count, ARRAY_SIZE(want));
	assert_memory_equal(facts.reserved, want, sizeof(want));
}

static void cpus_boot_first_disabled_out(void **state)
{
	void *dtb = host_dtb_with("/dts-v1/;", "/dts-v1/;");

	(void)state;
	assert_int_equal(host_facts_read(dtb, 1, &facts), 0);
	assert_int_equal(facts.cpu_count, 2);
	assert_int_equal(facts.cpu_id[0], 1);
	assert_int_equal(facts.cpu_id[1], 0);
	free(dtb);
}

static void unknown_boot_cpu(void **state)
{
	void *dtb = host_dtb_with("/dts-v1/;", "/dts-v1/;");

	(void)state;
	log_forget();
	assert_true(host_facts_read(dtb, 7, &facts) < 0);
	assert_non_null(strstr(log_text(), "no CPU with reg 7"));
	free(dtb);
}

static void devices_translated_and_filtered(void **state)
{
	(void)state;
	read_plain();
	assert_true(has_device(0x9000000, 0x2000)); /* uart, rtc */
	assert_true(has_device(0x9003000, 0x1000)); /* i2c */
	assert_false(has_device(0x9002000, 0x1000));
	assert_true(has_device(0x100000000, 0x1000)); /* far, through ranges */
	assert_false(has_device(0x9008000, 0x1000)); /* disabled */
	assert_false(has_device(0x0, 0x1000)); /* chip on i2c at 0x50 */
}

static void devices_of_pci(void **state)
{
	(void)state;
	read_plain();
	assert_true(has_device(0x3f000000, 0x1000000)); /* ECAM */
	assert_true(has_device(0x3eff0000, 0x10000)); /* I/O window */
	assert_true(has_device(0x10000000, 0x2eff0000)); /* memory, 32 bit */
	assert_true(has_device(0x8000000000, 0x8000000000)); /* 64 bit */
}

static void devices_never_cover_gic_or_ram(void **state)
{
	struct range_list l = { facts.device, 0, BOOT_DEVICES_MAX };

	(void)state;
	/* A device that claims all of it: GIC and some RAM. */
	assert_int_equal(
		read_with("	pcie@3f000000 {",
			  "	greedy { reg = <0 0x7000000 0 0x40000000>; };\n"
			  "	pcie@3f000000 {"),
		0);
	l.count = facts.device_count;
	assert_false(range_overlaps(&l, 0x8000000, 0x10000));
	assert_false(range_overlaps(&l, 0x80a0000, 0xf60000));
	assert_false(range_overlaps(&l, 0x40000000, 0x80000000));
}

static void uart_by_alias_and_by_path(void **state)
{
	(void)state;
	read_plain();
	assert_true(facts.uart.present);
	assert_int_equal(facts.uart.base, 0x9000000);
	assert_int_equal(facts.uart.intid, 33);
	assert_int_equal(read_with("serial0:115200n8", "/soc/serial@9000000"),
			 0);
	assert_true(facts.uart.present);
	assert_int_equal(read_with("serial0:115200n8", "/soc/rtc@9001000"), 0);
	assert_false(facts.uart.present);
	assert_int_equal(read_with("serial0:115200n8", "nowhere"), 0);
	assert_false(facts.uart.present);
}

static void interrupt_controller(void **state)
{
	(void)state;
	read_plain();
	assert_true(facts.gic.present);
	assert_int_equal(facts.gic.dist.start, 0x8000000);
	assert_int_equal(facts.gic.redist_count, 1);
	assert_int_equal(facts.gic.redist[0].size, 0xf60000);
	assert_int_equal(facts.gic.maintenance, 25);
	assert_int_equal(facts.timer_ppi[0], 29);
	assert_int_equal(facts.timer_ppi[2], 27);
	assert_int_equal(facts.timer_ppi[3], 26);
	assert_false(facts.psci_hvc);
}

static void initrd_in_either_width(void **state)
{
	(void)state;
	read_plain();
	assert_int_equal(facts.initrd.start, 0x48000000);
	assert_int_equal(facts.initrd.size, 0x1000123);
	assert_int_equal(read_with("linux,initrd-end = <0x0 0x49000123>",
				   "linux,initrd-end = <0x48000000>"),
			 0);
	assert_int_equal(facts.initrd.size, 0);
}

static void errors_name_what_is_wrong(void **state)
{
	(void)state;
	rejects("\"arm,gic-v3\"", "\"arm,gic-400\"", "arm,gic-v3");
	rejects("\"arm,armv8-timer\"", "\"arm,other\"", "arm,armv8-timer");
	rejects("<1 10 4>", "<0 10 4>", "interrupt 3 is no PPI");
	rejects("interrupts = <1 9 4>", "interrupts = <0 9 4>", "maintenance");
	rejects("#address-cells = <1>; #size-cells = <0>",
		"#address-cells = <3>; #size-cells = <0>", "/cpus");
}

static void no_memory(void **state)
{
	(void)state;
	assert_true(read_with("device_type = \"memory\"",
			      "status = \"okay\"") == 0);
	assert_int_equal(facts.ram_count, 1);
	rejects("#address-cells = <2>; #size-cells = <2>;\n	interrupt",
		"#address-cells = <3>; #size-cells = <2>;\n	interrupt",
		"no memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_is_merged),
		cmocka_unit_test(ram_is_whole_pages),
		cmocka_unit_test(reserved_from_both_places),
		cmocka_unit_test(cpus_boot_first_disabled_out),
		cmocka_unit_test(unknown_boot_cpu),
		cmocka_unit_test(devices_translated_and_filtered),
		cmocka_unit_test(devices_of_pci),
		cmocka_unit_test(devices_never_cover_gic_or_ram),
		cmocka_unit_test(uart_by_alias_and_by_path),
		cmocka_unit_test(interrupt_controller),
		cmocka_unit_test(initrd_in_either_width),
		cmocka_unit_test(errors_name_what_is_wrong),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
