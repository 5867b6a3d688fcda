/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "privcmd.h"
#include "size.h"
#include "zone_internal.h"

#define SLICE (8u << 20)

static int fail_file(const struct zone_dump *d, const char *what, int err,
		     struct zerror *ret_error)
{
	char hint[80];
	char need[SIZE_TEXT_MAX];

	if (err != ENOSPC && err != EDQUOT && err != EFBIG) {
		return dump_file_fail(d->path, what, err, ret_error);
	}
	size_format(d->head.file_size, need);
	snprintf(hint, sizeof(hint), "it may need up to %s", need);
	return zerror_set(ret_error, ZERROR_IO_ERROR, "$.path", hint,
			  "%s %s: %s", what, d->path, strerror(err));
}

static int fail_step(const char *step, int err, struct zerror *ret_error)
{
	return zerror_set(ret_error, ZERROR_INTERNAL, NULL,
			  "the hypervisor's log may say more (hvsh log)",
			  "%s: %s", step, strerror(err));
}

/* --------------------------------------------------------- the first one */

static int open_file(struct zone_dump *d, struct zerror *ret_error)
{
	const char *what;
	char text[32];
	int rc = dump_file_make(&d->file, d->path, d->force, &what);

	if (rc < 0) {
		snprintf(text, sizeof(text), "cannot %s", what);
		return fail_file(d, text, -rc, ret_error);
	}
	return 0;
}

/* A guest that has just gone off by itself is quiet, too. */
static int pause_zone(struct zone_dump *d, int zone, struct zerror *ret_error)
{
	struct zv_zone_info info = { .state = ZV_ZONE_RUNNING };
	int rc = d->runs ? privcmd_zone_pause(zone) : 0;

	if (rc == 0) {
		d->paused = d->runs;
		return 0;
	}
	privcmd_zone_info(zone, &info);
	d->paused = info.state == ZV_ZONE_PAUSED; /* late, but it is */
	return info.state == ZV_ZONE_RUNNING
		       ? fail_step("pausing", -rc, ret_error)
		       : 0;
}

static int let_go_on(struct zone_dump *d, int zone, struct zerror *ret_error)
{
	int rc = d->paused ? privcmd_zone_resume(zone) : 0;

	if (rc < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, "resume it",
				  "resuming: %s", strerror(-rc));
	}
	d->paused = false;
	return 0;
}

static int find_regions(struct zone_dump *d, int zone, struct zerror *ret_error)
{
	uint64_t start;
	uint64_t size;
	uint64_t gpa = 0;

	for (;;) {
		struct core_region *last = &d->regions[d->region_count];
		int rc = privcmd_extent(zone, gpa, &start, &size);

		if (rc < 0) {
			return fail_step("finding its memory", -rc, ret_error);
		}
		if (size == 0) {
			return 0;
		}
		if (d->region_count && last[-1].gpa + last[-1].size == start) {
			last[-1].size += size;
		} else if (d->region_count == CORE_REGIONS_MAX) {
			return fail_step("finding its memory", E2BIG,
					 ret_error);
		} else {
			*last = (struct core_region){ start, size, 0 };
			d->region_count++;
		}
		gpa = start + size;
	}
}

static int take_registers(struct zone_dump *d, int zone,
			  struct zerror *ret_error)
{
	struct zv_vcpu_state *vcpus = NULL;
	struct zv_zone_info info = { 0 };
	int rc = privcmd_zone_info(zone, &info);

	if (rc == 0) {
		vcpus = calloc(info.vcpu_count + 1, sizeof(*vcpus));
		rc = vcpus ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; rc == 0 && i < info.vcpu_count; i++) {
		rc = privcmd_vcpu_get(zone, i, &vcpus[i]);
	}
	if (rc == 0) {
		rc = core_head_make(core_arch_find("aarch64"), d->regions,
				    d->region_count, vcpus, info.vcpu_count,
				    &d->head);
	}
	free(vcpus);
	return rc < 0 ? fail_step("reading its registers", -rc, ret_error) : 0;
}

