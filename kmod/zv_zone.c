// SPDX-License-Identifier: GPL-2.0
/*
 * Zones: the table of those that exist, and their life cycle.
 */
#include <linux/delay.h>
#include <linux/fs_context.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "zv_internal.h"

#define ZV_FS_MAGIC 0x5a564653 /* "ZVFS" */

/* How long PAUSE, STOP, RESET and DESTROY wait for vCPUs to leave. */
#define QUIET_TIMEOUT_MS 10000
/* The state event ends a wait; looking anyway is for lost interrupts only. */
#define QUIET_LOOK_MIN_US 50u
#define QUIET_LOOK_MAX_US 20000u

/* ------------------------------------------------ an inode for each zone */

static int zv_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, ZV_FS_MAGIC) ? 0 : -ENOMEM;
}

/* Never registered: nobody can mount it, it only makes inodes. */
static struct file_system_type zv_fs_type = {
	.name = "zonevisor",
	.owner = THIS_MODULE,
	.init_fs_context = zv_fs_init_context,
	.kill_sb = kill_anon_super,
};

/* Mounted while there are zones: a mount for good would pin the module. */
static struct vfsmount *zv_fs_mount;
static int zv_fs_users;

static struct inode *zone_inode_create(void)
{
	struct inode *inode;
	int rc;

	rc = simple_pin_fs(&zv_fs_type, &zv_fs_mount, &zv_fs_users);
	if (rc)
		return ERR_PTR(rc);
	inode = alloc_anon_inode(zv_fs_mount->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&zv_fs_mount, &zv_fs_users);
		return inode;
	}
	/*
	 * To mm this is device-dax: huge pages whatever the setting for
	 * transparent ones (off by default where zone0 is small), and, being a
	 * character device, long-term pins.
	 */
	inode->i_mode = S_IFCHR | 0600;
	inode->i_flags |= S_DAX;
	return inode;
}

static void zone_inode_destroy(struct inode *inode)
{
	iput(inode);
	simple_release_fs(&zv_fs_mount, &zv_fs_users);
}

/* Caller: a reference to the zone's inode, which goes into the file. */
struct file *zv_zone_file(struct zv_zone *zone,
			  const struct file_operations *fops)
{
	struct file *filp;

	/* The file's own hold on the module, which closing it lets go. */
	__module_get(fops->owner);
	filp = alloc_file_pseudo(zone->inode, zv_fs_mount, "zone", O_RDWR,
				 fops);
	if (IS_ERR(filp))
		module_put(fops->owner);
	return filp;
}

/* ------------------------------------------------------------- the object */

static struct zv_zone *zone_alloc(void)
{
	struct zv_zone *zone = kzalloc(sizeof(*zone), GFP_KERNEL);

	if (!zone)
		return ERR_PTR(-ENOMEM);
	zone->inode = zone_inode_create();
	if (IS_ERR(zone->inode)) {
		struct inode *error = zone->inode;

		kfree(zone);
		return ERR_CAST(error);
	}
	/* We run in the module, so it is alive. */
	__module_get(THIS_MODULE);
	kref_init(&zone->ref);
	mutex_init(&zone->control);
	init_rwsem(&zone->mem);
	mutex_init(&zone->chunk_lock);
	xa_init(&zone->chunks);
	mutex_init(&zone->state_lock);
	init_waitqueue_head(&zone->state_wait);
	init_waitqueue_head(&zone->io_wait);
	spin_lock_init(&zone->io_lock);
	mutex_init(&zone->bind);
	spin_lock_init(&zone->irqfd_lock);
	INIT_LIST_HEAD(&zone->irqfds);
	return zone;
}

static void zone_release(struct kref *ref)
{
	struct zv_zone *zone = container_of(ref, struct zv_zone, ref);

	zv_mem_fini(zone);
	zone_inode_destroy(zone->inode);
	kfree_rcu(zone, rcu);
	module_put(THIS_MODULE);
}

struct zv_zone *zv_zone_get(struct zv_zone *zone)
{
	kref_get(&zone->ref);
	return zone;
}

