/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System registers: accessors, barriers and the fields that EL2 uses.  Names
 * and layouts are those of the Arm ARM (DDI 0487), section D19, and of the GIC
 * specification (IHI 0069), chapter 12.  The numbers are usable in assembly.
 */
#ifndef ZV_AARCH64_SYSREG_H
#define ZV_AARCH64_SYSREG_H

#ifdef __ASSEMBLY__
#define SYSREG_BIT(n) (1 << (n))
#define SYSREG_VAL(v, n) ((v) << (n))
#else
#define SYSREG_BIT(n) (1ull << (n))
#define SYSREG_VAL(v, n) ((unsigned long long)(v) << (n))
#endif

/* HCR_EL2 */
#define HCR_VM SYSREG_BIT(0)
#define HCR_SWIO SYSREG_BIT(1)
#define HCR_PTW SYSREG_BIT(2)
#define HCR_FMO SYSREG_BIT(3)
#define HCR_IMO SYSREG_BIT(4)
#define HCR_AMO SYSREG_BIT(5)
#define HCR_VF SYSREG_BIT(6)
#define HCR_VI SYSREG_BIT(7)
#define HCR_VSE SYSREG_BIT(8)
#define HCR_FB SYSREG_BIT(9)
#define HCR_BSU_IS SYSREG_VAL(1, 10)
#define HCR_DC SYSREG_BIT(12)
#define HCR_TWI SYSREG_BIT(13)
#define HCR_TWE SYSREG_BIT(14)
#define HCR_TID0 SYSREG_BIT(15)
#define HCR_TID1 SYSREG_BIT(16)
#define HCR_TID2 SYSREG_BIT(17)
#define HCR_TID3 SYSREG_BIT(18)
#define HCR_TSC SYSREG_BIT(19)
#define HCR_TIDCP SYSREG_BIT(20)
#define HCR_TACR SYSREG_BIT(21)
#define HCR_TSW SYSREG_BIT(22)
#define HCR_TPCP SYSREG_BIT(23)
#define HCR_TPU SYSREG_BIT(24)
#define HCR_TTLB SYSREG_BIT(25)
#define HCR_TVM SYSREG_BIT(26)
#define HCR_TGE SYSREG_BIT(27)
#define HCR_TDZ SYSREG_BIT(28)
#define HCR_HCD SYSREG_BIT(29)
#define HCR_TRVM SYSREG_BIT(30)
#define HCR_RW SYSREG_BIT(31)
#define HCR_CD SYSREG_BIT(32)
#define HCR_ID SYSREG_BIT(33)
#define HCR_E2H SYSREG_BIT(34)
#define HCR_TLOR SYSREG_BIT(35)
#define HCR_TERR SYSREG_BIT(36)
#define HCR_TEA SYSREG_BIT(37)
#define HCR_APK SYSREG_BIT(40)
#define HCR_API SYSREG_BIT(41)
#define HCR_FWB SYSREG_BIT(46)
#define HCR_FIEN SYSREG_BIT(47)
#define HCR_ATA SYSREG_BIT(56)

/* SCTLR_EL2 and SCTLR_EL1 */
#define SCTLR_M SYSREG_BIT(0)
#define SCTLR_A SYSREG_BIT(1)
#define SCTLR_C SYSREG_BIT(2)
#define SCTLR_SA SYSREG_BIT(3)
#define SCTLR_I SYSREG_BIT(12)
#define SCTLR_WXN SYSREG_BIT(19)
#define SCTLR_EE SYSREG_BIT(25)
#define SCTLR_EL2_RES1 0x30c50830
#define SCTLR_EL1_RES1 0x30d00800

/* MAIR: index 0 Normal write-back, 1 Device-nGnRE */
#define MAIR_NORMAL 0
#define MAIR_DEVICE 1
#define MAIR_VALUE 0x04ff

