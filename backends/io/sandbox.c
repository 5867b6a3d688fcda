/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Clients, eventfds, the loop's own, and some to spare. */
#define FDS_MAX 256u

#if defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__riscv)
#define FILTER_ARCH AUDIT_ARCH_RISCV64
#else
#error "name the audit architecture of this machine"
#endif

static int limit(int what, rlim_t value)
{
	struct rlimit limit = { value, value };

	/* glibc's type of `what` is an enum in GNU C. */
	return setrlimit((__rlimit_resource_t)what, &limit) < 0 ? -errno : 0;
}

int sandbox_early(int last_fd)
{
	int rc;

	if (syscall(SYS_close_range, last_fd + 1, ~0u, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		return -errno;
	}
	rc = limit(RLIMIT_CORE, 0);
	if (rc == 0) {
		rc = limit(RLIMIT_NOFILE, FDS_MAX);
	}
	return rc;
}

int sandbox_drop(uint32_t uid, uint32_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0) {
		return -errno;
	}
	/* Changing the user may have made it dumpable again. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		return -errno;
	}
	return 0;
}

/* The sanitizers of a test build need calls that no filter should let by. */
#if defined(__SANITIZE_ADDRESS__)
#define FILTER_WANTED 0
#else
#define FILTER_WANTED 1
#endif

#define ALLOW(name)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/*
 * Only with the own pid as first argument.  The kernel looks at the low word of
 * it alone, which comes first on all the machines above.
 */
#define ALLOW_OWN(name)                                             \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),      \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                  \
			 offsetof(struct seccomp_data, args)),      \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own_pid, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),       \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Anything else fails with EPERM; nothing here can open or start a thing. */
int sandbox_filter(void)
{
	const uint32_t own_pid = (uint32_t)getpid();
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		/* serving */
		ALLOW(read),
		ALLOW(write),
		ALLOW(writev),
		ALLOW(ioctl),
		ALLOW(recvfrom),
		ALLOW(sendto),
		ALLOW(accept4),
		ALLOW(close),
		ALLOW(eventfd2),
		ALLOW(fcntl),
		ALLOW(epoll_ctl),
		ALLOW(epoll_pwait),
		ALLOW(ppoll),
		ALLOW(clock_gettime),
		/* the C library: memory, locks, signals, the end */
		ALLOW(brk),
		ALLOW(mmap),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(mprotect),
		ALLOW(madvise),
		ALLOW(futex),
		ALLOW(getrandom),
		ALLOW(getpid),
		ALLOW(gettid),
		ALLOW_OWN(tgkill),
		ALLOW(rt_sigaction),
		ALLOW(rt_sigprocmask),
		ALLOW(rt_sigreturn),
		ALLOW(restart_syscall),
		ALLOW(exit),
		ALLOW(exit_group),
#ifdef SYS_epoll_wait
		ALLOW(epoll_wait),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	if (!FILTER_WANTED) {
		return 0;
	}
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0
		       ? -errno
		       : 0;
}
