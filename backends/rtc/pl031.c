/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtc/pl031.h"

#include <string.h>

static const uint32_t ids[8] = {
	0x31, 0x10, 0x04, 0x00, /* RTCPeriphID0-3 */
	0x0d, 0xf0, 0x05, 0xb1, /* RTCPCellID0-3 */
};

void pl031_reset(struct pl031_state *state)
{
	memset(state, 0, sizeof(*state));
}

bool pl031_valid(const struct pl031_state *state)
{
	return state->imsc <= 1 && state->ris <= 1 && state->armed <= 1;
}

static uint32_t counter(const struct pl031_state *state, uint32_t now)
{
	return now + state->offset;
}

/*
 * The counter wraps, so "before" means within half its range: a match that was
 * passed while nobody looked still counts.
 */
void pl031_tick(struct pl031_state *state, uint32_t now)
{
	if (state->armed != 0 &&
	    counter(state, now) - state->mr < UINT32_MAX / 2) {
		state->armed = 0;
		state->ris = 1;
	}
}

uint32_t pl031_alarm(const struct pl031_state *state, uint32_t now)
{
	return state->armed != 0 ? state->mr - counter(state, now)
				 : PL031_NO_ALARM;
}

bool pl031_line(const struct pl031_state *state)
{
	return (state->ris & state->imsc) != 0;
}

void pl031_words(const struct pl031_state *state,
		 struct pl031_word ret[PL031_WORDS])
{
	const struct pl031_word words[PL031_WORDS - 8] = {
		{ PL031_MR, state->mr },
		{ PL031_LR, state->lr },
		{ PL031_CR, 1 }, /* runs always */
		{ PL031_IMSC, state->imsc },
		{ PL031_RIS, state->ris },
		{ PL031_MIS, state->ris & state->imsc },
	};

	memcpy(ret, words, sizeof(words));
	for (uint32_t i = 0; i < 8; i++) {
		ret[PL031_WORDS - 8 + i] =
			(struct pl031_word){ PL031_ID + 4 * i, ids[i] };
	}
}

uint32_t pl031_read(const struct pl031_state *state, uint32_t offset,
		    uint32_t now)
{
	struct pl031_word words[PL031_WORDS];

	if (offset == PL031_DR) {
		return counter(state, now);
	}
	pl031_words(state, words);
	for (uint32_t i = 0; i < PL031_WORDS; i++) {
		if (words[i].offset == offset) {
			return words[i].value;
		}
	}
	return 0;
}

void pl031_write(struct pl031_state *state, uint32_t offset, uint32_t value,
		 uint32_t now)
{
	switch (offset) {
	case PL031_MR:
		state->mr = value;
		/* A match in the past comes only when the counter wraps. */
		state->armed = counter(state, now) == value ||
			       value - counter(state, now) < UINT32_MAX / 2;
		pl031_tick(state, now);
		break;
	case PL031_LR:
		state->lr = value;
		state->offset = value - now;
		break;
	case PL031_IMSC:
		state->imsc = value & 1;
		break;
	case PL031_ICR:
		state->ris &= ~value;
		break;
	default:
		break;
	}
}