/* TCR_EL2 (E2H 0) */
#define TCR_T0SZ(bits) (64 - (bits))
#define TCR_IRGN0_WBWA SYSREG_VAL(1, 8)
#define TCR_ORGN0_WBWA SYSREG_VAL(1, 10)
#define TCR_SH0_INNER SYSREG_VAL(3, 12)
#define TCR_TG0_4K SYSREG_VAL(0, 14)
#define TCR_EL2_PS_SHIFT 16
#define TCR_EL2_RES1 0x80800000
/* TCR_EL1 */
#define TCR_EL1_EPD1 SYSREG_BIT(23)
#define TCR_EL1_IPS_SHIFT 32

/* VTCR_EL2 */
#define VTCR_T0SZ(bits) (64 - (bits))
#define VTCR_SL0_SHIFT 6
#define VTCR_IRGN0_WBWA SYSREG_VAL(1, 8)
#define VTCR_ORGN0_WBWA SYSREG_VAL(1, 10)
#define VTCR_SH0_INNER SYSREG_VAL(3, 12)
#define VTCR_TG0_4K SYSREG_VAL(0, 14)
#define VTCR_PS_SHIFT 16
#define VTCR_VS SYSREG_BIT(19)
#define VTCR_RES1 0x80000000

#define VTTBR_VMID_SHIFT 48

/* CPTR_EL2 (E2H 0) */
#define CPTR_RES1 0x32ff
#define CPTR_TZ SYSREG_BIT(8)
#define CPTR_TFP SYSREG_BIT(10)
#define CPTR_TSM SYSREG_BIT(12)
#define CPTR_TTA SYSREG_BIT(20)
#define CPTR_TAM SYSREG_BIT(30)
#define CPTR_TCPAC SYSREG_BIT(31)

/* MDCR_EL2 */
#define MDCR_HPMN_MASK 0x1f
#define MDCR_TPMCR SYSREG_BIT(5)
#define MDCR_TPM SYSREG_BIT(6)
#define MDCR_TDE SYSREG_BIT(8)
#define MDCR_TDA SYSREG_BIT(9)
#define MDCR_TDOSA SYSREG_BIT(10)
#define MDCR_TDRA SYSREG_BIT(11)
#define MDCR_TPMS SYSREG_BIT(14)
#define MDCR_TTRF SYSREG_BIT(19)

/* CNTHCTL_EL2 (E2H 0) and the CNT*_CTL registers */
#define CNTHCTL_EL1PCTEN SYSREG_BIT(0)
#define CNTHCTL_EL1PCEN SYSREG_BIT(1)
#define CNT_CTL_ENABLE SYSREG_BIT(0)
#define CNT_CTL_IMASK SYSREG_BIT(1)
#define CNT_CTL_ISTATUS SYSREG_BIT(2)

/* PSTATE / SPSR */
#define PSR_MODE_EL0T 0x0
#define PSR_MODE_EL1T 0x4
#define PSR_MODE_EL1H 0x5
#define PSR_MODE_EL2H 0x9
#define PSR_MODE_MASK 0xf
#define PSR_MODE32 SYSREG_BIT(4)
#define PSR_F SYSREG_BIT(6)
#define PSR_I SYSREG_BIT(7)
#define PSR_A SYSREG_BIT(8)
#define PSR_D SYSREG_BIT(9)
#define PSR_BTYPE_MASK SYSREG_VAL(3, 10)
#define PSR_SSBS SYSREG_BIT(12)
#define PSR_IL SYSREG_BIT(20)
#define PSR_SS SYSREG_BIT(21)
#define PSR_PAN SYSREG_BIT(22)

