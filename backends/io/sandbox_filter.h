/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words that filters of system calls are written in.  A filter is an array of
 * struct sock_filter: BEGIN, lines of ALLOW and ALLOW_IF, and REFUSE at the end.
 */
#ifndef ZV_BACKENDS_IO_SANDBOX_FILTER_H
#define ZV_BACKENDS_IO_SANDBOX_FILTER_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__riscv)
#define FILTER_ARCH AUDIT_ARCH_RISCV64
#else
#error "name the audit architecture of this machine"
#endif

/* The sanitizers of a test build need calls, files and memory without a limit. */
#if defined(__SANITIZE_ADDRESS__)
#define FILTER_WANTED 0
#else
#define FILTER_WANTED 1
#endif

#define IF_EQUAL(value, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), yes, no)
#define IF_ANY_BIT(mask, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (mask), yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define LOAD(member)                       \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 offsetof(struct seccomp_data, member))
#define PERMIT RETURN(SECCOMP_RET_ALLOW)
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EPERM)
#define LENGTH(...)                                      \
	(sizeof((struct sock_filter[]){ __VA_ARGS__ }) / \
	 sizeof(struct sock_filter))

#define ALLOW(name) IF_EQUAL(SYS_##name, 0, 1), PERMIT
/* Only if what follows permits it; it may spoil the loaded number. */
#define ALLOW_IF(name, ...) \
	IF_EQUAL(SYS_##name, 0, LENGTH(__VA_ARGS__) + 1), __VA_ARGS__, REFUSE

/*
 * What may follow.  ARG loads the low word of an argument, which comes first on
 * all the machines above.  It is all that the kernel looks at: the arguments
 * tested here are ints there, but for mmap's and mprotect's protection and
 * mmap's and mremap's flags, which have no meaning above bit 31.
 */
#define ARG(number) LOAD(args[number])
#define IS(value) IF_EQUAL(value, 0, 1), PERMIT
#define IS_WITHIN(mask) IF_ANY_BIT(~(uint32_t)(mask), 1, 0), PERMIT
#define MUST_BE_WITHIN(mask) IF_ANY_BIT(~(uint32_t)(mask), 0, 1), REFUSE

#define DATA_PROT (PROT_READ | PROT_WRITE)

#define BEGIN                                    \
	LOAD(arch), IF_EQUAL(FILTER_ARCH, 1, 0), \
		RETURN(SECCOMP_RET_KILL_PROCESS), LOAD(nr)

/* 0, or negative errno. */
static inline int install_filter_code(struct sock_filter *code, size_t count)
{
	struct sock_fprog program = {
		.len = (unsigned short)count,
		.filter = code,
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0
		       ? -errno
		       : 0;
}

#define INSTALL(code) \
	install_filter_code(code, sizeof(code) / sizeof((code)[0]))

#endif /* ZV_BACKENDS_IO_SANDBOX_FILTER_H */
