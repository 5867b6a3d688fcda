// SPDX-License-Identifier: GPL-2.0
/*
 * Zone fds: making them, their requests, their end.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "zv_internal.h"

/* -------------------------------------------------------------- the right */

bool zv_file_is_stale(const struct zv_file *file)
{
	return file->io && rcu_access_pointer(file->zone->io_owner) != file;
}

int zv_file_check(const struct zv_file *file)
{
	if (READ_ONCE(file->zone->gone))
		return -ESRCH;
	if (zv_file_is_stale(file))
		return -ESTALE;
	return 0;
}

/*
 * A hypercall on behalf of a file.  The check and the call are one to whoever
 * takes the right away and then waits for a grace period.
 */
static long file_hc(struct zv_file *file, u32 nr, u64 a2, u64 a3, u64 a4,
		    struct arm_smccc_res *res)
{
	long rc;

	rcu_read_lock();
	rc = zv_file_check(file);
	if (!rc)
		rc = zv_hc(nr, file->zone->id, a2, a3, a4, res);
	rcu_read_unlock();
	return rc;
}

/* Makes file the zone's only I/O file; -ESRCH if there is nothing to own. */
static int file_own_io(struct zv_file *file)
{
	struct zv_zone *zone = file->zone;
	struct zv_file *old;

	mutex_lock(&zone->bind);
	if (!rcu_access_pointer(zone->io)) {
		mutex_unlock(&zone->bind);
		return -ESRCH;
	}
	old = rcu_replace_pointer(zone->io_owner, file,
				  lockdep_is_held(&zone->bind));
	if (old) {
		/* No call of the old one is under way after this. */
		synchronize_rcu_expedited();
		zv_eventfd_drop_locked(zone, old);
	}
	mutex_unlock(&zone->bind);
	/* Before its mappings go, so that it can end in good order. */
	wake_up_all(&zone->io_wait);
	/*
	 * Not under bind: a takeover that comes in between expels everybody who
	 * is stale, the old one of ours too, before its own fd exists.  And a
	 * file with a mapping is not released, so no owner, nobody to expel.
	 */
	if (old)
		zv_mem_expel(zone);
	return 0;
}

static int file_release(struct inode *inode, struct file *filp)
{
	struct zv_file *file = filp->private_data;
	struct zv_zone *zone = file->zone;

	mutex_lock(&zone->bind);
	if (rcu_access_pointer(zone->io_owner) == file)
		RCU_INIT_POINTER(zone->io_owner, NULL);
	zv_eventfd_drop_locked(zone, file);
	mutex_unlock(&zone->bind);
	zv_zone_put(zone);
	mutex_destroy(&file->read);
	kfree(file);
	return 0;
}

/* ------------------------------------------------- requests: either kind */

static int file_info(struct zv_file *file, void __user *uarg)
{
	struct zv_zone_info *info = zv_buf_alloc(sizeof(*info));
	struct arm_smccc_res res;
	int rc;

	if (!info)
		return -ENOMEM;
	rc = file_hc(file, ZV_HC_ZONE_INFO, virt_to_phys(info), sizeof(*info),
		     0, &res);
	if (!rc && copy_to_user(uarg, info, sizeof(*info)))
		rc = -EFAULT;
	kfree(info);
	return rc;
}

/*
 * Structures that end in a counted array are copied and passed on only as far
 * as they are used.  The head is at most 24 bytes and holds the count.
 */
struct counted {
	size_t head;
	size_t count_at;
	size_t item;
	u32 max;
};

#define COUNTED(type, array, limit)                                          \
	{                                                                    \
		.head = offsetof(struct type, array),                        \
		.count_at = offsetof(struct type, count),                    \
		.item = sizeof_field(struct type, array[0]), .max = (limit), \
	}

/* file_counted() has room for no more. */
static_assert(offsetof(struct zv_shadow_actions, action) <= 24);
static_assert(offsetof(struct zv_shadow_update, word) <= 24);
static_assert(offsetof(struct zv_io_complete, word) <= 24);

static const struct counted shadow_actions =
	COUNTED(zv_shadow_actions, action, ZV_SHADOW_ACTIONS_MAX);
static const struct counted shadow_update =
	COUNTED(zv_shadow_update, word, ZV_SHADOW_WORDS_MAX);
static const struct counted io_complete =
	COUNTED(zv_io_complete, word, ZV_SHADOW_WORDS_MAX);

static int file_counted(struct zv_file *file, u32 nr, const struct counted *c,
			const void __user *uarg)
{
	struct arm_smccc_res res;
	u64 head[3];
	size_t len;
	u32 count;
	void *buf;
	int rc;

	if (copy_from_user(head, uarg, c->head))
		return -EFAULT;
	memcpy(&count, (u8 *)head + c->count_at, sizeof(count));
	if (count > c->max)
		return -EINVAL;
	len = c->head + count * c->item;
	buf = zv_buf_alloc(len);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, head, c->head);
	rc = -EFAULT;
	if (!copy_from_user(buf + c->head, uarg + c->head, len - c->head))
		rc = file_hc(file, nr, virt_to_phys(buf), len, 0, &res);
	kfree(buf);
	return rc;
}

