/* SPDX-License-Identifier: BSD-2-Clause */
#include "core_file.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUR_NAME "ZONEVISOR"
#define PR_PID_OFFSET 32u /* the same wherever long has 64 bits */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as zones are");

/* -------------------------------------------------------- architectures */

/* Linux's struct user_pt_regs: x0 to x30, sp, pc, pstate. */
static void fill_aarch64(const struct zv_vcpu_state *state, uint8_t *registers)
{
	/* Arm ARM C5.2.19: M[3:0] of an exception level with its own stack */
	bool own_stack = (state->pstate & 0xf) == 0x5;
	uint64_t regs[34];

	memcpy(regs, state->x, sizeof(state->x));
	regs[31] = own_stack ? state->sp_el1 : state->sp_el0;
	regs[32] = state->pc;
	regs[33] = state->pstate;
	memcpy(registers, regs, sizeof(regs));
}

static const struct core_arch archs[] = {
	{ "aarch64", EM_AARCH64, 392, 112, fill_aarch64 },
};

const struct core_arch *core_arch_find(const char *name)
{
	for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++) {
		if (strcmp(archs[i].name, name) == 0) {
			return &archs[i];
		}
	}
	return NULL;
}

/* ----------------------------------------------------------------- head */

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/* What a note takes: its name and its text are padded to words. */
static size_t note_size(const char *name, size_t size)
{
	return sizeof(Elf64_Nhdr) + round_up(strlen(name) + 1, 4) +
	       round_up(size, 4);
}

/* Returns where its text is to be, which is zero. */
static uint8_t *note_begin(uint8_t **at, const char *name, uint32_t type,
			   size_t size)
{
	Elf64_Nhdr header = {
		.n_namesz = (Elf64_Word)strlen(name) + 1,
		.n_descsz = (Elf64_Word)size,
		.n_type = type,
	};
	uint8_t *note = *at;

	memcpy(note, &header, sizeof(header));
	memcpy(note + sizeof(header), name, header.n_namesz);
	*at += note_size(name, size);
	return note + sizeof(header) + round_up(header.n_namesz, 4);
}

static size_t notes_size(const struct core_arch *arch, uint32_t vcpu_count)
{
	return vcpu_count * (note_size("CORE", arch->prstatus_size) +
			     note_size(OUR_NAME, sizeof(struct zv_vcpu_state)));
}

static void put_notes(const struct core_arch *arch,
		      const struct zv_vcpu_state *vcpus, uint32_t vcpu_count,
		      uint8_t *at)
{
	for (uint32_t i = 0; i < vcpu_count; i++) {
		uint32_t thread = i + 1; /* debuggers take none for 0 */
		uint8_t *status = note_begin(&at, "CORE", NT_PRSTATUS,
					     arch->prstatus_size);

		memcpy(status + PR_PID_OFFSET, &thread, sizeof(thread));
		arch->fill(&vcpus[i], status + arch->registers_offset);
		memcpy(note_begin(&at, OUR_NAME, CORE_NOTE_VCPU,
				  sizeof(vcpus[i])),
		       &vcpus[i], sizeof(vcpus[i]));
	}
}

/* They are in order, and do not overlap. */
static int check_regions(const struct core_region *regions, uint32_t count)
{
	uint64_t end = 0;

	if (count > CORE_REGIONS_MAX) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (regions[i].gpa % CORE_PAGE || regions[i].size % CORE_PAGE ||
		    regions[i].size == 0 || regions[i].gpa < end ||
		    regions[i].size > INT64_MAX - regions[i].gpa) {
			return -EINVAL;
		}
		end = regions[i].gpa + regions[i].size;
	}
	return 0;
}

int core_head_make(const struct core_arch *arch, struct core_region *regions,
		   uint32_t region_count, const struct zv_vcpu_state *vcpus,
		   uint32_t vcpu_count, struct core_head *ret_head)
{
	Elf64_Ehdr elf = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE },
		.e_type = ET_CORE,
		.e_machine = arch->machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(elf),
		.e_ehsize = sizeof(elf),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(region_count + 1),
	};
	Elf64_Phdr header = {
		.p_type = PT_NOTE,
		.p_offset =
			sizeof(elf) + (region_count + 1) * sizeof(Elf64_Phdr),
		.p_filesz = notes_size(arch, vcpu_count),
		.p_align = 4,
	};
	size_t size = header.p_offset + header.p_filesz;
	uint64_t offset = round_up(size, CORE_PAGE);
	uint8_t *data;
	uint8_t *at;

	if (check_regions(regions, region_count) < 0) {
		return -EINVAL;
	}
	data = calloc(1, size);
	if (!data) {
		return -ENOMEM;
	}
	memcpy(data, &elf, sizeof(elf));
	at = data + sizeof(elf);
	memcpy(at, &header, sizeof(header));
	put_notes(arch, vcpus, vcpu_count, data + header.p_offset);
	for (uint32_t i = 0; i < region_count; i++) {
		regions[i].offset = offset;
		/* By virtual addresses, too: a debugger has no others. */
		header = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = offset,
			.p_vaddr = regions[i].gpa,
			.p_paddr = regions[i].gpa,
			.p_filesz = regions[i].size,
			.p_memsz = regions[i].size,
			.p_align = CORE_PAGE,
		};
		at += sizeof(header);
		memcpy(at, &header, sizeof(header));
		offset += regions[i].size;
	}
	*ret_head = (struct core_head){ data, size, offset };
	return 0;
}

/* -------------------------------------------------------------- writing */

int core_write(int fd, const void *data, size_t size, uint64_t offset)
{
	const uint8_t *at = data;

	while (size > 0) {
		ssize_t put = pwrite(fd, at, size, (off_t)offset);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return put < 0 ? -errno : -ENOSPC;
		}
		at += put;
		size -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *words = (const uint64_t *)(const void *)page;

	for (size_t i = 0; i < CORE_PAGE / sizeof(*words); i++) {
		if (words[i] != 0) {
			return false;
		}
	}
	return true;
}

int core_write_sparse(int fd, const void *data, size_t size, uint64_t offset,
		      uint64_t *written)
{
	const uint8_t *pages = data;
	size_t begin = 0;

	/* Runs of pages that are not zero, each written at once. */
	for (size_t at = 0; at <= size; at += CORE_PAGE) {
		int rc;

		if (at < size && !is_zero(pages + at)) {
			continue;
		}
		rc = core_write(fd, pages + begin, at - begin, offset + begin);
		if (rc < 0) {
			return rc;
		}
		*written += at - begin;
		begin = at + CORE_PAGE;
	}
	return 0;
}
