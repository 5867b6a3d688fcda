/* SPDX-License-Identifier: BSD-2-Clause */
/* guest_mem and vq: every rule of the ring, kept and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/ring_driver.h"

#define RAM 0x40000000ull
#define RAM_SIZE 0x10000ull
#define HIGH 0x80000000ull /* a second region, apart */
#define HIGH_SIZE 0x1000ull
#define DATA (RAM + 0x8000)
#define TABLE (RAM + 0x7000) /* indirect */

struct fixture {
	struct guest_mem gm;
	uint8_t *ram;
	uint8_t *high;
	struct ring_driver ring;
	struct vq vq;
	struct vq_chain chain;
};

static void bind(struct fixture *f, uint32_t size, uint64_t features)
{
	ring_driver_init(&f->ring, &f->gm, RAM, size);
	assert_int_equal(vq_init(&f->vq, &f->gm, &f->ring.at, features), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* On heap blocks of their own, so that ASan sees one byte too far. */
	f->ram = calloc(1, RAM_SIZE);
	f->high = calloc(1, HIGH_SIZE);
	guest_mem_init(&f->gm);
	assert_int_equal(guest_mem_add(&f->gm, RAM, RAM_SIZE, f->ram), 0);
	assert_int_equal(guest_mem_add(&f->gm, HIGH, HIGH_SIZE, f->high), 0);
	bind(f, 8, VQ_F_INDIRECT_DESC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f->high);
	free(f);
	return 0;
}

static void desc(struct fixture *f, uint32_t i, uint64_t addr, uint32_t len,
		 uint16_t flags, uint16_t next)
{
	ring_driver_desc(&f->ring, f->ring.at.desc, i, addr, len, flags, next);
}

static int pop(struct fixture *f)
{
	return vq_pop(&f->vq, &f->chain);
}

static void guest_mem_bounds(void **state)
{
	struct fixture *f = *state;
	struct guest_mem *gm = &f->gm;
	uint8_t byte;
	uint16_t word;

	assert_ptr_equal(guest_mem_map(gm, RAM, RAM_SIZE), f->ram);
	assert_ptr_equal(guest_mem_map(gm, RAM + 5, 1), f->ram + 5);
	assert_null(guest_mem_map(gm, RAM, RAM_SIZE + 1));
	assert_null(guest_mem_map(gm, RAM - 1, 2));
	assert_null(guest_mem_map(gm, RAM + RAM_SIZE, 1));
	assert_null(guest_mem_map(gm, RAM + RAM_SIZE, 0));
	assert_null(guest_mem_map(gm, RAM + 1, UINT64_MAX));
	assert_null(guest_mem_map(gm, UINT64_MAX, 2));
	assert_int_equal(guest_mem_read(gm, RAM + RAM_SIZE, &byte, 1), -EFAULT);
	assert_int_equal(guest_mem_write(gm, RAM - 1, &byte, 1), -EFAULT);
	assert_int_equal(guest_mem_load16(gm, RAM + 1, &word), -EFAULT);
	assert_int_equal(guest_mem_store16(gm, RAM + RAM_SIZE - 1, 1), -EFAULT);
}

static void guest_mem_regions(void **state)
{
	struct fixture *f = *state;
	struct guest_mem gm;
	uint8_t mem[16];

	(void)f;
	guest_mem_init(&gm);
	assert_int_equal(guest_mem_add(&gm, 0x1000, 0, mem), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, UINT64_MAX, 2, mem), -EINVAL);
	for (uint64_t i = 0; i < GUEST_MEM_REGIONS_MAX; i++) {
		assert_int_equal(guest_mem_add(&gm, i * 16, 16, mem), 0);
		assert_int_equal(guest_mem_add(&gm, i * 16 + 15, 16, mem),
				 -EINVAL);
	}
	assert_int_equal(guest_mem_add(&gm, 0x1000, 16, mem), -ENOSPC);
	/* Adjacent regions are two: a range across is not mapped. */
	assert_null(guest_mem_map(&gm, 15, 2));
}