void zv_zone_put(struct zv_zone *zone)
{
	kref_put(&zone->ref, zone_release);
}

/* A hypercall whose first argument is the zone; never waits, any context. */
long zv_zone_hc(struct zv_zone *zone, u32 nr, u64 a2, u64 a3, u64 a4,
		struct arm_smccc_res *res)
{
	long rc = -ESRCH;

	rcu_read_lock();
	if (!READ_ONCE(zone->gone))
		rc = zv_hc(nr, zone->id, a2, a3, a4, res);
	rcu_read_unlock();
	return rc;
}

/* ---------------------------------------------------------- the zone table */

int zv_zone_info(u32 id, struct zv_zone_info *info)
{
	struct arm_smccc_res res;

	return zv_hc(ZV_HC_ZONE_INFO, id, virt_to_phys(info), sizeof(*info), 0,
		     &res);
}

static int zone_map_iopage(struct zv_zone *zone, u64 pa)
{
	struct zv_io_page *io;

	if (!pa || !PAGE_ALIGNED(pa))
		return -EIO;
	io = memremap(pa, sizeof(*io), MEMREMAP_WB);
	if (!io)
		return -ENOMEM;
	rcu_assign_pointer(zone->io, io);
	return 0;
}

static void zone_unmap_iopage(struct zv_zone *zone)
{
	struct zv_io_page *io = rcu_replace_pointer(zone->io, NULL, true);

	synchronize_rcu_expedited();
	if (io)
		memunmap(io);
}

/*
 * Caller: zv_host.mutex.  Makes zone stand for the hypervisor's zone id; the
 * table takes a reference.
 */
static int zone_register(struct zv_zone *zone, u32 id)
{
	struct zv_zone_info *info = zv_buf_alloc(sizeof(*info));
	int rc;

	if (!info)
		return -ENOMEM;
	rc = zv_zone_info(id, info);
	if (rc)
		goto out_free;
	zone->id = id;
	zone->vcpu_count = min(info->vcpu_count, ZV_VCPUS_MAX);
	memcpy(zone->uuid, info->uuid, sizeof(zone->uuid));
	if (info->state == ZV_ZONE_DYING) {
		/* Its I/O page may go any moment: leave it alone. */
		zone->dying = true;
		zone->dying_seq = info->state_seq;
	} else {
		rc = zone_map_iopage(zone, info->iopage);
		if (rc)
			goto out_free;
	}
	zv_zone_get(zone);
	rc = xa_insert(&zv_host.zones, id, zone, GFP_KERNEL);
	if (rc) {
		zone_unmap_iopage(zone);
		zv_zone_put(zone);
		goto out_free;
	}
	/*
	 * The hypervisor raises the zone's bit only when `pending` was 0, and
	 * what came before the zone was in the table was dropped.
	 */
	rcu_read_lock();
	zv_events_take(zone);
	rcu_read_unlock();
out_free:
	kfree(info);
	return rc;
}

/* Caller: zv_host.mutex.  A zone that somebody else made. */
static struct zv_zone *zone_adopt_locked(u32 id)
{
	struct zv_zone *zone = zone_alloc();
	int rc;

	if (IS_ERR(zone))
		return zone;
	rc = zone_register(zone, id);
	if (rc) {
		zv_zone_put(zone);
		return ERR_PTR(rc);
	}
	return zone;
}

/* Zones that run already when the module is loaded. */
void zv_zone_adopt_all(void)
{
	struct arm_smccc_res res;
	struct zv_zone *zone;
	u32 id = ZV_ZONE0 + 1;

	mutex_lock(&zv_host.mutex);
	while (id < ZV_ZONES_MAX &&
	       !zv_hc(ZV_HC_ZONE_NEXT, id, 0, 0, 0, &res)) {
		id = res.a1 + 1;
		if (xa_load(&zv_host.zones, res.a1))
			continue;
		zone = zone_adopt_locked(res.a1);
		if (IS_ERR(zone))
			pr_err("zonevisor: zone %lu: %ld; opening it tries again\n",
			       res.a1, PTR_ERR(zone));
		else
			zv_zone_put(zone);
	}
	mutex_unlock(&zv_host.mutex);
}

