/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHECK() guards the hypervisor's own invariants and is always compiled in.
 * It is never used on anything a guest, zone0 or the firmware supplies.
 */
#ifndef ZV_CHECK_H
#define ZV_CHECK_H

__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *fmt,
							   ...);

#define CHECK(cond)                                                    \
	do {                                                           \
		if (__builtin_expect(!(cond), 0)) {                    \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
		}                                                      \
	} while (0)

#endif /* ZV_CHECK_H */
