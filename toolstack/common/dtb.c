/* SPDX-License-Identifier: BSD-2-Clause */
#include "dtb.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHANDLE_INTC 1u
#define PHANDLE_CLK 2u
#define PHANDLE_GPIO 3u

#define GIC_SPI 0u
#define GIC_PPI 1u
#define EDGE_RISING 1u
#define LEVEL_HIGH 4u
#define SPI_OF(intid) ((intid)-32u)

#define KEY_POWER 116u
#define POWER_PIN 3u
#define CLOCK_HZ 24000000u

/* Keeps the first error of a chain of writes. */
struct tree {
	void *fdt;
	int error;
};

static void keep(struct tree *t, int rc)
{
	if (t->error == 0 && rc < 0) {
		t->error = rc;
	}
}

static void begin(struct tree *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void begin(struct tree *t, const char *format, ...)
{
	char name[64];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	keep(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
	keep(t, fdt_end_node(t->fdt));
}

static void bytes(struct tree *t, const char *name, const void *value,
		  size_t len)
{
	keep(t, fdt_property(t->fdt, name, value, (int)len));
}

static void flag(struct tree *t, const char *name)
{
	bytes(t, name, NULL, 0);
}

static void string(struct tree *t, const char *name, const char *value)
{
	keep(t, fdt_property_string(t->fdt, name, value));
}

static void u32(struct tree *t, const char *name, uint32_t value)
{
	keep(t, fdt_property_u32(t->fdt, name, value));
}

static void u64(struct tree *t, const char *name, uint64_t value)
{
	keep(t, fdt_property_u64(t->fdt, name, value));
}

static void cells(struct tree *t, const char *name, const uint32_t *value,
		  size_t count)
{
	fdt32_t cell[32];

	for (size_t i = 0; i < count; i++) {
		cell[i] = cpu_to_fdt32(value[i]);
	}
	bytes(t, name, cell, count * sizeof(cell[0]));
}

#define CELLS(t, name, ...)                                   \
	cells((t), (name), (const uint32_t[]){ __VA_ARGS__ }, \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* Two cells for an address, two for a size. */
#define PAIR(value) (uint32_t)((value) >> 32), (uint32_t)(value)

static void add_memory(struct tree *t, const struct zone_def *def)
{
	begin(t, "memory@%" PRIx64, (uint64_t)ZV_A64_RAM_BASE);
	string(t, "device_type", "memory");
	CELLS(t, "reg", PAIR(ZV_A64_RAM_BASE), PAIR(def->memory));
	end(t);
}

uint64_t dtb_vcpu_mpidr(uint32_t vcpu)
{
	return (uint64_t)(vcpu / 16) << 8 | vcpu % 16;
}

static void add_cpus(struct tree *t, const struct zone_def *def)
{
	begin(t, "cpus");
	u32(t, "#address-cells", 1);
	u32(t, "#size-cells", 0);
	for (uint32_t i = 0; i < def->vcpus; i++) {
		uint32_t mpidr = (uint32_t)dtb_vcpu_mpidr(i);

		begin(t, "cpu@%" PRIx32, mpidr);
		string(t, "device_type", "cpu");
		string(t, "compatible", "arm,armv8");
		string(t, "enable-method", "psci");
		u32(t, "reg", mpidr);
		end(t);
	}
	end(t);
}

static void add_psci(struct tree *t)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";

	begin(t, "psci");
	bytes(t, "compatible", compatible, sizeof(compatible));
	string(t, "method", "hvc");
	/* for readers of the oldest binding: DEN0022 function ids */
	u32(t, "cpu_suspend", 0xc4000001);
	u32(t, "cpu_off", 0x84000002);
	u32(t, "cpu_on", 0xc4000003);
	u32(t, "migrate", 0xc4000005);
	end(t);
}

static void add_intc(struct tree *t, const struct zone_def *def)
{
	uint64_t redistributors = def->vcpus * ZV_A64_GICR_STRIDE;

	begin(t, "intc@%" PRIx64, (uint64_t)ZV_A64_GICD_BASE);
	string(t, "compatible", "arm,gic-v3");
	u32(t, "#interrupt-cells", 3);
	flag(t, "interrupt-controller");
	u32(t, "#address-cells", 2);
	u32(t, "#size-cells", 2);
	flag(t, "ranges");
	u32(t, "#redistributor-regions", 1);
	CELLS(t, "reg", PAIR(ZV_A64_GICD_BASE), PAIR(ZV_A64_GICD_SIZE),
	      PAIR(ZV_A64_GICR_BASE), PAIR(redistributors));
	u32(t, "phandle", PHANDLE_INTC);
	end(t);
}

/* Secure, non-secure, virtual and hypervisor timer, in the binding's order. */
static void add_timer(struct tree *t)
{
	static const char compatible[] = "arm,armv8-timer\0arm,armv7-timer";

	begin(t, "timer");
	bytes(t, "compatible", compatible, sizeof(compatible));
	CELLS(t, "interrupts", GIC_PPI, 13, LEVEL_HIGH, GIC_PPI, 14, LEVEL_HIGH,
	      GIC_PPI, 11, LEVEL_HIGH, GIC_PPI, 10, LEVEL_HIGH);
	flag(t, "always-on");
	end(t);
}

static void add_clock(struct tree *t)
{
	begin(t, "apb-pclk");
	string(t, "compatible", "fixed-clock");
	u32(t, "#clock-cells", 0);
	u32(t, "clock-frequency", CLOCK_HZ);
	string(t, "clock-output-names", "clk24mhz");
	u32(t, "phandle", PHANDLE_CLK);
	end(t);
}

/* Starts the node of a PrimeCell peripheral. */
static void begin_cell(struct tree *t, const char *name, uint64_t base,
		       uint32_t intid)
{
	char compatible[64];
	size_t len = (size_t)snprintf(compatible, sizeof(compatible), "arm,%s",
				      name) +
		     1;

	memcpy(compatible + len, "arm,primecell", sizeof("arm,primecell"));
	begin(t, "%s@%" PRIx64, name, base);
	bytes(t, "compatible", compatible, len + sizeof("arm,primecell"));
	CELLS(t, "reg", PAIR(base), PAIR((uint64_t)ZV_PAGE_SIZE));
	CELLS(t, "interrupts", GIC_SPI, SPI_OF(intid), LEVEL_HIGH);
}

static void add_uart(struct tree *t)
{
	static const char clocks[] = "uartclk\0apb_pclk";

	begin_cell(t, "pl011", ZV_A64_UART_BASE, ZV_A64_INTID_UART);
	CELLS(t, "clocks", PHANDLE_CLK, PHANDLE_CLK);
	bytes(t, "clock-names", clocks, sizeof(clocks));
	end(t);
}

static void add_rtc(struct tree *t)
{
	begin_cell(t, "pl031", ZV_A64_RTC_BASE, ZV_A64_INTID_RTC);
	u32(t, "clocks", PHANDLE_CLK);
	string(t, "clock-names", "apb_pclk");
	end(t);
}

static void add_gpio(struct tree *t)
{
	begin_cell(t, "pl061", ZV_A64_GPIO_BASE, ZV_A64_INTID_GPIO);
	u32(t, "#gpio-cells", 2);
	flag(t, "gpio-controller");
	u32(t, "clocks", PHANDLE_CLK);
	string(t, "clock-names", "apb_pclk");
	u32(t, "phandle", PHANDLE_GPIO);
	end(t);

	begin(t, "gpio-keys");
	string(t, "compatible", "gpio-keys");
	begin(t, "poweroff");
	string(t, "label", "GPIO Key Poweroff");
	u32(t, "linux,code", KEY_POWER);
	CELLS(t, "gpios", PHANDLE_GPIO, POWER_PIN, 0);
	end(t);
	end(t);
}

static void add_virtio(struct tree *t, const struct zone_def *def)
{
	for (uint32_t slot = 0; slot < def->device_count; slot++) {
		uint64_t base =
			ZV_A64_VIRTIO_BASE + slot * ZV_A64_VIRTIO_STRIDE;

		begin(t, "virtio_mmio@%" PRIx64, base);
		string(t, "compatible", "virtio,mmio");
		CELLS(t, "reg", PAIR(base), PAIR(ZV_A64_VIRTIO_STRIDE));
		CELLS(t, "interrupts", GIC_SPI,
		      SPI_OF(ZV_A64_INTID_VIRTIO + slot), EDGE_RISING);
		flag(t, "dma-coherent");
		end(t);
	}
}

static void add_chosen(struct tree *t, const struct zone_def *def,
		       const struct image_plan *plan, const uint8_t *seed)
{
	begin(t, "chosen");
	string(t, "stdout-path", "/pl011@9000000");
	string(t, "bootargs", def->cmdline);
	if (plan->initrd) {
		u64(t, "linux,initrd-start", plan->initrd);
		u64(t, "linux,initrd-end", plan->initrd + plan->initrd_size);
	}
	bytes(t, "rng-seed", seed, 32);
	bytes(t, "kaslr-seed", seed + 32, 8);
	end(t);
}

static void add_symbols(struct tree *t)
{
	begin(t, "__symbols__");
	string(t, "intc", "/intc@8000000");
	string(t, "clk", "/apb-pclk");
	string(t, "uart", "/pl011@9000000");
	string(t, "rtc", "/pl031@9010000");
	string(t, "gpio", "/pl061@9030000");
	end(t);
}

static int write_tree(const struct zone_def *def, const struct image_plan *plan,
		      const uint8_t *seed, bool symbols, void *buffer,
		      size_t room)
{
	struct tree t = { .fdt = buffer };

	keep(&t, fdt_create(buffer, (int)room));
	keep(&t, fdt_finish_reservemap(buffer));
	begin(&t, "%s", "");
	string(&t, "compatible", "linux,dummy-virt");
	string(&t, "model", "linux,dummy-virt");
	u32(&t, "#address-cells", 2);
	u32(&t, "#size-cells", 2);
	u32(&t, "interrupt-parent", PHANDLE_INTC);
	add_chosen(&t, def, plan, seed);
	add_memory(&t, def);
	add_cpus(&t, def);
	add_psci(&t);
	add_intc(&t, def);
	add_timer(&t);
	add_clock(&t);
	add_uart(&t);
	add_rtc(&t);
	add_gpio(&t);
	add_virtio(&t, def);
	if (symbols) {
		add_symbols(&t);
	}
	end(&t);
	keep(&t, fdt_finish(buffer));
	return t.error;
}

/* fdt_overlay_apply() changes, and on failure spoils, both of its trees. */
static int apply_overlay(void *fdt, size_t room, const void *overlay,
			 size_t overlay_size)
{
	void *copy;
	int rc = fdt_check_full(overlay, overlay_size);

	if (rc < 0) {
		return rc;
	}
	rc = fdt_open_into(fdt, fdt, (int)room);
	if (rc < 0) {
		return rc;
	}
	copy = malloc(overlay_size);
	if (!copy) {
		return -FDT_ERR_INTERNAL;
	}
	memcpy(copy, overlay, overlay_size);
	rc = fdt_overlay_apply(fdt, copy);
	free(copy);
	return rc < 0 ? rc : fdt_pack(fdt);
}

int dtb_build(const struct zone_def *def, const struct image_plan *plan,
	      const uint8_t seed[DTB_SEED_SIZE], const void *overlay,
	      size_t overlay_size, void *ret_dtb, size_t room, size_t *ret_size,
	      struct zerror *ret_error)
{
	int rc = write_tree(def, plan, seed, overlay != NULL, ret_dtb, room);

	if (rc < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				  "the device tree could not be made: %s",
				  fdt_strerror(rc));
	}
	if (overlay) {
		rc = apply_overlay(ret_dtb, room, overlay, overlay_size);
		if (rc < 0) {
			return zerror_set(ret_error, ZERROR_IO_ERROR,
					  "$.dtb-overlay",
					  "compile it with dtc -@ from a "
					  "source with /plugin/",
					  "%s cannot be applied: %s",
					  def->dtb_overlay, fdt_strerror(rc));
		}
	}
	*ret_size = fdt_totalsize(ret_dtb);
	return 0;
}
