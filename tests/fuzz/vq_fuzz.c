/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues built from the input: chains, loops, indirect tables, addresses at
 * the edges of memory.  The oracle is the list of descriptors that were read,
 * noted as they were read: segments must be those descriptors and no others, in
 * memory, in order, within bounds; and nothing but writable segments and the
 * used ring may change.  In half of the runs the guest changes every byte as
 * soon as it has been read, so reading twice gives another answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/vq.h"
#include "fuzz_input.h"

#define LOW 0x1000ull /* an indirect table at address 0 aliases nothing */
#define LOW_SIZE 0x8000ull
#define HIGH 0x100000ull
#define HIGH_SIZE 0x3000ull
#define READS_MAX 2048u

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

static struct vq_desc reads[READS_MAX];
static uint64_t read_from[READS_MAX];
static size_t read_count;
static bool hostile;

static const struct vq_desc *note(uint64_t gpa, const uint8_t *at)
{
	require(read_count < READS_MAX);
	memcpy(&reads[read_count], at, sizeof(reads[0]));
	read_from[read_count] = gpa;
	return &reads[read_count++];
}

/* An indirect table, read as a whole: what a walk through it looks at. */
static void note_table(uint64_t gpa, const uint8_t *at, size_t count)
{
	size_t i = 0;

	for (size_t steps = 0; steps < count && i < count; steps++) {
		const struct vq_desc *desc = note(gpa + 16 * i, at + 16 * i);

		if ((desc->flags & VQ_DESC_INDIRECT) != 0 ||
		    (desc->flags & VQ_DESC_NEXT) == 0) {
			break;
		}
		i = desc->next;
	}
}

static void after_read(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	uint8_t *at = guest_mem_map(gm, gpa, len);
	const struct vq_desc *last =
		read_count != 0 ? &reads[read_count - 1] : NULL;

	if (last != NULL && (last->flags & VQ_DESC_INDIRECT) != 0) {
		require(gpa == last->addr && len == last->len);
		note_table(gpa, at, len / sizeof(*last));
	} else if (len == sizeof(*last)) {
		(void)note(gpa, at);
	}
	if (hostile) {
		for (size_t i = 0; i < len; i++) {
			at[i] = (uint8_t)~at[i];
		}
	}
}

static uint64_t pick_address(struct fuzz_input *in)
{
	uint64_t offset = fuzz_u16(in);

	switch (fuzz_u8(in) % 8) {
	case 0:
		return LOW + LOW_SIZE - offset % 64;
	case 1:
		return HIGH + HIGH_SIZE - offset % 64;
	case 2:
		return HIGH + offset % HIGH_SIZE;
	case 3:
		return UINT64_MAX - offset % 64;
	default:
		return LOW + 0x4000 + offset % 0x3000;
	}
}

static void put_desc(struct fuzz_input *in, struct guest_mem *gm, uint64_t gpa,
		     uint32_t count)
{
	struct vq_desc desc = {
		.addr = pick_address(in),
		.len = fuzz_u8(in) % 4 == 0 ? fuzz_u16(in) : fuzz_u8(in) % 48,
	};
	uint8_t kind = fuzz_u8(in);

	desc.flags = kind & (VQ_DESC_NEXT | VQ_DESC_WRITE);
	if ((kind & 0x1c) == 0x1c) {
		/* Usually a table that makes sense, and no NEXT beside it. */
		desc.flags = VQ_DESC_INDIRECT | ((kind & 0xe0) == 0);
		desc.addr = LOW + 0x2000 + (fuzz_u8(in) & 31) * 16u;
		desc.len = 16u * (fuzz_u8(in) + ((kind & 0xe0) == 0xe0));
	}
	desc.next = (uint16_t)(fuzz_u16(in) % (count + (kind >> 7)));
	(void)guest_mem_write(gm, gpa, &desc, sizeof(desc));
}

