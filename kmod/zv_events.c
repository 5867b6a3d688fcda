// SPDX-License-Identifier: GPL-2.0
/*
 * Events of zones: from the shared pages to whoever reads or polls a zone fd.
 *
 * Nothing is queued here.  The interrupt only wakes; a reader looks at the
 * zone's I/O page itself, where an access stays until it is answered and a
 * posted write until it is taken.  So a reader that dies loses nothing, and the
 * next I/O file finds all that is still open.
 */
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "zv_internal.h"

/* ---------------------------------------------------- from the hypervisor */

/* Caller: rcu_read_lock() or the event interrupt. */
void zv_events_take(struct zv_zone *zone)
{
	struct zv_io_page *io = rcu_dereference(zone->io);
	u64 pending;

	if (!io)
		return;
	pending = xchg(&io->pending, 0);
	if (pending & ZV_PENDING_DOORBELL)
		zv_eventfd_ring(zone, io);
	if (pending & (ZV_PENDING_ACCESS | ZV_PENDING_POSTED))
		wake_up_poll(&zone->io_wait, EPOLLIN | EPOLLRDNORM);
	if (pending & ZV_PENDING_STATE) {
		atomic_inc(&zone->state_events);
		wake_up_poll(&zone->state_wait, EPOLLIN | EPOLLRDNORM);
	}
}

/* One pass, so that a guest that never stops ringing cannot hold a CPU here. */
void zv_events_take_all(void)
{
	struct zv_zone *zone;
	unsigned int word, bit;
	u64 bits;

	rcu_read_lock();
	for (word = 0; word < ARRAY_SIZE(zv_host.page->zones); word++) {
		bits = xchg(&zv_host.page->zones[word], 0);
		while (bits) {
			bit = __ffs64(bits);
			bits &= bits - 1;
			zone = xa_load(&zv_host.zones, word * 64 + bit);
			if (zone)
				zv_events_take(zone);
		}
	}
	rcu_read_unlock();
}

/* --------------------------------------------------------- what is there */

/*
 * The hypervisor writes seq and state one after the other.  Whoever reads in
 * between gets a pair that differs from the one after, so comparing pairs never
 * misses a change; at worst the same state is told twice.
 */
u64 zv_events_state(const struct zv_zone *zone)
{
	const struct zv_io_page *io;
	u32 state = ZV_ZONE_DYING;
	u32 seq;

	rcu_read_lock();
	io = rcu_dereference(zone->io);
	if (io) {
		/* What came with this state, or is newer. */
		state = smp_load_acquire(&io->state);
		seq = READ_ONCE(io->state_seq);
	} else {
		seq = READ_ONCE(zone->dying_seq);
	}
	rcu_read_unlock();
	return ZV_STATE_PACK(state, seq);
}

static bool slot_is_new(const struct zv_file *file, const struct zv_io_page *io,
			u32 vcpu, u32 *ret_seq)
{
	const struct zv_io_slot *slot = &io->slot[vcpu];

	/* Written last by the hypervisor: the rest of the slot is there. */
	if (smp_load_acquire(&slot->state) != ZV_SLOT_WAITING)
		return false;
	*ret_seq = READ_ONCE(slot->seq);
	return READ_ONCE(file->taken[vcpu]) != (*ret_seq | ZV_TAKEN);
}

static bool io_is_ready(const struct zv_file *file, const struct zv_io_page *io)
{
	u32 vcpu, seq;

	if (READ_ONCE(io->posted_head) != READ_ONCE(io->posted_tail))
		return true;
	for (vcpu = 0; vcpu < file->zone->vcpu_count; vcpu++) {
		if (slot_is_new(file, io, vcpu, &seq))
			return true;
	}
	return false;
}

/* The file has events, or will never have any more: ret_end. */
static bool file_is_ready(const struct zv_file *file, int *ret_end)
{
	const struct zv_zone *zone = file->zone;
	const struct zv_io_page *io;
	bool ready = false;

	rcu_read_lock();
	*ret_end = zv_file_check(file);
	if (*ret_end) {
		ready = true;
	} else if (!file->io) {
		ready = zv_events_state(zone) != READ_ONCE(file->state);
	} else {
		io = rcu_dereference(zone->io);
		if (io)
			ready = io_is_ready(file, io);
		else
			*ret_end = -ESRCH;
		ready = ready || !io;
	}
	rcu_read_unlock();
	return ready;
}

