/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The aarch64 guest code of the hypervisor on the build machine.  This header
 * is included before everything else: system registers become a table per
 * pCPU, TLB operations are noted, barriers and cache maintenance nothing.  The rest of the machine (physical GIC, core, entry)
 * is in machine.c.
 */
#ifndef ZV_TESTS_A64_H
#define ZV_TESTS_A64_H

#include <zv/sysreg.h>

#undef read_sysreg
#undef write_sysreg
#undef dsb
#undef dmb
#undef tlbi
#undef tlbi_va
#undef dc
#undef ic

#define A64_STR(...) A64_STR_(__VA_ARGS__)
#define A64_STR_(...) #__VA_ARGS__

/* By the name the assembler would get, on the pCPU that is played. */
u64 a64_sysreg_read(const char *name);
void a64_sysreg_write(const char *name, u64 value);
void a64_tlbi(const char *op);

#define read_sysreg(name) a64_sysreg_read(A64_STR(name))
#define write_sysreg(value, name) a64_sysreg_write(A64_STR(name), value)
#define isb() ((void)0)
#define dsb(scope) ((void)0)
#define dmb(scope) ((void)0)
#define tlbi(op) a64_tlbi(A64_STR(op))
#define tlbi_va(op, arg) ((void)(arg), a64_tlbi(A64_STR(op)))
#define dc(op, va) ((void)(va))
#define ic(op) ((void)0)

#endif /* ZV_TESTS_A64_H */