static int file_inject(struct zv_file *file, const void __user *uarg)
{
	struct zv_ioc_inject args;
	struct arm_smccc_res res;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	return file_hc(file, ZV_HC_IRQ_INJECT, args.intid | (u64)args.op << 32,
		       args.addr, args.mask, &res);
}

static int file_ioeventfd(struct zv_file *file, const void __user *uarg)
{
	struct zv_ioc_ioeventfd args;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	return zv_eventfd_bell(file, &args);
}

static int file_irqfd(struct zv_file *file, const void __user *uarg)
{
	struct zv_ioc_irqfd args;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	return zv_eventfd_irq(file, &args);
}

static long file_io_ioctl(struct zv_file *file, unsigned int cmd,
			  void __user *uarg)
{
	switch (cmd) {
	case ZV_IOC_ZONE_INFO:
		return file_info(file, uarg);
	case ZV_IOC_SHADOW_UPDATE:
		return file_counted(file, ZV_HC_SHADOW_UPDATE, &shadow_update,
				    uarg);
	case ZV_IOC_IO_COMPLETE:
		return file_counted(file, ZV_HC_IO_COMPLETE, &io_complete,
				    uarg);
	case ZV_IOC_INJECT:
		return file_inject(file, uarg);
	case ZV_IOC_IOEVENTFD:
		return file_ioeventfd(file, uarg);
	case ZV_IOC_IRQFD:
		return file_irqfd(file, uarg);
	default:
		return -ENOIOCTLCMD;
	}
}

/* --------------------------------------------------- requests: control fd */

