// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/zonevisor: the host and its zones as a whole.  Every request needs
 * CAP_SYS_ADMIN in the initial user namespace.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "zv_internal.h"

/* Bytes of the log that one request moves at most. */
#define LOG_MAX SZ_1M

static int device_open(struct inode *inode, struct file *filp)
{
	if (!(filp->f_mode & FMODE_WRITE))
		return -EACCES;
	return 0;
}

static int device_info(void __user *uarg)
{
	struct zv_info *info = zv_buf_alloc(sizeof(*info));
	struct arm_smccc_res res;
	int rc;

	if (!info)
		return -ENOMEM;
	rc = zv_hc(ZV_HC_INFO, virt_to_phys(info), sizeof(*info), 0, 0, &res);
	if (!rc && copy_to_user(uarg, info, sizeof(*info)))
		rc = -EFAULT;
	kfree(info);
	return rc;
}

/*
 * Moves the log page by page.  What is returned is contiguous: should the ring
 * overtake the reader in between, the rest is left for the next request.
 */
static int log_copy(struct zv_ioc_log *log, void *page)
{
	u32 room = min_t(u32, log->len, LOG_MAX);
	struct arm_smccc_res res;
	long got;

	while (log->got < room) {
		got = zv_hc(ZV_HC_LOG_READ, virt_to_phys(page),
			    min_t(u32, room - log->got, PAGE_SIZE), log->pos, 0,
			    &res);
		if (got < 0)
			return got;
		if (got > PAGE_SIZE || got > room - log->got)
			return -EIO;
		if (!log->got)
			log->first = res.a2;
		else if (res.a2 != log->pos)
			return 0;
		log->pos = res.a1;
		if (!got)
			return 0;
		if (copy_to_user(u64_to_user_ptr(log->buf) + log->got, page,
				 got))
			return -EFAULT;
		log->got += got;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int device_log(struct zv_ioc_log __user *uarg)
{
	struct zv_ioc_log log;
	void *page;
	int rc;

	if (copy_from_user(&log, uarg, sizeof(log)))
		return -EFAULT;
	log.first = log.pos;
	log.got = 0;
	page = zv_buf_alloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	rc = log_copy(&log, page);
	kfree(page);
	if (!rc && copy_to_user(uarg, &log, sizeof(log)))
		rc = -EFAULT;
	return rc;
}

/* Whatever length the caller knows: the structure grows at its end. */
static bool is_counters(unsigned int cmd)
{
	const unsigned int size = IOCSIZE_MASK;

	return (cmd & ~size) == (ZV_IOC_COUNTERS & ~size) &&
	       _IOC_SIZE(cmd) >= offsetof(struct zv_ioc_counters, counters) +
					 ZV_COUNTERS_SIZE_V0;
}

static int device_counters(struct zv_ioc_counters __user *uarg, size_t size)
{
	size_t room = size - offsetof(struct zv_ioc_counters, counters);
	size_t known = min(room, sizeof(struct zv_counters));
	struct zv_counters *counters;
	struct arm_smccc_res res;
	u32 head[2]; /* zone, reserved */
	int rc;

	if (copy_from_user(head, uarg, sizeof(head)))
		return -EFAULT;
	if (head[1])
		return -EINVAL;
	counters = zv_buf_alloc(sizeof(*counters));
	if (!counters)
		return -ENOMEM;
	rc = zv_hc(ZV_HC_COUNTERS, head[0], virt_to_phys(counters),
		   sizeof(*counters), 0, &res);
	if (!rc &&
	    (copy_to_user(&uarg->counters, counters, known) ||
	     clear_user((char __user *)&uarg->counters + known, room - known)))
		rc = -EFAULT;
	kfree(counters);
	return rc;
}

static int device_trace_set(const void __user *uarg)
{
	struct zv_ioc_trace_set args;
	struct arm_smccc_res res;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	return zv_hc(ZV_HC_TRACE_SET, args.classes, 0, 0, 0, &res);
}

/* At most a page of records: who wants more asks again. */
static int trace_copy(struct zv_ioc_trace_read *args, void *page)
{
	u32 room = min_t(u32, args->room, ZV_TRACE_READ_MAX);
	struct arm_smccc_res res;
	long got;

	got = zv_hc(ZV_HC_TRACE_READ, args->pcpu, virt_to_phys(page),
		    room * sizeof(struct zv_trace_record), args->pos, &res);
	if (got < 0)
		return got;
	if (got > room)
		return -EIO;
	args->pos = res.a1;
	args->first = res.a2;
	args->got = got;
	if (copy_to_user(u64_to_user_ptr(args->buf), page,
			 got * sizeof(struct zv_trace_record)))
		return -EFAULT;
	return 0;
}

static int device_trace_read(struct zv_ioc_trace_read __user *uarg)
{
	struct zv_ioc_trace_read args;
	void *page;
	int rc;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	if (args.reserved || !args.room)
		return -EINVAL;
	page = zv_buf_alloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	rc = trace_copy(&args, page);
	kfree(page);
	if (!rc && copy_to_user(uarg, &args, sizeof(args)))
		rc = -EFAULT;
	return rc;
}

static int device_zone_next(struct zv_ioc_zone_next __user *uarg)
{
	struct zv_zone_info *info;
	struct arm_smccc_res res;
	u32 id;
	int rc;

	if (get_user(id, &uarg->info.id))
		return -EFAULT;
	info = zv_buf_alloc(sizeof(*info));
	if (!info)
		return -ENOMEM;
	do {
		rc = zv_hc(ZV_HC_ZONE_NEXT, id, 0, 0, 0, &res);
		if (rc)
			break;
		/* It may go between the two calls: then look further. */
		rc = zv_zone_info(res.a1, info);
		id = res.a1 + 1;
	} while (rc == -ESRCH && id < ZV_ZONES_MAX);
	if (!rc && copy_to_user(&uarg->info, info, sizeof(*info)))
		rc = -EFAULT;
	kfree(info);
	return rc;
}

static int device_zone_create(struct zv_ioc_zone_create __user *uarg)
{
	struct zv_ioc_zone_create *args = zv_buf_alloc(sizeof(*args));
	int rc;

	if (!args)
		return -ENOMEM;
	if (copy_from_user(args, uarg, sizeof(*args)))
		rc = -EFAULT;
	else if (args->reserved)
		rc = -EINVAL;
	else
		rc = zv_file_create_zone(&args->create, &uarg->id);
	kfree(args);
	return rc;
}

static int device_zone_open(const void __user *uarg)
{
	struct zv_ioc_zone_open args;

	if (copy_from_user(&args, uarg, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~ZV_OPEN_IO)
		return -EINVAL;
	return zv_file_open_zone(&args);
}

static long device_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case ZV_IOC_INFO:
		return device_info(uarg);
	case ZV_IOC_LOG:
		return device_log(uarg);
	case ZV_IOC_TRACE_SET:
		return device_trace_set(uarg);
	case ZV_IOC_TRACE_READ:
		return device_trace_read(uarg);
	case ZV_IOC_ZONE_NEXT:
		return device_zone_next(uarg);
	case ZV_IOC_ZONE_CREATE:
		return device_zone_create(uarg);
	case ZV_IOC_ZONE_OPEN:
		return device_zone_open(uarg);
	default:
		return is_counters(cmd) ? device_counters(uarg, _IOC_SIZE(cmd))
					: -ENOTTY;
	}
}

const struct file_operations zv_device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};
