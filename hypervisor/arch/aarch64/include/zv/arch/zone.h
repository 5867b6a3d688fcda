/* SPDX-License-Identifier: BSD-2-Clause */
/* aarch64 part of struct zone. */
#ifndef ZV_AARCH64_ZONE_H
#define ZV_AARCH64_ZONE_H

#include <zv/types.h>
#include <zv/vgic.h>

struct arch_zone {
	u64 vttbr;
	u64 cntvoff; /* guest's virtual count = physical count - this */
	u32 vtimer_intid; /* as the guest knows them */
	u32 ptimer_intid;
	struct vgic vgic;
};

#endif /* ZV_AARCH64_ZONE_H */