/* ESR_ELx */
#define ESR_EC_SHIFT 26
#define ESR_EC_MASK 0x3f
#define ESR_IL SYSREG_BIT(25)
#define ESR_ISS_MASK 0x1ffffff
#define ESR_EC_UNKNOWN 0x00
#define ESR_EC_WFX 0x01
#define ESR_EC_CP15_32 0x03
#define ESR_EC_CP15_64 0x04
#define ESR_EC_FP 0x07
#define ESR_EC_ILLEGAL 0x0e
#define ESR_EC_SVC64 0x15
#define ESR_EC_HVC64 0x16
#define ESR_EC_SMC64 0x17
#define ESR_EC_SYS64 0x18
#define ESR_EC_SVE 0x19
#define ESR_EC_IABT_LOW 0x20
#define ESR_EC_IABT_CUR 0x21
#define ESR_EC_PC_ALIGN 0x22
#define ESR_EC_DABT_LOW 0x24
#define ESR_EC_DABT_CUR 0x25
#define ESR_EC_SP_ALIGN 0x26
#define ESR_EC_SERROR 0x2f
#define ESR_EC_BRK64 0x3c
/* Data aborts */
#define ESR_DABT_ISV SYSREG_BIT(24)
#define ESR_DABT_SAS_SHIFT 22
#define ESR_DABT_SSE SYSREG_BIT(21)
#define ESR_DABT_SRT_SHIFT 16
#define ESR_DABT_SF SYSREG_BIT(15)
#define ESR_DABT_FNV SYSREG_BIT(10)
#define ESR_DABT_EA SYSREG_BIT(9)
#define ESR_DABT_CM SYSREG_BIT(8)
#define ESR_DABT_S1PTW SYSREG_BIT(7)
#define ESR_DABT_WNR SYSREG_BIT(6)
#define ESR_FSC_MASK 0x3f
#define ESR_FSC_TYPE_MASK 0x3c
#define ESR_FSC_TRANSLATION 0x04
#define ESR_FSC_ACCESS 0x08
#define ESR_FSC_PERMISSION 0x0c
#define ESR_FSC_EXTABT 0x10

/* HPFAR_EL2: IPA bits 51:12 in 43:4 */
#define HPFAR_FIPA_MASK 0x00000ffffffffff0

/* PAR_EL1 */
#define PAR_F SYSREG_BIT(0)

#define MPIDR_AFF_MASK 0xff00ffffff

/* GIC CPU interface and hypervisor registers: no assembler knows them all. */
#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_IAR0_EL1 S3_0_C12_C8_0
#define ICC_BPR0_EL1 S3_0_C12_C8_3
#define ICC_AP0R0_EL1 S3_0_C12_C8_4
#define ICC_AP1R0_EL1 S3_0_C12_C9_0
#define ICC_AP1R1_EL1 S3_0_C12_C9_1
#define ICC_AP1R2_EL1 S3_0_C12_C9_2
#define ICC_AP1R3_EL1 S3_0_C12_C9_3
#define ICC_DIR_EL1 S3_0_C12_C11_1
#define ICC_RPR_EL1 S3_0_C12_C11_3
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_HPPIR1_EL1 S3_0_C12_C12_2
#define ICC_BPR1_EL1 S3_0_C12_C12_3
#define ICC_CTLR_EL1 S3_0_C12_C12_4
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN0_EL1 S3_0_C12_C12_6
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2 S3_4_C12_C9_5
#define ICH_AP0R0_EL2 S3_4_C12_C8_0
#define ICH_AP0R1_EL2 S3_4_C12_C8_1
#define ICH_AP0R2_EL2 S3_4_C12_C8_2
#define ICH_AP0R3_EL2 S3_4_C12_C8_3
#define ICH_AP1R0_EL2 S3_4_C12_C9_0
#define ICH_AP1R1_EL2 S3_4_C12_C9_1
#define ICH_AP1R2_EL2 S3_4_C12_C9_2
#define ICH_AP1R3_EL2 S3_4_C12_C9_3
#define ICH_HCR_EL2 S3_4_C12_C11_0
#define ICH_VTR_EL2 S3_4_C12_C11_1
#define ICH_MISR_EL2 S3_4_C12_C11_2
#define ICH_EISR_EL2 S3_4_C12_C11_3
#define ICH_ELRSR_EL2 S3_4_C12_C11_5
#define ICH_VMCR_EL2 S3_4_C12_C11_7
#define ICH_LR0_EL2 S3_4_C12_C12_0
#define ICH_LR1_EL2 S3_4_C12_C12_1
#define ICH_LR2_EL2 S3_4_C12_C12_2
#define ICH_LR3_EL2 S3_4_C12_C12_3
#define ICH_LR4_EL2 S3_4_C12_C12_4
#define ICH_LR5_EL2 S3_4_C12_C12_5
#define ICH_LR6_EL2 S3_4_C12_C12_6
#define ICH_LR7_EL2 S3_4_C12_C12_7
#define ICH_LR8_EL2 S3_4_C12_C13_0
#define ICH_LR9_EL2 S3_4_C12_C13_1
#define ICH_LR10_EL2 S3_4_C12_C13_2
#define ICH_LR11_EL2 S3_4_C12_C13_3
#define ICH_LR12_EL2 S3_4_C12_C13_4
#define ICH_LR13_EL2 S3_4_C12_C13_5
#define ICH_LR14_EL2 S3_4_C12_C13_6
#define ICH_LR15_EL2 S3_4_C12_C13_7

