/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image, linked at its fixed virtual address.  Parts begin on a page each,
 * because each gets its own permissions.  What follows data_end is not in the
 * file; image_size in the boot header reserves it.
 */
#include <zv/el2.h>

OUTPUT_ARCH(aarch64)
ENTRY(image_start)

SECTIONS
{
	. = EL2_IMAGE_VA;
	image_start = .;

	.text : {
		KEEP(*(.text.head))
		idmap_end = .;
		. = ALIGN(2048);
		KEEP(*(.text.vectors))
		*(.text .text.*)
		. = ALIGN(4096);
	}
	text_end = .;

	.rodata : {
		*(.rodata .rodata.*)
		*(.got .got.plt)
		. = ALIGN(4096);
	}
	rodata_end = .;

	.data : {
		*(.data .data.*)
		. = ALIGN(8);
	}
	data_end = .;

	/* Written before the MMU is on, so not cleared with the rest. */
	. = ALIGN(4096);
	.early (NOLOAD) : {
		early_start = .;
		*(.bss.early)
		. = ALIGN(4096);
	}
	.guard (NOLOAD) : {
		stack_guard_start = .;
		. += 4096;
	}
	.stack (NOLOAD) : {
		boot_stack_base = .;
		. += EL2_STACK_SIZE;
		boot_stack_top = .;
		early_end = .;
	}

	.bss (NOLOAD) : {
		bss_start = .;
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
		bss_end = .;
	}
	image_end = .;
	image_size = image_end - image_start;

	/DISCARD/ : {
		*(.comment .note .note.* .eh_frame .eh_frame_hdr .interp)
	}

	ASSERT(idmap_end - image_start <= 4096, "identity page too small")
	ASSERT(image_size <= EL2_IMAGE_MAX, "image too big for its window")
}