/* One long chain: what random links hardly ever make. */
static void put_chain(struct guest_mem *gm, uint64_t table, uint32_t count,
		      uint32_t writable_from)
{
	for (uint32_t i = 0; i < count; i++) {
		struct vq_desc desc = {
			.addr = LOW + 0x4000 + i,
			.len = 1,
			.flags = (uint16_t)((i + 1 < count ? VQ_DESC_NEXT : 0) |
					    (i >= writable_from ? VQ_DESC_WRITE
								: 0)),
			.next = (uint16_t)(i + 1),
		};

		(void)guest_mem_write(gm, table + 16ull * i, &desc,
				      sizeof(desc));
	}
}

/* As long as it can be, perhaps going on in a table as long as can be. */
static void put_long_chain(struct fuzz_input *in, struct guest_mem *gm,
			   const struct vq_layout *at)
{
	struct vq_desc more = {
		.addr = LOW + 0x2000,
		.len = 16 * 256,
		.flags = VQ_DESC_INDIRECT,
	};
	uint8_t how = fuzz_u8(in);

	put_chain(gm, at->desc, at->size, how & 1 ? fuzz_u8(in) : 256);
	put_chain(gm, LOW + 0x2000, 256, how & 2 ? fuzz_u8(in) : 256);
	if ((how & 4) != 0) {
		(void)guest_mem_write(
			gm, at->desc + 16ull * (fuzz_u8(in) % at->size), &more,
			sizeof(more));
	}
	if ((how & 8) != 0) {
		put_desc(in, gm, at->desc + 16ull * (fuzz_u8(in) % at->size),
			 at->size);
	}
}

/* Descriptors come from the table, or from the indirect one it names. */
static void check_reads(const struct vq *vq)
{
	uint64_t table = vq->at.desc;
	uint64_t len = 16ull * vq->at.size;

	for (size_t i = 0; i < read_count; i++) {
		require(read_from[i] >= table && read_from[i] - table < len);
		require((read_from[i] - table) % 16 == 0);
		if ((reads[i].flags & VQ_DESC_INDIRECT) != 0) {
			table = reads[i].addr;
			len = reads[i].len;
		}
	}
}

static void check_chain(const struct vq *vq, const struct vq_chain *chain)
{
	uint64_t total[2] = { 0, 0 };
	bool writing = false;
	uint32_t n = 0;

	require(chain->head < vq->at.size);
	require(read_count != 0 &&
		(reads[read_count - 1].flags & VQ_DESC_NEXT) == 0);
	for (size_t i = 0; i < read_count; i++) {
		const struct vq_desc *desc = &reads[i];
		bool writable = (desc->flags & VQ_DESC_WRITE) != 0;

		if ((desc->flags & VQ_DESC_INDIRECT) != 0) {
			continue;
		}
		require(!writing || writable);
		writing = writable;
		if (desc->len == 0) {
			continue;
		}
		require(n < VQ_SEGS_MAX);
		require(chain->seg[n].base ==
			guest_mem_map(vq->gm, desc->addr, desc->len));
		require(chain->seg[n].base != NULL);
		require(chain->seg[n].len == desc->len);
		total[writable] += desc->len;
		n++;
	}
	require(n == (uint32_t)chain->readable + chain->writable);
	require(total[0] == chain->readable_len);
	require(total[1] == chain->writable_len);
}

/* Marks what a device may change in a map of LOW and HIGH. */
static void allow(uint8_t *map, const struct guest_mem *gm, const uint8_t *base,
		  size_t len)
{
	const struct guest_mem_region *r =
		base >= gm->region[0].base &&
				base < gm->region[0].base + LOW_SIZE
			? &gm->region[0]
			: &gm->region[1];

	memset(map + (r == &gm->region[1] ? LOW_SIZE : 0) + (base - r->base), 1,
	       len);
}

