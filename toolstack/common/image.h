/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies where in a new zone's memory:
 *
 *   RAM base          device tree (512 KiB; U-Boot and bare-metal images look
 *                     for it here), address also in x0 of vCPU 0
 *   RAM base + 2 MiB  kernel (+ text_offset of an arm64 Image), entry point
 *   next 2 MiB        initrd, if any: after the kernel's image_size, which
 *                     covers its bss
 *
 * A kernel is an arm64 Image (Linux Documentation/arch/arm64/booting.rst) or,
 * without that magic, a flat binary that is entered at its first byte.
 */
#ifndef ZV_TOOLSTACK_COMMON_IMAGE_H
#define ZV_TOOLSTACK_COMMON_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <zv/abi.h>
#include <zv/platform_aarch64.h>

#define IMAGE_DTB_SIZE 0x80000ull
#define IMAGE_KERNEL_BASE (ZV_A64_RAM_BASE + ZV_CHUNK_SIZE)
#define IMAGE_HEADER_SIZE 64u

struct image_kernel {
	uint64_t text_offset;
	uint64_t size; /* memory needed from the load address on */
};

/*
 * head: the first bytes of the file, len of them (all of it if it is shorter
 * than IMAGE_HEADER_SIZE).  NULL, or a sentence that says why this cannot be
 * started, with advice in *ret_hint.
 */
const char *image_parse(const uint8_t *head, size_t len, uint64_t file_size,
			struct image_kernel *ret_kernel, const char **ret_hint);

struct image_plan {
	uint64_t dtb;
	uint64_t kernel; /* load address and entry point */
	uint64_t initrd; /* 0: none */
	uint64_t initrd_size;
};

/* initrd_size 0: none.  NULL or why it does not fit; *ret_need: bytes of RAM. */
const char *image_plan(uint64_t ram_size, const struct image_kernel *kernel,
		       uint64_t initrd_size, struct image_plan *ret_plan,
		       uint64_t *ret_need);

#endif /* ZV_TOOLSTACK_COMMON_IMAGE_H */
