// SPDX-License-Identifier: GPL-2.0
/*
 * Bindings between a zone and eventfds.
 *
 * A bell is a doorbell with an eventfd: the event interrupt finds it under RCU.
 * An irqfd is an eventfd with an interrupt: it sits in the eventfd's wait queue
 * and makes the hypercall right there, since that never waits.
 *
 * Each belongs to the zone file that made it and ends with it, with the zone,
 * or by request.  An irqfd whose eventfd is closed by everybody else is told so
 * in a context where it cannot take itself off the queue: a work item does.
 * Whoever takes an irqfd off the zone's list frees it.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/workqueue.h>

#include "zv_internal.h"

struct zv_bell {
	struct rcu_head rcu;
	struct eventfd_ctx *ctx;
	const struct zv_file *owner; /* compared only */
};

struct zv_irqfd {
	struct zv_zone *zone;
	const struct zv_file *owner; /* compared only */
	struct eventfd_ctx *ctx;
	u32 intid;
	u32 addr;
	u32 mask;
	struct list_head link; /* zone->irqfds; empty: being freed */
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct shutdown;
};

static struct workqueue_struct *zv_wq;

/* Caller: zone->bind. */
static int bind_check(const struct zv_file *file)
{
	int rc = zv_file_check(file);

	/* The I/O page goes first; its bindings have been dropped by then. */
	if (!rc && READ_ONCE(file->zone->dying))
		rc = -ESRCH;
	return rc;
}

/* May file take away what owner made?  A control file may. */
static bool may_drop(const struct zv_file *file, const struct zv_file *owner)
{
	return !file->io || file == owner;
}

/* -------------------------------------------------------------- doorbells */

static void bell_free_rcu(struct rcu_head *rcu)
{
	struct zv_bell *bell = container_of(rcu, struct zv_bell, rcu);

	eventfd_ctx_put(bell->ctx);
	kfree(bell);
}

/* Caller: zone->bind. */
static struct zv_bell *bell_replace(struct zv_zone *zone, u32 doorbell,
				    struct zv_bell *bell)
{
	return rcu_replace_pointer(zone->bell[doorbell], bell,
				   lockdep_is_held(&zone->bind));
}

/*
 * Caller: rcu_read_lock() or interrupt.  Doorbells without an eventfd are lost
 * here; binding one later signals it once to make up for that.
 */
void zv_eventfd_ring(struct zv_zone *zone, struct zv_io_page *io)
{
	struct zv_bell *bell;
	unsigned int word, bit;
	u64 bits;

	for (word = 0; word < ARRAY_SIZE(io->doorbell); word++) {
		if (!READ_ONCE(io->doorbell[word]))
			continue;
		bits = xchg(&io->doorbell[word], 0);
		while (bits) {
			bit = __ffs64(bits);
			bits &= bits - 1;
			bell = rcu_dereference(zone->bell[word * 64 + bit]);
			if (bell)
				eventfd_signal(bell->ctx);
		}
	}
}

static int bell_assign(struct zv_file *file, u32 doorbell, int fd)
{
	struct zv_zone *zone = file->zone;
	struct zv_bell *bell, *old;
	int rc;

	bell = kzalloc(sizeof(*bell), GFP_KERNEL_ACCOUNT);
	if (!bell)
		return -ENOMEM;
	bell->owner = file;
	bell->ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(bell->ctx)) {
		rc = PTR_ERR(bell->ctx);
		kfree(bell);
		return rc;
	}
	mutex_lock(&zone->bind);
	rc = bind_check(file);
	old = bell;
	if (!rc) {
		old = bell_replace(zone, doorbell, bell);
		eventfd_signal(bell->ctx);
	}
	mutex_unlock(&zone->bind);
	if (old)
		call_rcu(&old->rcu, bell_free_rcu);
	return rc;
}

static int bell_deassign(struct zv_file *file, u32 doorbell)
{
	struct zv_zone *zone = file->zone;
	struct zv_bell *old;
	int rc;

	mutex_lock(&zone->bind);
	rc = bind_check(file);
	if (rc)
		goto out_unlock;
	old = rcu_dereference_protected(zone->bell[doorbell],
					lockdep_is_held(&zone->bind));
	rc = -ENOENT;
	if (old && may_drop(file, old->owner)) {
		bell_replace(zone, doorbell, NULL);
		call_rcu(&old->rcu, bell_free_rcu);
		rc = 0;
	}
out_unlock:
	mutex_unlock(&zone->bind);
	return rc;
}

