/* SPDX-License-Identifier: BSD-2-Clause */
#include "core_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

#define GPA 0x40000000ull
#define MIB (1ull << 20)

static const struct core_arch *arch(void)
{
	const struct core_arch *found = core_arch_find("aarch64");

	assert_non_null(found);
	return found;
}

static const uint8_t *at(const struct core_head *head, uint64_t offset,
			 size_t size)
{
	assert_true(offset <= head->size && size <= head->size - offset);
	return head->data + offset;
}

static Elf64_Phdr program_header(const struct core_head *head, uint32_t index)
{
	Elf64_Phdr header;

	memcpy(&header,
	       at(head, sizeof(Elf64_Ehdr) + index * sizeof(header),
		  sizeof(header)),
	       sizeof(header));
	return header;
}

static void test_architectures(void **state)
{
	(void)state;
	assert_int_equal(arch()->machine, EM_AARCH64);
	assert_null(core_arch_find("vax"));
	assert_null(core_arch_find(""));
}

static void test_head(void **state)
{
	struct core_region regions[] = {
		{ .gpa = GPA, .size = 4 * MIB },
		{ .gpa = GPA + 64 * MIB, .size = CORE_PAGE },
	};
	struct zv_vcpu_state vcpus[2] = { { .pc = 1 }, { .pc = 2 } };
	struct core_head head;
	Elf64_Ehdr elf;
	Elf64_Phdr header;
	uint64_t end;

	(void)state;
	assert_int_equal(core_head_make(arch(), regions, 2, vcpus, 2, &head),
			 0);
	memcpy(&elf, at(&head, 0, sizeof(elf)), sizeof(elf));
	assert_memory_equal(elf.e_ident, ELFMAG, SELFMAG);
	assert_int_equal(elf.e_ident[EI_CLASS], ELFCLASS64);
	assert_int_equal(elf.e_ident[EI_DATA], ELFDATA2LSB);
	assert_int_equal(elf.e_type, ET_CORE);
	assert_int_equal(elf.e_machine, EM_AARCH64);
	assert_int_equal(elf.e_phnum, 3);
	assert_int_equal(elf.e_phentsize, sizeof(Elf64_Phdr));
	assert_int_equal(elf.e_phoff, sizeof(elf));
	header = program_header(&head, 0);
	assert_int_equal(header.p_type, PT_NOTE);
	assert_int_equal(header.p_offset + header.p_filesz, head.size);
	end = (head.size + CORE_PAGE - 1) / CORE_PAGE * CORE_PAGE;
	for (uint32_t i = 0; i < 2; i++) {
		header = program_header(&head, i + 1);
		assert_int_equal(header.p_type, PT_LOAD);
		assert_int_equal(header.p_paddr, regions[i].gpa);
		assert_int_equal(header.p_vaddr, regions[i].gpa);
		assert_int_equal(header.p_filesz, regions[i].size);
		assert_int_equal(header.p_memsz, regions[i].size);
		assert_int_equal(header.p_offset, end);
		assert_int_equal(regions[i].offset, end);
		end += regions[i].size;
	}
	assert_int_equal(head.file_size, end);
	free(head.data);
}

/* The text of the next note; *offset moves behind it. */
static const uint8_t *note(const struct core_head *head, uint64_t *offset,
			   const char *name, uint32_t type, size_t size)
{
	Elf64_Nhdr header;
	const uint8_t *text;
	size_t name_size = strlen(name) + 1;

	memcpy(&header, at(head, *offset, sizeof(header)), sizeof(header));
	assert_int_equal(header.n_namesz, name_size);
	assert_int_equal(header.n_type, type);
	assert_int_equal(header.n_descsz, size);
	*offset += sizeof(header);
	assert_memory_equal(at(head, *offset, name_size), name, name_size);
	*offset += (name_size + 3) / 4 * 4;
	text = at(head, *offset, size);
	*offset += (size + 3) / 4 * 4;
	return text;
}

#define EL0 0x0ull
#define EL1T 0x4ull
#define EL1H 0x5ull

static void check_thread(const struct core_head *head, uint64_t *offset,
			 const struct zv_vcpu_state *vcpu, uint32_t pid,
			 uint64_t sp)
{
	const uint8_t *status = note(head, offset, "CORE", NT_PRSTATUS, 392);
	uint64_t regs[34];
	uint32_t told;

	memcpy(&told, status + 32, sizeof(told));
	assert_int_equal(told, pid);
	memcpy(regs, status + 112, sizeof(regs));
	for (int i = 0; i < 31; i++) {
		assert_int_equal(regs[i], vcpu->x[i]);
	}
	assert_int_equal(regs[31], sp);
	assert_int_equal(regs[32], vcpu->pc);
	assert_int_equal(regs[33], vcpu->pstate);
	assert_memory_equal(
		note(head, offset, "ZONEVISOR", CORE_NOTE_VCPU, sizeof(*vcpu)),
		vcpu, sizeof(*vcpu));
}

