/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_sandbox.h"

#include <drm.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/sandbox_filter.h"

/*
 * Bytes of private memory for each process: encoders have up to three copies of
 * what they send at a time.
 */
#define DATA_MAX (128u << 20)
/* Bytes of a screenshot's file: of the largest picture that video memory holds. */
#define FILE_MAX (256u << 20)

/* What fork() asks of clone(). */
#define FORK_FLAGS (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

/* The C library: memory (and maps of that kind), locks, signals, the end. */
#define DATA_MAP (MAP_PRIVATE | MAP_ANONYMOUS)
#define ALLOW_LIBRARY(map)                                                   \
	ALLOW(brk),                                                          \
		ALLOW_IF(mmap, ARG(2), MUST_BE_WITHIN(DATA_PROT), ARG(3),    \
			 IS(DATA_MAP), IS(map)),                             \
		ALLOW(munmap), ALLOW_IF(mremap, ARG(3), IS(MREMAP_MAYMOVE)), \
		ALLOW_IF(mprotect, ARG(2), IS_WITHIN(DATA_PROT)),            \
		ALLOW(madvise),                                              \
		ALLOW_IF(futex, ARG(1), IS(FUTEX_WAIT_PRIVATE),              \
			 IS(FUTEX_WAKE_PRIVATE)),                            \
		ALLOW(getrandom), ALLOW(getpid), ALLOW(gettid),              \
		ALLOW(rt_sigaction), ALLOW(rt_sigprocmask),                  \
		ALLOW(rt_sigreturn), ALLOW(restart_syscall), ALLOW(exit),    \
		ALLOW(exit_group),                                           \
		ALLOW_IF(clock_gettime, ARG(0), IS(CLOCK_REALTIME),          \
			 IS(CLOCK_MONOTONIC), IS(CLOCK_MONOTONIC_COARSE))

/* libvncserver and libpng, and what waits for a viewer. */
#ifdef SYS_poll
#define ALLOW_OLD_POLL ALLOW(poll),
#define ALLOW_OLD ALLOW_OLD_POLL ALLOW(select),
#else
#define ALLOW_OLD_POLL
#define ALLOW_OLD
#endif
#define ALLOW_CHILD                                                          \
	ALLOW(read), ALLOW(write), ALLOW(close), ALLOW(recvfrom),            \
		ALLOW_IF(sendto, ARG(3), IS(MSG_NOSIGNAL),                   \
			 IS(MSG_DONTWAIT | MSG_NOSIGNAL)),                   \
		ALLOW_OLD ALLOW(ppoll), ALLOW(pselect6), ALLOW(getpeername), \
		ALLOW_IF(setsockopt, ARG(1), MUST_BE_WITHIN(IPPROTO_TCP),    \
			 ARG(2), IS(TCP_NODELAY)),                           \
		ALLOW(uname), ALLOW(setitimer), ALLOW(gettimeofday)

/* display_kms.c: its monitors, their modes, pictures, and flips. */
#define CARD_CALLS(call)                                                       \
	call(DRM_IOCTL_MODE_GETRESOURCES), call(DRM_IOCTL_MODE_GETCONNECTOR),  \
		call(DRM_IOCTL_MODE_GETENCODER), call(DRM_IOCTL_MODE_SETCRTC), \
		call(DRM_IOCTL_MODE_ADDFB), call(DRM_IOCTL_MODE_RMFB),         \
		call(DRM_IOCTL_MODE_PAGE_FLIP),                                \
		call(DRM_IOCTL_MODE_CREATE_DUMB),                              \
		call(DRM_IOCTL_MODE_MAP_DUMB),                                 \
		call(DRM_IOCTL_MODE_DESTROY_DUMB)

int display_sandbox(bool card)
{
	/* What the child that has the card may; else calls that are passed anyway. */
	const uint32_t map = card ? MAP_SHARED : DATA_MAP;
#define IS_OF_CARD(number) IS(card ? (uint32_t)(number) : FIONBIO)
	const struct rlimit data = { DATA_MAX, DATA_MAX };
	const struct rlimit file = { FILE_MAX, FILE_MAX };
	struct sock_filter code[] = {
		BEGIN,
		ALLOW_CHILD,
		ALLOW_LIBRARY(map),
		/* the loop; FIONBIO is libuv's for each watched fd */
		ALLOW(writev),
		ALLOW_IF(ioctl, ARG(1), IS(FIONBIO), CARD_CALLS(IS_OF_CARD)),
		ALLOW_IF(recvmsg, ARG(2), IS(MSG_DONTWAIT | MSG_CMSG_CLOEXEC)),
		ALLOW(eventfd2),
		ALLOW(epoll_ctl),
		ALLOW(epoll_pwait),
#ifdef SYS_epoll_wait
		ALLOW(epoll_wait),
#endif
		/* viewers, files */
		ALLOW(accept4),
		ALLOW(socketpair),
		ALLOW(pread64),
		ALLOW(fstat),
#ifdef SYS_newfstatat
		ALLOW(newfstatat),
#endif
		/* processes for them, and what those do before their filter */
		ALLOW_IF(clone, ARG(0), IS(FORK_FLAGS)),
		ALLOW(set_robust_list),
		ALLOW(getppid),
		ALLOW(pipe2), /* libuv, after each fork */
		ALLOW(pidfd_open),
		ALLOW(wait4),
		ALLOW_IF(prctl, ARG(0), IS(PR_SET_PDEATHSIG),
			 IS(PR_SET_SECCOMP)),
		ALLOW(close_range),
		ALLOW(dup3),
#ifdef SYS_dup2
		ALLOW(dup2),
#endif
		ALLOW_IF(fcntl, ARG(1), IS(F_DUPFD), IS(F_GETFL), IS(F_SETFL)),
		REFUSE,
	};

	if (!FILTER_WANTED) {
		return 0;
	}
	if (setrlimit(RLIMIT_DATA, &data) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &file) < 0) {
		return -errno;
	}
	return INSTALL(code);
}

int display_sandbox_child(void)
{
	struct sock_filter code[] = {
		BEGIN,
		ALLOW_CHILD,
		ALLOW_LIBRARY(DATA_MAP),
		ALLOW_IF(fcntl, ARG(1), IS(F_GETFL), IS(F_SETFL)),
		REFUSE,
	};

	return FILTER_WANTED ? INSTALL(code) : 0;
}

int display_sandbox_screen(void)
{
	struct sock_filter code[] = {
		BEGIN,
		ALLOW_LIBRARY(MAP_SHARED),
		/* the links, what the kernel says, ends of flips */
		ALLOW(recvfrom),
		ALLOW_IF(sendto, ARG(3), IS(MSG_NOSIGNAL)),
		ALLOW(read),
		ALLOW_OLD_POLL ALLOW(ppoll),
		ALLOW(write), /* what it says when it is broken */
		ALLOW_IF(ioctl, ARG(1), CARD_CALLS(IS)),
		REFUSE,
	};

	return FILTER_WANTED ? INSTALL(code) : 0;
}

/* It copies, and reads its certificates; the rest is arithmetic. */
int display_sandbox_tls(void)
{
	struct sock_filter code[] = {
		BEGIN,
		ALLOW(read),
		ALLOW(write),
		ALLOW_OLD_POLL ALLOW(ppoll),
		ALLOW(pread64),
		ALLOW(close),
		ALLOW(setitimer),
		ALLOW_LIBRARY(DATA_MAP),
		REFUSE,
	};

	return FILTER_WANTED ? INSTALL(code) : 0;
}
