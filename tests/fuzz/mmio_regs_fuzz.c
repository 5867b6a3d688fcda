/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of register writes.  Oracle: every state reached is one that would
 * be accepted from the restart area; a write applied twice changes nothing the
 * second time; START only on the way to live; a queue that is ready or that is
 * not selected keeps its layout; features once accepted stay.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/virtio_mmio_regs.h"
#include "fuzz_input.h"

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static const uint16_t offsets[] = {
	0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064,
	0x070, 0x070, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4,
	0x0ac, 0x0c0, 0x100, 0x108, 0x070, 0x044, 0x030, 0x038,
};
static const uint32_t values[] = {
	0,  1,	 2,   3,   4,	 8,    0xb,	   0xf,
	16, 256, 257, 512, 0x4f, 0x80, 0x7fffffff, 0xffffffff,
};

static void check_queues(const struct virtio_mmio_state *before,
			 const struct virtio_mmio_state *after,
			 const struct virtio_mmio_info *info)
{
	for (uint32_t q = 0; q < VIRTIO_QUEUES_MAX; q++) {
		const struct virtio_mmio_queue *a = &before->queue[q];
		const struct virtio_mmio_queue *b = &after->queue[q];

		if (q >= info->queue_count || q != before->queue_sel) {
			require(memcmp(a, b, sizeof(*a)) == 0);
		} else if (a->ready != 0) {
			require(memcmp(&a->layout, &b->layout,
				       sizeof(a->layout)) == 0);
		}
	}
}

static void step(const struct virtio_mmio_info *info,
		 struct virtio_mmio_state *state, struct fuzz_input *in)
{
	struct virtio_mmio_state before = *state;
	struct virtio_mmio_state twice;
	struct virtio_mmio_word words[VIRTIO_MMIO_WORDS];
	uint8_t pick = fuzz_u8(in);
	uint32_t offset = pick < 224 ? offsets[pick % 24] : fuzz_u16(in) % 512;
	uint32_t size = pick < 240 ? 4 : 1u << (fuzz_u8(in) % 3);
	uint8_t how = fuzz_u8(in);
	uint32_t value = how < 192 ? values[how % 16] : fuzz_u32(in);
	enum virtio_mmio_action action;

	action = virtio_mmio_regs_write(info, state, offset, size, value);
	require(virtio_mmio_regs_valid(info, state));
	twice = *state;
	(void)virtio_mmio_regs_write(info, &twice, offset, size, value);
	require(memcmp(&twice, state, sizeof(twice)) == 0);
	require((action == VIRTIO_MMIO_START) ==
		(!virtio_mmio_regs_live(&before) &&
		 virtio_mmio_regs_live(state)));
	if (action != VIRTIO_MMIO_RESET) {
		check_queues(&before, state, info);
		require((before.status & ~state->status) == 0);
		if ((before.status & VIRTIO_STATUS_FEATURES_OK) != 0) {
			require(before.driver_features ==
				state->driver_features);
		}
	}
	if ((state->status & VIRTIO_STATUS_FEATURES_OK) != 0) {
		require((state->driver_features & ~info->features) == 0);
		require((state->driver_features & VIRTIO_F_VERSION_1) != 0);
	}
	if (action == VIRTIO_MMIO_QUEUE_ENABLE) {
		require(state->queue_sel < info->queue_count);
		require(state->queue[state->queue_sel].layout.size <=
			info->queue_size_max);
	}
	virtio_mmio_regs_words(info, state, words);
	for (size_t i = 0; i < VIRTIO_MMIO_WORDS; i++) {
		require(words[i].offset < VIRTIO_MMIO_CONFIG &&
			words[i].offset % 4 == 0);
	}
	if (how == 255) {
		virtio_mmio_regs_break(state);
		require(!virtio_mmio_regs_live(state));
		require(virtio_mmio_regs_valid(info, state));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct virtio_mmio_info info = {
		.device_id = 3,
		.queue_count = 1 + fuzz_u8(&in) % VIRTIO_QUEUES_MAX,
		.queue_size_max = 1u << (fuzz_u8(&in) % 9),
		.config_len = fuzz_u8(&in),
		.features = VIRTIO_F_VERSION_1 | fuzz_u32(&in),
	};
	/* On the heap: a queue too far is outside of the block. */
	struct virtio_mmio_state *state = calloc(1, sizeof(*state));

	/* Near the usual path, or most runs would never get features. */
	if (fuzz_u8(&in) % 4 != 0) {
		state->status = 0xb;
		state->driver_features = VIRTIO_F_VERSION_1;
	}
	while (in.left != 0) {
		step(&info, state, &in);
	}
	free(state);
	return 0;
}
