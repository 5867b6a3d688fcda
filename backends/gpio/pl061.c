/* SPDX-License-Identifier: BSD-2-Clause */
#include "gpio/pl061.h"

#include <string.h>

static const uint32_t ids[8] = {
	0x61, 0x10, 0x04, 0x00, /* GPIOPeriphID0-3 */
	0x0d, 0xf0, 0x05, 0xb1, /* GPIOPCellID0-3 */
};

void pl061_reset(struct pl061_state *state)
{
	memset(state, 0, sizeof(*state));
}

static uint8_t levels(const struct pl061_state *state)
{
	return (uint8_t)((state->output & state->dir) |
			 (state->input & ~state->dir));
}

/* Edges are latched, a level interrupts as long as it lasts (section 2.2.4). */
static uint8_t raw(const struct pl061_state *state)
{
	uint8_t active = (uint8_t) ~(levels(state) ^ state->iev);

	return (uint8_t)((state->latched & ~state->is) | (active & state->is));
}

bool pl061_line(const struct pl061_state *state)
{
	return (raw(state) & state->ie) != 0;
}

static void latch_edges(struct pl061_state *state, uint8_t before)
{
	uint8_t now = levels(state);
	uint8_t changed = now ^ before;
	uint8_t wanted = (uint8_t)(state->ibe | ~(now ^ state->iev));

	state->latched |= (uint8_t)(changed & wanted & ~state->is);
}

void pl061_set_input(struct pl061_state *state, unsigned int line, bool high)
{
	uint8_t before = levels(state);
	uint8_t bit = (uint8_t)(1u << (line & 7));

	state->input =
		(uint8_t)(high ? state->input | bit : state->input & ~bit);
	latch_edges(state, before);
}

void pl061_words(const struct pl061_state *state,
		 struct pl061_word ret[PL061_WORDS])
{
	const struct pl061_word words[PL061_WORDS - 8] = {
		{ PL061_DIR, state->dir },
		{ PL061_IS, state->is },
		{ PL061_IBE, state->ibe },
		{ PL061_IEV, state->iev },
		{ PL061_IE, state->ie },
		{ PL061_RIS, raw(state) },
		{ PL061_MIS, (uint32_t)(raw(state) & state->ie) },
		{ PL061_AFSEL, state->afsel },
	};

	memcpy(ret, words, sizeof(words));
	for (uint32_t i = 0; i < 8; i++) {
		ret[PL061_WORDS - 8 + i] =
			(struct pl061_word){ PL061_ID + 4 * i, ids[i] };
	}
}

uint32_t pl061_read(const struct pl061_state *state, uint32_t offset)
{
	struct pl061_word words[PL061_WORDS];

	if (offset <= PL061_DATA_END) {
		/* Address bits 9:2 are a mask of the lines (section 3.3.1). */
		return levels(state) & (offset >> 2) & 0xff;
	}
	pl061_words(state, words);
	for (uint32_t i = 0; i < PL061_WORDS; i++) {
		if (words[i].offset == offset) {
			return words[i].value;
		}
	}
	return 0;
}

static void write_control(struct pl061_state *state, uint32_t offset,
			  uint8_t value)
{
	switch (offset) {
	case PL061_DIR:
		state->dir = value;
		break;
	case PL061_IS:
		state->is = value;
		break;
	case PL061_IBE:
		state->ibe = value;
		break;
	case PL061_IEV:
		state->iev = value;
		break;
	case PL061_IE:
		state->ie = value;
		break;
	case PL061_IC:
		state->latched &= (uint8_t)~value;
		break;
	case PL061_AFSEL:
		state->afsel = value;
		break;
	default:
		break;
	}
}

void pl061_write(struct pl061_state *state, uint32_t offset, uint32_t value)
{
	uint8_t before = levels(state);
	uint8_t mask = (uint8_t)(offset >> 2);

	if (offset > PL061_DATA_END) {
		write_control(state, offset, (uint8_t)value);
	} else {
		state->output = (uint8_t)((state->output & ~mask) |
					  (value & mask & state->dir));
	}
	if (offset <= PL061_DIR) {
		latch_edges(state, before);
	}
}