static int begin(struct zone_dump *d, int zone, struct job_progress *progress,
		 struct zerror *ret_error)
{
	uint64_t total = 0;

	d->begun = true;
	if (open_file(d, ret_error) < 0 ||
	    find_regions(d, zone, ret_error) < 0 ||
	    pause_zone(d, zone, ret_error) < 0 ||
	    take_registers(d, zone, ret_error) < 0 ||
	    (d->live && let_go_on(d, zone, ret_error) < 0)) {
		return -1;
	}
	for (uint32_t i = 0; i < d->region_count; i++) {
		total += d->regions[i].size;
	}
	job_progress_total(progress, total);
	if (ftruncate(d->file.fd, (off_t)d->head.file_size) < 0) {
		return fail_file(d, "writing", errno, ret_error);
	}
	return 0;
}

/* ------------------------------------------------------------ all others */

static int write_slice(struct zone_dump *d, int zone,
		       struct job_progress *progress, struct zerror *ret_error)
{
	const struct core_region *region = &d->regions[d->region];
	uint64_t left = region->size - d->offset;
	size_t size = left < SLICE ? (size_t)left : SLICE;
	void *memory;
	int rc = privcmd_map(zone, region->gpa + d->offset, size, &memory);

	if (rc < 0) {
		return fail_step("mapping its memory", -rc, ret_error);
	}
	privcmd_refresh(memory, size);
	rc = core_write_sparse(d->file.fd, memory, size,
			       region->offset + d->offset, &d->written);
	munmap(memory, size);
	if (rc < 0) {
		return fail_file(d, "writing", -rc, ret_error);
	}
	job_progress_add(progress, size);
	d->offset += size;
	if (d->offset == region->size) {
		d->region++;
		d->offset = 0;
	}
	return 0;
}

/* The zone is not to wait for the disk. */
static int complete(struct zone_dump *d, int zone, struct zerror *ret_error)
{
	int rc = core_write(d->file.fd, d->head.data, d->head.size, 0);

	if (rc < 0) {
		return fail_file(d, "writing", -rc, ret_error);
	}
	d->complete = true;
	return let_go_on(d, zone, ret_error);
}

/* Also where a file system tells only then that there was no room. */
static int close_file(struct zone_dump *d, struct zerror *ret_error)
{
	int rc = dump_file_close(&d->file);

	return rc < 0 ? fail_file(d, "writing", -rc, ret_error) : 0;
}

static int give_name(struct zone_dump *d, struct zerror *ret_error)
{
	const char *what = "replace";
	char text[32];
	int rc = dump_file_complete(&d->file, &what);

	d->over = true;
	if (rc < 0) {
		snprintf(text, sizeof(text), "cannot %s", what);
		return fail_file(d, text, -rc, ret_error);
	}
	dump_file_keep(&d->file);
	return 0;
}

/* It has failed: nothing is left of it. */
static void undo(struct zone_dump *d, int zone)
{
	struct zerror ignored;

	d->over = true;
	let_go_on(d, zone, &ignored);
	dump_file_remove(&d->file);
}

int zone_dump_slice(struct zone_dump *d, int zone, const bool *cancel,
		    struct job_progress *progress, struct zerror *ret_error)
{
	int rc;

	if (__atomic_load_n(cancel, __ATOMIC_RELAXED)) {
		zone_cancelled(NULL, ret_error);
		rc = -1;
	} else if (!d->begun) {
		rc = begin(d, zone, progress, ret_error);
	} else if (d->region < d->region_count) {
		rc = write_slice(d, zone, progress, ret_error);
	} else if (!d->complete) {
		rc = complete(d, zone, ret_error);
	} else if (d->file.fd >= 0) {
		rc = close_file(d, ret_error);
	} else {
		rc = give_name(d, ret_error);
	}
	if (rc < 0) {
		undo(d, zone);
	}
	return rc;
}
