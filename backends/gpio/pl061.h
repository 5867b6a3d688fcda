/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an Arm PrimeCell GPIO, PL061 (Arm DDI 0190), as a pure
 * machine with eight lines.
 */
#ifndef ZV_BACKENDS_GPIO_PL061_H
#define ZV_BACKENDS_GPIO_PL061_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets (DDI 0190, table 3-1). */
#define PL061_DATA 0x000u
#define PL061_DATA_END 0x3fcu
#define PL061_DIR 0x400u
#define PL061_IS 0x404u
#define PL061_IBE 0x408u
#define PL061_IEV 0x40cu
#define PL061_IE 0x410u
#define PL061_RIS 0x414u
#define PL061_MIS 0x418u
#define PL061_IC 0x41cu
#define PL061_AFSEL 0x420u
#define PL061_ID 0xfe0u /* eight words */

#define PL061_WORDS 16u

/* Plain data of fixed size: it lives in the restart area. */
struct pl061_state {
	uint8_t input; /* levels from outside */
	uint8_t output; /* levels the guest wants where it drives */
	uint8_t dir; /* 1: the guest drives the line */
	uint8_t is; /* 1: level-sensitive */
	uint8_t ibe; /* 1: both edges */
	uint8_t iev; /* 1: rising edge, high level */
	uint8_t ie;
	uint8_t latched; /* edges seen */
	uint8_t afsel;
	uint8_t reserved[3];
};

struct pl061_word {
	uint32_t offset;
	uint32_t value;
};

void pl061_reset(struct pl061_state *state);
uint32_t pl061_read(const struct pl061_state *state, uint32_t offset);
void pl061_write(struct pl061_state *state, uint32_t offset, uint32_t value);
/* The level of a line from outside changes. */
void pl061_set_input(struct pl061_state *state, unsigned int line, bool high);
bool pl061_line(const struct pl061_state *state);
/* All registers but DATA, always in the same order. */
void pl061_words(const struct pl061_state *state,
		 struct pl061_word ret[PL061_WORDS]);

#endif /* ZV_BACKENDS_GPIO_PL061_H */
