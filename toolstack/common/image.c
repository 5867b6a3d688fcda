/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <stdbool.h>
#include <string.h>

/* Offsets in the 64-byte header of an arm64 Image. */
#define TEXT_OFFSET 8u
#define IMAGE_SIZE 16u
#define MAGIC 56u

/* Before image_size was defined, text_offset meant nothing but this. */
#define OLD_TEXT_OFFSET 0x80000ull

static const struct {
	size_t offset;
	size_t len;
	const char *bytes;
	const char *what;
	const char *hint;
} refused[] = {
	{ 0, 2, "\x1f\x8b", "the kernel is compressed with gzip",
	  "unpack it first: gzip -dc vmlinuz > Image" },
	{ 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "the kernel is compressed with xz",
	  "unpack it first: xz -dc vmlinuz > Image" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "the kernel is compressed with zstd",
	  "unpack it first: zstd -dc vmlinuz > Image" },
	{ 4, 4, "zimg", "the kernel is a compressed EFI image",
	  "use the plain Image of the same build" },
	{ 0, 4,
	  "\x7f"
	  "ELF",
	  "the kernel is an ELF file",
	  "make a flat binary: objcopy -O binary vmlinux Image" },
};

static uint64_t get_le64(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned int i = 8; i > 0; i--) {
		value = value << 8 | p[i - 1];
	}
	return value;
}

const char *image_parse(const uint8_t *head, size_t len, uint64_t file_size,
			struct image_kernel *ret_kernel, const char **ret_hint)
{
	struct image_kernel kernel = { .size = file_size };
	uint64_t image_size;

	*ret_hint = NULL;
	if (file_size == 0) {
		return "the kernel file is empty";
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (len >= refused[i].offset + refused[i].len &&
		    memcmp(head + refused[i].offset, refused[i].bytes,
			   refused[i].len) == 0) {
			*ret_hint = refused[i].hint;
			return refused[i].what;
		}
	}
	if (len >= IMAGE_HEADER_SIZE &&
	    memcmp(head + MAGIC, "ARM\x64", 4) == 0) {
		image_size = get_le64(head + IMAGE_SIZE);
		kernel.text_offset = image_size ? get_le64(head + TEXT_OFFSET)
						: OLD_TEXT_OFFSET;
		if (image_size > kernel.size) {
			kernel.size = image_size;
		}
	}
	*ret_kernel = kernel;
	return NULL;
}

/* Adds and rounds up to 2 MiB; false when that leaves 64 bits. */
static bool advance(uint64_t *address, uint64_t size)
{
	uint64_t end;

	if (__builtin_add_overflow(*address, size, &end) ||
	    __builtin_add_overflow(end, ZV_CHUNK_SIZE - 1, &end)) {
		return false;
	}
	*address = end & ~(ZV_CHUNK_SIZE - 1);
	return true;
}

const char *image_plan(uint64_t ram_size, const struct image_kernel *kernel,
		       uint64_t initrd_size, struct image_plan *ret_plan,
		       uint64_t *ret_need)
{
	struct image_plan plan = { .dtb = ZV_A64_RAM_BASE };
	uint64_t end;

	if (__builtin_add_overflow(IMAGE_KERNEL_BASE, kernel->text_offset,
				   &plan.kernel)) {
		return "the kernel's text_offset is absurd";
	}
	end = plan.kernel;
	if (!advance(&end, kernel->size)) {
		return "the kernel's image_size is absurd";
	}
	if (initrd_size) {
		plan.initrd = end;
		plan.initrd_size = initrd_size;
		if (!advance(&end, initrd_size)) {
			return "the initrd is too large";
		}
	}
	*ret_need = end - ZV_A64_RAM_BASE;
	if (*ret_need > ram_size) {
		return initrd_size ? "the kernel and the initrd do not fit"
				   : "the kernel does not fit";
	}
	*ret_plan = plan;
	return NULL;
}