static void test_registers(void **state)
{
	struct zv_vcpu_state vcpus[3];
	struct core_region region = { .gpa = GPA, .size = 2 * MIB };
	struct core_head head;
	uint64_t offset;

	(void)state;
	memset(vcpus, 0, sizeof(vcpus));
	for (uint64_t i = 0; i < 3; i++) {
		for (uint64_t n = 0; n < 31; n++) {
			vcpus[i].x[n] = 1000 * i + n;
		}
		vcpus[i].pc = 0x1111 * (i + 1);
		vcpus[i].sp_el0 = 0xe10 + i;
		vcpus[i].sp_el1 = 0xe11 + i;
		vcpus[i].ttbr1_el1 = ~i;
	}
	vcpus[0].pstate = EL1H | 0x3c0;
	vcpus[1].pstate = EL0;
	vcpus[2].pstate = EL1T;
	assert_int_equal(core_head_make(arch(), &region, 1, vcpus, 3, &head),
			 0);
	offset = program_header(&head, 0).p_offset;
	check_thread(&head, &offset, &vcpus[0], 1, vcpus[0].sp_el1);
	check_thread(&head, &offset, &vcpus[1], 2, vcpus[1].sp_el0);
	check_thread(&head, &offset, &vcpus[2], 3, vcpus[2].sp_el0);
	assert_int_equal(offset, head.size);
	free(head.data);
}

static void test_bad_regions(void **state)
{
	static const struct core_region bad[][2] = {
		{ { .gpa = GPA + 1, .size = CORE_PAGE } },
		{ { .gpa = GPA, .size = CORE_PAGE + 1 } },
		{ { .gpa = GPA, .size = 0 } },
		{ { .gpa = GPA, .size = UINT64_MAX - CORE_PAGE + 1 } },
		{ { .gpa = GPA, .size = 2 * CORE_PAGE },
		  { .gpa = GPA + CORE_PAGE, .size = CORE_PAGE } },
		{ { .gpa = GPA, .size = CORE_PAGE },
		  { .gpa = 0, .size = CORE_PAGE } },
	};
	static struct core_region many[CORE_REGIONS_MAX + 1];
	struct core_region regions[2];
	struct core_head head;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		memcpy(regions, bad[i], sizeof(regions));
		assert_int_equal(core_head_make(arch(), regions, i < 4 ? 1 : 2,
						NULL, 0, &head),
				 -EINVAL);
	}
	for (uint32_t i = 0; i < COUNT(many); i++) {
		many[i].gpa = i * 2 * (uint64_t)CORE_PAGE;
		many[i].size = CORE_PAGE;
	}
	assert_int_equal(
		core_head_make(arch(), many, COUNT(many), NULL, 0, &head),
		-EINVAL);
	assert_int_equal(
		core_head_make(arch(), many, CORE_REGIONS_MAX, NULL, 0, &head),
		0);
	free(head.data);
}

static int new_file(void)
{
	char path[] = "/tmp/test_core_file.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void test_sparse(void **state)
{
	/* each by itself: so that reading beyond is found */
	const size_t size = 64 * CORE_PAGE;
	uint8_t *memory = calloc(1, size);
	uint8_t *back = malloc(size);
	uint64_t written = 0;
	struct stat st;
	int fd = new_file();

	(void)state;
	assert_non_null(memory);
	assert_non_null(back);
	memory[0] = 1; /* at a beginning, ... */
	memory[3 * CORE_PAGE - 1] = 2; /* an end, ... */
	memory[10 * CORE_PAGE + 100] = 3; /* two together, ... */
	memory[11 * CORE_PAGE] = 4;
	memory[size - 1] = 5; /* and the last */
	assert_int_equal(ftruncate(fd, (off_t)(CORE_PAGE + size)), 0);
	assert_int_equal(
		core_write_sparse(fd, memory, size, CORE_PAGE, &written), 0);
	assert_int_equal(written, 5 * CORE_PAGE);
	assert_int_equal(pread(fd, back, size, CORE_PAGE), size);
	assert_memory_equal(back, memory, size);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 <= 8 * CORE_PAGE);

	memset(memory, 7, size);
	assert_int_equal(
		core_write_sparse(fd, memory, size, CORE_PAGE, &written), 0);
	assert_int_equal(written, 69 * CORE_PAGE);
	memset(memory, 0, size);
	assert_int_equal(core_write_sparse(fd, memory, size, 0, &written), 0);
	assert_int_equal(written, 69 * CORE_PAGE);
	close(fd);
	free(memory);
	free(back);
}

static void test_full_disk(void **state)
{
	uint8_t *memory = calloc(1, CORE_PAGE);
	uint64_t written = 0;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_non_null(memory);
	assert_true(fd >= 0);
	memory[5] = 1;
	assert_int_equal(core_write(fd, memory, CORE_PAGE, 0), -ENOSPC);
	assert_int_equal(core_write_sparse(fd, memory, CORE_PAGE, 0, &written),
			 -ENOSPC);
	assert_int_equal(written, 0);
	assert_int_equal(core_write(-1, memory, CORE_PAGE, 0), -EBADF);
	close(fd);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_bad_regions),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
