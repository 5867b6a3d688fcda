/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree a zone sees: QEMU's `virt` as far as a zone has it, so that
 * what runs there runs here.
 */
#ifndef ZV_TOOLSTACK_COMMON_DTB_H
#define ZV_TOOLSTACK_COMMON_DTB_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "zerror.h"
#include "zone_def.h"

#define DTB_SEED_SIZE 40u /* 32 for rng-seed, 8 for kaslr-seed */

/*
 * overlay (NULL: none) is the contents of the file def->dtb_overlay names.
 * Writes at most room bytes to ret_dtb and their count to *ret_size.  The
 * result carries a label for each device (intc, uart, rtc, gpio, clk) when
 * there is an overlay to use it.
 */
int dtb_build(const struct zone_def *def, const struct image_plan *plan,
	      const uint8_t seed[DTB_SEED_SIZE], const void *overlay,
	      size_t overlay_size, void *ret_dtb, size_t room, size_t *ret_size,
	      struct zerror *ret_error);

/* MPIDR affinity of a vCPU: sixteen to a cluster. */
uint64_t dtb_vcpu_mpidr(uint32_t vcpu);

#endif /* ZV_TOOLSTACK_COMMON_DTB_H */
