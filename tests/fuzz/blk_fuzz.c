/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest, its disk and its misfortunes: requests cut into descriptors in any
 * way, completed in any order, with errors, limits, resets and kills between.
 *
 * The oracle is a model that knows nothing of rings: for each request it says
 * which status is due and what disk and buffer hold then.  Each request is given
 * back once and, in the end, all of them are; nothing but the bytes that are the
 * device's to write has changed.  The store aborts on anything that is not on
 * the disk.
 *
 * In a quarter of the runs the guest has no manners: descriptors are noise, and
 * headers change as soon as they are read.  There it is only held against the
 * device what it does to the store, to heads that are not in flight, and to
 * memory that is not the guest's.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/backends/support/blk_world.h"
#include "fuzz_input.h"

#define SLOTS 16u
#define DATA_MAX 2048u
#define READABLE(slot) (W_DATA + 0x2000 * (slot))
#define WRITABLE(slot) (READABLE(slot) + 0x1000)
#define TABLE(slot) (W_TABLE + 0x400 * (slot)) /* 64 descriptors */
#define UNTOUCHED 0x5a

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

struct slot {
	bool busy;
	uint8_t queue;
	uint32_t type;
	uint64_t sector; /* of the range, for discards */
	uint32_t len; /* bytes on the disk */
	uint32_t readable;
	uint32_t writable;
	uint8_t status; /* that is due unless the store fails */
	uint8_t sent[16 + DATA_MAX];
};

static struct slot slots[SLOTS];
static uint8_t model[W_DISK_SIZE];
static uint64_t model_sectors;
static bool readonly;
static bool rude;
static bool may_fail; /* an error of the store may show */
static struct blk_world *w;

static void after_read(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	uint8_t *at = guest_mem_map(gm, gpa, len);

	for (size_t i = 0; gpa >= W_HEADER && i < len; i++) {
		at[i] = (uint8_t)~at[i];
	}
}

/* ------------------------------------------------------------------- model */

static uint8_t due_status(const struct slot *s, uint32_t flags)
{
	bool erases = s->type == VIRTIO_BLK_T_DISCARD ||
		      s->type == VIRTIO_BLK_T_WRITE_ZEROES;
	bool moves = s->type == VIRTIO_BLK_T_IN || s->type == VIRTIO_BLK_T_OUT;

	if (s->type == VIRTIO_BLK_T_FLUSH || s->type == VIRTIO_BLK_T_GET_ID) {
		return 0;
	}
	if (!erases && !moves) {
		return 2;
	}
	if (readonly && s->type != VIRTIO_BLK_T_IN) {
		return 1;
	}
	if (erases) {
		if (s->readable != 32) {
			return 1;
		}
		if ((flags & ~1u) != 0 ||
		    (s->type == VIRTIO_BLK_T_DISCARD && flags != 0)) {
			return 2;
		}
		if (s->len > (1u << 30)) {
			return 1;
		}
	}
	if (s->len % 512 != 0 ||
	    (unsigned __int128)s->sector + s->len / 512 > model_sectors) {
		return 1;
	}
	return 0;
}

static void model_apply(const struct slot *s)
{
	const uint8_t *got = blk_world_at(w, WRITABLE(s - slots));
	bool moves = s->len != 0 && s->type != VIRTIO_BLK_T_FLUSH &&
		     s->type != VIRTIO_BLK_T_GET_ID;
	uint8_t *at = model + (moves ? s->sector * 512 : 0);

	switch (s->type) {
	case VIRTIO_BLK_T_IN:
		require(s->len == 0 || memcmp(got, at, s->len) == 0);
		break;
	case VIRTIO_BLK_T_OUT:
		memcpy(at, s->sent + 16, s->len);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		memset(at, 0, s->len);
		break;
	case VIRTIO_BLK_T_GET_ID:
		for (uint32_t i = 0; i + 1 < s->writable && i < 20; i++) {
			require(got[i] == (i < 4 ? "fuzz"[i] : 0));
		}
		break;
	}
}

/* Bytes of the writable part that a success fills; the status is the last. */
static uint32_t filled(const struct slot *s)
{
	if (s->type == VIRTIO_BLK_T_IN) {
		return s->len;
	}
	if (s->type == VIRTIO_BLK_T_GET_ID) {
		return s->writable - 1 < 20 ? s->writable - 1 : 20;
	}
	return 0;
}

static void given_back(uint32_t q, uint32_t head, uint32_t len)
{
	struct slot *s = &slots[head];
	const uint8_t *at;
	uint8_t status;

	require(head < SLOTS && s->busy && s->queue == q);
	s->busy = false;
	if (rude) {
		return;
	}
	at = blk_world_at(w, WRITABLE(head));
	status = at[s->writable - 1];
	require(status == s->status || (may_fail && status == 1));
	require(at[s->writable] == UNTOUCHED);
	if (status == 0) {
		model_apply(s);
		require(len == filled(s) + 1);
	} else {
		require(len == 1);
	}
	for (uint32_t i = status == 0 ? filled(s) : 0; i + 1 < s->writable;
	     i++) {
		require(at[i] == UNTOUCHED);
	}
	require(memcmp(blk_world_at(w, READABLE(head)), s->sent, s->readable) ==
		0);
}

