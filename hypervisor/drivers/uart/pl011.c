/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/pl011.h>
#include <zv/types.h>

#define DR 0x00
#define FR 0x18
#define CR 0x30
#define FR_TX_FULL BIT(5)
#define CR_ENABLE BIT(0)
#define CR_TX_ENABLE BIT(8)

/* A stuck transmitter loses text, not the machine. */
#define POLLS_MAX 1000000u

static u32 reg_read(const struct pl011 *uart, u32 reg)
{
	return *(volatile u32 *)(volatile void *)(uart->base + reg);
}

static void reg_write(const struct pl011 *uart, u32 v, u32 reg)
{
	*(volatile u32 *)(volatile void *)(uart->base + reg) = v;
}

void pl011_init(struct pl011 *uart, void *base)
{
	uart->base = base;
	pl011_enable(uart);
}

void pl011_enable(struct pl011 *uart)
{
	u32 cr = reg_read(uart, CR);

	reg_write(uart, cr | (u32)(CR_ENABLE | CR_TX_ENABLE), CR);
}

void pl011_putc(struct pl011 *uart, char c)
{
	for (u32 i = 0; i < POLLS_MAX; i++) {
		if ((reg_read(uart, FR) & FR_TX_FULL) == 0) {
			reg_write(uart, (u8)c, DR);
			return;
		}
	}
}
