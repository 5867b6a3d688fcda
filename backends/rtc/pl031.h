/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an Arm PrimeCell real-time clock, PL031 (Arm DDI 0224), as a
 * pure machine.  The caller gives the time of day in seconds.
 */
#ifndef ZV_BACKENDS_RTC_PL031_H
#define ZV_BACKENDS_RTC_PL031_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets (DDI 0224, table 3-1). */
#define PL031_DR 0x000u
#define PL031_MR 0x004u
#define PL031_LR 0x008u
#define PL031_CR 0x00cu
#define PL031_IMSC 0x010u
#define PL031_RIS 0x014u
#define PL031_MIS 0x018u
#define PL031_ICR 0x01cu
#define PL031_ID 0xfe0u /* eight words */

#define PL031_WORDS 14u
#define PL031_NO_ALARM UINT32_MAX

/* Plain data of fixed size: it lives in the restart area. */
struct pl031_state {
	uint32_t offset; /* what the guest reads minus the host's time */
	uint32_t mr;
	uint32_t lr;
	uint32_t imsc;
	uint32_t ris;
	uint32_t armed; /* a match was asked for and has not come yet */
};

struct pl031_word {
	uint32_t offset;
	uint32_t value;
};

void pl031_reset(struct pl031_state *state);
bool pl031_valid(const struct pl031_state *state);
uint32_t pl031_read(const struct pl031_state *state, uint32_t offset,
		    uint32_t now);
void pl031_write(struct pl031_state *state, uint32_t offset, uint32_t value,
		 uint32_t now);
/* Raises the match interrupt if its time has come. */
void pl031_tick(struct pl031_state *state, uint32_t now);
/* Seconds until pl031_tick() has something to do, or PL031_NO_ALARM. */
uint32_t pl031_alarm(const struct pl031_state *state, uint32_t now);
bool pl031_line(const struct pl031_state *state);
/* All registers but DR, always in the same order. */
void pl031_words(const struct pl031_state *state,
		 struct pl031_word ret[PL031_WORDS]);

#endif /* ZV_BACKENDS_RTC_PL031_H */
