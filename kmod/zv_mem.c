// SPDX-License-Identifier: GPL-2.0
/*
 * Zone memory in zone0: mappings of guest RAM, and the restart area.
 *
 * Guest RAM lies outside zone0's own memory.  The first fault on a 2 MiB chunk
 * has the hypervisor grant it (at IPA = PA) and gives it struct pages, so that
 * it can be pinned for I/O like any memory.  The pages belong to the chunk,
 * which holds the one reference each starts with; a mapping takes none, a pin
 * (O_DIRECT, io_uring, vhost) takes one.  So at the end of a zone:
 *
 *   no new faults, zap all mappings   -> nobody can make a new pin
 *   a grace period                    -> nor is making one (GUP-fast)
 *   every page's count is 1           -> and nobody has one: give it back
 *
 * memunmap_pages() waits for walkers of page tables but not for pins, which is
 * why the counts are looked at before.  A chunk with a pin stays granted, and
 * the zone stays dying, until a later attempt finds it idle.
 *
 * A stale I/O file loses its access the same way: faults look at the right
 * under zone->mem and put the page in before they let go of it, so whoever took
 * the right away and then had zone->mem alone can zap what was put in before,
 * and nothing comes after.
 */
#include <linux/capability.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pfn_t.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "zv_internal.h"

#define CHUNK_PAGES (ZV_CHUNK_SIZE / PAGE_SIZE)
/* Chunks that are unmapped at a time; each waits most of the time. */
#define UNMAP_PARALLEL 128

struct zv_chunk {
	u64 gpa;
	u64 pa;
	struct dev_pagemap pgmap;
	bool leaving; /* unmap was queued */
	struct work_struct unmap;
};

static struct workqueue_struct *zv_mem_wq;

/* ----------------------------------------------------------------- chunks */

static void chunk_revoke(struct zv_zone *zone, u64 gpa)
{
	struct arm_smccc_res res;
	long rc = zv_zone_hc(zone, ZV_HC_MEM_REVOKE, gpa, 0, 0, &res);

	if (rc)
		pr_err("zonevisor: zone %u: revoke of %#llx: %ld\n", zone->id,
		       gpa, rc);
}

static int chunk_grant(struct zv_zone *zone, struct zv_chunk *chunk)
{
	struct arm_smccc_res res;
	long rc = zv_zone_hc(zone, ZV_HC_MEM_GRANT, chunk->gpa, 0, 0, &res);

	/* Granted to a module that was here before us: just as well. */
	if (rc && rc != -EEXIST)
		return -ENXIO;
	if (!res.a1 || !IS_ALIGNED(res.a1, ZV_CHUNK_SIZE))
		return -EIO;
	chunk->pa = res.a1;
	return 0;
}

static int chunk_map(struct zv_zone *zone, struct zv_chunk *chunk)
{
	struct page *page;
	unsigned long i;
	void *addr;

	chunk->pgmap.type = MEMORY_DEVICE_GENERIC;
	chunk->pgmap.nr_range = 1;
	chunk->pgmap.range.start = chunk->pa;
	chunk->pgmap.range.end = chunk->pa + ZV_CHUNK_SIZE - 1;
	addr = memremap_pages(&chunk->pgmap, NUMA_NO_NODE);
	if (IS_ERR(addr))
		return PTR_ERR(addr);
	/* GUP-fast leaves pages of no file to the slow path. */
	page = pfn_to_page(PHYS_PFN(chunk->pa));
	for (i = 0; i < CHUNK_PAGES; i++) {
		page[i].mapping = zone->inode->i_mapping;
		page[i].index = PHYS_PFN(chunk->gpa) + i;
	}
	return 0;
}

/* Caller: chunk_lock. */
static struct zv_chunk *chunk_create(struct zv_zone *zone, unsigned long index)
{
	struct zv_chunk *chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	int rc;

	if (!chunk)
		return ERR_PTR(-ENOMEM);
	chunk->gpa = (u64)index * ZV_CHUNK_SIZE;
	rc = chunk_grant(zone, chunk);
	if (rc)
		goto err_free;
	rc = chunk_map(zone, chunk);
	if (rc)
		goto err_revoke;
	rc = xa_err(xa_store(&zone->chunks, index, chunk, GFP_KERNEL));
	if (rc)
		goto err_unmap;
	return chunk;

err_unmap:
	memunmap_pages(&chunk->pgmap);
err_revoke:
	chunk_revoke(zone, chunk->gpa);
err_free:
	kfree(chunk);
	return ERR_PTR(rc);
}

static struct zv_chunk *chunk_get(struct zv_zone *zone, unsigned long index)
{
	struct zv_chunk *chunk = xa_load(&zone->chunks, index);

	if (chunk)
		return chunk;
	mutex_lock(&zone->chunk_lock);
	chunk = xa_load(&zone->chunks, index);
	if (!chunk)
		chunk = chunk_create(zone, index);
	mutex_unlock(&zone->chunk_lock);
	return chunk;
}