static void collect(void)
{
	uint32_t head;
	uint32_t len;

	for (uint32_t q = 0; q < W_QUEUES; q++) {
		while (ring_driver_take(&w->ring[q], &head, &len)) {
			given_back(q, head, len);
		}
	}
}

/* One by one: only then is the order that of the used rings. */
static void complete_all(void)
{
	while (w->ts.count != 0) {
		test_store_complete(&w->ts, 0, 0);
		collect();
	}
	test_store_batch(&w->ts);
}

/* ------------------------------------------------------------------- guest */

/* Cuts [gpa, gpa + len) into descriptors; the index after the last. */
static uint32_t put_pieces(struct fuzz_input *in, uint32_t slot, uint32_t index,
			   uint64_t gpa, uint32_t len, uint16_t flags)
{
	uint32_t start = index;

	while (len != 0) {
		uint8_t how = fuzz_u8(in);
		uint32_t n = how < 128 || index - start >= 20
				     ? len
				     : how % 40 + (how >= 250 ? 500u : 0);

		n = n < len ? n : len;
		ring_driver_desc(&w->ring[0], TABLE(slot), index, gpa, n,
				 (uint16_t)(flags | VQ_DESC_NEXT),
				 (uint16_t)(index + 1));
		index++;
		gpa += n;
		len -= n;
	}
	return index;
}

static void put_noise(struct fuzz_input *in, uint32_t slot, uint32_t count)
{
	uint32_t i = fuzz_u8(in) % (count + 1);
	uint64_t gpa = W_RAM + fuzz_u32(in) % (W_RAM_SIZE + 64);

	if (gpa < W_HEADER) {
		/* A guest that spoils its own rings is vq_fuzz's. */
		gpa = UINT64_MAX - gpa % 32;
	}
	ring_driver_desc(&w->ring[0], TABLE(slot), i, gpa, fuzz_u16(in),
			 fuzz_u8(in) & 7, fuzz_u8(in) % 64);
}

static uint32_t pick_type(struct fuzz_input *in)
{
	static const uint32_t types[] = { 0, 1, 0, 1, 4, 8, 11, 13 };
	uint8_t how = fuzz_u8(in);

	return how < 240 ? types[how % 8] : fuzz_u32(in);
}

static uint64_t pick_sector(struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);

	switch (how % 8) {
	case 0:
		return model_sectors - how / 8 % 6;
	case 1:
		return UINT64_MAX - how / 8 % 6;
	case 2:
		return (1ull << 55) - 2 + how / 8 % 4;
	default:
		return how / 8 * 4 + fuzz_u8(in) % 4;
	}
}

static uint32_t pick_len(struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);

	return how < 224 ? how % 5 * 512 : (uint32_t)(fuzz_u16(in) % DATA_MAX);
}

static void offer(struct fuzz_input *in)
{
	uint32_t slot = fuzz_u8(in) % SLOTS;
	struct slot *s = &slots[slot];
	uint8_t *to = blk_world_at(w, READABLE(slot));
	uint32_t flags = 0;
	uint32_t data;
	uint32_t n;

	if (s->busy) {
		return;
	}
	s->busy = true;
	s->queue = fuzz_u8(in) % W_QUEUES;
	s->type = pick_type(in);
	s->sector = pick_sector(in);
	data = pick_len(in);
	memset(s->sent, 0, sizeof(s->sent));
	memset(s->sent + 16, fuzz_u8(in), data);
	memcpy(s->sent, &s->type, 4);
	memcpy(s->sent + 8, &s->sector, 8);
	if (s->type == VIRTIO_BLK_T_IN || s->type == VIRTIO_BLK_T_GET_ID) {
		s->readable = 16;
		s->writable = data + 1;
		s->len = data;
	} else {
		s->readable = 16 + data;
		s->writable = 1;
		s->len = data;
	}
	if (s->type == VIRTIO_BLK_T_DISCARD ||
	    s->type == VIRTIO_BLK_T_WRITE_ZEROES) {
		uint32_t sectors = fuzz_u8(in) % 8;

		if (fuzz_u8(in) >= 240) {
			sectors = fuzz_u32(in) % (1u << 22);
		} else {
			s->readable = 32;
		}
		flags = fuzz_u8(in);
		flags = flags < 200 ? 0 : flags < 230 ? 1 : flags;
		memcpy(s->sent + 16, &s->sector, 8);
		memcpy(s->sent + 24, &sectors, 4);
		memcpy(s->sent + 28, &flags, 4);
		s->len = sectors * 512;
	}
	s->status = due_status(s, flags);
	memcpy(to, s->sent, s->readable);
	memset(blk_world_at(w, WRITABLE(slot)), UNTOUCHED, DATA_MAX + 2);
	n = put_pieces(in, slot, 0, READABLE(slot), s->readable, 0);
	n = put_pieces(in, slot, n, WRITABLE(slot), s->writable, VQ_DESC_WRITE);
	/* An empty one ends the chain. */
	ring_driver_desc(&w->ring[0], TABLE(slot), n, WRITABLE(slot), 0,
			 VQ_DESC_WRITE, 0);
	while (rude && fuzz_u8(in) >= 192) {
		put_noise(in, slot, n);
	}
	ring_driver_desc(&w->ring[s->queue], w->ring[s->queue].at.desc, slot,
			 TABLE(slot), 16 * (n + 1), VQ_DESC_INDIRECT, 0);
	ring_driver_offer(&w->ring[s->queue], (uint16_t)slot);
}

