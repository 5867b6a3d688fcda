/* SPDX-License-Identifier: BSD-2-Clause */
/* The register machine: every transition its header names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/virtio_mmio_regs.h"

static const struct virtio_mmio_info info = {
	.device_id = 3,
	.queue_count = 2,
	.queue_size_max = 256,
	.config_len = 12,
	.features = VIRTIO_F_VERSION_1 | VQ_F_EVENT_IDX | 1,
};

static struct virtio_mmio_state st;

static enum virtio_mmio_action wr(uint32_t offset, uint32_t value)
{
	enum virtio_mmio_action action =
		virtio_mmio_regs_write(&info, &st, offset, 4, value);

	/* Whatever is written, the state stays one the machine can be in. */
	assert_true(virtio_mmio_regs_valid(&info, &st));
	return action;
}

static uint32_t rd(uint32_t offset)
{
	struct virtio_mmio_word words[VIRTIO_MMIO_WORDS];

	virtio_mmio_regs_words(&info, &st, words);
	for (size_t i = 0; i < VIRTIO_MMIO_WORDS; i++) {
		if (words[i].offset == offset) {
			return words[i].value;
		}
	}
	fail_msg("register %x is not among the words", offset);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&st, 0, sizeof(st));
	return 0;
}

static void negotiate(uint64_t features)
{
	wr(VIRTIO_MMIO_STATUS, 1);
	wr(VIRTIO_MMIO_STATUS, 3);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	wr(VIRTIO_MMIO_STATUS, 0xb);
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(rd(VIRTIO_MMIO_MAGIC), 0x74726976);
	assert_int_equal(rd(VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_ID), 3);
	assert_int_equal(rd(VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(rd(VIRTIO_MMIO_SHM_BASE_HIGH), UINT32_MAX);
}

static void device_features(void **state)
{
	(void)state;
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0x20000001);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_FEATURES), 1);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

static void features_accepted(void **state)
{
	(void)state;
	/* There are two halves; others take nothing. */
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_true(st.driver_features == 0);
	negotiate(VIRTIO_F_VERSION_1 | VQ_F_EVENT_IDX);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0xb);
	/* Fixed from now on. */
	wr(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	assert_true(st.driver_features ==
		    (VIRTIO_F_VERSION_1 | VQ_F_EVENT_IDX));
}

static void features_refused(void **state)
{
	(void)state;
	negotiate(VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC); /* not offered */
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 3);
	setup(NULL);
	negotiate(VQ_F_EVENT_IDX); /* a legacy driver */
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 3);
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0xf), VIRTIO_MMIO_NONE);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 3);
}

static void start_once(void **state)
{
	(void)state;
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 4), VIRTIO_MMIO_NONE);
	setup(NULL);
	negotiate(VIRTIO_F_VERSION_1);
	assert_false(virtio_mmio_regs_live(&st));
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0xf), VIRTIO_MMIO_START);
	assert_true(virtio_mmio_regs_live(&st));
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0xf), VIRTIO_MMIO_NONE);
	/* Bits are not taken back but by a reset. */
	wr(VIRTIO_MMIO_STATUS, 1);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0xf);
}

static void reset_clears(void **state)
{
	(void)state;
	negotiate(VIRTIO_F_VERSION_1);
	wr(VIRTIO_MMIO_QUEUE_SEL, 1);
	wr(VIRTIO_MMIO_QUEUE_NUM, 8);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	st.config_generation = 7;
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0), VIRTIO_MMIO_RESET);
	assert_int_equal(st.config_generation, 7);
	st.config_generation = 0;
	for (size_t i = 0; i < sizeof(st); i++) {
		assert_int_equal(((uint8_t *)&st)[i], 0);
	}
}

static void queue_layout(void **state)
{
	(void)state;
	negotiate(VIRTIO_F_VERSION_1);
	wr(VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	wr(VIRTIO_MMIO_QUEUE_NUM, 64);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	wr(VIRTIO_MMIO_QUEUE_DESC_HIGH, 1);
	wr(VIRTIO_MMIO_QUEUE_DRIVER_LOW, 0x2000);
	wr(VIRTIO_MMIO_QUEUE_DRIVER_HIGH, 2);
	wr(VIRTIO_MMIO_QUEUE_DEVICE_LOW, 0x3000);
	wr(VIRTIO_MMIO_QUEUE_DEVICE_HIGH, 3);
	assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1),
			 VIRTIO_MMIO_QUEUE_ENABLE);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 1);
	assert_true(st.queue[1].layout.desc == 0x100001000ull);
	assert_true(st.queue[1].layout.avail == 0x200002000ull);
	assert_true(st.queue[1].layout.used == 0x300003000ull);
	/* Fixed while ready; enabling again is nothing. */
	wr(VIRTIO_MMIO_QUEUE_NUM, 32);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
	assert_int_equal(st.queue[1].layout.size, 64);
	assert_true(st.queue[1].layout.desc == 0x100001000ull);
	assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1), VIRTIO_MMIO_NONE);
	assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 0),
			 VIRTIO_MMIO_QUEUE_DISABLE);
	assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(st.queue[0].layout.size, 0);
}

