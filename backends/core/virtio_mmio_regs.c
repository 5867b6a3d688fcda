/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/virtio_mmio_regs.h"

#include <string.h>

/* Status bits that a driver may set; it clears them only by a reset. */
#define STATUS_DRIVER_BITS                                     \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |    \
	 VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FEATURES_OK | \
	 VIRTIO_STATUS_FAILED)

/*
 * The one place where the driver's queue number becomes a queue.  NULL: no
 * such queue; its registers read as 0 and ignore writes.
 */
static struct virtio_mmio_queue *selected(const struct virtio_mmio_info *info,
					  struct virtio_mmio_state *state)
{
	uint32_t count = info->queue_count < VIRTIO_QUEUES_MAX
				 ? info->queue_count
				 : VIRTIO_QUEUES_MAX;

	return state->queue_sel < count ? &state->queue[state->queue_sel]
					: NULL;
}

bool virtio_mmio_regs_live(const struct virtio_mmio_state *state)
{
	return (state->status &
		(VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
	       VIRTIO_STATUS_DRIVER_OK;
}

bool virtio_mmio_regs_break(struct virtio_mmio_state *state)
{
	bool tell = virtio_mmio_regs_live(state);

	state->status |= VIRTIO_STATUS_NEEDS_RESET;
	return tell;
}

static bool features_acceptable(const struct virtio_mmio_info *info,
				uint64_t features)
{
	return (features & ~info->features) == 0 &&
	       (features & VIRTIO_F_VERSION_1) != 0;
}

static enum virtio_mmio_action write_status(const struct virtio_mmio_info *info,
					    struct virtio_mmio_state *state,
					    uint32_t value)
{
	uint32_t old = state->status;
	uint32_t set = value & STATUS_DRIVER_BITS & ~old;

	if (value == 0) {
		uint32_t generation = state->config_generation;

		memset(state, 0, sizeof(*state));
		state->config_generation = generation;
		return VIRTIO_MMIO_RESET;
	}
	if ((old & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		return VIRTIO_MMIO_NONE;
	}
	/* 3.1.1: the device may refuse features; the driver reads it back. */
	if ((set & VIRTIO_STATUS_FEATURES_OK) != 0 &&
	    !features_acceptable(info, state->driver_features)) {
		set &= ~VIRTIO_STATUS_FEATURES_OK;
	}
	if ((set & VIRTIO_STATUS_DRIVER_OK) != 0 &&
	    ((old | set) & VIRTIO_STATUS_FEATURES_OK) == 0) {
		set &= ~VIRTIO_STATUS_DRIVER_OK;
	}
	state->status |= set;
	return (set & VIRTIO_STATUS_DRIVER_OK) != 0 ? VIRTIO_MMIO_START
						    : VIRTIO_MMIO_NONE;
}

static void write_driver_features(struct virtio_mmio_state *state,
				  uint32_t value)
{
	uint32_t shift = state->driver_features_sel * 32;

	if (state->driver_features_sel > 1 ||
	    (state->status & VIRTIO_STATUS_FEATURES_OK) != 0) {
		return;
	}
	state->driver_features &= ~(0xffffffffull << shift);
	state->driver_features |= (uint64_t)value << shift;
}

static bool queue_size_valid(const struct virtio_mmio_info *info, uint32_t size)
{
	return size != 0 && size <= info->queue_size_max &&
	       (size & (size - 1)) == 0;
}

static enum virtio_mmio_action write_ready(const struct virtio_mmio_info *info,
					   struct virtio_mmio_state *state,
					   struct virtio_mmio_queue *queue,
					   uint32_t value)
{
	uint32_t mask = VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK |
			VIRTIO_STATUS_NEEDS_RESET;

	if (value == 0 && queue->ready != 0) {
		queue->ready = 0;
		return VIRTIO_MMIO_QUEUE_DISABLE;
	}
	if (value != 1 || queue->ready != 0 ||
	    (state->status & mask) != VIRTIO_STATUS_FEATURES_OK ||
	    !queue_size_valid(info, queue->layout.size)) {
		return VIRTIO_MMIO_NONE;
	}
	queue->ready = 1;
	return VIRTIO_MMIO_QUEUE_ENABLE;
}

static void set_half(uint64_t *address, uint32_t value, bool high)
{
	uint32_t shift = high ? 32 : 0;

	*address &= ~(0xffffffffull << shift);
	*address |= (uint64_t)value << shift;
}

/* A queue's layout; fixed while the queue is ready (4.2.2.2). */
static void write_layout(struct virtio_mmio_queue *queue, uint32_t offset,
			 uint32_t value)
{
	if (queue->ready != 0) {
		return;
	}
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		queue->layout.size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&queue->layout.desc, value, (offset & 4) != 0);
		break;
	case VIRTIO_MMIO_QUEUE_DRIVER_LOW:
	case VIRTIO_MMIO_QUEUE_DRIVER_HIGH:
		set_half(&queue->layout.avail, value, (offset & 4) != 0);
		break;
	case VIRTIO_MMIO_QUEUE_DEVICE_LOW:
	case VIRTIO_MMIO_QUEUE_DEVICE_HIGH:
		set_half(&queue->layout.used, value, (offset & 4) != 0);
		break;
	default:
		break;
	}
}

static enum virtio_mmio_action
write_control(const struct virtio_mmio_info *info,
	      struct virtio_mmio_state *state, uint32_t offset, uint32_t value)
{
	struct virtio_mmio_queue *queue = selected(info, state);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		state->device_features_sel = value;
		return VIRTIO_MMIO_NONE;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		state->driver_features_sel = value;
		return VIRTIO_MMIO_NONE;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(state, value);
		return VIRTIO_MMIO_NONE;
	case VIRTIO_MMIO_QUEUE_SEL:
		state->queue_sel = value;
		return VIRTIO_MMIO_NONE;
	case VIRTIO_MMIO_STATUS:
		return write_status(info, state, value);
	default:
		break;
	}
	if (queue == NULL) {
		return VIRTIO_MMIO_NONE;
	}
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		return write_ready(info, state, queue, value);
	}
	write_layout(queue, offset, value);
	return VIRTIO_MMIO_NONE;
}

