/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <zonevisor.h>

#include "io/sandbox_filter.h"

/* Clients, files and eventfds of 32 devices, the loop's own, some to spare. */
#define FDS_MAX 1024u
/* Bytes of private memory, several times what 64 clients and the loop take. */
#define DATA_MAX (64u << 20)
/* And for each disk: a request for each descriptor of eight queues. */
#define DATA_PER_DISK (16u << 20)
/* The number of no system call. */
#define NO_CALL UINT32_MAX

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
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -errno;
	}
	rc = limit(RLIMIT_CORE, 0);
	if (rc == 0) {
		rc = limit(RLIMIT_NOFILE, FDS_MAX);
	}
	return rc;
}

/* -------------------------------------------------------------- privileges */

/* Also if it could become root again. */
static bool is_root(void)
{
	uid_t real = 0;
	uid_t effective = 0;
	uid_t saved = 0;

	return getresuid(&real, &effective, &saved) < 0 || real == 0 ||
	       effective == 0 || saved == 0;
}

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[CAP_TO_INDEX(capability)].effective &
		CAP_TO_MASK(capability)) != 0;
}

/*
 * Over the old root, which may be the initial ramfs: that one cannot be left by
 * pivot_root().  /proc only lends its place.
 */
static int empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("hvd-io", "/proc", "tmpfs",
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,mode=0555") < 0 ||
	    chdir("/proc") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0) {
		return -errno;
	}
	return 0;
}

int sandbox_isolate(const char **ret_what)
{
	if (!FILTER_WANTED || !has_capability(CAP_SYS_ADMIN)) {
		return 0;
	}
	*ret_what = "making namespaces of its own";
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) <
	    0) {
		return -errno;
	}
	*ret_what = "making a root directory of its own";
	return empty_root();
}

/* Takes CAP_SETPCAP, so it comes first. */
static int empty_bounding_set(void)
{
	for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0;
	     i++) {
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			return -errno;
		}
	}
	return 0;
}

static int change_user(const struct sandbox_user *user)
{
	return setgroups(0, NULL) < 0 ||
			       setresgid(user->gid, user->gid, user->gid) < 0 ||
			       setresuid(user->uid, user->uid, user->uid) < 0
		       ? -errno
		       : 0;
}

/* Leaving root empties some of them; who was not root may hold any. */
static int empty_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
			       syscall(SYS_capset, &header, none) < 0
		       ? -errno
		       : 0;
}

int sandbox_drop(const struct sandbox_user *user, const char **ret_what)
{
	static const struct sandbox_user nobody = { SANDBOX_NOBODY,
						    SANDBOX_NOBODY };
	bool root = is_root();
	int rc = 0;

	if (user == NULL && root) {
		user = &nobody;
	}
	*ret_what = "emptying the capability bounding set";
	if (root || has_capability(CAP_SETPCAP)) {
		rc = empty_bounding_set();
	}
	if (rc == 0 && user != NULL) {
		*ret_what = "changing to another user and group";
		rc = change_user(user);
	}
	if (rc == 0) {
		*ret_what = "giving up capabilities";
		rc = empty_capabilities();
	}
	/* Changing the user may have made it dumpable again. */
	if (rc == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		*ret_what = "PR_SET_DUMPABLE";
		rc = -errno;
	}
	return rc;
}

/* ------------------------------------------------------------ system calls */