static void layout_rules(void **state)
{
	struct fixture *f = *state;
	struct vq_layout good = f->ring.at;
	struct vq_layout l;
	struct vq vq;

	assert_int_equal(vq_check(&f->gm, &good), 0);
#define BAD(field, value)                                               \
	do {                                                            \
		l = good;                                               \
		l.field = (value);                                      \
		assert_int_equal(vq_check(&f->gm, &l), -EPROTO);        \
		assert_int_equal(vq_init(&vq, &f->gm, &l, 0), -EPROTO); \
		assert_int_equal(vq_clear(&f->gm, &l), -EPROTO);        \
	} while (0)
	BAD(size, 0);
	BAD(size, 3);
	BAD(size, 2048);
	BAD(desc, good.desc + 8);
	BAD(avail, good.avail + 1);
	BAD(used, good.used + 2);
	BAD(desc, RAM + RAM_SIZE - 16 * 8 + 16);
	BAD(avail, RAM + RAM_SIZE - 20);
	BAD(used, RAM + RAM_SIZE - 68);
	BAD(desc, 0);
#undef BAD
	/* The last place each part fits. */
	l = good;
	l.used = RAM + RAM_SIZE - 72;
	assert_int_equal(vq_check(&f->gm, &l), 0);
	/* The longest one: 16 KiB, 2 KiB and six bytes, 8 KiB and six bytes. */
	l = (struct vq_layout){ 1024, RAM, RAM + 0x4000, RAM + 0x5000 };
	assert_int_equal(vq_check(&f->gm, &l), 0);
}

static void chain_direct(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pop(f), 0);
	desc(f, 2, DATA, 10, VQ_DESC_NEXT, 5);
	desc(f, 5, HIGH, 20, VQ_DESC_NEXT, 1);
	desc(f, 1, DATA + 64, 30, VQ_DESC_WRITE, 0);
	ring_driver_offer(&f->ring, 2);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, 2);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 1);
	assert_int_equal(f->chain.readable_len, 30);
	assert_int_equal(f->chain.writable_len, 30);
	assert_ptr_equal(f->chain.seg[0].base, f->ram + 0x8000);
	assert_ptr_equal(f->chain.seg[1].base, f->high);
	assert_int_equal(f->chain.seg[2].len, 30);
	assert_int_equal(pop(f), 0);
}

static void chain_indirect(void **state)
{
	struct fixture *f = *state;

	/* 2.7.5.3.2: normal descriptors may come before an indirect one. */
	desc(f, 0, DATA, 1, VQ_DESC_NEXT, 1);
	desc(f, 1, TABLE, 32, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, DATA + 8, 2, VQ_DESC_NEXT, 1);
	ring_driver_desc(&f->ring, TABLE, 1, DATA + 16, 3, VQ_DESC_WRITE, 9);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 1);
}

static void chain_rejected(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		uint16_t next;
	} bad[] = {
		{ DATA, 4, VQ_DESC_NEXT, 8 }, /* next out of the table */
		{ DATA, 4, VQ_DESC_NEXT, 65535 },
		{ RAM + RAM_SIZE - 2, 4, 0, 0 }, /* out of the region */
		{ 0, 4, 0, 0 },
		{ UINT64_MAX - 1, 4, 0, 0 },
		{ TABLE, 0, VQ_DESC_INDIRECT, 0 }, /* no descriptors */
		{ TABLE, 17, VQ_DESC_INDIRECT, 0 }, /* not whole ones */
		{ TABLE, 16 * 257, VQ_DESC_INDIRECT, 0 }, /* too many */
		{ TABLE, 16, VQ_DESC_INDIRECT | VQ_DESC_NEXT, 1 },
		{ RAM + RAM_SIZE - 8, 16, VQ_DESC_INDIRECT, 0 },
		{ UINT64_MAX - 15, 32, VQ_DESC_INDIRECT, 0 },
	};

	ring_driver_offer(&f->ring, 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		desc(f, 3, bad[i].addr, bad[i].len, bad[i].flags, bad[i].next);
		assert_int_equal(pop(f), -EPROTO);
	}
	/* The queue has not moved: a good chain there is popped. */
	desc(f, 3, DATA, 4, 0, 0);
	assert_int_equal(pop(f), 1);
}

static void chain_order(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, DATA, 4, VQ_DESC_NEXT | VQ_DESC_WRITE, 1);
	desc(f, 1, DATA + 8, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
	/* Also where there is nothing to write, and across a table. */
	desc(f, 0, DATA, 0, VQ_DESC_NEXT | VQ_DESC_WRITE, 1);
	assert_int_equal(pop(f), -EPROTO);
	desc(f, 1, TABLE, 16, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, DATA + 8, 4, 0, 0);
	assert_int_equal(pop(f), -EPROTO);
}

