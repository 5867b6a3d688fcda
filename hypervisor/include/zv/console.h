/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The early console: the UART of /chosen stdout-path.  console_write() and
 * console_enable() are in log.h, where everybody finds them.
 */
#ifndef ZV_CONSOLE_H
#define ZV_CONSOLE_H

/* Finds, maps and turns on the UART; without one the console stays silent. */
void console_init(const void *fdt);

#endif /* ZV_CONSOLE_H */
