/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zonevisor.ko: what its files share.
 *
 * Objects
 *   zv_zone   a zone of the hypervisor.  The table zv_host.zones holds one
 *             reference for as long as the zone exists, every file one more.
 *             A zone pins the module, so it cannot be unloaded under it.
 *   zv_file   an open zone fd, of one of two kinds (see uapi/zonevisor.h).
 *   zv_chunk  2 MiB of a zone's RAM that zone0 maps: granted by the hypervisor,
 *             with struct pages of its own.
 *
 * Life of a zone, as this module sees it
 *   live   -> dying   zone_begin_dying(): no new faults, no I/O page, no
 *                     eventfds; chunks are given back as they become idle
 *   dying  -> gone    the hypervisor freed it; its id may be used again
 * Both are one-way.  A hypercall that names a zone is made inside an RCU
 * read-side section that also looks at `gone`, and the id is not given to a new
 * zone before a grace period has passed: a stale fd can never reach the next
 * owner of an id.
 *
 * Locks, outermost first
 *   zv_zone.control      life cycle of one zone; may be held for seconds
 *   zv_host.mutex        existence of zones: table against hypervisor
 *   zv_zone.bind         doorbell and interrupt bindings, the current I/O file
 *   eventfd's own lock   (the kernel's)
 *   zv_zone.irqfd_lock   spinlock, interrupts off: list of irqfds
 * and, separate from those because mm takes them first:
 *   zv_file.read         held over copy_to_user(), which takes
 *   mmap_lock            (the kernel's)
 *   zv_zone.mem          rwsem: faults against the end of the zone, and against
 *                        takeovers of its I/O
 *   zv_zone.chunk_lock   making a chunk; mem hotplug lock below it
 *   zv_zone.state_lock   making the restart area
 * No user memory is touched under `control`, `mutex` or `bind`.  Mappings are
 * zapped under `control` or no lock of ours.
 * zv_zone.io_lock (spinlock) is innermost: consuming end of the posted ring.
 * The event interrupt takes no lock of ours: it exchanges bitmaps, and finds
 * zones, I/O pages and doorbells under RCU.
 */
#ifndef ZV_INTERNAL_H
#define ZV_INTERNAL_H

#include <linux/arm-smccc.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <zonevisor.h>
#include <zv/iopage.h>

/* Events that one read() moves at most. */
#define ZV_READ_BATCH 32

struct zv_bell;

struct zv_zone {
	struct kref ref;
	struct rcu_head rcu;
	u32 id;
	u32 vcpu_count;
	u8 uuid[16];
	/* Of its own, so that its mappings can be zapped and no others. */
	struct inode *inode;

	struct mutex control; /* life cycle, see above */
	bool dying; /* written under control and mem */
	bool gone; /* written under zv_host.mutex */

	struct rw_semaphore mem;
	struct mutex chunk_lock; /* making a chunk */
	struct xarray chunks; /* gpa / ZV_CHUNK_SIZE -> struct zv_chunk */

	struct mutex state_lock; /* making the restart area */
	void *state_area;

	struct zv_io_page __rcu *io; /* NULL when dying */
	u32 dying_seq; /* state_seq to report when the page is gone */
	atomic_t state_events;
	wait_queue_head_t state_wait; /* state changed */
	wait_queue_head_t io_wait; /* access, posted write, stale */
	spinlock_t io_lock; /* posted_tail */

	struct mutex bind; /* bindings, io_owner */
	struct zv_file __rcu *io_owner; /* compared, never dereferenced */
	spinlock_t irqfd_lock;
	struct list_head irqfds;
	struct zv_bell __rcu *bell[ZV_DOORBELLS_MAX];
};

struct zv_file {
	struct zv_zone *zone;
	bool io; /* made with ZV_OPEN_IO */
	struct mutex read; /* one reader at a time */
	u64 state; /* control: what was read last, see zv_events_state() */
	/* I/O: per vCPU, the access handed out: its seq | ZV_TAKEN, or 0. */
	u64 taken[ZV_VCPUS_MAX];
	struct zv_event event[ZV_READ_BATCH]; /* under read */
};

#define ZV_TAKEN BIT_ULL(32)

/* A state and its seq in one word. */
#define ZV_STATE_PACK(state, seq) ((u64)(seq) << 32 | (state))
#define ZV_STATE_SEQ(packed) upper_32_bits(packed)
#define ZV_STATE_VALUE(packed) lower_32_bits(packed)

struct zv_host {
	struct zv_host_page *page;
	u32 abi;
	u64 features;
	struct mutex mutex; /* existence of zones, see above */
	struct xarray zones; /* id -> struct zv_zone */
};

extern struct zv_host zv_host;

/* ------------------------------------------------------------ hypercalls */

/* 0, a count or -errno; the other results are in res->a1 .. a3. */
static inline long zv_hc(u32 nr, u64 a1, u64 a2, u64 a3, u64 a4,
			 struct arm_smccc_res *res)
{
	arm_smccc_1_1_hvc(ZV_HC_BASE | nr, a1, a2, a3, a4, res);
	return (long)res->a0;
}

/*
 * Memory that a hypercall can use as a buffer must lie inside one page and be
 * known by its physical address: kmalloc() aligns a power of two naturally.
 */
static inline void *zv_buf_alloc(size_t size)
{
	if (size > PAGE_SIZE)
		return NULL;
	return kzalloc(roundup_pow_of_two(max_t(size_t, size, 8)), GFP_KERNEL);
}

/* zv_zone.c */
long zv_zone_hc(struct zv_zone *zone, u32 nr, u64 a2, u64 a3, u64 a4,
		struct arm_smccc_res *res);
int zv_zone_info(u32 id, struct zv_zone_info *info);
struct zv_zone *zv_zone_create(const struct zv_zone_create *args);
struct zv_zone *zv_zone_open(u32 id, const u8 *uuid);
struct zv_zone *zv_zone_get(struct zv_zone *zone);
void zv_zone_put(struct zv_zone *zone);
void zv_zone_adopt_all(void);
struct file *zv_zone_file(struct zv_zone *zone,
			  const struct file_operations *fops);
int zv_zone_control(struct zv_zone *zone, u32 nr, u64 a2, u64 a3, u64 a4);
int zv_zone_destroy(struct zv_zone *zone);
void zv_zone_discard(struct zv_zone *zone);

/* zv_file.c */
int zv_file_open_zone(const struct zv_ioc_zone_open *args);
int zv_file_create_zone(const struct zv_zone_create *args, u32 __user *ret_id);
/*
 * Whether a newer I/O file took the right over.  Caller: rcu_read_lock(),
 * zone->bind or zone->mem, which a takeover waits for.
 */
bool zv_file_is_stale(const struct zv_file *file);
/* Caller: the same.  0, -ESRCH or -ESTALE. */
int zv_file_check(const struct zv_file *file);

/* zv_mem.c */
int zv_mem_init(void);
void zv_mem_exit(void);
int zv_mem_mmap(struct file *filp, struct vm_area_struct *vma);
void zv_mem_fini(struct zv_zone *zone);
void zv_mem_close(struct zv_zone *zone);
void zv_mem_expel(struct zv_zone *zone);
int zv_mem_release(struct zv_zone *zone);
void zv_mem_sweep(struct zv_zone *zone);

/* zv_events.c */
void zv_events_take(struct zv_zone *zone);
void zv_events_take_all(void);
u64 zv_events_state(const struct zv_zone *zone);
ssize_t zv_events_read(struct file *filp, char __user *ubuf, size_t len,
		       loff_t *pos);
__poll_t zv_events_poll(struct file *filp, poll_table *wait);

/* zv_eventfd.c */
int zv_eventfd_init(void);
void zv_eventfd_exit(void);
void zv_eventfd_ring(struct zv_zone *zone, struct zv_io_page *io);
int zv_eventfd_bell(struct zv_file *file, const struct zv_ioc_ioeventfd *args);
int zv_eventfd_irq(struct zv_file *file, const struct zv_ioc_irqfd *args);
/* Caller: zone->bind.  The bindings of one file, or all for NULL. */
void zv_eventfd_drop_locked(struct zv_zone *zone, const struct zv_file *file);

/* zv_device.c */
extern const struct file_operations zv_device_fops;

#endif /* ZV_INTERNAL_H */
