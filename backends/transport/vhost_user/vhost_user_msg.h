/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes over a vhost-user socket, by the "Vhost-user Protocol" document of
 * the QEMU project.  All numbers are in the machine's byte order.
 */
#ifndef ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MSG_H
#define ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MSG_H

#include <stdint.h>

#include "core/guest_mem.h"
#include "core/virtio_device.h"

/* Message flags ("Header"). */
#define VHOST_USER_VERSION 1u
#define VHOST_USER_VERSION_MASK 3u
#define VHOST_USER_REPLY (1u << 2)
#define VHOST_USER_NEED_REPLY (1u << 3)

/* A device feature bit that is about the protocol. */
#define VHOST_USER_F_PROTOCOL_FEATURES (1ull << 30)

/* Protocol features. */
#define VHOST_USER_PROTOCOL_F_MQ (1ull << 0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (1ull << 3)
#define VHOST_USER_PROTOCOL_F_NET_MTU (1ull << 4)
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ (1ull << 5)
#define VHOST_USER_PROTOCOL_F_CONFIG (1ull << 9)
#define VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD (1ull << 12)
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE (1ull << 13)
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (1ull << 15)
#define VHOST_USER_PROTOCOL_F_STATUS (1ull << 16)

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

/* On the backend channel, from us to the front-end. */
#define VHOST_USER_BACKEND_CONFIG_CHANGE_MSG 2u

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc; /* all three: addresses of the front-end's process */
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

#define VHOST_USER_VRING_F_LOG 1u

/* The u64 of SET_VRING_{KICK,CALL,ERR}. */
#define VHOST_USER_VRING_INDEX_MASK 0xffull
#define VHOST_USER_VRING_NO_FD 0x100ull

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uva; /* where the front-end has it */
	uint64_t offset; /* in the file */
};

struct vhost_user_mem_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_region region[GUEST_MEM_REGIONS_MAX];
};

struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_region region;
};

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VIRTIO_CONFIG_MAX];
};

#define VHOST_USER_CONFIG_HEADER 12u
#define VHOST_USER_CONFIG_WRITABLE 0u /* the driver has written */
#define VHOST_USER_CONFIG_MIGRATION 1u

struct vhost_user_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t num_queues;
	uint16_t queue_size;
	uint32_t padding; /* of the C structure; front-ends send it or do not */
};

#define VHOST_USER_INFLIGHT_SHORT 20u /* without the padding */

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table table;
	struct vhost_user_mem_reg reg;
	struct vhost_user_config config;
	struct vhost_user_inflight inflight;
};

_Static_assert(sizeof(struct vhost_user_header) == 12, "wire format");
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "wire format");
_Static_assert(sizeof(struct vhost_user_region) == 32, "wire format");
_Static_assert(sizeof(struct vhost_user_mem_reg) == 40, "wire format");
_Static_assert(sizeof(struct vhost_user_config) == 268, "wire format");
_Static_assert(sizeof(struct vhost_user_inflight) == 24, "wire format");

#endif /* ZV_BACKENDS_TRANSPORT_VHOST_USER_VHOST_USER_MSG_H */
