/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake architecture: a zone's interrupt controller is a table of lines. */
#ifndef ZV_ARCH_ZONE_H
#define ZV_ARCH_ZONE_H

#include <zv/types.h>

#define FAKE_INTIDS 288u

struct arch_zone {
	bool live; /* between arch_zone_init() and _fini() */
	bool vic_live;
	u32 resets;
	u64 skipped_ns;
	u32 edges[FAKE_INTIDS]; /* pulses since the test cleared them */
	bool level[FAKE_INTIDS];
};

#endif /* ZV_ARCH_ZONE_H */