/* Nobody can take a reference any more: see the top of this file. */
static bool chunk_is_idle(const struct zv_chunk *chunk)
{
	struct page *page = pfn_to_page(PHYS_PFN(chunk->pa));
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		if (page_ref_count(&page[i]) != 1)
			return false;
	}
	/* What a pin wrote happened before the count fell. */
	smp_rmb();
	return true;
}

static void chunk_unmap_work(struct work_struct *work)
{
	memunmap_pages(&container_of(work, struct zv_chunk, unmap)->pgmap);
}

/* Caller: zone->control, zone dying, chunk idle.  Pair: chunk_finish(). */
static void chunk_unmap_start(struct zv_chunk *chunk)
{
	chunk->leaving = true;
	INIT_WORK(&chunk->unmap, chunk_unmap_work);
	queue_work(zv_mem_wq, &chunk->unmap);
}

static void chunk_finish(struct zv_zone *zone, struct zv_chunk *chunk)
{
	flush_work(&chunk->unmap);
	xa_erase(&zone->chunks, chunk->gpa / ZV_CHUNK_SIZE);
	chunk_revoke(zone, chunk->gpa);
	kfree(chunk);
}

/* ------------------------------------------------------ the end of a zone */

/* Refuses new faults and removes all mappings of RAM. */
void zv_mem_close(struct zv_zone *zone)
{
	down_write(&zone->mem);
	WRITE_ONCE(zone->dying, true);
	up_write(&zone->mem);
	unmap_mapping_range(zone->inode->i_mapping, 0, ZV_MMAP_STATE, 1);
}

/*
 * Removes the mappings of I/O files that are stale by now.  All mappings go:
 * those of files with a right come back as they are touched.
 */
void zv_mem_expel(struct zv_zone *zone)
{
	/* Waits for faults that found the right still there. */
	down_write(&zone->mem);
	up_write(&zone->mem);
	unmap_mapping_range(zone->inode->i_mapping, 0, 0, 1);
}

/*
 * Caller: zone->control, after zv_mem_close().  Gives idle chunks back; -EBUSY
 * if some are not idle.
 *
 * memunmap_pages() waits for two grace periods.  Many chunks wait for the same
 * ones here; one after the other a large zone would take minutes to go.
 */
int zv_mem_release(struct zv_zone *zone)
{
	struct zv_chunk *chunk;
	unsigned long index;
	int rc = 0;

	synchronize_rcu_expedited();
	xa_for_each(&zone->chunks, index, chunk)
	{
		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		if (chunk_is_idle(chunk))
			chunk_unmap_start(chunk);
		else
			rc = -EBUSY;
		cond_resched();
	}
	xa_for_each(&zone->chunks, index, chunk)
	{
		if (chunk->leaving)
			chunk_finish(zone, chunk);
	}
	return rc;
}

/* Revokes what zone0 maps without this module knowing: no chunk is left. */
void zv_mem_sweep(struct zv_zone *zone)
{
	struct arm_smccc_res ext, res;
	u64 gpa = 0;
	u64 end;

	while (!zv_zone_hc(zone, ZV_HC_MEM_NEXT, gpa, 0, 0, &ext) && ext.a2) {
		end = ext.a1 + ext.a2;
		if (end <= gpa)
			return;
		for (gpa = max_t(u64, gpa, ext.a1); gpa < end;
		     gpa += ZV_CHUNK_SIZE) {
			/* Most are not granted, which is no error here. */
			zv_zone_hc(zone, ZV_HC_MEM_REVOKE, gpa, 0, 0, &res);
			cond_resched();
		}
	}
}

void zv_mem_fini(struct zv_zone *zone)
{
	WARN_ON(!xa_empty(&zone->chunks));
	xa_destroy(&zone->chunks);
	vfree(zone->state_area);
}

/* -------------------------------------------------------------- guest RAM */

/* Caller: zone->mem, zone not dying. */
static vm_fault_t ram_insert(struct zv_zone *zone, struct vm_fault *vmf,
			     pgoff_t pgoff, bool huge)
{
	struct zv_chunk *chunk = chunk_get(zone, pgoff / CHUNK_PAGES);
	pfn_t pfn;

	if (IS_ERR(chunk))
		return PTR_ERR(chunk) == -ENOMEM ? VM_FAULT_OOM
						 : VM_FAULT_SIGBUS;
	/* PFN_MAP: without it the page could not be pinned. */
	pfn = phys_to_pfn_t(chunk->pa + (pgoff % CHUNK_PAGES) * PAGE_SIZE,
			    PFN_DEV | PFN_MAP);
	if (huge)
		return vmf_insert_pfn_pmd(vmf, pfn,
					  vmf->flags & FAULT_FLAG_WRITE);
	return vmf_insert_mixed(vmf->vma, vmf->address, pfn);
}

static vm_fault_t ram_fault_at(struct vm_fault *vmf, pgoff_t pgoff, bool huge)
{
	struct zv_file *file = vmf->vma->vm_file->private_data;
	struct zv_zone *zone = file->zone;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&zone->mem);
	if (!zone->dying && !zv_file_is_stale(file))
		ret = ram_insert(zone, vmf, pgoff, huge);
	up_read(&zone->mem);
	return ret;
}