/* A reference to the zone that has this id and this uuid. */
struct zv_zone *zv_zone_open(u32 id, const u8 *uuid)
{
	struct zv_zone *zone;

	if (id == ZV_ZONE0)
		return ERR_PTR(-EINVAL);
	if (id >= ZV_ZONES_MAX)
		return ERR_PTR(-ESRCH);
	mutex_lock(&zv_host.mutex);
	zone = xa_load(&zv_host.zones, id);
	if (zone)
		zv_zone_get(zone);
	else
		zone = zone_adopt_locked(id);
	mutex_unlock(&zv_host.mutex);
	if (!IS_ERR(zone) && memcmp(zone->uuid, uuid, sizeof(zone->uuid))) {
		zv_zone_put(zone);
		return ERR_PTR(-ESTALE);
	}
	return zone;
}

/* Caller: zv_host.mutex.  Undoes a creation that nobody has seen yet. */
static void zone_uncreate(u32 id)
{
	struct arm_smccc_res res;
	int tries;

	/* It has no memory and never ran: few steps, nothing to wait for. */
	for (tries = 0; tries < 100; tries++) {
		if (zv_hc(ZV_HC_ZONE_DESTROY, id, 0, 0, 0, &res) != -EAGAIN)
			return;
		cond_resched();
	}
}

/* args: hypercall memory.  Returns a reference. */
struct zv_zone *zv_zone_create(const struct zv_zone_create *args)
{
	struct zv_zone *zone = zone_alloc();
	struct arm_smccc_res res;
	int rc;

	if (IS_ERR(zone))
		return zone;
	mutex_lock(&zv_host.mutex);
	rc = zv_hc(ZV_HC_ZONE_CREATE, virt_to_phys(args), sizeof(*args), 0, 0,
		   &res);
	if (!rc) {
		u32 id = res.a1;

		rc = zone_register(zone, id);
		if (rc)
			zone_uncreate(id);
	}
	mutex_unlock(&zv_host.mutex);
	if (rc) {
		zv_zone_put(zone);
		return ERR_PTR(rc);
	}
	return zone;
}

/* -------------------------------------------------------------- life cycle */

struct quiet_wait {
	ktime_t end;
	u32 look_us;
	int seen; /* state_events before the hypercall */
};

static bool state_has_moved(const struct zv_zone *zone,
			    const struct quiet_wait *wait)
{
	return atomic_read(&zone->state_events) != wait->seen;
}

static void quiet_wait_init(struct quiet_wait *wait)
{
	wait->end = ktime_add_ms(ktime_get(), QUIET_TIMEOUT_MS);
	wait->look_us = QUIET_LOOK_MIN_US;
}

/* 0: look again; -ETIMEDOUT, -ERESTARTSYS. */
static int quiet_wait(struct zv_zone *zone, struct quiet_wait *wait)
{
	wait_queue_head_t *queue = &zone->state_wait;
	ktime_t look = ns_to_ktime((u64)wait->look_us * NSEC_PER_USEC);
	long rc;

	if (ktime_after(ktime_get(), wait->end))
		return -ETIMEDOUT;
	rc = wait_event_interruptible_hrtimeout(
		*queue, state_has_moved(zone, wait), look);
	wait->look_us = min(wait->look_us * 2, QUIET_LOOK_MAX_US);
	return rc == -ERESTARTSYS ? rc : 0;
}

/*
 * A life-cycle call.  -EAGAIN is the hypervisor's word for vCPUs that were asked
 * off their CPUs and have not all left: it is called again when they have.
 */
int zv_zone_control(struct zv_zone *zone, u32 nr, u64 a2, u64 a3, u64 a4)
{
	struct arm_smccc_res res;
	struct quiet_wait wait;
	int rc;

	if (mutex_lock_interruptible(&zone->control))
		return -ERESTARTSYS;
	quiet_wait_init(&wait);
	do {
		wait.seen = atomic_read(&zone->state_events);
		rc = zv_zone_hc(zone, nr, a2, a3, a4, &res);
		if (rc != -EAGAIN)
			break;
		rc = quiet_wait(zone, &wait);
	} while (!rc);
	mutex_unlock(&zone->control);
	return rc;
}