enum virtio_mmio_action
virtio_mmio_regs_write(const struct virtio_mmio_info *info,
		       struct virtio_mmio_state *state, uint32_t offset,
		       uint32_t size, uint32_t value)
{
	if (offset >= VIRTIO_MMIO_CONFIG) {
		uint32_t at = offset - VIRTIO_MMIO_CONFIG;

		return at < info->config_len && size <= info->config_len - at
			       ? VIRTIO_MMIO_CONFIG_WRITE
			       : VIRTIO_MMIO_NONE;
	}
	/* 4.2.2.2: control registers take aligned 32-bit accesses only. */
	if (size != 4 || (offset & 3) != 0) {
		return VIRTIO_MMIO_NONE;
	}
	return write_control(info, state, offset, value);
}

static uint32_t device_features_word(const struct virtio_mmio_info *info,
				     uint32_t sel)
{
	return sel > 1 ? 0 : (uint32_t)(info->features >> (sel * 32));
}

void virtio_mmio_regs_words(const struct virtio_mmio_info *info,
			    const struct virtio_mmio_state *state,
			    struct virtio_mmio_word ret[VIRTIO_MMIO_WORDS])
{
	struct virtio_mmio_state copy = *state;
	const struct virtio_mmio_queue *queue = selected(info, &copy);
	const struct virtio_mmio_word words[VIRTIO_MMIO_WORDS] = {
		{ VIRTIO_MMIO_MAGIC, VIRTIO_MMIO_MAGIC_VALUE },
		{ VIRTIO_MMIO_VERSION, 2 },
		{ VIRTIO_MMIO_DEVICE_ID, info->device_id },
		{ VIRTIO_MMIO_VENDOR_ID, VIRTIO_MMIO_VENDOR_VALUE },
		{ VIRTIO_MMIO_DEVICE_FEATURES,
		  device_features_word(info, state->device_features_sel) },
		{ VIRTIO_MMIO_QUEUE_NUM_MAX,
		  queue != NULL ? info->queue_size_max : 0 },
		{ VIRTIO_MMIO_QUEUE_READY, queue != NULL ? queue->ready : 0 },
		{ VIRTIO_MMIO_STATUS, state->status },
		/* No shared memory regions: length and base are -1 (4.2.2). */
		{ VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX },
		{ VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX },
		{ VIRTIO_MMIO_SHM_BASE_LOW, UINT32_MAX },
		{ VIRTIO_MMIO_SHM_BASE_HIGH, UINT32_MAX },
		{ VIRTIO_MMIO_CONFIG_GENERATION, state->config_generation },
		/* Write-only: they read as 0 whatever the page held before. */
		{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0 },
		{ VIRTIO_MMIO_DRIVER_FEATURES, 0 },
		{ VIRTIO_MMIO_QUEUE_SEL, 0 },
		{ VIRTIO_MMIO_QUEUE_NUM, 0 },
		{ VIRTIO_MMIO_QUEUE_NOTIFY, 0 },
	};

	memcpy(ret, words, sizeof(words));
}

bool virtio_mmio_regs_valid(const struct virtio_mmio_info *info,
			    const struct virtio_mmio_state *state)
{
	uint32_t status = state->status;

	if ((status & ~(STATUS_DRIVER_BITS | VIRTIO_STATUS_NEEDS_RESET)) != 0) {
		return false;
	}
	if ((status & VIRTIO_STATUS_NEEDS_RESET) == 0) {
		if ((status & VIRTIO_STATUS_DRIVER_OK) != 0 &&
		    (status & VIRTIO_STATUS_FEATURES_OK) == 0) {
			return false;
		}
		if ((status & VIRTIO_STATUS_FEATURES_OK) != 0 &&
		    !features_acceptable(info, state->driver_features)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		const struct virtio_mmio_queue *queue = &state->queue[i];

		if (queue->ready > 1 ||
		    (queue->ready == 1 &&
		     (i >= info->queue_count ||
		      !queue_size_valid(info, queue->layout.size)))) {
			return false;
		}
	}
	return true;
}