static void chain_loop_of_nothing(void **state)
{
	struct fixture *f = *state;

	/* Empty segments never fill the array: only the budget ends it. */
	desc(f, 0, DATA, 0, VQ_DESC_NEXT, 1);
	desc(f, 1, DATA, 0, VQ_DESC_NEXT, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
}

static void chain_loop_indirect(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, TABLE, 16, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, DATA, 0, VQ_DESC_NEXT, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
}

static void indirect_twice(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, TABLE, 16, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, TABLE + 64, 16, VQ_DESC_INDIRECT,
			 0);
	ring_driver_desc(&f->ring, TABLE + 64, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
}

static void indirect_not_negotiated(void **state)
{
	struct fixture *f = *state;

	bind(f, 8, 0);
	desc(f, 0, TABLE, 16, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
}

/* As many segments as there may be, and one more. */
static void segments_bound(void **state)
{
	struct fixture *f = *state;
	uint64_t table = RAM + 0x4000;

	bind(f, 256, VQ_F_INDIRECT_DESC);
	desc(f, 0, table, 16 * VQ_SEGS_MAX, VQ_DESC_INDIRECT, 0);
	for (uint16_t i = 0; i < VQ_SEGS_MAX; i++) {
		ring_driver_desc(&f->ring, table, i, DATA + i, 1,
				 i + 1u < VQ_SEGS_MAX ? VQ_DESC_NEXT : 0,
				 (uint16_t)(i + 1));
	}
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.readable, VQ_SEGS_MAX);

	desc(f, 1, DATA, 1, VQ_DESC_NEXT, 0);
	ring_driver_offer(&f->ring, 1);
	assert_int_equal(pop(f), -EPROTO);
}

/* The length a used element carries has 32 bits. */
static void total_length_bound(void **state)
{
	struct fixture *f = *state;
	uint8_t *big = f->ram;
	struct guest_mem gm;

	/* Never touched, so it may claim to be larger than it is. */
	guest_mem_init(&gm);
	assert_int_equal(guest_mem_add(&gm, RAM, RAM_SIZE, big), 0);
	assert_int_equal(
		guest_mem_add(&gm, 0x100000000ull, 0x200000000ull, big), 0);
	f->vq.gm = &gm;
	desc(f, 0, 0x100000000ull, UINT32_MAX, VQ_DESC_NEXT, 1);
	desc(f, 1, 0x100000000ull, 1, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), -EPROTO);
}

static void head_bound(void **state)
{
	struct fixture *f = *state;

	ring_driver_offer(&f->ring, 8);
	assert_int_equal(pop(f), -EPROTO);
}

static void avail_bound(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, DATA, 4, 0, 0);
	ring_driver_set_avail_idx(&f->ring, 9);
	assert_int_equal(pop(f), -EPROTO);
	ring_driver_set_avail_idx(&f->ring, 8);
	assert_int_equal(pop(f), 1);
}

static void positions_wrap(void **state)
{
	struct fixture *f = *state;
	uint32_t head;
	uint32_t len;

	desc(f, 4, DATA, 4, 0, 0);
	for (uint32_t i = 0; i < 70000; i++) {
		ring_driver_offer(&f->ring, 4);
		assert_int_equal(pop(f), 1);
		assert_int_equal(vq_push(&f->vq, 4, i), 0);
		assert_true(ring_driver_take(&f->ring, &head, &len));
		assert_int_equal(head, 4);
		assert_int_equal(len, i);
	}
}

static void unpop_and_head_at(void **state)
{
	struct fixture *f = *state;
	uint16_t head;

	desc(f, 6, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 6);
	assert_int_equal(pop(f), 1);
	vq_unpop(&f->vq);
	assert_int_equal(pop(f), 1);
	assert_int_equal(vq_head_at(&f->vq, 0, &head), 0);
	assert_int_equal(head, 6);
	ring_driver_offer(&f->ring, 9);
	assert_int_equal(vq_head_at(&f->vq, 1, &head), -EPROTO);
}

static void signal_by_flag(void **state)
{
	struct fixture *f = *state;

	vq_push(&f->vq, 0, 0);
	assert_true(vq_should_signal(&f->vq));
	assert_false(vq_should_signal(&f->vq));
	vq_push(&f->vq, 0, 0);
	ring_driver_set_avail_flags(&f->ring, VQ_AVAIL_NO_INTERRUPT);
	assert_false(vq_should_signal(&f->vq));
}

