/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's memory and registers as an ELF64 core file, which debuggers read: a
 * PT_NOTE segment with an NT_PRSTATUS for each vCPU, as of a thread, and a
 * PT_LOAD for each region of its memory, by guest-physical addresses.
 *
 *   ELF header, program headers, notes | padding | regions, by pages
 *
 * Beside each NT_PRSTATUS is a note "ZONEVISOR" of type CORE_NOTE_VCPU with all
 * that the hypervisor tells of the vCPU: struct zv_vcpu_state, little-endian.
 */
#ifndef ZV_TOOLSTACK_DAEMON_CORE_FILE_H
#define ZV_TOOLSTACK_DAEMON_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <zonevisor.h>

#define CORE_REGIONS_MAX 64u
#define CORE_NOTE_VCPU 0x5a56u
#define CORE_PAGE 4096u

/* What differs between architectures of zones. */
struct core_arch {
	const char *name;
	uint16_t machine; /* EM_* */
	uint32_t prstatus_size; /* of Linux's struct elf_prstatus */
	uint32_t registers_offset; /* in it */
	/* The registers as its pr_reg has them. */
	void (*fill)(const struct zv_vcpu_state *state, uint8_t *registers);
};

/* NULL: unknown. */
const struct core_arch *core_arch_find(const char *name);

struct core_region {
	uint64_t gpa; /* both in whole pages */
	uint64_t size;
	uint64_t offset; /* in the file; out */
};

struct core_head {
	uint8_t *data; /* all up to the padding; free() it */
	size_t size;
	uint64_t file_size;
};

/*
 * The head of such a file, and where the regions lie.  -EINVAL: the regions are
 * no such, or too many; -ENOMEM.
 */
int core_head_make(const struct core_arch *arch, struct core_region *regions,
		   uint32_t region_count, const struct zv_vcpu_state *vcpus,
		   uint32_t vcpu_count, struct core_head *ret_head);

/* All of it.  0 or a negative errno. */
int core_write(int fd, const void *data, size_t size, uint64_t offset);

/*
 * The same but for pages of zeros, which stay holes of a file that is new; size
 * is in whole pages.  *written grows by what was not.
 */
int core_write_sparse(int fd, const void *data, size_t size, uint64_t offset,
		      uint64_t *written);

#endif /* ZV_TOOLSTACK_DAEMON_CORE_FILE_H */
