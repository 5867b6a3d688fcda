/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/guest_mem.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

void guest_mem_init(struct guest_mem *gm)
{
	memset(gm, 0, sizeof(*gm));
}

int guest_mem_add(struct guest_mem *gm, uint64_t gpa, uint64_t size, void *base)
{
	uint64_t last;

	if (size == 0 || base == NULL ||
	    __builtin_add_overflow(gpa, size - 1, &last)) {
		return -EINVAL;
	}
	for (size_t i = 0; i < gm->region_count; i++) {
		const struct guest_mem_region *r = &gm->region[i];

		if (gpa <= r->gpa + (r->size - 1) && r->gpa <= last) {
			return -EINVAL;
		}
	}
	if (gm->region_count == GUEST_MEM_REGIONS_MAX) {
		return -ENOSPC;
	}
	gm->region[gm->region_count++] =
		(struct guest_mem_region){ gpa, size, base };
	return 0;
}

void *guest_mem_map(const struct guest_mem *gm, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < gm->region_count; i++) {
		const struct guest_mem_region *r = &gm->region[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->size) {
			continue;
		}
		if (len > r->size - (gpa - r->gpa)) {
			return NULL;
		}
		return r->base + (gpa - r->gpa);
	}
	return NULL;
}

static void note_read(struct guest_mem *gm, uint64_t gpa, size_t len)
{
	if (gm->after_read != NULL) {
		gm->after_read(gm, gpa, len);
	}
}

int guest_mem_read(struct guest_mem *gm, uint64_t gpa, void *ret, size_t len)
{
	const void *src = guest_mem_map(gm, gpa, len);

	if (src == NULL) {
		return -EFAULT;
	}
	memcpy(ret, src, len);
	/* Keeps the compiler from reading the source again later. */
	__asm__ volatile("" ::: "memory");
	note_read(gm, gpa, len);
	return 0;
}

static uint64_t address_of(const struct guest_mem *gm, const uint8_t *mapped)
{
	for (size_t i = 0; i < gm->region_count; i++) {
		const struct guest_mem_region *r = &gm->region[i];

		if (mapped >= r->base && mapped < r->base + r->size) {
			return r->gpa + (uint64_t)(mapped - r->base);
		}
	}
	return 0;
}

void guest_mem_copy(struct guest_mem *gm, void *ret, const void *mapped,
		    size_t len)
{
	memcpy(ret, mapped, len);
	__asm__ volatile("" ::: "memory");
	if (gm->after_read != NULL) {
		gm->after_read(gm, address_of(gm, mapped), len);
	}
}

int guest_mem_write(struct guest_mem *gm, uint64_t gpa, const void *src,
		    size_t len)
{
	void *dst = guest_mem_map(gm, gpa, len);

	if (dst == NULL) {
		return -EFAULT;
	}
	memcpy(dst, src, len);
	return 0;
}

int guest_mem_load16(struct guest_mem *gm, uint64_t gpa, uint16_t *ret)
{
	const uint16_t *src = guest_mem_map(gm, gpa, sizeof(*src));

	if (src == NULL || ((uintptr_t)src & 1) != 0) {
		return -EFAULT;
	}
	*ret = le16toh(__atomic_load_n(src, __ATOMIC_ACQUIRE));
	note_read(gm, gpa, sizeof(*src));
	return 0;
}

int guest_mem_store16(struct guest_mem *gm, uint64_t gpa, uint16_t value)
{
	uint16_t *dst = guest_mem_map(gm, gpa, sizeof(*dst));

	if (dst == NULL || ((uintptr_t)dst & 1) != 0) {
		return -EFAULT;
	}
	__atomic_store_n(dst, htole16(value), __ATOMIC_RELEASE);
	return 0;
}