static void queue_refused(void **state)
{
	static const uint32_t bad[] = { 0, 3, 512, UINT32_MAX };

	(void)state;
	wr(VIRTIO_MMIO_QUEUE_NUM, 8);
	assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1), VIRTIO_MMIO_NONE);
	negotiate(VIRTIO_F_VERSION_1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		wr(VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1),
				 VIRTIO_MMIO_NONE);
	}
	wr(VIRTIO_MMIO_QUEUE_NUM, 8);
	wr(VIRTIO_MMIO_STATUS, 0xf);
	assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1), VIRTIO_MMIO_NONE);
}

static void selector_bound(void **state)
{
	static const uint32_t bad[] = { 2, 7, 8, 0x80000000u, UINT32_MAX };

	(void)state;
	negotiate(VIRTIO_F_VERSION_1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtio_mmio_state before;

		wr(VIRTIO_MMIO_QUEUE_SEL, bad[i]);
		before = st;
		assert_int_equal(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		assert_int_equal(rd(VIRTIO_MMIO_QUEUE_READY), 0);
		wr(VIRTIO_MMIO_QUEUE_NUM, 8);
		wr(VIRTIO_MMIO_QUEUE_DESC_LOW, 8);
		assert_int_equal(wr(VIRTIO_MMIO_QUEUE_READY, 1),
				 VIRTIO_MMIO_NONE);
		assert_memory_equal(&before, &st, sizeof(st));
	}
}

static void broken_until_reset(void **state)
{
	(void)state;
	assert_false(virtio_mmio_regs_break(&st)); /* no driver to tell */
	setup(NULL);
	negotiate(VIRTIO_F_VERSION_1);
	wr(VIRTIO_MMIO_STATUS, 0xf);
	assert_true(virtio_mmio_regs_break(&st));
	assert_false(virtio_mmio_regs_break(&st));
	assert_false(virtio_mmio_regs_live(&st));
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0x8f), VIRTIO_MMIO_NONE);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0x4f);
	assert_int_equal(wr(VIRTIO_MMIO_STATUS, 0), VIRTIO_MMIO_RESET);
	assert_int_equal(rd(VIRTIO_MMIO_STATUS), 0);
}

static void odd_accesses(void **state)
{
	struct virtio_mmio_state before = st;

	(void)state;
	/* Narrow, unaligned, read-only, undefined. */
	virtio_mmio_regs_write(&info, &st, VIRTIO_MMIO_STATUS, 1, 1);
	virtio_mmio_regs_write(&info, &st, VIRTIO_MMIO_STATUS + 2, 4, 1);
	wr(VIRTIO_MMIO_MAGIC, 1);
	wr(VIRTIO_MMIO_CONFIG_GENERATION, 1);
	wr(0x0f0, 1);
	assert_memory_equal(&before, &st, sizeof(st));
	assert_int_equal(virtio_mmio_regs_write(&info, &st, 0x108, 4, 0),
			 VIRTIO_MMIO_CONFIG_WRITE);
	assert_int_equal(virtio_mmio_regs_write(&info, &st, 0x10b, 1, 0),
			 VIRTIO_MMIO_CONFIG_WRITE);
	assert_int_equal(virtio_mmio_regs_write(&info, &st, 0x10c, 1, 0),
			 VIRTIO_MMIO_NONE);
	assert_int_equal(virtio_mmio_regs_write(&info, &st, 0x10a, 4, 0),
			 VIRTIO_MMIO_NONE);
}

static void impossible_states(void **state)
{
	struct virtio_mmio_state good;

	(void)state;
	negotiate(VIRTIO_F_VERSION_1);
	wr(VIRTIO_MMIO_QUEUE_NUM, 8);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	good = st;
#define BAD(change)                                               \
	do {                                                      \
		st = good;                                        \
		change;                                           \
		assert_false(virtio_mmio_regs_valid(&info, &st)); \
	} while (0)
	BAD(st.status = 0x100);
	BAD(st.status = 0x10 | 0xb);
	BAD(st.status = 7);
	BAD(st.driver_features |= 2);
	BAD(st.driver_features = 0);
	BAD(st.queue[0].ready = 2);
	BAD(st.queue[0].layout.size = 3);
	BAD(st.queue[0].layout.size = 512);
	BAD(st.queue[2] = st.queue[0]);
#undef BAD
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identity),		 TEST(device_features),
		TEST(features_accepted), TEST(features_refused),
		TEST(start_once),	 TEST(reset_clears),
		TEST(queue_layout),	 TEST(queue_refused),
		TEST(selector_bound),	 TEST(broken_until_reset),
		TEST(odd_accesses),	 TEST(impossible_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