#define ICC_SRE_SRE SYSREG_BIT(0)
#define ICC_SRE_DFB SYSREG_BIT(1)
#define ICC_SRE_DIB SYSREG_BIT(2)
#define ICC_SRE_ENABLE SYSREG_BIT(3)
#define ICC_CTLR_CBPR SYSREG_BIT(0)
#define ICC_CTLR_EOIMODE SYSREG_BIT(1)

#define ICH_HCR_EN SYSREG_BIT(0)
#define ICH_HCR_UIE SYSREG_BIT(1)
#define ICH_HCR_LRENPIE SYSREG_BIT(2)
#define ICH_HCR_NPIE SYSREG_BIT(3)
#define ICH_HCR_TC SYSREG_BIT(10)
#define ICH_HCR_TALL0 SYSREG_BIT(11)
#define ICH_HCR_TALL1 SYSREG_BIT(12)
#define ICH_HCR_TSEI SYSREG_BIT(13)
#define ICH_HCR_TDIR SYSREG_BIT(14)
#define ICH_LR_VINTID_MASK 0xffffffffull
#define ICH_LR_PINTID_SHIFT 32
#define ICH_LR_EOI SYSREG_BIT(41)
#define ICH_LR_PRIORITY_SHIFT 48
#define ICH_LR_GROUP1 SYSREG_BIT(60)
#define ICH_LR_HW SYSREG_BIT(61)
#define ICH_LR_PENDING SYSREG_BIT(62)
#define ICH_LR_ACTIVE SYSREG_BIT(63)

#ifndef __ASSEMBLY__

#include <zv/types.h>

#define read_sysreg(name) read_sysreg_(name)
#define read_sysreg_(name)                         \
	({                                         \
		u64 sysreg_v_;                     \
		__asm__ volatile("mrs %0, " #name  \
				 : "=r"(sysreg_v_) \
				 :                 \
				 : "memory");      \
		sysreg_v_;                         \
	})

#define write_sysreg(value, name) write_sysreg_(value, name)
#define write_sysreg_(value, name)                    \
	do {                                          \
		u64 sysreg_w_ = (value);              \
		__asm__ volatile("msr " #name ", %x0" \
				 :                    \
				 : "rZ"(sysreg_w_)    \
				 : "memory");         \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

#define dsb(scope) __asm__ volatile("dsb " #scope ::: "memory")
#define dmb(scope) __asm__ volatile("dmb " #scope ::: "memory")

/* One TLB operation, with or without an address operand. */
#define tlbi(op) __asm__ volatile("tlbi " #op ::: "memory")
#define tlbi_va(op, arg) \
	__asm__ volatile("tlbi " #op ", %0" : : "r"((u64)(arg)) : "memory")

/* Cache maintenance: of the line of an address, of all instruction caches. */
#define dc(op, va) \
	__asm__ volatile("dc " #op ", %0" : : "r"((u64)(va)) : "memory")
#define ic(op) __asm__ volatile("ic " #op ::: "memory")

/* Unsigned ID register field of four bits. */
static inline u32 sysreg_field(u64 reg, u32 shift)
{
	return (u32)(reg >> shift) & 0xf;
}

#endif /* __ASSEMBLY__ */

#endif /* ZV_AARCH64_SYSREG_H */
