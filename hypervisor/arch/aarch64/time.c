/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time from the system counter (DDI 0487, D12).  Conversions are one 64 by 64
 * to 128-bit multiplication and a shift; the factors are made at boot.
 */
#include <zv/arch/time.h>
#include <zv/check.h>
#include <zv/el2.h>
#include <zv/sysreg.h>

#define NS_PER_S 1000000000ull
/*
 * Factor = (to << FACTOR_SHIFT) / from fits 64 bits for counters from 16 kHz
 * to 60 THz.
 */
#define FACTOR_SHIFT 48
#define FACTOR_SHIFT_FIRST 34 /* 10^9 << 34 fits 64 bits */

__extension__ typedef unsigned __int128 u128;

static u64 ns_per_tick;
static u64 ticks_per_ns;

/* Division in two steps, for want of a 128-bit one. */
static u64 factor(u64 to, u64 from)
{
	u64 rest_shift = FACTOR_SHIFT - FACTOR_SHIFT_FIRST;
	u64 n = to << FACTOR_SHIFT_FIRST;

	return (n / from << rest_shift) + (n % from << rest_shift) / from;
}

static u64 scale(u64 v, u64 f)
{
	u128 wide = (u128)v * f >> FACTOR_SHIFT;

	return wide > UINT64_MAX ? UINT64_MAX : (u64)wide;
}

void time_setup(void)
{
	u64 freq = read_sysreg(cntfrq_el0) & UINT32_MAX;

	if (freq < 100000) {
		panic("CNTFRQ_EL0 is %lu Hz: the firmware did not set it",
		      freq);
	}
	ns_per_tick = factor(NS_PER_S, freq);
	ticks_per_ns = factor(freq, NS_PER_S);
}

u64 arch_time_ns(void)
{
	/* Not before what precedes it in the program (D12.1.2). */
	isb();
	return scale(read_sysreg(cntpct_el0), ns_per_tick);
}

void arch_timer_set(u64 deadline_ns)
{
	if (deadline_ns == UINT64_MAX) {
		write_sysreg(CNT_CTL_IMASK, cnthp_ctl_el2);
	} else {
		/* One tick more: it must not fire before the deadline. */
		u64 ticks = scale(deadline_ns, ticks_per_ns);

		write_sysreg(ticks == UINT64_MAX ? ticks : ticks + 1,
			     cnthp_cval_el2);
		write_sysreg(CNT_CTL_ENABLE, cnthp_ctl_el2);
	}
	isb();
}
