/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a virtio-mmio device, version 2 (virtio 1.2, section 4.2.2),
 * as a pure machine: a write turns a state into a new state and an action for
 * the transport; what the driver reads is a function of the state.  No memory
 * of the guest, no device and no transport is touched here, and applying a
 * write twice gives the same state as once.
 *
 *   status: 0 -> ACKNOWLEDGE -> DRIVER -> FEATURES_OK -> DRIVER_OK (2.1.1, 3.1)
 *   any state -- write 0 --> 0                            action RESET
 *   FEATURES_OK -- DRIVER_OK --> live                     action START
 *   queue, FEATURES_OK, not live -- QueueReady 1 --> ready  QUEUE_ENABLE
 *   queue ready -- QueueReady 0 --> not ready             QUEUE_DISABLE
 *   any state -- virtio_mmio_regs_break() --> NEEDS_RESET; only a reset leaves
 */
#ifndef ZV_BACKENDS_CORE_VIRTIO_MMIO_REGS_H
#define ZV_BACKENDS_CORE_VIRTIO_MMIO_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/virtio_device.h"

/* Offsets (4.2.2). */
#define VIRTIO_MMIO_MAGIC 0x000u
#define VIRTIO_MMIO_VERSION 0x004u
#define VIRTIO_MMIO_DEVICE_ID 0x008u
#define VIRTIO_MMIO_VENDOR_ID 0x00cu
#define VIRTIO_MMIO_DEVICE_FEATURES 0x010u
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014u
#define VIRTIO_MMIO_DRIVER_FEATURES 0x020u
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024u
#define VIRTIO_MMIO_QUEUE_SEL 0x030u
#define VIRTIO_MMIO_QUEUE_NUM_MAX 0x034u
#define VIRTIO_MMIO_QUEUE_NUM 0x038u
#define VIRTIO_MMIO_QUEUE_READY 0x044u
#define VIRTIO_MMIO_QUEUE_NOTIFY 0x050u
#define VIRTIO_MMIO_INTERRUPT_STATUS 0x060u
#define VIRTIO_MMIO_INTERRUPT_ACK 0x064u
#define VIRTIO_MMIO_STATUS 0x070u
#define VIRTIO_MMIO_QUEUE_DESC_LOW 0x080u
#define VIRTIO_MMIO_QUEUE_DESC_HIGH 0x084u
#define VIRTIO_MMIO_QUEUE_DRIVER_LOW 0x090u
#define VIRTIO_MMIO_QUEUE_DRIVER_HIGH 0x094u
#define VIRTIO_MMIO_QUEUE_DEVICE_LOW 0x0a0u
#define VIRTIO_MMIO_QUEUE_DEVICE_HIGH 0x0a4u
#define VIRTIO_MMIO_SHM_LEN_LOW 0x0b0u
#define VIRTIO_MMIO_SHM_LEN_HIGH 0x0b4u
#define VIRTIO_MMIO_SHM_BASE_LOW 0x0b8u
#define VIRTIO_MMIO_SHM_BASE_HIGH 0x0bcu
#define VIRTIO_MMIO_CONFIG_GENERATION 0x0fcu
#define VIRTIO_MMIO_CONFIG 0x100u
#define VIRTIO_MMIO_WINDOW 0x200u

#define VIRTIO_MMIO_MAGIC_VALUE 0x74726976u /* "virt" */
#define VIRTIO_MMIO_VENDOR_VALUE 0x564e4f5au /* "ZONV" */

/* Device status (2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER 0x02u
#define VIRTIO_STATUS_DRIVER_OK 0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED 0x80u

/* InterruptStatus (4.2.2). */
#define VIRTIO_INTERRUPT_USED 1u
#define VIRTIO_INTERRUPT_CONFIG 2u

/* What never changes about a device. */
struct virtio_mmio_info {
	uint32_t device_id;
	uint32_t queue_count; /* 1 .. VIRTIO_QUEUES_MAX */
	uint32_t queue_size_max; /* a power of two up to VQ_SIZE_MAX */
	uint32_t config_len;
	uint64_t features;
};

struct virtio_mmio_queue {
	uint32_t ready;
	struct vq_layout layout;
};

/* Plain data of fixed size: it lives in the restart area. */
struct virtio_mmio_state {
	uint32_t status;
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
	uint64_t driver_features;
	uint32_t config_generation;
	uint32_t reserved;
	struct virtio_mmio_queue queue[VIRTIO_QUEUES_MAX];
};

enum virtio_mmio_action {
	VIRTIO_MMIO_NONE,
	VIRTIO_MMIO_RESET,
	VIRTIO_MMIO_START,
	VIRTIO_MMIO_QUEUE_ENABLE, /* the queue selected */
	VIRTIO_MMIO_QUEUE_DISABLE,
	VIRTIO_MMIO_CONFIG_WRITE,
};

struct virtio_mmio_word {
	uint32_t offset;
	uint32_t value;
};

/* The registers that follow the state, and the constant ones. */
#define VIRTIO_MMIO_WORDS 18u

/*
 * A driver's write of size bytes at offset inside the window.  Anything the
 * specification does not define is ignored.
 */
enum virtio_mmio_action
virtio_mmio_regs_write(const struct virtio_mmio_info *info,
		       struct virtio_mmio_state *state, uint32_t offset,
		       uint32_t size, uint32_t value);

/*
 * What the driver must see of a state: always the same offsets in the same
 * order.  InterruptStatus and the config space are not among them.
 */
void virtio_mmio_regs_words(const struct virtio_mmio_info *info,
			    const struct virtio_mmio_state *state,
			    struct virtio_mmio_word ret[VIRTIO_MMIO_WORDS]);

/* The device is in use: DRIVER_OK and not broken. */
bool virtio_mmio_regs_live(const struct virtio_mmio_state *state);

/* Sets NEEDS_RESET; true if the driver has to be told (2.1.2). */
bool virtio_mmio_regs_break(struct virtio_mmio_state *state);

/*
 * Whether a state read back from the restart area is one this machine could
 * have reached for this device.
 */
bool virtio_mmio_regs_valid(const struct virtio_mmio_info *info,
			    const struct virtio_mmio_state *state);

#endif /* ZV_BACKENDS_CORE_VIRTIO_MMIO_REGS_H */
