/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue seen from the device (virtio 1.2, section 2.7).
 *
 * The driver puts chains of descriptors into the available ring; the device
 * pops a chain, uses its buffers, and pushes the chain's head into the used
 * ring.  vq_pop() is the only code that looks at descriptors: it copies each
 * once, checks all of it, and hands the device plain {base, len} segments,
 * first those the device may read, then those it may write.
 *
 * A queue that breaks a rule of the driver yields -EPROTO and does not move;
 * the caller then declares the device broken.  Nothing here blocks or
 * allocates.  A queue belongs to one thread.
 *
 * The positions that must survive the process are last_avail, which the device
 * keeps in its restart record where it needs to, and the used index, which is
 * in guest memory.  The rest is rebuilt by vq_init().
 */
#ifndef ZV_BACKENDS_CORE_VQ_H
#define ZV_BACKENDS_CORE_VQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/guest_mem.h"

#define VQ_SIZE_MAX 1024u
#define VQ_SEGS_MAX 256u /* segments of one chain, and of an indirect table */

/* Feature bits that a queue understands (virtio 1.2, section 6). */
#define VQ_F_INDIRECT_DESC (1ull << 28)
#define VQ_F_EVENT_IDX (1ull << 29)

/* Descriptor flags (2.7.5). */
#define VQ_DESC_NEXT 1u
#define VQ_DESC_WRITE 2u
#define VQ_DESC_INDIRECT 4u

/* Ring flags (2.7.6, 2.7.8). */
#define VQ_AVAIL_NO_INTERRUPT 1u
#define VQ_USED_NO_NOTIFY 1u

struct vq_desc { /* as it lies in guest memory, little-endian */
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vq_seg {
	uint8_t *base;
	uint32_t len;
};

struct vq_chain {
	uint16_t head;
	uint16_t readable; /* seg[0 .. readable) */
	uint16_t writable; /* seg[readable .. readable + writable) */
	uint32_t readable_len;
	uint32_t writable_len;
	struct vq_seg seg[VQ_SEGS_MAX];
};

struct vq_layout {
	uint32_t size;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
};

struct vq {
	struct guest_mem *gm;
	struct vq_layout at;
	bool ready;
	bool indirect;
	bool event_idx;
	bool signal_always; /* no completion was signalled yet */
	uint16_t last_avail; /* chains ever popped */
	uint16_t used_idx; /* chains ever pushed */
	uint16_t signalled; /* used_idx at the last signal */
};

/*
 * Whether a layout can work at all: size a power of two up to VQ_SIZE_MAX,
 * parts aligned (2.7) and inside guest memory.  0 or -EPROTO.
 */
int vq_check(const struct guest_mem *gm, const struct vq_layout *layout);

/* Clears the used ring's header, for a queue the driver has just made. */
int vq_clear(struct guest_mem *gm, const struct vq_layout *layout);

/*
 * Binds the queue.  Positions start at the used index found in guest memory: 0
 * for a fresh queue, and for a resumed one the point up to which the driver
 * has been answered.  0 or -EPROTO.
 */
int vq_init(struct vq *vq, struct guest_mem *gm, const struct vq_layout *layout,
	    uint64_t features);
void vq_fini(struct vq *vq);

/* 1: *ret_chain is filled and must be pushed later; 0: empty; -EPROTO */
int vq_pop(struct vq *vq, struct vq_chain *ret_chain);

/* How many chains there are to be popped, if the driver tells the truth. */
uint32_t vq_waiting(struct vq *vq);

/* The chain that begins at head, which was popped before: 0 or -EPROTO */
int vq_walk(struct vq *vq, uint16_t head, struct vq_chain *ret_chain);

/* Undoes the last vq_pop(): the chain will be popped again. */
void vq_unpop(struct vq *vq);

/* Returns a chain; len = bytes written to its writable part. 0 or -EPROTO */
int vq_push(struct vq *vq, uint16_t head, uint32_t len);

struct vq_used {
	uint16_t head;
	uint32_t len;
};

/* Returns count chains, which the driver sees all at once or not at all. */
int vq_push_all(struct vq *vq, const struct vq_used *used, uint32_t count);

/* The head that was available at position pos; 0 or -EPROTO. */
int vq_head_at(struct vq *vq, uint16_t pos, uint16_t *ret_head);

/* Whether the driver wants to hear of the chains pushed since last asked. */
bool vq_should_signal(struct vq *vq);

/*
 * Asks for a kick when the driver makes the next chain available.  Returns
 * true if there is one already, in which case a kick may not come.
 */
bool vq_enable_kick(struct vq *vq);
/* A hint that kicks are not needed; some may come all the same. */
void vq_disable_kick(struct vq *vq);

#endif /* ZV_BACKENDS_CORE_VQ_H */