static wait_queue_head_t *file_queue(struct zv_file *file)
{
	return file->io ? &file->zone->io_wait : &file->zone->state_wait;
}

__poll_t zv_events_poll(struct file *filp, poll_table *wait)
{
	struct zv_file *file = filp->private_data;
	int end;

	poll_wait(filp, file_queue(file), wait);
	if (!file_is_ready(file, &end))
		return 0;
	return end ? EPOLLERR | EPOLLHUP : EPOLLIN | EPOLLRDNORM;
}

/* --------------------------------------------------------------- reading */

/*
 * What one read() moves.  Posted writes come first: a vCPU's posted writes
 * precede its forwarded access, so accesses are handed out only with, or after,
 * every write posted before they were looked at.
 */
struct batch {
	u32 posted_tail; /* where the posted ones were found */
	u32 posted_count;
	u32 count; /* events, posted ones included */
};

/* False if the access was answered, perhaps replaced, since seq was seen. */
static bool event_of_slot(const struct zv_io_page *io, u32 vcpu, u32 seq,
			  struct zv_event *ret)
{
	const struct zv_io_slot *slot = &io->slot[vcpu];

	*ret = (struct zv_event){
		.type = ZV_EVENT_ACCESS,
		.vcpu = vcpu,
		.addr = READ_ONCE(slot->addr),
		.seq = seq,
		.value = READ_ONCE(slot->value),
		.gpa = READ_ONCE(slot->gpa),
		.size = READ_ONCE(slot->size),
		.write = READ_ONCE(slot->write),
	};
	/* Fields first, then whether they were of one access. */
	smp_rmb();
	return READ_ONCE(slot->state) == ZV_SLOT_WAITING &&
	       READ_ONCE(slot->seq) == seq;
}

static void event_of_posted(const struct zv_io_page *io, u32 index,
			    struct zv_event *ret)
{
	const struct zv_posted *posted = &io->posted[index % ZV_POSTED_COUNT];

	*ret = (struct zv_event){
		.type = ZV_EVENT_POSTED,
		.addr = READ_ONCE(posted->addr),
		.value = READ_ONCE(posted->value),
	};
}

/* Caller: file->read and rcu_read_lock().  Consumes nothing. */
static void batch_gather(struct zv_file *file, struct zv_io_page *io, u32 room,
			 struct batch *ret)
{
	struct zv_zone *zone = file->zone;
	u32 seq[ZV_VCPUS_MAX]; /* of the accesses in fresh */
	u32 fresh = 0; /* vCPUs whose access is new */
	u32 head, vcpu, i;

	for (vcpu = 0; vcpu < zone->vcpu_count; vcpu++) {
		if (slot_is_new(file, io, vcpu, &seq[vcpu]))
			fresh |= BIT(vcpu);
	}
	spin_lock(&zone->io_lock);
	/* After the slots: what they were preceded by is in the ring now. */
	head = smp_load_acquire(&io->posted_head);
	ret->posted_tail = io->posted_tail;
	if (head - ret->posted_tail > ZV_POSTED_COUNT) {
		/* Not a ring any more.  Only whoever wrote it can be wrong. */
		pr_err_ratelimited("zonevisor: zone %u: posted ring %u..%u\n",
				   zone->id, ret->posted_tail, head);
		WRITE_ONCE(io->posted_tail, head);
		ret->posted_tail = head;
	}
	ret->posted_count = min(head - ret->posted_tail, room);
	for (i = 0; i < ret->posted_count; i++)
		event_of_posted(io, ret->posted_tail + i, &file->event[i]);
	spin_unlock(&zone->io_lock);

	ret->count = ret->posted_count;
	if (ret->posted_tail + ret->posted_count != head)
		return;
	for (vcpu = 0; vcpu < zone->vcpu_count && ret->count < room; vcpu++) {
		if (fresh & BIT(vcpu) &&
		    event_of_slot(io, vcpu, seq[vcpu],
				  &file->event[ret->count]))
			ret->count++;
	}
}

