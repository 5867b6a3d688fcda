/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A UART beside a model of what matters to a user: bytes come out in the order
 * they went in, none twice, none lost once taken; flags tell the truth.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "uart/pl011.h"

#define require(x)               \
	do {                     \
		if (!(x)) {      \
			abort(); \
		}                \
	} while (0)

struct model {
	uint8_t next_in; /* bytes are numbered as they are offered */
	uint8_t next_out;
	uint32_t held;
};

static void check(struct pl011_state *state, const struct model *model)
{
	uint32_t fr = pl011_read(state, PL011_FR);
	uint32_t ris = pl011_read(state, PL011_RIS);
	uint32_t imsc = pl011_read(state, PL011_IMSC);

	require(pl011_valid(state));
	require(state->fifo_len == model->held);
	require(((fr & PL011_FR_RXFE) != 0) == (model->held == 0));
	require((fr & PL011_FR_TXFF) == 0 && (fr & PL011_FR_TXFE) != 0);
	require(pl011_read(state, PL011_MIS) == (ris & imsc));
	require(pl011_line(state) == ((ris & imsc) != 0));
	if (model->held == 0) {
		require((ris & (PL011_INT_RX | PL011_INT_RT)) == 0);
	}
}

static void receive(struct pl011_state *state, struct model *model,
		    uint32_t count)
{
	uint32_t fr = pl011_read(state, PL011_FR);
	uint8_t bytes[32];
	size_t taken;

	for (uint32_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)(model->next_in + i);
	}
	taken = pl011_receive(state, bytes, count);
	require(taken <= count);
	require(taken == 0 || (fr & PL011_FR_RXFF) == 0);
	require(taken != 0 || count == 0 || (fr & PL011_FR_RXFF) != 0);
	if (taken != 0) {
		require((pl011_read(state, PL011_RIS) & PL011_INT_RT) != 0);
	}
	model->next_in = (uint8_t)(model->next_in + taken);
	model->held += (uint32_t)taken;
}

static void read_data(struct pl011_state *state, struct model *model)
{
	uint32_t value = pl011_read(state, PL011_DR);

	if (model->held == 0) {
		require(value == 0);
		return;
	}
	require(value == model->next_out);
	model->next_out++;
	model->held--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct pl011_state *state = malloc(sizeof(*state));
	struct model model = { 0 };

	pl011_reset(state);
	while (in.left != 0) {
		uint8_t what = fuzz_u8(&in);
		uint32_t offset = (fuzz_u8(&in) & 0x3f) * 4u;
		uint32_t value;
		int out;

		switch (what % 4) {
		case 0:
			receive(state, &model, offset % 32);
			break;
		case 1:
			read_data(state, &model);
			break;
		case 2:
			(void)pl011_read(state, offset + 4 + (what & 0xc));
			break;
		default:
			value = fuzz_u16(&in) * (what & 4 ? 0x10001u : 1u);
			out = pl011_write(state, offset, value);
			require((out >= 0) == (offset == PL011_DR));
			require(out < 0 || out == (int)(value & 0xff));
			break;
		}
		check(state, &model);
	}
	free(state);
	return 0;
}
