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

static void check_rate(const struct rate_limit *limit)
{
	require(limit->per_second <= IO_CONFIG_RATE_MAX);
	require((limit->burst == 0) == (limit->per_second == 0));
}

static void check_net_limits(const struct io_config_net_limits *limits)
{
	check_rate(&limits->rx.bytes);
	check_rate(&limits->rx.packets);
	check_rate(&limits->tx.bytes);
	check_rate(&limits->tx.packets);
}

static void check_mode(uint32_t width, uint32_t height)
{
	require(width >= 640 && width <= 4096);
	require(height >= 480 && height <= 2160);
}

static void check_type(const struct io_config_device *d)
{
	switch (d->kind) {
	case IO_DEVICE_CONSOLE:
		require(d->queues == 2 && d->fd == -1);
		require((d->console.cols == 0) == (d->console.rows == 0));
		break;
	case IO_DEVICE_RNG:
		require(d->queues == 1 && d->fd >= 6 && d->fd < 198);
		check_rate(&d->rng.bytes_sec);
		break;
	case IO_DEVICE_DISK:
		require(d->queues >= 1 && d->queues <= 8);
		require(d->fd >= 6 && d->fd < 198);
		require(strlen(d->disk.serial) <= IO_CONFIG_SERIAL_MAX);
		require((d->disk.block_size & (d->disk.block_size - 1)) == 0);
		require(d->disk.block_size <= 4096);
		for (size_t i = 0; i < BLK_LIMIT_KINDS; i++) {
			check_rate(&d->disk.limits.rate[i]);
		}
		break;
	case IO_DEVICE_NET:
		require(d->queues >= 3 && d->queues <= 2 * NET_PAIRS_MAX + 1);
		require(d->queues % 2 == 1);
		require(d->fd_count == d->queues / 2 * (d->net.vhost ? 2 : 1));
		require(d->fd >= 6 && d->fd + (int)d->fd_count <= 198);
		require(d->net.via != IO_LINK_STREAM || d->fd_count == 1);
		require((d->net.mac[0] & 1) == 0 && d->net.mtu >= NET_MTU_MIN);
		check_net_limits(&d->net.limits);
		break;
	case IO_DEVICE_GPU:
		require(d->queues == 2 && d->fd_count == 2);
		require(d->fd >= 6 && d->fd + 2 <= 198);
		require(d->gpu.heads >= 1 && d->gpu.heads <= 4);
		check_mode(d->gpu.width, d->gpu.height);
		break;
	case IO_DEVICE_INPUT:
		require(d->queues == 2 && d->fd == -1 && d->fd_count == 0);
		require(d->input.kind <= INPUT_MOUSE);
		break;
	default:
		abort();
	}
}

static void check_devices(const struct io_config *config)
{
	require(config->device_count <= IO_CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < config->device_count; i++) {
		const struct io_config_device *d = &config->device[i];

		require(strlen(d->name) > 0 && strcmp(d->name, "uart0") != 0);
		require(d->slot < 32 && d->shadow < ZV_SHADOWS_MAX);
		require(d->offset <= 0xe00 && d->offset % 0x200 == 0);
		require(d->doorbell + d->queues <= ZV_DOORBELLS_MAX);
		check_type(d);
		for (size_t k = 0; k < i; k++) {
			const struct io_config_device *e = &config->device[k];

			require(strcmp(d->name, e->name) != 0);
			require(d->slot != e->slot);
			require(d->fd >= e->fd + (int)e->fd_count ||
				e->fd >= d->fd + (int)d->fd_count);
			require(d->doorbell >= e->doorbell + e->queues ||
				e->doorbell >= d->doorbell + d->queues);
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
	check_devices(config);
	require(!config->drop || (config->uid != 0 && config->gid != 0));
}

static void check_error(const struct zerror *error)
{
	require(error->message[0] != '\0');
	require(error->path[0] == '\0' || error->path[0] == '$');
}

/* What commands are about. */
static const struct io_config zone_of_six = {
	.device_count = 6,
	.device = {
		{ .kind = IO_DEVICE_CONSOLE, .name = "console0" },
		{ .kind = IO_DEVICE_DISK, .name = "disk0" },
		{ .kind = IO_DEVICE_RNG, .name = "rng0" },
		{ .kind = IO_DEVICE_NET, .name = "net0" },
		{ .kind = IO_DEVICE_GPU, .name = "gpu0", .gpu = { .heads = 2 } },
		{ .kind = IO_DEVICE_INPUT, .name = "input0" },
	},
};

static void check_settings(const struct io_command *command)
{
	const struct io_settings *set = &command->set;
	bool net = strcmp(command->device, "net0") == 0;

	if (command->kind != IO_COMMAND_SET) {
		require(!set->has_link && !set->has_limits && set->mtu == 0);
		require(!set->has_mode);
		return;
	}
	require(set->has_link || set->has_limits || set->mtu != 0 ||
		set->has_mode);
	if (set->has_mode) {
		require(strcmp(command->device, "gpu0") == 0);
		require(set->mode.head < 2);
		check_mode(set->mode.width, set->mode.height);
	}
	require(net || (!set->has_link && set->mtu == 0));
	require(set->mtu == 0 || set->mtu >= NET_MTU_MIN);
	require(!set->has_limits || strcmp(command->device, "disk0") == 0 ||
		strcmp(command->device, "rng0") == 0 || net);
	if (net) {
		check_net_limits(&set->limits.net);
	}
}

static void check_keys(const struct io_command *command)
{
	const struct io_keys *keys = &command->keys;

	require((command->kind == IO_COMMAND_KEYS) == (keys->count != 0));
	require(keys->count <= IO_KEYS_MAX);
	require(keys->count == 0 ||
		(keys->hold_ms >= 1 && keys->hold_ms <= IO_KEYS_HOLD_MS_MAX));
	for (uint32_t i = 0; i < keys->count; i++) {
		require(keys->code[i] >= 1 && keys->code[i] <= 0x2ff);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct io_config config;
	struct console_hello hello;
	struct io_command command;
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
	if (io_command_parse(&zone_of_six, text, size, &command, &error) == 0) {
		require(command.kind <= IO_COMMAND_DISPLAY);
		check_settings(&command);
		check_keys(&command);
		require((command.device[0] != '\0') ==
			(command.kind >= IO_COMMAND_RESIZE));
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
