/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical platform of an aarch64 zone: address-compatible with
 * QEMU's `virt` machine, so that software built for it runs unmodified.
 * Zone0 is not built to this map: it sees the host's.
 */
#ifndef ZV_PUBLIC_PLATFORM_AARCH64_H
#define ZV_PUBLIC_PLATFORM_AARCH64_H

#define ZV_A64_FLASH_BASE 0x00000000ull /* a firmware image may lie here */
#define ZV_A64_FLASH_SIZE 0x08000000ull
#define ZV_A64_GICD_BASE 0x08000000ull /* emulated by the hypervisor */
#define ZV_A64_GICD_SIZE 0x00010000ull
#define ZV_A64_GICR_BASE 0x080a0000ull /* emulated by the hypervisor */
#define ZV_A64_GICR_STRIDE 0x00020000ull /* per vCPU: RD_base, SGI_base */
#define ZV_A64_UART_BASE 0x09000000ull /* PL011, one page */
#define ZV_A64_RTC_BASE 0x09010000ull /* PL031, one page */
#define ZV_A64_GPIO_BASE 0x09030000ull /* PL061, one page; pin 3 = power key */
#define ZV_A64_VIRTIO_BASE 0x0a000000ull
#define ZV_A64_VIRTIO_STRIDE 0x200ull
#define ZV_A64_VIRTIO_COUNT 32u
#define ZV_A64_RAM_BASE 0x40000000ull

/* INTIDs.  SPI n of the device tree is INTID n + 32. */
#define ZV_A64_PPI_VTIMER 27u
#define ZV_A64_PPI_PTIMER 30u
#define ZV_A64_INTID_UART 33u
#define ZV_A64_INTID_RTC 34u
#define ZV_A64_INTID_GPIO 39u
#define ZV_A64_INTID_VIRTIO 48u /* + slot */
#define ZV_A64_INTID_COUNT 288u /* a zone's distributor: 32 + 256 SPIs */

#endif /* ZV_PUBLIC_PLATFORM_AARCH64_H */
