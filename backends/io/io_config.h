/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon tells an I/O process about its zone: the first line. */
#ifndef ZV_BACKENDS_IO_IO_CONFIG_H
#define ZV_BACKENDS_IO_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zv/abi.h>

#include "core/guest_mem.h"
#include "core/state_area.h"
#include "zerror.h"

#define IO_CONFIG_DEVICES_MAX (STATE_LOGS - 1u) /* one log is the UART's */

struct io_config_ram {
	uint64_t gpa;
	uint64_t size;
};

struct io_config_platform { /* uart, rtc, gpio */
	bool present;
	uint32_t shadow;
	uint32_t intid;
};

struct io_config_console {
	char name[STATE_NAME_MAX];
	uint32_t slot;
	uint32_t shadow;
	uint32_t offset;
	uint32_t intid;
	uint32_t doorbell;
	uint16_t cols; /* 0: not given */
	uint16_t rows;
};

struct io_config {
	char zone[ZV_NAME_MAX];
	uint32_t vcpus;
	struct io_config_ram ram[GUEST_MEM_REGIONS_MAX];
	size_t ram_count;
	struct io_config_platform uart;
	struct io_config_platform rtc;
	struct io_config_platform gpio;
	struct io_config_console console[IO_CONFIG_DEVICES_MAX];
	size_t console_count;
	bool drop; /* to uid and gid */
	uint32_t uid;
	uint32_t gid;
};

/* line[len] must be NUL.  0, or -1 with *ret_error set. */
int io_config_parse(const char *line, size_t len, struct io_config *ret,
		    struct zerror *ret_error);

enum io_command {
	IO_COMMAND_POWERKEY,
	IO_COMMAND_RESET,
	IO_COMMAND_STOP
};

/* The lines after the first. */
int io_command_parse(const char *line, size_t len, enum io_command *ret,
		     struct zerror *ret_error);

#endif /* ZV_BACKENDS_IO_IO_CONFIG_H */