int zv_eventfd_bell(struct zv_file *file, const struct zv_ioc_ioeventfd *args)
{
	if (args->reserved || args->flags & ~ZV_EVENTFD_DEASSIGN)
		return -EINVAL;
	if (args->doorbell >= ZV_DOORBELLS_MAX)
		return -EINVAL;
	if (args->flags & ZV_EVENTFD_DEASSIGN)
		return bell_deassign(file, args->doorbell);
	return bell_assign(file, args->doorbell, args->fd);
}

/* ------------------------------------------------------------- interrupts */

static void irqfd_inject(struct zv_irqfd *irqfd)
{
	struct arm_smccc_res res;

	/*
	 * Nobody is here to hear of an error.  What the zone does not have was
	 * a mistake of whoever made the binding, and hurts only that zone.
	 */
	zv_zone_hc(irqfd->zone, ZV_HC_IRQ_INJECT,
		   irqfd->intid | (u64)ZV_IRQ_PULSE << 32, irqfd->addr,
		   irqfd->mask, &res);
}

static void irqfd_free(struct zv_irqfd *irqfd)
{
	u64 count;

	/* Waits for a wake-up that is under way; none comes after. */
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->ctx);
	zv_zone_put(irqfd->zone);
	kfree(irqfd);
}

static void irqfd_shutdown(struct work_struct *work)
{
	irqfd_free(container_of(work, struct zv_irqfd, shutdown));
}

/* The eventfd's lock is held, interrupts are off. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct zv_irqfd *irqfd = container_of(wait, struct zv_irqfd, wait);
	struct zv_zone *zone = irqfd->zone;
	__poll_t flags = key_to_poll(key);
	unsigned long irq_flags;
	u64 count;
	int consumed = 0;

	if (flags & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		irqfd_inject(irqfd);
		consumed = 1;
	}
	if (flags & EPOLLHUP) {
		spin_lock_irqsave(&zone->irqfd_lock, irq_flags);
		if (!list_empty(&irqfd->link)) {
			list_del_init(&irqfd->link);
			queue_work(zv_wq, &irqfd->shutdown);
		}
		spin_unlock_irqrestore(&zone->irqfd_lock, irq_flags);
	}
	return consumed;
}

static void irqfd_queue(struct file *filp, wait_queue_head_t *queue,
			poll_table *poll)
{
	struct zv_irqfd *irqfd = container_of(poll, struct zv_irqfd, poll);

	/* Before all readers: a signal is for the guest. */
	add_wait_queue_priority(queue, &irqfd->wait);
}

/* Caller: zone->bind.  -EBUSY if the eventfd has an interrupt already. */
static int irqfd_enlist(struct zv_irqfd *irqfd)
{
	struct zv_zone *zone = irqfd->zone;
	struct zv_irqfd *other;
	int rc = 0;

	spin_lock_irq(&zone->irqfd_lock);
	list_for_each_entry (other, &zone->irqfds, link) {
		if (other->ctx == irqfd->ctx)
			rc = -EBUSY;
	}
	if (!rc)
		list_add_tail(&irqfd->link, &zone->irqfds);
	spin_unlock_irq(&zone->irqfd_lock);
	return rc;
}

static struct zv_irqfd *irqfd_create(struct zv_file *file,
				     const struct zv_ioc_irqfd *args,
				     struct file *eventfd)
{
	struct zv_irqfd *irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);

	if (!irqfd)
		return ERR_PTR(-ENOMEM);
	irqfd->ctx = eventfd_ctx_fileget(eventfd);
	if (IS_ERR(irqfd->ctx)) {
		int rc = PTR_ERR(irqfd->ctx);

		kfree(irqfd);
		return ERR_PTR(rc);
	}
	irqfd->zone = zv_zone_get(file->zone);
	irqfd->owner = file;
	irqfd->intid = args->intid;
	irqfd->addr = args->addr;
	irqfd->mask = args->mask;
	INIT_LIST_HEAD(&irqfd->link);
	INIT_WORK(&irqfd->shutdown, irqfd_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->poll, irqfd_queue);
	return irqfd;
}