static vm_fault_t ram_fault(struct vm_fault *vmf)
{
	return ram_fault_at(vmf, vmf->pgoff, false);
}

static vm_fault_t ram_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PMD_MASK;
	pgoff_t pgoff;

	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || vma->vm_end - addr < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	pgoff = linear_page_index(vma, addr);
	if (!IS_ALIGNED(pgoff, CHUNK_PAGES))
		return VM_FAULT_FALLBACK;
	return ram_fault_at(vmf, pgoff, true);
}

/* No page_mkwrite: its presence would forbid long-term pins. */
static const struct vm_operations_struct ram_vm_ops = {
	.fault = ram_fault,
	.huge_fault = ram_huge_fault,
};

/* All of it must be RAM of the zone now, or it is a mistake. */
static int ram_check(struct zv_zone *zone, u64 gpa, u64 size)
{
	struct arm_smccc_res res;
	u64 end;
	long rc;

	while (size) {
		rc = zv_zone_hc(zone, ZV_HC_MEM_NEXT, gpa, 0, 0, &res);
		if (rc && rc != -ENOENT)
			return rc;
		end = res.a1 + res.a2;
		if (rc || res.a1 > gpa || end <= gpa)
			return -EINVAL;
		if (end - gpa >= size)
			return 0;
		size -= end - gpa;
		gpa = end;
	}
	return 0;
}

static int ram_mmap(struct zv_zone *zone, struct vm_area_struct *vma, u64 gpa)
{
	int rc = ram_check(zone, gpa, vma->vm_end - vma->vm_start);

	if (rc)
		return rc;
	/* Not VM_PFNMAP, which could not be pinned. */
	vm_flags_set(vma, VM_MIXEDMAP);
	vma->vm_ops = &ram_vm_ops;
	return 0;
}

/* ------------------------------------------------------- the restart area */

/*
 * Handing the page to mm would leave it to mm to put it in, after zone->mem: a
 * file that becomes stale in between would keep it.
 */
static vm_fault_t state_fault(struct vm_fault *vmf)
{
	struct zv_file *file = vmf->vma->vm_file->private_data;
	struct zv_zone *zone = file->zone;
	u64 off = ((u64)vmf->pgoff << PAGE_SHIFT) - ZV_MMAP_STATE;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (off >= ZV_STATE_SIZE)
		return VM_FAULT_SIGBUS;
	down_read(&zone->mem);
	/* The area outlives the zone: dying does not matter here. */
	if (!zv_file_is_stale(file))
		ret = vmf_insert_page(vmf->vma, vmf->address,
				      vmalloc_to_page(zone->state_area + off));
	up_read(&zone->mem);
	return ret;
}

static const struct vm_operations_struct state_vm_ops = {
	.fault = state_fault,
};

static int state_mmap(struct zv_zone *zone, struct vm_area_struct *vma, u64 off)
{
	u64 size = vma->vm_end - vma->vm_start;
	int rc = 0;

	if (off >= ZV_STATE_SIZE || size > ZV_STATE_SIZE - off)
		return -EINVAL;
	mutex_lock(&zone->state_lock);
	if (!zone->state_area)
		zone->state_area = vmalloc_user(ZV_STATE_SIZE);
	if (!zone->state_area)
		rc = -ENOMEM;
	mutex_unlock(&zone->state_lock);
	if (rc)
		return rc;
	/* Pages are put in by us, see state_fault(). */
	vm_flags_set(vma, VM_MIXEDMAP);
	vma->vm_ops = &state_vm_ops;
	return 0;
}

/* ------------------------------------------------------------------- mmap */

static int mmap_check(const struct zv_file *file,
		      const struct vm_area_struct *vma)
{
	int rc;

	if (!file->io && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* A private copy of guest memory is of no use; nor is its code. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	rcu_read_lock();
	rc = zv_file_check(file);
	rcu_read_unlock();
	if (!rc && READ_ONCE(file->zone->dying))
		rc = -ESRCH;
	return rc;
}

int zv_mem_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct zv_file *file = filp->private_data;
	u64 off = (u64)vma->vm_pgoff << PAGE_SHIFT;
	int rc;

	rc = mmap_check(file, vma);
	if (rc)
		return rc;
	if (off >= ZV_MMAP_STATE)
		rc = state_mmap(file->zone, vma, off - ZV_MMAP_STATE);
	else
		rc = ram_mmap(file->zone, vma, off);
	if (rc)
		return rc;
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	return 0;
}

int zv_mem_init(void)
{
	zv_mem_wq =
		alloc_workqueue("zonevisor_mem", WQ_UNBOUND, UNMAP_PARALLEL);
	return zv_mem_wq ? 0 : -ENOMEM;
}

void zv_mem_exit(void)
{
	destroy_workqueue(zv_mem_wq);
}
