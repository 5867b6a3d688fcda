/* SPDX-License-Identifier: BSD-2-Clause */
#include "uart/pl011.h"

#include <string.h>

/* Bits that exist (DDI 0183, section 3.3). */
#define ILPR_MASK 0xffu
#define IBRD_MASK 0xffffu
#define FBRD_MASK 0x3fu
#define LCR_H_MASK 0xffu
#define CR_MASK 0xff87u
#define IFLS_MASK 0x3fu
#define INT_MASK 0x7ffu
#define DMACR_MASK 0x7u

#define CR_RESET 0x300u /* transmit and receive enabled, UART disabled */
#define IFLS_RESET 0x12u /* both FIFOs at one half */

static const uint32_t ids[8] = {
	0x11, 0x10, 0x14, 0x00, /* UARTPeriphID0-3: part 0x011, r1p1 */
	0x0d, 0xf0, 0x05, 0xb1, /* UARTPCellID0-3 */
};

void pl011_reset(struct pl011_state *state)
{
	memset(state, 0, sizeof(*state));
	state->cr = CR_RESET;
	state->ifls = IFLS_RESET;
}

bool pl011_valid(const struct pl011_state *state)
{
	return state->fifo_len <= PL011_FIFO && (state->ris & ~INT_MASK) == 0 &&
	       (state->imsc & ~INT_MASK) == 0;
}

/* Without FIFOs there is one holding register (section 2.4). */
static uint32_t depth(const struct pl011_state *state)
{
	return (state->lcr_h & PL011_LCR_H_FEN) != 0 ? PL011_FIFO : 1;
}

/* Bytes at which the receive interrupt comes (UARTIFLS, section 3.3.10). */
static uint32_t trigger(const struct pl011_state *state)
{
	static const uint32_t levels[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

	return depth(state) == 1 ? 1 : levels[(state->ifls >> 3) & 7];
}

static uint32_t flags(const struct pl011_state *state)
{
	uint32_t fr = PL011_FR_TXFE;

	fr |= state->fifo_len == 0 ? PL011_FR_RXFE : 0;
	fr |= state->fifo_len >= depth(state) ? PL011_FR_RXFF : 0;
	return fr;
}

bool pl011_line(const struct pl011_state *state)
{
	return (state->ris & state->imsc) != 0;
}

static uint32_t take_byte(struct pl011_state *state)
{
	uint32_t value = state->fifo[0];

	if (state->fifo_len == 0) {
		return 0;
	}
	state->fifo_len--;
	memmove(state->fifo, state->fifo + 1, PL011_FIFO - 1);
	/* Both go away by reading (section 2.8). */
	if (state->fifo_len < trigger(state)) {
		state->ris &= ~PL011_INT_RX;
	}
	if (state->fifo_len == 0) {
		state->ris &= ~PL011_INT_RT;
	}
	return value;
}

size_t pl011_receive(struct pl011_state *state, const uint8_t *buf, size_t len)
{
	uint32_t limit = depth(state);
	size_t room = state->fifo_len < limit ? limit - state->fifo_len : 0;
	size_t n = len < room ? len : room;

	if (n == 0) {
		return 0;
	}
	memcpy(state->fifo + state->fifo_len, buf, n);
	state->fifo_len += (uint32_t)n;
	/* No more follows soon: the timeout of 32 bit periods is over. */
	state->ris |= PL011_INT_RT;
	if (state->fifo_len >= trigger(state)) {
		state->ris |= PL011_INT_RX;
	}
	return n;
}

void pl011_words(const struct pl011_state *state,
		 struct pl011_word ret[PL011_WORDS])
{
	const struct pl011_word words[PL011_WORDS - 8] = {
		{ PL011_RSR, 0 }, /* no errors on this line */
		{ PL011_FR, flags(state) },
		{ PL011_ILPR, state->ilpr },
		{ PL011_IBRD, state->ibrd },
		{ PL011_FBRD, state->fbrd },
		{ PL011_LCR_H, state->lcr_h },
		{ PL011_CR, state->cr },
		{ PL011_IFLS, state->ifls },
		{ PL011_IMSC, state->imsc },
		{ PL011_RIS, state->ris },
		{ PL011_MIS, state->ris & state->imsc },
		{ PL011_DMACR, state->dmacr },
	};

	memcpy(ret, words, sizeof(words));
	for (uint32_t i = 0; i < 8; i++) {
		ret[PL011_WORDS - 8 + i] =
			(struct pl011_word){ PL011_ID + 4 * i, ids[i] };
	}
}

uint32_t pl011_read(struct pl011_state *state, uint32_t offset)
{
	struct pl011_word words[PL011_WORDS];

	if (offset == PL011_DR) {
		return take_byte(state);
	}
	pl011_words(state, words);
	for (uint32_t i = 0; i < PL011_WORDS; i++) {
		if (words[i].offset == offset) {
			return words[i].value;
		}
	}
	return 0;
}

int pl011_write(struct pl011_state *state, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case PL011_DR:
		/* Written and gone at once: the level has been passed. */
		state->ris |= PL011_INT_TX;
		return (int)(value & 0xff);
	case PL011_ILPR:
		state->ilpr = value & ILPR_MASK;
		break;
	case PL011_IBRD:
		state->ibrd = value & IBRD_MASK;
		break;
	case PL011_FBRD:
		state->fbrd = value & FBRD_MASK;
		break;
	case PL011_LCR_H:
		state->lcr_h = value & LCR_H_MASK;
		break;
	case PL011_CR:
		state->cr = value & CR_MASK;
		break;
	case PL011_IFLS:
		state->ifls = value & IFLS_MASK;
		break;
	case PL011_IMSC:
		state->imsc = value & INT_MASK;
		break;
	case PL011_ICR:
		state->ris &= ~value;
		break;
	case PL011_DMACR:
		state->dmacr = value & DMACR_MASK;
		break;
	default:
		break;
	}
	return -1;
}
