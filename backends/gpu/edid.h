/* SPDX-License-Identifier: BSD-2-Clause */
/* What a monitor tells of itself (VESA E-EDID 1.4). */
#ifndef ZV_BACKENDS_GPU_EDID_H
#define ZV_BACKENDS_GPU_EDID_H

#include <stdint.h>

#define EDID_SIZE 128u /* bytes of a block, of which there is one */
#define EDID_SIDE_MAX 4095u /* pixels: a detailed timing has 12 bits */

/* One whose preferred mode is width x height pixels, 1 .. EDID_SIDE_MAX. */
void edid_make(uint8_t ret[EDID_SIZE], uint32_t width, uint32_t height,
	       uint32_t serial);

#endif /* ZV_BACKENDS_GPU_EDID_H */
