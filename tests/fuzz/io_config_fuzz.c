/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines from the daemon and hello lines from clients.  Oracle: what is accepted
 * is inside the limits that the rest of the process relies on; what is refused
 * says where and why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zv/platform_aarch64.h>

#include "console/console_hello.h"
#include "io/io_config.h"

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static void check_platform(const struct io_config_platform *dev)
{
	require(!dev->present ||
		(dev->shadow < ZV_SHADOWS_MAX && dev->intid >= 32 &&
		 dev->intid < ZV_A64_INTID_COUNT));
}

static void check_consoles(const struct io_config *config)
{
	require(config->console_count <= IO_CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < config->console_count; i++) {
		const struct io_config_console *c = &config->console[i];

		require(strlen(c->name) > 0 && strcmp(c->name, "uart0") != 0);
		require(c->slot < 32 && c->shadow < ZV_SHADOWS_MAX);
		require(c->offset <= 0xe00 && c->offset % 0x200 == 0);
		require(c->doorbell + 2 <= ZV_DOORBELLS_MAX);
		require((c->cols == 0) == (c->rows == 0));
		for (size_t k = 0; k < i; k++) {
			require(strcmp(c->name, config->console[k].name) != 0);
			require(c->slot != config->console[k].slot);
		}
	}
}

static void check_config(const struct io_config *config)
{
	require(strlen(config->zone) > 0 && strlen(config->zone) < ZV_NAME_MAX);
	require(config->vcpus >= 1 && config->vcpus <= ZV_VCPUS_MAX);
	require(config->ram_count <= GUEST_MEM_REGIONS_MAX);
	for (size_t i = 0; i < config->ram_count; i++) {
		const struct io_config_ram *ram = &config->ram[i];

		require(ram->size != 0 && ram->size % ZV_PAGE_SIZE == 0);
		require(ram->gpa % ZV_PAGE_SIZE == 0);
		require(ram->gpa + ram->size < 0x4000000000000000ull);
		for (size_t k = 0; k < i; k++) {
			require(ram->gpa >= config->ram[k].gpa +
						    config->ram[k].size ||
				config->ram[k].gpa >= ram->gpa + ram->size);
		}
	}
	check_platform(&config->uart);
	check_platform(&config->rtc);
	check_platform(&config->gpio);
	check_consoles(config);
	require(!config->drop || (config->uid != 0 && config->gid != 0));
}

static void check_error(const struct zerror *error)
{
	require(error->message[0] != '\0');
	require(error->path[0] == '\0' || error->path[0] == '$');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct io_config config;
	struct console_hello hello;
	enum io_command command = IO_COMMAND_STOP;
	struct zerror error = { 0 };
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	if (io_config_parse(text, size, &config, &error) == 0) {
		check_config(&config);
	} else {
		check_error(&error);
	}
	memset(&error, 0, sizeof(error));
	if (io_command_parse(text, size, &command, &error) == 0) {
		require(command <= IO_COMMAND_STOP);
	} else {
		check_error(&error);
	}
	if (console_hello_parse(text, size, &hello) == NULL) {
		require(strnlen(hello.device, sizeof(hello.device)) <
			sizeof(hello.device));
		require(hello.device[0] != '\0');
	}
	free(text);
	return 0;
}
