/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon tells an I/O process about its zone: the first line. */
#ifndef ZV_BACKENDS_IO_IO_CONFIG_H
#define ZV_BACKENDS_IO_IO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zv/abi.h>
#include <zv/platform_aarch64.h>

#include "blk/blk_limit.h"
#include "core/guest_mem.h"
#include "core/rate.h"
#include "core/state_area.h"
#include "display/display_wire.h"
#include "input/virtio_input.h"
#include "net/virtio_net.h"
#include "zerror.h"

#define IO_CONFIG_DEVICES_MAX ZV_A64_VIRTIO_COUNT
#define IO_CONFIG_FD_FIRST 6u /* after the control, zone and console fds */
#define IO_CONFIG_FD_LAST \
	(IO_CONFIG_FD_FIRST + IO_CONFIG_DEVICES_MAX * 2u * NET_PAIRS_MAX - 1u)

struct io_config_ram {
	uint64_t gpa;
	uint64_t size;
};

struct io_config_platform { /* uart, rtc, gpio */
	bool present;
	uint32_t shadow;
	uint32_t intid;
};

enum io_device_kind {
	IO_DEVICE_CONSOLE,
	IO_DEVICE_RNG,
	IO_DEVICE_DISK,
	IO_DEVICE_NET,
	IO_DEVICE_GPU,
	IO_DEVICE_INPUT,
};

struct io_config_console {
	uint16_t cols; /* 0: not given */
	uint16_t rows;
};

struct io_config_rng {
	struct rate_limit bytes_sec;
};

enum io_on_error {
	IO_ON_ERROR_REPORT, /* to the guest */
	IO_ON_ERROR_PAUSE, /* hold the request */
	IO_ON_ERROR_PAUSE_FULL, /* hold it if there is no space, else report */
};

#define IO_CONFIG_SERIAL_MAX 20u
#define IO_CONFIG_RATE_MAX (1ull << 40) /* of anything per second */
#define IO_CONFIG_BURST_MS 100u /* unless somebody says otherwise */
#define IO_CONFIG_BURST_MS_MAX 60000u

#define IO_CONFIG_EXPORT_MAX 255u

enum io_store {
	IO_STORE_FILE, /* fd is a file or a block device */
	IO_STORE_NBD, /* fd is a socket, connected to an NBD server */
};

struct io_config_disk {
	enum io_store store;
	char export_name[IO_CONFIG_EXPORT_MAX + 1];
	bool readonly;
	bool writeback;
	bool discard;
	uint32_t block_size; /* 0: the store's */
	char serial[IO_CONFIG_SERIAL_MAX + 1];
	enum io_on_error on_error;
	struct blk_limit_config limits;
};

struct io_config_net_limits {
	struct net_limits rx; /* towards the guest */
	struct net_limits tx;
};

enum io_link {
	IO_LINK_TAP, /* an fd for each pair is a queue of one TAP device */
	IO_LINK_STREAM, /* fd is a stream socket, connected to passt */
};

struct io_config_net {
	enum io_link via;
	uint8_t mac[NET_MAC_SIZE];
	uint16_t mtu;
	bool link; /* the cable is plugged in */
	bool vhost; /* a vhost-net for each pair comes after the TAP's queues */
	struct io_config_net_limits limits;
};

struct io_config_gpu { /* fd is its video memory, the next the socket to who
			 * shows it */
	uint32_t heads;
	uint32_t width; /* of each at first, in pixels */
	uint32_t height;
};

struct io_config_input {
	enum input_kind kind;
};

struct io_config_device {
	enum io_device_kind kind;
	char name[STATE_NAME_MAX];
	uint32_t slot;
	uint32_t shadow;
	uint32_t offset;
	uint32_t intid;
	uint32_t doorbell;
	uint32_t queues;
	int fd; /* the first; -1: devices of its type have none */
	uint32_t fd_count; /* they follow each other */
	union {
		struct io_config_console console;
		struct io_config_rng rng;
		struct io_config_disk disk;
		struct io_config_net net;
		struct io_config_gpu gpu;
		struct io_config_input input;
	};
};

struct io_config {
	char zone[ZV_NAME_MAX];
	uint32_t vcpus;
	struct io_config_ram ram[GUEST_MEM_REGIONS_MAX];
	size_t ram_count;
	struct io_config_platform uart;
	struct io_config_platform rtc;
	struct io_config_platform gpio;
	struct io_config_device device[IO_CONFIG_DEVICES_MAX];
	size_t device_count;
	bool drop; /* to uid and gid */
	uint32_t uid;
	uint32_t gid;
};

/* line[len] must be NUL.  0, or -1 with *ret_error set. */
int io_config_parse(const char *line, size_t len, struct io_config *ret,
		    struct zerror *ret_error);

/* How many of its disks are there. */
uint32_t io_config_disks(const struct io_config *config, enum io_store store);
bool io_config_has_taps(const struct io_config *config);
bool io_config_has_vhost(const struct io_config *config);

enum io_command_kind {
	IO_COMMAND_POWERKEY,
	IO_COMMAND_RESET,
	IO_COMMAND_STOP,
	IO_COMMAND_RESIZE,
	IO_COMMAND_RESUME,
	IO_COMMAND_COUNTERS,
	IO_COMMAND_SET,
	IO_COMMAND_KEYS,
	IO_COMMAND_DISPLAY, /* an fd comes with it */
};

/* What is to be changed of a device that is being served. */
struct io_settings {
	bool has_link;
	bool link;
	uint16_t mtu; /* 0: stays */
	bool has_limits;
	union { /* by the device's kind */
		struct rate_limit rng;
		struct blk_limit_config disk;
		struct io_config_net_limits net;
	} limits;
	bool has_mode;
	struct {
		uint32_t head;
		uint32_t width;
		uint32_t height;
	} mode;
};

#define IO_KEYS_MAX 16u
#define IO_KEYS_HOLD_MS 100u /* unless somebody says otherwise */
#define IO_KEYS_HOLD_MS_MAX 10000u

/* Keys that are pressed in that order, held, and released. */
struct io_keys {
	uint32_t code[IO_KEYS_MAX]; /* of linux/input-event-codes.h */
	uint32_t count;
	uint32_t hold_ms;
};

struct io_command {
	enum io_command_kind kind;
	char device[STATE_NAME_MAX]; /* of those that are for one, else empty */
	struct io_settings set; /* IO_COMMAND_SET */
	struct io_keys keys; /* IO_COMMAND_KEYS */
};

/*
 * The lines after the first, which was `config`.  0, or -1 with *ret_error set;
 * ret->device says then for which device it was, if that much could be read.
 */
int io_command_parse(const struct io_config *config, const char *line,
		     size_t len, struct io_command *ret,
		     struct zerror *ret_error);

#endif /* ZV_BACKENDS_IO_IO_CONFIG_H */