static void use_chain(struct vq *vq, struct vq_chain *chain)
{
	static uint8_t before[LOW_SIZE + HIGH_SIZE];
	static uint8_t allowed[LOW_SIZE + HIGH_SIZE];
	struct guest_mem *gm = vq->gm;
	const uint8_t *low = gm->region[0].base;
	const uint8_t *high = gm->region[1].base;

	memcpy(before, low, LOW_SIZE);
	memcpy(before + LOW_SIZE, high, HIGH_SIZE);
	memset(allowed, 0, sizeof(allowed));
	for (uint32_t i = 0; i < chain->writable; i++) {
		const struct vq_seg *seg = &chain->seg[chain->readable + i];

		memset(seg->base, 0x77, seg->len);
		allow(allowed, gm, seg->base, seg->len);
	}
	allow(allowed, gm, guest_mem_map(gm, vq->at.used, 4),
	      6 + 8 * vq->at.size);
	require(vq_push(vq, chain->head, chain->writable_len) == 0);
	for (size_t i = 0; i < sizeof(before); i++) {
		uint8_t now = i < LOW_SIZE ? low[i] : high[i - LOW_SIZE];

		require(now == before[i] || allowed[i]);
	}
	(void)vq_should_signal(vq);
	(void)vq_enable_kick(vq);
}

static void drain(struct vq *vq)
{
	/* On the heap: one segment too many is an error that ASan sees. */
	struct vq_chain *chain = malloc(sizeof(*chain));
	int rc;

	for (uint32_t i = 0; i < 2 * vq->at.size; i++) {
		uint16_t at = vq->last_avail;

		read_count = 0;
		rc = vq_pop(vq, chain);
		require(rc == 1 || rc == 0 || rc == -71 /* -EPROTO */);
		/* The walk ends: two tables, each visited once at most. */
		require(read_count <= vq->at.size + VQ_SEGS_MAX);
		require(vq->last_avail == (uint16_t)(at + (rc == 1)));
		check_reads(vq);
		if (rc != 1) {
			break;
		}
		check_chain(vq, chain);
		use_chain(vq, chain);
	}
	free(chain);
}

static void build(struct fuzz_input *in, struct guest_mem *gm,
		  const struct vq_layout *at)
{
	uint32_t descs = fuzz_u8(in) % at->size + 1;
	uint32_t heads = fuzz_u8(in) % at->size + 1;
	uint16_t idx;

	if (fuzz_u8(in) % 4 == 0) {
		put_long_chain(in, gm, at);
		descs = 0;
	}
	for (uint32_t i = 0; i < descs; i++) {
		put_desc(in, gm, at->desc + 16ull * i, at->size);
	}
	for (uint32_t i = descs != 0 ? fuzz_u8(in) % 64 : 0; i != 0; i--) {
		put_desc(in, gm, LOW + 0x2000 + 16ull * i, 64);
	}
	for (uint32_t i = 0; i < heads; i++) {
		uint16_t head = (uint16_t)(fuzz_u8(in) % 16 == 0
						   ? fuzz_u16(in)
						   : fuzz_u8(in) % at->size);

		(void)guest_mem_write(gm, at->avail + 4 + 2ull * i, &head, 2);
	}
	idx = (uint16_t)(fuzz_u8(in) % 16 == 0 ? fuzz_u16(in) : heads);
	(void)guest_mem_write(gm, at->avail + 2, &idx, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct guest_mem gm;
	struct vq_layout at;
	struct vq vq;
	uint8_t flags = fuzz_u8(&in);
	uint8_t *low = calloc(1, LOW_SIZE);
	uint8_t *high = calloc(1, HIGH_SIZE);

	hostile = (flags & 1) != 0;
	guest_mem_init(&gm);
	guest_mem_add(&gm, (flags & 2) != 0 ? 0 : LOW, LOW_SIZE, low);
	guest_mem_add(&gm, HIGH, HIGH_SIZE, high);
	at.size = 1u << (fuzz_u8(&in) % 9);
	at.desc = HIGH;
	at.avail = HIGH + 0x1000 + (fuzz_u8(&in) & 0xfe);
	at.used = HIGH + 0x2000 + (fuzz_u8(&in) & 0xfc);
	build(&in, &gm, &at);
	if (vq_init(&vq, &gm, &at,
		    (flags & 4 ? VQ_F_INDIRECT_DESC : 0) |
			    (flags & 8 ? VQ_F_EVENT_IDX : 0)) == 0) {
		gm.after_read = after_read;
		drain(&vq);
	}
	free(low);
	free(high);
	return 0;
}
