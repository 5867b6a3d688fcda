/* SPDX-License-Identifier: BSD-2-Clause */
/* A picture as a PNG file. */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_PNG_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_PNG_H

#include <stdint.h>

#include "display/display_wire.h"

/*
 * Writes from where fd is.  The picture must fit into the video memory; it may
 * change meanwhile.  0, or negative errno; then the file has a part of it.
 */
int display_png_write(int fd, const uint8_t *memory,
		      const struct display_scanout *picture);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_PNG_H */
