/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A field reaches a guest only if it is listed here, so what later CPUs add is
 * hidden until somebody has thought about it.  A listed field is the CPU's own,
 * at most `limit`; a fixed one is the same everywhere.  Layouts: DDI 0487,
 * D19.2.
 *
 * Hidden: SVE, SME, PMU, trace, SPE, AMU, MPAM, RAS, MTE, pointer
 * authentication, LORegions, nested virtualisation, RME, TME, LS64, MOPS, the
 * counter's ECV views, WFxT and everything that needs a bit of HCRX_EL2.
 */
#include <zv/el2.h>
#include <zv/idreg.h>
#include <zv/sysreg.h>

/* No limit: also for fields that are signed, where 0xf means "not there". */
#define FULL 0xf

struct idreg_field {
	u8 index;
	u8 shift;
	u8 limit;
};

static const struct idreg_field fields[] = {
	/* ID_AA64PFR0_EL1 */
	{ IDREG(4, 0), 0, 2 }, /* EL0: AArch32 may run */
	{ IDREG(4, 0), 12, 1 }, /* EL3: AArch64 */
	{ IDREG(4, 0), 16, FULL }, /* FP */
	{ IDREG(4, 0), 20, FULL }, /* AdvSIMD */
	{ IDREG(4, 0), 48, FULL }, /* DIT */
	{ IDREG(4, 0), 56, 1 }, /* CSV2: without SCXTNUM_ELx */
	{ IDREG(4, 0), 60, FULL }, /* CSV3 */
	/* ID_AA64PFR1_EL1 */
	{ IDREG(4, 1), 0, FULL }, /* BT */
	{ IDREG(4, 1), 4, 2 }, /* SSBS */
	/* ID_AA64ISAR0_EL1 */
	{ IDREG(6, 0), 4, FULL }, /* AES */
	{ IDREG(6, 0), 8, FULL }, /* SHA1 */
	{ IDREG(6, 0), 12, FULL }, /* SHA2 */
	{ IDREG(6, 0), 16, FULL }, /* CRC32 */
	{ IDREG(6, 0), 20, FULL }, /* Atomic */
	{ IDREG(6, 0), 28, FULL }, /* RDM */
	{ IDREG(6, 0), 32, FULL }, /* SHA3 */
	{ IDREG(6, 0), 36, FULL }, /* SM3 */
	{ IDREG(6, 0), 40, FULL }, /* SM4 */
	{ IDREG(6, 0), 44, FULL }, /* DP */
	{ IDREG(6, 0), 48, FULL }, /* FHM */
	{ IDREG(6, 0), 52, FULL }, /* TS */
	{ IDREG(6, 0), 56, FULL }, /* TLB */
	{ IDREG(6, 0), 60, FULL }, /* RNDR */
	/* ID_AA64ISAR1_EL1 */
	{ IDREG(6, 1), 0, FULL }, /* DPB */
	{ IDREG(6, 1), 12, FULL }, /* JSCVT */
	{ IDREG(6, 1), 16, FULL }, /* FCMA */
	{ IDREG(6, 1), 20, FULL }, /* LRCPC */
	{ IDREG(6, 1), 32, FULL }, /* FRINTTS */
	{ IDREG(6, 1), 36, FULL }, /* SB */
	{ IDREG(6, 1), 40, 1 }, /* SPECRES */
	{ IDREG(6, 1), 44, FULL }, /* BF16 */
	{ IDREG(6, 1), 48, FULL }, /* DGH */
	{ IDREG(6, 1), 52, FULL }, /* I8MM */
	/* ID_AA64ISAR2_EL1 */
	{ IDREG(6, 2), 4, FULL }, /* RPRES */
	{ IDREG(6, 2), 20, FULL }, /* BC */
	{ IDREG(6, 2), 28, FULL }, /* CLRBHB */
	{ IDREG(6, 2), 52, FULL }, /* CSSC */
	/* ID_AA64MMFR0_EL1 */
	{ IDREG(7, 0), 0, FULL }, /* PARange */
	{ IDREG(7, 0), 4, FULL }, /* ASIDBits */
	{ IDREG(7, 0), 8, FULL }, /* BigEnd */
	{ IDREG(7, 0), 12, FULL }, /* SNSMem */
	{ IDREG(7, 0), 16, FULL }, /* BigEndEL0 */
	{ IDREG(7, 0), 20, FULL }, /* TGran16 */
	{ IDREG(7, 0), 24, FULL }, /* TGran64 */
	{ IDREG(7, 0), 28, FULL }, /* TGran4 */
	{ IDREG(7, 0), 44, FULL }, /* ExS */
	/* ID_AA64MMFR1_EL1 */
	{ IDREG(7, 1), 0, 2 }, /* HAFDBS */
	{ IDREG(7, 1), 12, FULL }, /* HPDS */
	{ IDREG(7, 1), 20, FULL }, /* PAN */
	{ IDREG(7, 1), 36, FULL }, /* ETS */
	{ IDREG(7, 1), 44, FULL }, /* AFP */
	{ IDREG(7, 1), 48, FULL }, /* nTLBPA */
	{ IDREG(7, 1), 60, FULL }, /* ECBHB */
	/* ID_AA64MMFR2_EL1 */
	{ IDREG(7, 2), 0, FULL }, /* CnP */
	{ IDREG(7, 2), 4, FULL }, /* UAO */
	{ IDREG(7, 2), 8, FULL }, /* LSM */
	{ IDREG(7, 2), 16, FULL }, /* VARange */
	{ IDREG(7, 2), 20, FULL }, /* CCIDX */
	{ IDREG(7, 2), 28, FULL }, /* ST */
	{ IDREG(7, 2), 32, FULL }, /* AT */
	{ IDREG(7, 2), 36, FULL }, /* IDS */
	{ IDREG(7, 2), 48, FULL }, /* TTL */
	{ IDREG(7, 2), 52, FULL }, /* BBM */
	{ IDREG(7, 2), 60, FULL }, /* E0PD */
};