static int install_filter(const struct sandbox_needs *needs)
{
	const uint32_t own_pid = (uint32_t)getpid();
	const uint32_t enter_ring =
		needs->disks != 0 ? SYS_io_uring_enter : NO_CALL;
	const uint32_t seek = needs->disks != 0 ? SYS_lseek : NO_CALL;
	const uint32_t readv = needs->taps ? SYS_readv : NO_CALL;
	/* link_tap.c; else one that is passed anyway */
	const uint32_t tap_offload = needs->taps ? TUNSETOFFLOAD : FIONBIO;
	const uint32_t tap_queue = needs->taps ? TUNSETQUEUE : FIONBIO;
	const uint32_t tap_carrier = needs->taps ? TUNSETCARRIER : FIONBIO;
	/* vhost_net.c, of a queue that starts or stops; the same */
	const bool vhost = needs->vhost;
	const uint32_t vhost_features = vhost ? VHOST_SET_FEATURES : FIONBIO;
	const uint32_t vhost_num = vhost ? VHOST_SET_VRING_NUM : FIONBIO;
	const uint32_t vhost_base = vhost ? VHOST_SET_VRING_BASE : FIONBIO;
	const uint32_t vhost_addr = vhost ? VHOST_SET_VRING_ADDR : FIONBIO;
	const uint32_t vhost_call = vhost ? VHOST_SET_VRING_CALL : FIONBIO;
	const uint32_t vhost_kick = vhost ? VHOST_SET_VRING_KICK : FIONBIO;
	const uint32_t vhost_tap = vhost ? VHOST_NET_SET_BACKEND : FIONBIO;
	const bool nbd = needs->nbd_disks != 0;
	/* libnbd's flags, or those that are permitted anyway */
	const uint32_t nbd_recv = nbd ? 0 : MSG_DONTWAIT;
	const uint32_t nbd_send =
		nbd ? MSG_NOSIGNAL : MSG_DONTWAIT | MSG_NOSIGNAL;
	const uint32_t nbd_send_more =
		nbd ? MSG_NOSIGNAL | MSG_MORE : MSG_DONTWAIT | MSG_NOSIGNAL;
	struct sock_filter code[] = {
		BEGIN,
		/* serving */
		ALLOW(read),
		ALLOW(write),
		ALLOW(writev),
		/* zone_port_fd.c; FIONBIO is libuv's for each watched fd */
		ALLOW_IF(ioctl, ARG(1), IS(ZV_IOC_IO_COMPLETE),
			 IS(ZV_IOC_SHADOW_UPDATE), IS(ZV_IOC_INJECT),
			 IS(ZV_IOC_IOEVENTFD), IS(ZV_IOC_IRQFD), IS(FIONBIO),
			 IS(tap_offload), IS(tap_queue), IS(tap_carrier),
			 IS(vhost_features), IS(vhost_num), IS(vhost_base),
			 IS(vhost_addr), IS(vhost_call), IS(vhost_kick),
			 IS(vhost_tap)),
		ALLOW_IF(recvmsg, ARG(2), IS(MSG_DONTWAIT | MSG_CMSG_CLOEXEC)),
		/* the flags of control.c and console_server.c: no MSG_OOB */
		ALLOW_IF(recvfrom, ARG(3), IS(MSG_DONTWAIT), IS(nbd_recv)),
		ALLOW_IF(sendto, ARG(3), IS(MSG_DONTWAIT | MSG_NOSIGNAL),
			 IS(nbd_send), IS(nbd_send_more)),
		ALLOW(accept4),
		ALLOW(close),
		ALLOW(eventfd2),
		ALLOW(epoll_ctl),
		ALLOW(epoll_pwait),
		/* no clock of another process */
		ALLOW_IF(clock_gettime, ARG(0), IS(CLOCK_REALTIME),
			 IS(CLOCK_MONOTONIC), IS(CLOCK_MONOTONIC_COARSE)),
		/* packets, into several buffers of a guest */
		IF_EQUAL(readv, 0, 1),
		PERMIT,
		/* disks: their rings are restricted and no other can be made */
		IF_EQUAL(enter_ring, 0, 1),
		PERMIT,
		/* ... and their sizes */
		IF_EQUAL(seek, 0, 1),
		PERMIT,
		/* the C library: memory, locks, signals, the end */
		ALLOW(brk),
		ALLOW_IF(mmap, ARG(2), MUST_BE_WITHIN(DATA_PROT), ARG(3),
			 IS(MAP_PRIVATE | MAP_ANONYMOUS)),
		ALLOW(munmap),
		ALLOW_IF(mremap, ARG(3), IS(MREMAP_MAYMOVE)),
		ALLOW_IF(mprotect, ARG(2), IS_WITHIN(DATA_PROT)),
		ALLOW_IF(futex, ARG(1), IS(FUTEX_WAIT_PRIVATE),
			 IS(FUTEX_WAKE_PRIVATE)),
		ALLOW(getrandom),
		ALLOW(getpid),
		ALLOW(gettid),
		ALLOW_IF(tgkill, ARG(0), IS(own_pid)),
		ALLOW(rt_sigaction),
		ALLOW(rt_sigprocmask),
		ALLOW(rt_sigreturn),
		ALLOW(restart_syscall),
		ALLOW(exit),
		ALLOW(exit_group),
#ifdef SYS_epoll_wait
		ALLOW(epoll_wait),
#endif
		REFUSE,
	};

	return INSTALL(code);
}

/* Anything else fails with EPERM; nothing here can open or start a thing. */
int sandbox_filter(const struct sandbox_needs *needs)
{
	int rc;

	if (!FILTER_WANTED) {
		return 0;
	}
	rc = limit(RLIMIT_DATA,
		   DATA_MAX + (rlim_t)DATA_PER_DISK *
				      (needs->disks + needs->nbd_disks));
	if (rc == 0 && needs->disks == 0) {
		/*
		 * Neither processes nor threads, not even by a way around the
		 * filter.  A ring's workers are threads to this limit.
		 */
		rc = limit(RLIMIT_NPROC, 0);
	}
	return rc == 0 ? install_filter(needs) : rc;
}