static int irqfd_assign(struct zv_file *file, const struct zv_ioc_irqfd *args)
{
	struct zv_zone *zone = file->zone;
	struct zv_irqfd *irqfd;
	struct file *eventfd;
	int rc;

	eventfd = eventfd_fget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	irqfd = irqfd_create(file, args, eventfd);
	if (IS_ERR(irqfd)) {
		rc = PTR_ERR(irqfd);
		goto out_fput;
	}
	mutex_lock(&zone->bind);
	rc = bind_check(file);
	if (!rc)
		rc = irqfd_enlist(irqfd);
	/* Signalled before we listened?  The count goes with the next one. */
	if (!rc && vfs_poll(eventfd, &irqfd->poll) & EPOLLIN)
		irqfd_inject(irqfd);
	mutex_unlock(&zone->bind);
	if (rc) {
		eventfd_ctx_put(irqfd->ctx);
		zv_zone_put(zone);
		kfree(irqfd);
	}
out_fput:
	/* Only now can the eventfd be closed: not before we are set up. */
	fput(eventfd);
	return rc;
}

/*
 * Takes one irqfd off the list, the caller then frees it: of ctx and intid, or
 * of owner if ctx is NULL, or any if owner is NULL too.
 */
static struct zv_irqfd *irqfd_take(struct zv_zone *zone,
				   const struct eventfd_ctx *ctx, u32 intid,
				   const struct zv_file *owner)
{
	struct zv_irqfd *irqfd;

	spin_lock_irq(&zone->irqfd_lock);
	list_for_each_entry (irqfd, &zone->irqfds, link) {
		if (ctx && (irqfd->ctx != ctx || irqfd->intid != intid))
			continue;
		if (owner && irqfd->owner != owner)
			continue;
		list_del_init(&irqfd->link);
		goto out_unlock;
	}
	irqfd = NULL;
out_unlock:
	spin_unlock_irq(&zone->irqfd_lock);
	return irqfd;
}

static int irqfd_deassign(struct zv_file *file, const struct zv_ioc_irqfd *args)
{
	struct zv_zone *zone = file->zone;
	struct zv_irqfd *irqfd = NULL;
	struct eventfd_ctx *ctx;
	int rc;

	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&zone->bind);
	rc = bind_check(file);
	if (!rc) {
		irqfd = irqfd_take(zone, ctx, args->intid,
				   file->io ? file : NULL);
		if (!irqfd)
			rc = -ENOENT;
	}
	mutex_unlock(&zone->bind);
	if (irqfd)
		irqfd_free(irqfd);
	eventfd_ctx_put(ctx);
	return rc;
}

int zv_eventfd_irq(struct zv_file *file, const struct zv_ioc_irqfd *args)
{
	if (args->reserved || args->flags & ~ZV_EVENTFD_DEASSIGN)
		return -EINVAL;
	if (args->flags & ZV_EVENTFD_DEASSIGN)
		return irqfd_deassign(file, args);
	if (args->mask &&
	    (args->addr >> 12 >= ZV_SHADOWS_MAX || args->addr & 3))
		return -EINVAL;
	return irqfd_assign(file, args);
}

/* ---------------------------------------------------------------- the end */

void zv_eventfd_drop_locked(struct zv_zone *zone, const struct zv_file *file)
{
	struct zv_irqfd *irqfd;
	struct zv_bell *bell;
	u32 i;

	lockdep_assert_held(&zone->bind);
	for (i = 0; i < ZV_DOORBELLS_MAX; i++) {
		bell = rcu_dereference_protected(zone->bell[i],
						 lockdep_is_held(&zone->bind));
		if (!bell || (file && bell->owner != file))
			continue;
		bell_replace(zone, i, NULL);
		call_rcu(&bell->rcu, bell_free_rcu);
	}
	while ((irqfd = irqfd_take(zone, NULL, 0, file)))
		irqfd_free(irqfd);
}

int zv_eventfd_init(void)
{
	zv_wq = alloc_workqueue("zonevisor", 0, 0);
	return zv_wq ? 0 : -ENOMEM;
}

/* After this no callback of ours can be pending. */
void zv_eventfd_exit(void)
{
	destroy_workqueue(zv_wq);
	rcu_barrier();
}
