/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's real-time clock: the host's time of day plus what the guest set. */
#ifndef ZV_BACKENDS_RTC_RTC_H
#define ZV_BACKENDS_RTC_RTC_H

#include "rtc/pl031.h"
#include "transport/zone/zone_io.h"

/* In the restart area. */
struct rtc_state {
	struct zone_replay replay;
	struct pl031_state regs;
};

struct rtc {
	struct zone_window window;
	struct rtc_state state;
	struct event_timer alarm;
	uint32_t (*now)(void); /* seconds since 1970 */
};

void rtc_init(struct rtc *rtc, uint32_t shadow, uint32_t intid);

#endif /* ZV_BACKENDS_RTC_RTC_H */
