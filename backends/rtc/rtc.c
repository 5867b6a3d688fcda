/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtc/rtc.h"

#include <string.h>
#include <time.h>

#include "core/container_of.h"

#define RECORD_KIND_RTC 0x202u

_Static_assert(sizeof(struct rtc_state) <= STATE_RECORD_MAX, "record");

static struct rtc *from_window(struct zone_window *window)
{
	return container_of(window, struct rtc, window);
}

static uint32_t host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint32_t)ts.tv_sec;
}

static void rtc_access(struct zone_window *window, struct zone_access *access)
{
	struct rtc *rtc = from_window(window);

	if (access->write) {
		pl031_write(&rtc->state.regs, access->offset, access->value,
			    rtc->now());
	} else {
		access->value = pl031_read(&rtc->state.regs, access->offset,
					   rtc->now());
	}
}

static bool rtc_settle(struct zone_window *window)
{
	struct rtc *rtc = from_window(window);
	uint32_t seconds = pl031_alarm(&rtc->state.regs, rtc->now());

	zone_window_line(window, pl031_line(&rtc->state.regs));
	event_timer(window->io->loop, &rtc->alarm,
		    seconds == PL031_NO_ALARM ? EVENT_NEVER
					      : seconds * 1000ull);
	return true;
}

/* The host's clock may have been set meanwhile: settle() looks again. */
static void on_alarm(struct event_timer *timer)
{
	struct rtc *rtc = container_of(timer, struct rtc, alarm);

	pl031_tick(&rtc->state.regs, rtc->now());
	zone_window_commit(&rtc->window);
	rtc_settle(&rtc->window);
	zone_window_publish(&rtc->window, false);
}

static size_t rtc_words(struct zone_window *window,
			struct zone_word ret[ZONE_WINDOW_WORDS])
{
	struct pl031_word words[PL031_WORDS];

	pl031_words(&from_window(window)->state.regs, words);
	for (size_t i = 0; i < PL031_WORDS; i++) {
		ret[i] = (struct zone_word){ words[i].offset, words[i].value };
	}
	return PL031_WORDS;
}

static enum state_found rtc_load(struct zone_window *window,
				 enum state_found found)
{
	struct rtc *rtc = from_window(window);

	if (found == STATE_RESUMED && pl031_valid(&rtc->state.regs)) {
		pl031_tick(&rtc->state.regs, rtc->now());
		return STATE_RESUMED;
	}
	memset(&rtc->state, 0, sizeof(rtc->state));
	return found == STATE_FRESH ? STATE_FRESH : STATE_LOST;
}

static int rtc_attach(struct zone_window *window, enum state_found found)
{
	(void)found;
	rtc_settle(window);
	return 0;
}

static void rtc_detach(struct zone_window *window)
{
	event_timer(window->io->loop, &from_window(window)->alarm, EVENT_NEVER);
}

static void rtc_reset(struct zone_window *window)
{
	struct rtc *rtc = from_window(window);
	uint32_t offset = rtc->state.regs.offset;

	/* A clock goes on through a reset of the machine. */
	pl031_reset(&rtc->state.regs);
	rtc->state.regs.offset = offset;
}

static const struct zone_window_ops rtc_ops = {
	.load = rtc_load,
	.attach = rtc_attach,
	.detach = rtc_detach,
	.access = rtc_access,
	.settle = rtc_settle,
	.words = rtc_words,
	.reset = rtc_reset,
};

void rtc_init(struct rtc *rtc, uint32_t shadow, uint32_t intid)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->now = host_now;
	rtc->alarm.cb = on_alarm;
	rtc->window = (struct zone_window){
		.ops = &rtc_ops,
		.shadow = shadow,
		.size = ZV_PAGE_SIZE,
		.record_index = STATE_RECORD_RTC,
		.record_kind = RECORD_KIND_RTC,
		.intid = intid,
		.state_size = sizeof(rtc->state),
		.replay = &rtc->state.replay,
	};
}
