/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing of trapped guest-physical accesses.  Regions are registered while
 * the zone is CREATED and never change afterwards, so look-ups take no lock.
 */
#ifndef ZV_MMIO_H
#define ZV_MMIO_H

#include <zv/types.h>

struct vcpu;
struct mmio_access;

enum mmio_result {
	MMIO_DONE, /* answered; reads: access->value is set */
	MMIO_SLEEP, /* the vCPU now waits (VCPU_IO) */
	MMIO_ABORT, /* no such register: external abort */
	MMIO_RETRY, /* the page is mapped by now: make the access again */
};

typedef enum mmio_result (*mmio_fn)(struct vcpu *v, struct mmio_access *a,
				    void *ctx);

struct mmio_region {
	u64 gpa;
	u64 size;
	mmio_fn fn;
	void *ctx;
};

#define MMIO_REGIONS_MAX 24
struct mmio_map {
	u32 count;
	struct mmio_region region[MMIO_REGIONS_MAX]; /* sorted by gpa */
};

/* -EEXIST on overlap, -ENOSPC. */
int mmio_register(struct mmio_map *m, u64 gpa, u64 size, mmio_fn fn, void *ctx);
/* True if a region touches [gpa, gpa + size). */
bool mmio_overlaps(const struct mmio_map *m, u64 gpa, u64 size);
/* Accesses that cross a region's end, are misaligned or unknown abort. */
enum mmio_result mmio_dispatch(struct vcpu *v, struct mmio_access *a);

#endif /* ZV_MMIO_H */
