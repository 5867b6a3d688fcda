/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an Arm PrimeCell UART, PL011 r1p1 (Arm DDI 0183), as a pure
 * machine: the revision whose FIFOs hold 16 bytes.  The transmit FIFO is always
 * empty: a byte is gone when written.
 */
#ifndef ZV_BACKENDS_UART_PL011_H
#define ZV_BACKENDS_UART_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets (DDI 0183, table 3-1). */
#define PL011_DR 0x000u
#define PL011_RSR 0x004u
#define PL011_FR 0x018u
#define PL011_ILPR 0x020u
#define PL011_IBRD 0x024u
#define PL011_FBRD 0x028u
#define PL011_LCR_H 0x02cu
#define PL011_CR 0x030u
#define PL011_IFLS 0x034u
#define PL011_IMSC 0x038u
#define PL011_RIS 0x03cu
#define PL011_MIS 0x040u
#define PL011_ICR 0x044u
#define PL011_DMACR 0x048u
#define PL011_ID 0xfe0u /* eight words */

#define PL011_FR_RXFE (1u << 4)
#define PL011_FR_TXFF (1u << 5)
#define PL011_FR_RXFF (1u << 6)
#define PL011_FR_TXFE (1u << 7)
#define PL011_LCR_H_FEN (1u << 4)
#define PL011_INT_RX (1u << 4)
#define PL011_INT_TX (1u << 5)
#define PL011_INT_RT (1u << 6)

#define PL011_FIFO 16u
#define PL011_WORDS 20u

/* Plain data of fixed size: it lives in the restart area. */
struct pl011_state {
	uint32_t ilpr;
	uint32_t ibrd;
	uint32_t fbrd;
	uint32_t lcr_h;
	uint32_t cr;
	uint32_t ifls;
	uint32_t imsc;
	uint32_t ris;
	uint32_t dmacr;
	uint32_t fifo_len;
	uint8_t fifo[PL011_FIFO]; /* received, oldest first */
};

struct pl011_word {
	uint32_t offset;
	uint32_t value;
};

void pl011_reset(struct pl011_state *state);
/* Whether a state read back from the restart area is possible. */
bool pl011_valid(const struct pl011_state *state);

/* Reading DR takes a byte. */
uint32_t pl011_read(struct pl011_state *state, uint32_t offset);
/* The byte to transmit, or -1. */
int pl011_write(struct pl011_state *state, uint32_t offset, uint32_t value);
/* Bytes from the line: how many there was room for. */
size_t pl011_receive(struct pl011_state *state, const uint8_t *buf, size_t len);

bool pl011_line(const struct pl011_state *state);
/* All registers but DR, always in the same order. */
void pl011_words(const struct pl011_state *state,
		 struct pl011_word ret[PL011_WORDS]);

#endif /* ZV_BACKENDS_UART_PL011_H */