/*
 * Caller: control.  From here on the hypervisor may take the I/O page away at
 * any call, and pages only ever lose users.
 */
static void zone_begin_dying(struct zv_zone *zone)
{
	u32 seq;

	if (zone->dying)
		return;
	/* Becoming DYING is one more change, which the page may not tell. */
	seq = ZV_STATE_SEQ(zv_events_state(zone));
	WRITE_ONCE(zone->dying_seq, seq + 1);
	zv_mem_close(zone);
	mutex_lock(&zone->bind);
	zv_eventfd_drop_locked(zone, NULL);
	mutex_unlock(&zone->bind);
	zone_unmap_iopage(zone);
	wake_up_all(&zone->state_wait);
	wake_up_all(&zone->io_wait);
}

/* Caller: control.  One step; 0 when the zone is gone. */
static int zone_destroy_step(struct zv_zone *zone)
{
	struct arm_smccc_res res;
	int rc;

	mutex_lock(&zv_host.mutex);
	rc = zv_hc(ZV_HC_ZONE_DESTROY, zone->id, 0, 0, 0, &res);
	if (rc == -ESRCH)
		rc = 0;
	if (!rc) {
		xa_erase(&zv_host.zones, zone->id);
		WRITE_ONCE(zone->gone, true);
		/* Nobody may use the id for this zone once it is free. */
		synchronize_rcu_expedited();
	}
	mutex_unlock(&zv_host.mutex);
	if (!rc) {
		wake_up_all(&zone->state_wait);
		wake_up_all(&zone->io_wait);
		zv_zone_put(zone);
	}
	return rc;
}

/* Are vCPUs still on their way out?  If not, -EAGAIN meant "more to free". */
static int zone_is_loaded(struct zv_zone *zone)
{
	struct zv_zone_info *info = zv_buf_alloc(sizeof(*info));
	int rc;

	if (!info)
		return -ENOMEM;
	rc = zv_zone_info(zone->id, info);
	if (!rc)
		rc = info->vcpus_loaded != 0;
	kfree(info);
	return rc;
}

/* Caller: control.  0 gone, -EBUSY zone0 maps pages of it, or a failure. */
static int zone_destroy_steps(struct zv_zone *zone)
{
	struct quiet_wait wait;
	int rc;

	quiet_wait_init(&wait);
	for (;;) {
		wait.seen = atomic_read(&zone->state_events);
		rc = zone_destroy_step(zone);
		if (rc != -EAGAIN)
			return rc;
		rc = zone_is_loaded(zone);
		if (rc > 0)
			rc = quiet_wait(zone, &wait);
		if (rc)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

static int zone_destroy_locked(struct zv_zone *zone)
{
	int rc;

	if (zone->gone)
		return -ESRCH;
	zone_begin_dying(zone);
	rc = zone_destroy_steps(zone);
	if (rc != -EBUSY)
		return rc;
	rc = zv_mem_release(zone);
	if (rc)
		return rc;
	rc = zone_destroy_steps(zone);
	if (rc != -EBUSY)
		return rc;
	/* Granted to a module that was here before us. */
	zv_mem_sweep(zone);
	return zone_destroy_steps(zone);
}

/* May be called again until it succeeds; see ZV_IOC_ZONE_DESTROY. */
int zv_zone_destroy(struct zv_zone *zone)
{
	int rc;

	if (mutex_lock_interruptible(&zone->control))
		return -ERESTARTSYS;
	rc = zone_destroy_locked(zone);
	mutex_unlock(&zone->control);
	return rc;
}

/* The end of a zone that nobody has heard of yet: it never ran. */
void zv_zone_discard(struct zv_zone *zone)
{
	mutex_lock(&zone->control);
	zone_destroy_locked(zone);
	mutex_unlock(&zone->control);
}