static const struct {
	u8 index;
	u64 value;
} fixed[] = {
	/* EL1 in AArch64 only, GIC system registers. */
	{ IDREG(4, 0), 1ull << 4 | 1ull << 24 },
	/*
	 * The least that Armv8 allows: debug 8.0, two breakpoints, two
	 * watchpoints; no OS double lock.
	 */
	{ IDREG(5, 0), 6ull | 1ull << 12 | 1ull << 20 | 0xfull << 36 },
	/* ID_DFR0_EL1: debug as above, nothing else. */
	{ IDREG(1, 2), 6ull },
};

/* AArch32's description, for its user programs: less these fields. */
static const struct idreg_field aarch32_hidden[] = {
	{ IDREG(1, 0), 20, 0 }, /* ID_PFR0_EL1.AMU */
	{ IDREG(1, 0), 28, 0 }, /* ID_PFR0_EL1.RAS */
	{ IDREG(1, 1), 4, 0 }, /* ID_PFR1_EL1.Security */
	{ IDREG(1, 1), 12, 0 }, /* ID_PFR1_EL1.Virtualization */
	{ IDREG(3, 4), 8, 0 }, /* ID_PFR2_EL1.RAS_frac */
};

static bool is_aarch32(u32 index)
{
	return index < IDREG(4, 0);
}

static u64 aarch32_value(u32 index, u64 value)
{
	if (index == IDREG(1, 2) || index == IDREG(1, 3) ||
	    index == IDREG(3, 5)) {
		return 0; /* ID_DFR0 (fixed below), ID_AFR0, ID_DFR1 */
	}
	for (size_t i = 0; i < ARRAY_SIZE(aarch32_hidden); i++) {
		if (aarch32_hidden[i].index == index) {
			value &= ~(0xfull << aarch32_hidden[i].shift);
		}
	}
	return value;
}

u64 idreg_sanitise(u32 index, u64 value)
{
	u64 out = is_aarch32(index) ? aarch32_value(index, value) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct idreg_field *f = &fields[i];

		if (f->index == index) {
			out |= MIN(value >> f->shift & 0xf, (u64)f->limit)
			       << f->shift;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (fixed[i].index == index) {
			out |= fixed[i].value;
		}
	}
	return out;
}

static u64 guest_value[IDREG_COUNT];
static bool is_ready;

u64 idreg_read(u32 index)
{
	return guest_value[index];
}

/* PARange that covers what stage 2 can map. */
static u64 pa_range(u64 mmfr0)
{
	static const u8 bits[] = { 32, 36, 40, 42, 44, 48, 52 };
	u64 range = mmfr0 & 0xf;
	u32 have = el2_pa_bits();

	while (range > 0 && (range >= ARRAY_SIZE(bits) || bits[range] > have)) {
		range--;
	}
	return (mmfr0 & ~0xfull) | range;
}

#define READ(crm, op2)                                 \
	guest_value[IDREG(crm, op2)] = idreg_sanitise( \
		IDREG(crm, op2), read_sysreg(S3_0_C0_C##crm##_##op2))

void idreg_init(void)
{
	/* The boot CPU's serve all: guests may read them by now. */
	if (is_ready) {
		return;
	}
	READ(1, 0);
	READ(1, 1);
	READ(1, 2);
	READ(1, 4);
	READ(1, 5);
	READ(1, 6);
	READ(1, 7);
	READ(2, 0);
	READ(2, 1);
	READ(2, 2);
	READ(2, 3);
	READ(2, 4);
	READ(2, 5);
	READ(2, 6);
	READ(2, 7);
	READ(3, 0);
	READ(3, 1);
	READ(3, 2);
	READ(3, 4);
	READ(3, 6);
	READ(4, 0);
	READ(4, 1);
	READ(5, 0);
	READ(6, 0);
	READ(6, 1);
	READ(6, 2);
	READ(7, 0);
	READ(7, 1);
	READ(7, 2);
	guest_value[IDREG(7, 0)] = pa_range(guest_value[IDREG(7, 0)]);
	is_ready = true;
}
