/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "boot_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zv/log.h>

#define DTB_MAX (1024 * 1024)
#define LOG_MAX 4096

static char log_lines[LOG_MAX];

void log_write(enum log_level level, const char *fmt, ...)
{
	size_t used = strlen(log_lines);
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(log_lines + used, sizeof(log_lines) - used, fmt, ap);
	va_end(ap);
}

const char *log_text(void)
{
	return log_lines;
}

void log_forget(void)
{
	log_lines[0] = '\0';
}

void *dts_compile(const char *text, size_t *ret_size)
{
	char name[] = "/tmp/zv-dts-XXXXXX";
	char command[64];
	char *dtb = malloc(DTB_MAX);
	int fd = mkstemp(name);
	FILE *dtc;
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(command, sizeof(command), "dtc -q -I dts -O dtb %s", name);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	n = fread(dtb, 1, DTB_MAX, dtc);
	assert_int_equal(pclose(dtc), 0);
	unlink(name);
	assert_true(n > 0 && n < DTB_MAX);
	*ret_size = n;
	/* Exactly as big as it is, so that a read beyond it is seen. */
	return realloc(dtb, n);
}

const char host_dts[] =
	"/dts-v1/;\n"
	"/memreserve/ 0x44000000 0x2000;\n"
	"/memreserve/ 0x80000000 0x1000;\n"
	"/ {\n"
	"	#address-cells = <2>; #size-cells = <2>;\n"
	"	interrupt-parent = <&gic>;\n"
	"	aliases { serial0 = \"/soc/serial@9000000\"; };\n"
	"	chosen {\n"
	"		stdout-path = \"serial0:115200n8\";\n"
	"		bootargs = \"host arguments\";\n"
	"		rng-seed = <1 2 3 4>;\n"
	"		linux,initrd-start = <0x48000000>;\n"
	"		linux,initrd-end = <0x0 0x49000123>;\n"
	"	};\n"
	"	memory@40000000 {\n"
	"		device_type = \"memory\";\n"
	"		reg = <0 0x40000000 0 0x40000000>;\n"
	"	};\n"
	"	memory@80000000 {\n"
	"		device_type = \"memory\";\n"
	"		reg = <0 0x80000000 0 0x40000000>;\n"
	"	};\n"
	"	reserved-memory {\n"
	"		#address-cells = <2>; #size-cells = <2>; ranges;\n"
	"		secure@50000000 { reg = <0 0x50000000 0 0x100000>; no-map; };\n"
	"		frame@90000000 { reg = <0 0x90000000 0 0x200000>; };\n"
	"		anywhere { size = <0 0x100000>; };\n"
	"	};\n"
	"	cpus {\n"
	"		#address-cells = <1>; #size-cells = <0>;\n"
	"		cpu-map { cluster0 { core0 { cpu = <&cpu0>; };\n"
	"			core1 { cpu = <&cpu1>; }; }; };\n"
	"		cpu0: cpu@0 { device_type = \"cpu\"; reg = <0>;\n"
	"			compatible = \"arm,cortex-a72\";\n"
	"			enable-method = \"psci\"; cpu-idle-states = <&idle>; };\n"
	"		cpu1: cpu@1 { device_type = \"cpu\"; reg = <1>;\n"
	"			compatible = \"arm,cortex-a72\";\n"
	"			enable-method = \"psci\"; };\n"
	"		cpu@2 { device_type = \"cpu\"; reg = <2>;\n"
	"			status = \"disabled\"; };\n"
	"		idle-states { idle: idle0 {\n"
	"			compatible = \"arm,idle-state\"; }; };\n"
	"	};\n"
	"	psci { compatible = \"arm,psci-1.0\", \"arm,psci-0.2\";\n"
	"		method = \"smc\"; };\n"
	"	pmu { compatible = \"arm,armv8-pmuv3\"; interrupts = <1 7 4>; };\n"
	"	timer { compatible = \"arm,armv8-timer\";\n"
	"		interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>; };\n"
	"	gic: interrupt-controller@8000000 {\n"
	"		compatible = \"arm,gic-v3\"; interrupt-controller;\n"
	"		#interrupt-cells = <3>; interrupts = <1 9 4>;\n"
	"		#address-cells = <2>; #size-cells = <2>; ranges;\n"
	"		reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;\n"
	"		its: msi@8080000 { compatible = \"arm,gic-v3-its\";\n"
	"			msi-controller; reg = <0 0x8080000 0 0x20000>; };\n"
	"	};\n"
	"	soc {\n"
	"		compatible = \"simple-bus\";\n"
	"		#address-cells = <1>; #size-cells = <1>;\n"
	"		ranges = <0x9000000 0 0x9000000 0x100000>,\n"
	"			<0x10000000 0x1 0x0 0x1000>;\n"
	"		serial@9000000 { compatible = \"arm,pl011\",\n"
	"			\"arm,primecell\"; reg = <0x9000000 0x1000>;\n"
	"			interrupts = <0 1 4>; };\n"
	"		rtc@9001000 { compatible = \"arm,pl031\";\n"
	"			reg = <0x9001000 0x1000>; };\n"
	"		far@10000800 { compatible = \"test,far\";\n"
	"			reg = <0x10000800 0x10>; };\n"
	"		lost@20000000 { compatible = \"test,lost\";\n"
	"			reg = <0x20000000 0x1000>; };\n"
	"		off@9002000 { compatible = \"test,off\";\n"
	"			status = \"disabled\"; reg = <0x9008000 0x1000>; };\n"
	"		i2c@9003000 { reg = <0x9003000 0x200>;\n"
	"			#address-cells = <1>; #size-cells = <0>;\n"
	"			chip@50 { reg = <0x50>; }; };\n"
	"	};\n"
	"	pcie@3f000000 {\n"
	"		compatible = \"pci-host-ecam-generic\"; device_type = \"pci\";\n"
	"		#address-cells = <3>; #size-cells = <2>;\n"
	"		reg = <0 0x3f000000 0 0x1000000>;\n"
	"		msi-map = <0 &its 0 0x10000>;\n"
	"		ranges = <0x1000000 0 0 0 0x3eff0000 0 0x10000>,\n"
	"			<0x2000000 0 0x10000000 0 0x10000000 0 0x2eff0000>,\n"
	"			<0x3000000 0x80 0 0x80 0 0x80 0>;\n"
	"	};\n"
	"};\n";

void *host_dtb_with(const char *from, const char *to)
{
	const char *at = strstr(host_dts, from);
	size_t head = (size_t)(at - host_dts);
	char *text;
	void *dtb;
	size_t size;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)head, host_dts, to,
			     at + strlen(from)) > 0);
	dtb = dts_compile(text, &size);
	free(text);
	return dtb;
}