static int file_populate(struct zv_file *file, const void __user *uarg)
{
	struct zv_ioc_populate args;
	struct arm_smccc_res res;
	int rc;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	if (!args.size || !IS_ALIGNED(args.gpa | args.size, ZV_CHUNK_SIZE))
		return -EINVAL;
	while (args.size) {
		rc = file_hc(file, ZV_HC_MEM_POPULATE, args.gpa, args.size, 0,
			     &res);
		if (rc)
			return rc;
		if (!res.a1 || res.a1 > args.size)
			return -EIO;
		args.gpa += res.a1;
		args.size -= res.a1;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int file_extent(struct zv_file *file, struct zv_ioc_extent __user *uarg)
{
	struct zv_ioc_extent args;
	struct arm_smccc_res res;
	int rc;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	rc = file_hc(file, ZV_HC_MEM_NEXT, args.gpa, 0, 0, &res);
	if (rc && rc != -ENOENT)
		return rc;
	args.size = 0;
	if (!rc) {
		args.gpa = res.a1;
		args.size = res.a2;
	}
	return copy_to_user(uarg, &args, sizeof(args)) ? -EFAULT : 0;
}

static int file_vcpu(struct zv_file *file, u32 nr,
		     struct zv_ioc_vcpu __user *uarg)
{
	struct zv_ioc_vcpu *args = zv_buf_alloc(sizeof(*args));
	int rc = -EFAULT;

	if (!args)
		return -ENOMEM;
	if (copy_from_user(args, uarg, sizeof(*args)))
		goto out_free;
	rc = -EINVAL;
	if (args->reserved)
		goto out_free;
	rc = zv_zone_control(file->zone, nr, args->vcpu,
			     virt_to_phys(&args->state), sizeof(args->state));
	if (!rc && nr == ZV_HC_VCPU_GET &&
	    copy_to_user(&uarg->state, &args->state, sizeof(args->state)))
		rc = -EFAULT;
out_free:
	kfree(args);
	return rc;
}

/* Waits for nobody: the vCPU goes when it has left its pCPU. */
static int file_vcpu_pin(struct zv_file *file,
			 struct zv_ioc_vcpu_pin __user *uarg)
{
	struct zv_ioc_vcpu_pin args;
	struct arm_smccc_res res;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	return file_hc(file, ZV_HC_VCPU_PIN, args.vcpu, args.pcpu, 0, &res);
}

static int file_vcpu_limit(struct zv_file *file,
			   struct zv_ioc_vcpu_limit __user *uarg)
{
	struct zv_ioc_vcpu_limit args;
	struct arm_smccc_res res;
	int rc;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	rc = file_hc(file, ZV_HC_VCPU_LIMIT, args.count, 0, 0, &res);
	if (rc)
		return rc;
	return put_user((u32)res.a1, &uarg->count);
}

static int file_shadow_create(struct zv_file *file,
			      struct zv_ioc_shadow __user *uarg)
{
	struct zv_ioc_shadow args;
	struct arm_smccc_res res;
	int rc;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	rc = file_hc(file, ZV_HC_SHADOW_CREATE, args.gpa, args.flags, 0, &res);
	if (rc)
		return rc;
	return put_user((u32)res.a1, &uarg->index);
}

static long file_control_ioctl(struct zv_file *file, unsigned int cmd,
			       void __user *uarg)
{
	switch (cmd) {
	case ZV_IOC_ZONE_START:
		return zv_zone_control(file->zone, ZV_HC_ZONE_START, 0, 0, 0);
	case ZV_IOC_ZONE_PAUSE:
		return zv_zone_control(file->zone, ZV_HC_ZONE_PAUSE, 0, 0, 0);
	case ZV_IOC_ZONE_RESUME:
		return zv_zone_control(file->zone, ZV_HC_ZONE_RESUME, 0, 0, 0);
	case ZV_IOC_ZONE_STOP:
		return zv_zone_control(file->zone, ZV_HC_ZONE_STOP, 0, 0, 0);
	case ZV_IOC_ZONE_RESET:
		return zv_zone_control(file->zone, ZV_HC_ZONE_RESET, 0, 0, 0);
	case ZV_IOC_ZONE_DESTROY:
		return zv_zone_destroy(file->zone);
	case ZV_IOC_POPULATE:
		return file_populate(file, uarg);
	case ZV_IOC_EXTENT:
		return file_extent(file, uarg);
	case ZV_IOC_VCPU_SET:
		return file_vcpu(file, ZV_HC_VCPU_SET, uarg);
	case ZV_IOC_VCPU_GET:
		return file_vcpu(file, ZV_HC_VCPU_GET, uarg);
	case ZV_IOC_VCPU_PIN:
		return file_vcpu_pin(file, uarg);
	case ZV_IOC_VCPU_LIMIT:
		return file_vcpu_limit(file, uarg);
	case ZV_IOC_SHADOW_CREATE:
		return file_shadow_create(file, uarg);
	case ZV_IOC_SHADOW_ACTIONS:
		return file_counted(file, ZV_HC_SHADOW_ACTIONS, &shadow_actions,
				    uarg);
	default:
		return -ENOTTY;
	}
}

static long file_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct zv_file *file = filp->private_data;
	void __user *uarg = (void __user *)arg;
	long rc;

	/* An I/O fd is a right by itself; a control fd is a convenience. */
	if (!file->io && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	rc = file_io_ioctl(file, cmd, uarg);
	if (rc != -ENOIOCTLCMD)
		return rc;
	if (file->io)
		return -EPERM;
	return file_control_ioctl(file, cmd, uarg);
}

/* ------------------------------------------------------------- making them */

static const struct file_operations zv_file_fops = {
	.owner = THIS_MODULE,
	.read = zv_events_read,
	.poll = zv_events_poll,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = zv_mem_mmap,
	/* Where a huge page of the process can be one of the zone. */
	.get_unmapped_area = thp_get_unmapped_area,
	.release = file_release,
	.llseek = noop_llseek,
};

/* Takes over the caller's reference to zone, also on failure. */
static struct file *file_create(struct zv_zone *zone, bool io)
{
	struct zv_file *file = kzalloc(sizeof(*file), GFP_KERNEL);
	struct file *filp;

	if (!file) {
		zv_zone_put(zone);
		return ERR_PTR(-ENOMEM);
	}
	file->zone = zone;
	file->io = io;
	mutex_init(&file->read);
	file->state = zv_events_state(zone);
	ihold(zone->inode);
	filp = zv_zone_file(zone, &zv_file_fops);
	if (IS_ERR(filp)) {
		iput(zone->inode);
		kfree(file);
		zv_zone_put(zone);
		return filp;
	}
	filp->private_data = file;
	/* Blocking reads must not take turns on a file position. */
	stream_open(zone->inode, filp);
	return filp;
}

int zv_file_open_zone(const struct zv_ioc_zone_open *args)
{
	struct zv_zone *zone;
	struct file *filp;
	int fd, rc;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	zone = zv_zone_open(args->id, args->uuid);
	if (IS_ERR(zone)) {
		rc = PTR_ERR(zone);
		goto err_put_fd;
	}
	filp = file_create(zone, args->flags & ZV_OPEN_IO);
	if (IS_ERR(filp)) {
		rc = PTR_ERR(filp);
		goto err_put_fd;
	}
	if (args->flags & ZV_OPEN_IO) {
		rc = file_own_io(filp->private_data);
		if (rc)
			goto err_fput;
	}
	fd_install(fd, filp);
	return fd;

err_fput:
	fput(filp);
err_put_fd:
	put_unused_fd(fd);
	return rc;
}

int zv_file_create_zone(const struct zv_zone_create *args, u32 __user *ret_id)
{
	struct zv_zone *zone;
	struct file *filp;
	int fd, rc;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	zone = zv_zone_create(args);
	if (IS_ERR(zone)) {
		rc = PTR_ERR(zone);
		goto err_put_fd;
	}
	filp = file_create(zv_zone_get(zone), false);
	if (IS_ERR(filp)) {
		rc = PTR_ERR(filp);
		goto err_destroy;
	}
	rc = put_user(zone->id, ret_id);
	if (rc)
		goto err_fput;
	zv_zone_put(zone);
	fd_install(fd, filp);
	return fd;

err_fput:
	fput(filp);
err_destroy:
	/* Nobody was told of it. */
	zv_zone_discard(zone);
	zv_zone_put(zone);
err_put_fd:
	put_unused_fd(fd);
	return rc;
}