/* ------------------------------------------------------------------- world */

static struct virtio_blk_config config;

static void start(void)
{
	int rc = blk_world_start(w, W_FEATURES | VQ_F_INDIRECT_DESC);

	require(rc == 0 || rude);
}

/* A reset by the driver, which forgets what it has offered. */
static void reset(void)
{
	blk_world_stop(w);
	complete_all();
	require(w->stopped != 0 && w->blk.counters.in_flight == 0);
	w->stopped = 0;
	collect();
	for (uint32_t i = 0; i < SLOTS; i++) {
		slots[i].busy = false;
	}
	/* Held and limited requests may or may not have been carried out. */
	memcpy(model, w->disk, sizeof(model));
	blk_world_queues(w, 64);
	w->broken = 0;
	start();
}

static void kill_it(void)
{
	struct blk_world *heir = blk_world_heir(w);

	if (w->broken != 0) {
		/* Not started again by the transport. */
		heir->owns = false;
		blk_world_free(heir);
		return;
	}
	heir->owns = true;
	heir->now_ns = w->now_ns;
	blk_world_init(heir, &config);
	require(virtio_blk_resize(&heir->blk, model_sectors) == 0);
	/* The kernel would do this. */
	w->ts.count = 0;
	w->blk.in_store = 0;
	w->owns = false;
	blk_world_stop(w);
	blk_world_free(w);
	w = heir;
	start();
}

static void pass_time(uint64_t ms)
{
	w->now_ns += ms * 1000000;
	event_pump_advance(&w->pump, ms);
}

static void resize(uint64_t sectors)
{
	/* What is under way was checked against the old size. */
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (slots[i].busy) {
			return;
		}
	}
	model_sectors = sectors;
	require(virtio_blk_resize(&w->blk, sectors) == 0);
}

static void step(struct fuzz_input *in)
{
	uint8_t how = fuzz_u8(in);

	switch (how % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		offer(in);
		break;
	case 5:
	case 6:
		blk_world_kick(w, how / 16 % W_QUEUES);
		break;
	case 7:
	case 8:
	case 9:
		if (w->ts.count != 0) {
			test_store_complete(&w->ts, fuzz_u8(in) % w->ts.count,
					    0);
		}
		break;
	case 10:
		if (w->ts.count != 0 && may_fail) {
			test_store_complete(&w->ts, fuzz_u8(in) % w->ts.count,
					    how < 128 ? -5 : -28);
		}
		break;
	case 11:
		test_store_batch(&w->ts);
		break;
	case 12:
		virtio_blk_retry(&w->blk);
		break;
	case 13:
		pass_time(fuzz_u8(in));
		break;
	case 14:
		if (how < 64) {
			reset();
		} else {
			kill_it();
		}
		break;
	default:
		resize(how < 128 ? W_SECTORS : W_SECTORS / 2);
		break;
	}
	collect();
}

/* Nothing stands in the way any more: all that was offered comes back. */
static void finish(void)
{
	const struct blk_limit_config none = { 0 };

	if (!rude) {
		require(w->broken == 0);
		for (uint32_t q = 0; q < W_QUEUES; q++) {
			blk_world_kick(w, q);
		}
		virtio_blk_set_limits(&w->blk, &none);
		virtio_blk_retry(&w->blk);
		complete_all();
		collect();
		for (uint32_t i = 0; i < SLOTS; i++) {
			require(!slots[i].busy);
		}
		require(w->blk.counters.in_flight == 0);
		require(memcmp(model, w->disk, sizeof(model)) == 0);
	}
	blk_world_stop(w);
	complete_all();
	blk_world_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t mode = fuzz_u8(&in);
	uint8_t more = fuzz_u8(&in);

	memset(slots, 0, sizeof(slots));
	memset(model, 0, sizeof(model));
	model_sectors = W_SECTORS;
	rude = (mode & 3) == 3;
	readonly = (mode & 0x1c) == 0x1c;
	may_fail = (mode & 0x20) != 0;
	config = (struct virtio_blk_config){
		.serial = "fuzz",
		.readonly = readonly,
		.writeback = (mode & 0x40) != 0,
		.policy = more % 3,
	};
	if ((mode & 0x80) != 0) {
		config.limits.rate[more / 4 % BLK_LIMIT_KINDS] =
			(struct rate_limit){ 1u + 64u * more, more };
	}
	w = blk_world_new(NULL, NULL, NULL);
	blk_world_init(w, &config);
	if (rude) {
		w->gm.after_read = after_read;
	}
	blk_world_queues(w, 64);
	start();
	for (uint32_t i = 0; i < 400 && in.left != 0; i++) {
		step(&in);
	}
	finish();
	return 0;
}