static void signal_by_event(void **state)
{
	struct fixture *f = *state;

	bind(f, 8, VQ_F_EVENT_IDX);
	vq_push(&f->vq, 0, 0);
	assert_true(vq_should_signal(&f->vq)); /* the first one always */
	ring_driver_set_used_event(&f->ring, 2);
	vq_push(&f->vq, 0, 0);
	assert_false(vq_should_signal(&f->vq)); /* used 2, wants 3 */
	vq_push(&f->vq, 0, 0);
	assert_true(vq_should_signal(&f->vq));
	vq_push(&f->vq, 0, 0);
	assert_false(vq_should_signal(&f->vq));
}

static void kicks(void **state)
{
	struct fixture *f = *state;

	vq_disable_kick(&f->vq);
	assert_int_equal(ring_driver_used_flags(&f->ring), VQ_USED_NO_NOTIFY);
	assert_false(vq_enable_kick(&f->vq));
	assert_int_equal(ring_driver_used_flags(&f->ring), 0);
	desc(f, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_true(vq_enable_kick(&f->vq));
	bind(f, 8, VQ_F_EVENT_IDX);
	desc(f, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_false(vq_enable_kick(&f->vq));
	assert_int_equal(ring_driver_avail_event(&f->ring), 1);
}

static void resume_at_used(void **state)
{
	struct fixture *f = *state;
	struct vq again;

	desc(f, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	ring_driver_offer(&f->ring, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(vq_push(&f->vq, 0, 0), 0);
	assert_int_equal(pop(f), 1); /* popped, not pushed: taken again */
	assert_int_equal(vq_init(&again, &f->gm, &f->ring.at, 0), 0);
	assert_int_equal(again.used_idx, 1);
	assert_int_equal(vq_pop(&again, &f->chain), 1);
	assert_int_equal(vq_pop(&again, &f->chain), 0);
	assert_int_equal(vq_clear(&f->gm, &f->ring.at), 0);
	assert_int_equal(ring_driver_used_idx(&f->ring), 0);
}

static void unbound_queue(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, DATA, 4, 0, 0);
	ring_driver_offer(&f->ring, 0);
	vq_fini(&f->vq);
	assert_int_equal(pop(f), 0);
	assert_int_equal(vq_push(&f->vq, 0, 0), -EPROTO);
	assert_false(vq_should_signal(&f->vq));
	assert_false(vq_enable_kick(&f->vq));
	vq_disable_kick(&f->vq);
}

/* A guest that changes what was read as soon as it was read. */
static uint32_t reads;

static void scribble(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	reads++;
	if (len == sizeof(struct vq_desc)) {
		memset(guest_mem_map(gm, gpa, len), 0xff, len);
	}
}

static void descriptors_read_once(void **state)
{
	struct fixture *f = *state;

	desc(f, 0, DATA, 4, VQ_DESC_NEXT, 1);
	desc(f, 1, TABLE, 16, VQ_DESC_INDIRECT, 0);
	ring_driver_desc(&f->ring, TABLE, 0, DATA + 4, 4, VQ_DESC_WRITE, 0);
	ring_driver_offer(&f->ring, 0);
	f->gm.after_read = scribble;
	reads = 0;
	assert_int_equal(pop(f), 1);
	assert_int_equal(reads, 5); /* index, head, three descriptors */
	assert_int_equal(f->chain.readable_len, 4);
	assert_int_equal(f->chain.writable_len, 4);
	assert_ptr_equal(f->chain.seg[0].base, f->ram + 0x8000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guest_mem_bounds),
		TEST(guest_mem_regions),
		TEST(layout_rules),
		TEST(chain_direct),
		TEST(chain_indirect),
		TEST(chain_rejected),
		TEST(chain_order),
		TEST(chain_loop_of_nothing),
		TEST(chain_loop_indirect),
		TEST(indirect_twice),
		TEST(indirect_not_negotiated),
		TEST(segments_bound),
		TEST(total_length_bound),
		TEST(head_bound),
		TEST(avail_bound),
		TEST(positions_wrap),
		TEST(unpop_and_head_at),
		TEST(signal_by_flag),
		TEST(signal_by_event),
		TEST(kicks),
		TEST(resume_at_used),
		TEST(unbound_queue),
		TEST(descriptors_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
