/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only door to guest memory.
 *
 * Guest memory is hostile: its owner changes it at any moment, from any vCPU.
 * So control data (rings, descriptors, request headers) is copied out once by
 * guest_mem_read() or the loads below, and only the copy is looked at.  Bulk
 * data, whose meaning we never interpret, goes through guest_mem_map().
 *
 * A range must lie inside one region; regions do not overlap.  The mappings
 * belong to the caller of guest_mem_add() and outlive the object.
 */
#ifndef ZV_BACKENDS_CORE_GUEST_MEM_H
#define ZV_BACKENDS_CORE_GUEST_MEM_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_MEM_REGIONS_MAX 8u

struct guest_mem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *base;
};

struct guest_mem {
	struct guest_mem_region region[GUEST_MEM_REGIONS_MAX];
	size_t region_count;
	/*
	 * NULL outside of tests.  Called after bytes were copied out, so that a
	 * test can change them: code that reads an address twice then acts on
	 * two different values.
	 */
	void (*after_read)(struct guest_mem *gm, uint64_t gpa, size_t len);
};

void guest_mem_init(struct guest_mem *gm);

/* -EINVAL: empty, wraps around or overlaps another region; -ENOSPC: too many */
int guest_mem_add(struct guest_mem *gm, uint64_t gpa, uint64_t size,
		  void *base);

/* NULL if any byte of [gpa, gpa + len) is not in one region; len may be 0. */
void *guest_mem_map(const struct guest_mem *gm, uint64_t gpa, uint64_t len);

/* All of these return 0, or -EFAULT without effect. */
int guest_mem_read(struct guest_mem *gm, uint64_t gpa, void *ret, size_t len);
int guest_mem_write(struct guest_mem *gm, uint64_t gpa, const void *src,
		    size_t len);

/* Copies out what guest_mem_map() gave a pointer to: control data, once. */
void guest_mem_copy(struct guest_mem *gm, void *ret, const void *mapped,
		    size_t len);

/* Little-endian 16-bit words with acquire and release; gpa must be even. */
int guest_mem_load16(struct guest_mem *gm, uint64_t gpa, uint16_t *ret);
int guest_mem_store16(struct guest_mem *gm, uint64_t gpa, uint16_t value);

#endif /* ZV_BACKENDS_CORE_GUEST_MEM_H */
