/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm PL011 UART (DDI 0183), transmit only, by polling. */
#ifndef ZV_PL011_H
#define ZV_PL011_H

struct pl011 {
	volatile unsigned char *base;
};

void pl011_init(struct pl011 *uart, void *base);
/* Transmitter on, whatever its last user did; speed and format stay. */
void pl011_enable(struct pl011 *uart);
void pl011_putc(struct pl011 *uart, char c);

#endif /* ZV_PL011_H */