/*
 * Caller: file->read.  Takes the batch out, unless the file became stale or
 * another reader of the zone was faster: its successor gets it (again) then.
 */
static void batch_commit(struct zv_file *file, const struct batch *batch)
{
	struct zv_zone *zone = file->zone;
	struct arm_smccc_res res;
	struct zv_io_page *io;
	u32 tail = batch->posted_tail + batch->posted_count;
	u32 i;

	for (i = batch->posted_count; i < batch->count; i++) {
		const struct zv_event *event = &file->event[i];

		WRITE_ONCE(file->taken[event->vcpu], event->seq | ZV_TAKEN);
	}
	if (!batch->posted_count)
		return;
	rcu_read_lock();
	io = rcu_dereference(zone->io);
	if (io && !zv_file_check(file)) {
		spin_lock(&zone->io_lock);
		if (io->posted_tail == batch->posted_tail) {
			/* What was copied out is overwritten only after this. */
			smp_store_release(&io->posted_tail, tail);
		}
		spin_unlock(&zone->io_lock);
		/*
		 * Either we see who waits for room, or the hypervisor, which
		 * looks at the tail again after saying so, sees the room.
		 */
		smp_mb();
		if (READ_ONCE(io->posted_wait))
			zv_hc(ZV_HC_IO_RING_KICK, zone->id, 0, 0, 0, &res);
	}
	rcu_read_unlock();
}

/* Caller: file->read.  Events in file->event, or -errno. */
static int io_gather(struct zv_file *file, u32 room, struct batch *ret)
{
	struct zv_io_page *io;
	int rc;

	rcu_read_lock();
	rc = zv_file_check(file);
	io = rcu_dereference(file->zone->io);
	if (!rc && !io)
		rc = -ESRCH;
	if (!rc)
		batch_gather(file, io, room, ret);
	rcu_read_unlock();
	return rc;
}

/* Bytes read; 0: nothing there. */
static ssize_t io_read(struct zv_file *file, char __user *ubuf, u32 room)
{
	struct batch batch;
	ssize_t len;
	int rc;

	if (mutex_lock_interruptible(&file->read))
		return -ERESTARTSYS;
	rc = io_gather(file, room, &batch);
	if (rc) {
		len = rc;
	} else {
		len = batch.count * sizeof(struct zv_event);
		if (copy_to_user(ubuf, file->event, len))
			len = -EFAULT;
		else
			batch_commit(file, &batch);
	}
	mutex_unlock(&file->read);
	return len;
}

static ssize_t state_read(struct zv_file *file, char __user *ubuf)
{
	struct zv_event event = { .type = ZV_EVENT_STATE };
	ssize_t len = 0;
	u64 state;

	if (READ_ONCE(file->zone->gone))
		return -ESRCH;
	if (mutex_lock_interruptible(&file->read))
		return -ERESTARTSYS;
	state = zv_events_state(file->zone);
	if (state != file->state) {
		event.value = ZV_STATE_VALUE(state);
		event.seq = ZV_STATE_SEQ(state);
		len = sizeof(event);
		if (copy_to_user(ubuf, &event, len))
			len = -EFAULT;
		else
			WRITE_ONCE(file->state, state);
	}
	mutex_unlock(&file->read);
	return len;
}

ssize_t zv_events_read(struct file *filp, char __user *ubuf, size_t len,
		       loff_t *pos)
{
	struct zv_file *file = filp->private_data;
	wait_queue_head_t *queue = file_queue(file);
	u32 room = min_t(size_t, len / sizeof(struct zv_event), ZV_READ_BATCH);
	ssize_t got;
	int end, rc;

	if (!room)
		return -EINVAL;
	for (;;) {
		if (file->io)
			got = io_read(file, ubuf, room);
		else
			got = state_read(file, ubuf);
		if (got)
			return got;
		if (filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		rc = wait_event_interruptible(*queue,
					      file_is_ready(file, &end));
		if (rc)
			return rc;
	}
}
