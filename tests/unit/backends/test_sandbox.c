/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process in the sandbox is left with: each test enters it in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zonevisor.h>

#include "blk/nbd_lib.h"
#include "blk/store_nbd.h"
#include "core/event_uv.h"
#include "io/sandbox.h"
#include "support/fake_nbd.h"

#define LAST_FD 5
#define SOMEBODY 12345u
#define PAGE 4096u

/* cmocka's assertions jump to the parent's stack: not for a child. */
#define EXPECT(what)                                                       \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "%s:%d: %s; errno %d\n", __func__, \
				__LINE__, #what, errno);                   \
			_exit(1);                                          \
		}                                                          \
	} while (0)

static void in_child(void (*work)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void need_root(void)
{
	if (geteuid() != 0) {
		skip();
	}
}

/* ------------------------------------------------------------ system calls */

/* As somebody who is not root, one cannot have a filter and new privileges. */
static void enter_filter(void)
{
	static const struct sandbox_needs needs = { 0 };

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
}

static long call(long number, long a, long b, long c, long d)
{
	errno = 0;
	return syscall(number, a, b, c, d, -1L, 0L);
}

static bool refused(long number, long a, long b, long c, long d)
{
	return call(number, a, b, c, d) == -1 && errno == EPERM;
}

/* Got past the filter: the descriptor is none. */
static bool permitted(long number, long b, long c, long d)
{
	return call(number, -1, b, c, d) == -1 && errno == EBADF;
}

static const long listed[] = {
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_ioctl,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_accept4,
	SYS_close,
	SYS_eventfd2,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_clock_gettime,
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_futex,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_tgkill,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_exit,
	SYS_rt_sigreturn,
	SYS_restart_syscall,
	SYS_exit_group,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef __x86_64__
	335,
	336, /* uretprobe, uprobe: Linux asks no filter */
#endif
};

static bool is_listed(long number)
{
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		if (listed[i] == number) {
			return true;
		}
	}
	return false;
}

static void try_everything(void)
{
	enter_filter();
	for (long number = 0; number < 1024; number++) {
		if (!is_listed(number) && !refused(number, -1, -1, -1, -1)) {
			fprintf(stderr, "system call %ld\n", number);
			_exit(1);
		}
	}
}

static void everything_else_is_refused(void **state)
{
	(void)state;
	in_child(try_everything);
}

static void try_disks(void)
{
	static const struct sandbox_needs needs = { .disks = 1 };

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
	EXPECT(permitted(SYS_io_uring_enter, 0, 0, 0));
	EXPECT(permitted(SYS_lseek, 0, SEEK_END, 0));
	EXPECT(refused(SYS_io_uring_setup, 1, 0, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNSETOFFLOAD, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNSETQUEUE, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNSETCARRIER, 0, 0));
	EXPECT(refused(SYS_io_uring_register, -1, 0, 0, 0));
	for (long number = 0; number < 1024; number++) {
		if (!is_listed(number) && number != SYS_io_uring_enter &&
		    number != SYS_lseek && !refused(number, -1, -1, -1, -1)) {
			fprintf(stderr, "system call %ld\n", number);
			_exit(1);
		}
	}
}

static void disks_need_their_rings(void **state)
{
	(void)state;
	in_child(try_disks);
}

static void try_taps(void)
{
	static const struct sandbox_needs needs = { .taps = true };

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
	EXPECT(permitted(SYS_readv, 0, 0, 0));
	EXPECT(permitted(SYS_ioctl, TUNSETOFFLOAD, 0, 0));
	EXPECT(permitted(SYS_ioctl, TUNSETQUEUE, 0, 0));
	EXPECT(permitted(SYS_ioctl, TUNSETCARRIER, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNSETIFF, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNSETOWNER, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, TUNATTACHFILTER, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_FEATURES, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_NUM, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_BASE, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_ADDR, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_CALL, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_KICK, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_NET_SET_BACKEND, 0, 0));
	EXPECT(refused(SYS_io_uring_enter, -1, 0, 0, 0));
	for (long number = 0; number < 1024; number++) {
		if (!is_listed(number) && number != SYS_readv &&
		    !refused(number, -1, -1, -1, -1)) {
			fprintf(stderr, "system call %ld\n", number);
			_exit(1);
		}
	}
}

static void taps_need_their_requests(void **state)
{
	(void)state;
	in_child(try_taps);
}

/* Those of a queue that starts and stops; the rest was done before. */
static void try_vhost(void)
{
	static const struct sandbox_needs needs = { .taps = true,
						    .vhost = true };

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
	EXPECT(permitted(SYS_ioctl, VHOST_SET_FEATURES, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_SET_VRING_NUM, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_SET_VRING_BASE, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_SET_VRING_ADDR, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_SET_VRING_CALL, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_SET_VRING_KICK, 0, 0));
	EXPECT(permitted(SYS_ioctl, VHOST_NET_SET_BACKEND, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_OWNER, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_RESET_OWNER, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_MEM_TABLE, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_LOG_BASE, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_LOG_FD, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_ERR, 0, 0));
	EXPECT(refused(SYS_ioctl, -1, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 0));
}

static void vhost_needs_its_requests(void **state)
{
	(void)state;
	in_child(try_vhost);
}

static bool has_line(pid_t pid, const char *file, const char *line)
{
	char path[64];
	char text[512];
	bool found = false;
	FILE *limits;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	limits = fopen(path, "r");
	assert_non_null(limits);
	while (!found && fgets(text, sizeof(text), limits) != NULL) {
		found = strncmp(text, line, strlen(line)) == 0;
	}
	fclose(limits);
	return found;
}

/* Should there be a way around the filter, the limit is still there. */
static void no_processes(void **state)
{
	int ready[2];
	int end[2];
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready) + pipe(end), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		EXPECT(dup2(ready[1], 3) == 3 && dup2(end[0], 4) == 4);
		enter_filter();
		EXPECT(fork() < 0);
		EXPECT(write(3, &byte, 1) == 1);
		_exit(read(4, &byte, 1) == 1 ? 0 : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(
		has_line(pid, "limits",
			 "Max processes             0                    0 "));
	assert_int_equal(write(end[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(end[0]);
	close(end[1]);
}

static const unsigned int requests[] = {
	ZV_IOC_IO_COMPLETE, ZV_IOC_SHADOW_UPDATE, ZV_IOC_INJECT,
	ZV_IOC_IOEVENTFD,   ZV_IOC_IRQFD,	  FIONBIO,
};

static bool is_request(unsigned int request)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i] == request) {
			return true;
		}
	}
	return false;
}

static void try_ioctl(void)
{
	static const unsigned int others[] = {
		ZV_IOC_INFO,
		ZV_IOC_ZONE_CREATE,
		ZV_IOC_ZONE_OPEN,
		ZV_IOC_ZONE_INFO,
		ZV_IOC_ZONE_STOP,
		ZV_IOC_ZONE_DESTROY,
		ZV_IOC_POPULATE,
		ZV_IOC_VCPU_SET,
		ZV_IOC_VCPU_PIN,
		ZV_IOC_VCPU_LIMIT,
		ZV_IOC_VCPU_GET,
		ZV_IOC_SHADOW_CREATE,
		ZV_IOC_SHADOW_ACTIONS,
		TIOCSTI,
		TIOCLINUX,
		TCGETS,
		TIOCGWINSZ,
		FIOASYNC,
		FIONREAD,
		FIOCLEX,
		0,
	};

	enter_filter();
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		EXPECT(permitted(SYS_ioctl, requests[i], 0, 0));
		for (unsigned int bit = 0; bit < 32; bit++) {
			unsigned int other = requests[i] ^ 1u << bit;

			EXPECT(is_request(other) ||
			       refused(SYS_ioctl, -1, other, 0, 0));
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		EXPECT(refused(SYS_ioctl, STDERR_FILENO, others[i], 0, 0));
	}
}

static void ioctl_by_request(void **state)
{
	(void)state;
	in_child(try_ioctl);
}

static void try_flags(long number, long flags)
{
	EXPECT(permitted(number, 0, 0, flags));
	for (unsigned int bit = 0; bit < 32; bit++) {
		EXPECT(refused(number, -1, 0, 0, flags ^ 1l << bit));
	}
}

static void try_nbd_messages(void)
{
	static const struct sandbox_needs needs = { .nbd_disks = 1 };

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
	EXPECT(permitted(SYS_recvfrom, 0, 0, MSG_DONTWAIT));
	EXPECT(permitted(SYS_recvfrom, 0, 0, 0));
	EXPECT(refused(SYS_recvfrom, -1, 0, 0, MSG_OOB));
	EXPECT(permitted(SYS_sendto, 0, 0, MSG_DONTWAIT | MSG_NOSIGNAL));
	EXPECT(permitted(SYS_sendto, 0, 0, MSG_NOSIGNAL));
	EXPECT(permitted(SYS_sendto, 0, 0, MSG_NOSIGNAL | MSG_MORE));
	EXPECT(refused(SYS_sendto, -1, 0, 0, MSG_NOSIGNAL | MSG_OOB));
	EXPECT(refused(SYS_sendto, -1, 0, 0, 0));
	for (long number = 0; number < 1024; number++) {
		if (!is_listed(number) && !refused(number, -1, -1, -1, -1)) {
			fprintf(stderr, "system call %ld\n", number);
			_exit(1);
		}
	}
}

static void nbd_messages_by_flags(void **state)
{
	(void)state;
	in_child(try_nbd_messages);
}

static struct {
	uv_loop_t uv;
	struct event_uv ev;
	struct blk_store *store;
	uint8_t memory[256 * 1024];
	struct iovec iov[3];
	struct blk_request request;
	bool done;
	int error;
	bool lost;
} nbd;

static void on_nbd_done(struct blk_request *request, int error)
{
	(void)request;
	nbd.done = true;
	nbd.error = error;
}

static void on_nbd_lost(void *owner)
{
	(void)owner;
	nbd.lost = true;
}

static void enter_with_nbd(const struct fake_nbd_plan *plan)
{
	static const struct sandbox_needs needs = { .nbd_disks = 1 };
	const struct store_nbd_config config = { .on_lost = on_nbd_lost };
	int fd;

	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(uv_loop_init(&nbd.uv) == 0);
	EXPECT(event_uv_init(&nbd.ev, &nbd.uv) == 0);
	EXPECT(fake_nbd_start(plan, &fd) != NULL);
	EXPECT(store_nbd_open(&nbd.ev.loop, fd, &config, &nbd.store) == 0);
	EXPECT(sandbox_filter(&needs) == 0);
}

/* In three pieces, cut within blocks. */
static int run_nbd(enum blk_op op, uint32_t length)
{
	nbd.iov[0] = (struct iovec){ nbd.memory, length / 2 };
	nbd.iov[1] = (struct iovec){ nbd.memory + length / 2, 100 };
	nbd.iov[2] = (struct iovec){ nbd.memory + length / 2 + 100,
				     length - length / 2 - 100 };
	nbd.request = (struct blk_request){
		.op = op,
		.flags = op == BLK_READ ? 0 : BLK_F_STABLE,
		.length = op == BLK_FLUSH ? 0 : length,
		.iov = nbd.iov,
		.iov_count = 3,
		.done = on_nbd_done,
	};
	nbd.done = false;
	nbd.store->ops->submit(nbd.store, &nbd.request);
	nbd.store->ops->commit(nbd.store);
	while (!nbd.done) {
		uv_run(&nbd.uv, UV_RUN_ONCE);
	}
	return nbd.error;
}

/* More than a socket takes at once, so there is waiting in both directions. */
static void try_nbd_disk(void)
{
	enter_with_nbd(&(struct fake_nbd_plan){ .flags = FAKE_NBD_FLUSH |
							 FAKE_NBD_ZEROES });
	for (uint32_t i = 0; i < 20; i++) {
		memset(nbd.memory, (int)i + 1, sizeof(nbd.memory));
		EXPECT(run_nbd(BLK_WRITE, sizeof(nbd.memory)) == 0);
		memset(nbd.memory, 0, sizeof(nbd.memory));
		EXPECT(run_nbd(BLK_READ, sizeof(nbd.memory)) == 0);
		EXPECT(nbd.memory[0] == i + 1);
		EXPECT(nbd.memory[sizeof(nbd.memory) - 1] == i + 1);
		EXPECT(run_nbd(BLK_WRITE_ZEROES, 512) == 0);
		EXPECT(run_nbd(BLK_FLUSH, 0) == 0);
	}
	EXPECT(!nbd.lost);
	nbd.store->ops->close(nbd.store);
}

static void try_nbd_loss(void)
{
	enter_with_nbd(&(struct fake_nbd_plan){ .how = FAKE_NBD_HALF });
	EXPECT(run_nbd(BLK_READ, sizeof(nbd.memory)) == -EIO);
	EXPECT(nbd.lost);
	EXPECT(run_nbd(BLK_READ, 512) == -EIO);
	nbd.store->ops->close(nbd.store);
}

static void an_nbd_disk_works(void **state)
{
	(void)state;
	if (nbd_lib_load() == NULL) {
		print_message("libnbd is not installed here\n");
		skip();
	}
	in_child(try_nbd_disk);
	in_child(try_nbd_loss);
}

static void try_messages(void)
{
	enter_filter();
	try_flags(SYS_recvfrom, MSG_DONTWAIT);
	EXPECT(permitted(SYS_recvmsg, 0, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0));
	EXPECT(refused(SYS_recvmsg, -1, 0, MSG_OOB, 0));
	try_flags(SYS_sendto, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void messages_by_flags(void **state)
{
	(void)state;
	in_child(try_messages);
}

static bool refuses_map(int prot, int flags, int fd)
{
	errno = 0;
	return mmap(NULL, PAGE, prot, flags, fd, 0) == MAP_FAILED &&
	       errno == EPERM;
}

static void try_mapping(void)
{
	const int own = MAP_PRIVATE | MAP_ANONYMOUS;
	FILE *file = tmpfile();
	int fd;
	void *at;

	EXPECT(file != NULL);
	fd = dup2(fileno(file), LAST_FD);
	enter_filter();
	EXPECT(refuses_map(PROT_EXEC, own, -1));
	EXPECT(refuses_map(PROT_READ | PROT_EXEC, own, -1));
	EXPECT(refuses_map(PROT_READ | PROT_WRITE | PROT_EXEC, own, -1));
	EXPECT(refuses_map(PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1));
	EXPECT(refuses_map(PROT_READ, MAP_SHARED, fd));
	EXPECT(refuses_map(PROT_READ, MAP_PRIVATE, fd));
	EXPECT(refuses_map(PROT_READ, own | MAP_HUGETLB, -1));
	EXPECT(refuses_map(PROT_READ, own | MAP_FIXED, -1));
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, own, -1, 0);
	EXPECT(at != MAP_FAILED);
	EXPECT(mprotect(at, PAGE, PROT_NONE) == 0);
	EXPECT(mprotect(at, PAGE, PROT_READ | PROT_WRITE) == 0);
	EXPECT(mprotect(at, PAGE, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
	EXPECT(mprotect(at, PAGE, PROT_EXEC) < 0 && errno == EPERM);
	EXPECT(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) ==
		       MAP_FAILED &&
	       errno == EPERM);
	at = mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	EXPECT(at != MAP_FAILED);
	EXPECT(munmap(at, 2 * PAGE) == 0);
}

static void memory_is_no_code_and_not_shared(void **state)
{
	(void)state;
	in_child(try_mapping);
}

static void try_memory(void)
{
	enter_filter();
	EXPECT(mmap(NULL, 128u << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	EXPECT(errno == ENOMEM);
	/* Nor in another way. */
	EXPECT(malloc(128u << 20) == NULL);
	EXPECT(malloc(1u << 20) != NULL);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	in_child(try_memory);
}

static void try_others(void)
{
	/* Its high bits are the complement of a process's id. */
	const long others_clock = (long)(~(unsigned int)getppid() << 3 | 2);
	uint32_t word = 0;
	struct timespec ts;
	long at = (long)(uintptr_t)&ts;
	long lock = (long)(uintptr_t)&word;

	enter_filter();
	EXPECT(refused(SYS_tgkill, 1, 1, 0, 0));
	EXPECT(call(SYS_tgkill, getpid(), gettid(), 0, 0) == 0);
	EXPECT(refused(SYS_clock_gettime, others_clock, at, 0, 0));
	EXPECT(refused(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, at, 0, 0));
	EXPECT(call(SYS_clock_gettime, CLOCK_REALTIME, at, 0, 0) == 0);
	EXPECT(call(SYS_clock_gettime, CLOCK_MONOTONIC, at, 0, 0) == 0);
	EXPECT(call(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, at, 0, 0) == 0);
	EXPECT(refused(SYS_futex, lock, FUTEX_WAKE, 1, 0));
	EXPECT(refused(SYS_futex, lock, FUTEX_LOCK_PI_PRIVATE, 1, 0));
	EXPECT(refused(SYS_futex, lock, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, 0));
	EXPECT(call(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, 0) == 0);
}

static void other_processes_are_out_of_reach(void **state)
{
	(void)state;
	in_child(try_others);
}

/* -------------------------------------------------------------- privileges */

/* Of /proc/self/status, without leading blanks. */
static const char *status_of(const char *key)
{
	static char line[512];
	FILE *file = fopen("/proc/self/status", "r");
	size_t len = strlen(key);

	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, len) == 0 && line[len] == ':') {
			fclose(file);
			line[strcspn(line, "\n")] = '\0';
			return line + len + 1 + strspn(line + len + 1, " \t");
		}
	}
	EXPECT(!"no such line");
	return NULL;
}

static void expect_status(const char *key, const char *value)
{
	const char *found = status_of(key);

	if (strcmp(found, value) != 0) {
		fprintf(stderr, "%s: %s, not %s\n", key, found, value);
		_exit(1);
	}
}

static void expect_ids(unsigned int id)
{
	char ids[64];

	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", id, id, id, id);
	expect_status("Uid", ids);
	expect_status("Gid", ids);
}

static void expect_no_capabilities(void)
{
	static const char none[] = "0000000000000000";

	expect_status("CapInh", none);
	expect_status("CapPrm", none);
	expect_status("CapEff", none);
	expect_status("CapAmb", none);
}

static void enter(const struct sandbox_user *user)
{
	const char *what = "";

	EXPECT(sandbox_early(LAST_FD) == 0);
	if (sandbox_drop(user, &what) != 0) {
		fprintf(stderr, "%s\n", what);
		_exit(1);
	}
}

static void expect_nothing_left(void)
{
	expect_no_capabilities();
	expect_status("CapBnd", "0000000000000000");
	expect_status("Groups", "");
	EXPECT(setuid(0) < 0 && setgid(0) < 0);
	EXPECT(setgroups(0, NULL) < 0);
}

static void root_becomes_nobody(void)
{
	const gid_t groups[] = { 7, 8 };

	EXPECT(setgroups(2, groups) == 0);
	enter(NULL);
	expect_ids(SANDBOX_NOBODY);
	expect_nothing_left();
}

static void without_a_user(void **state)
{
	(void)state;
	need_root();
	in_child(root_becomes_nobody);
}

static void root_becomes_somebody(void)
{
	const struct sandbox_user user = { SOMEBODY, SOMEBODY };

	enter(&user);
	expect_ids(SOMEBODY);
	expect_nothing_left();
}

static void with_a_user(void **state)
{
	(void)state;
	need_root();
	in_child(root_becomes_somebody);
}

static void somebody_stays(void)
{
	if (geteuid() == 0) {
		EXPECT(setgroups(0, NULL) == 0);
		EXPECT(setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
		EXPECT(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
		enter(NULL);
		expect_ids(SOMEBODY);
	} else {
		enter(NULL);
	}
	expect_no_capabilities();
}

static void unprivileged(void **state)
{
	(void)state;
	in_child(somebody_stays);
}

/* As a service manager can start a daemon that is not root. */
static void somebody_with_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	data[0].permitted = data[0].effective = data[0].inheritable =
		1u << CAP_NET_RAW;
	EXPECT(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	EXPECT(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	EXPECT(syscall(SYS_capset, &header, data) == 0);
	EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) ==
	       0);
	enter(NULL);
	expect_no_capabilities();
}

static void capabilities_without_root(void **state)
{
	(void)state;
	need_root();
	in_child(somebody_with_capabilities);
}

/* Who can become root again is root, and must not pass for somebody else. */
static void saved_root(void)
{
	const char *what = NULL;

	EXPECT(setresuid(SOMEBODY, SOMEBODY, 0) == 0);
	if (sandbox_drop(NULL, &what) == 0) {
		EXPECT(setresuid(0, 0, 0) < 0);
	} else {
		EXPECT(what != NULL);
	}
}

static void root_in_disguise(void **state)
{
	(void)state;
	need_root();
	in_child(saved_root);
}

/* What it was when the directory was opened is forgotten by now. */
static ino_t namespace(int dir, const char *name)
{
	struct stat st = { 0 };

	EXPECT(fstatat(dir, name, &st, 0) == 0);
	return st.st_ino;
}

static void root_leaves(void)
{
	static const char *const names[] = { "mnt", "net", "ipc", "uts" };
	int dir = open("/proc/self/ns", O_RDONLY | O_DIRECTORY);
	const char *what = "";
	ino_t before[4];

	for (int i = 0; i < 4; i++) {
		before[i] = namespace(dir, names[i]);
	}
	if (sandbox_isolate(&what) != 0) {
		fprintf(stderr, "%s\n", what);
		_exit(1);
	}
	for (int i = 0; i < 4; i++) {
		EXPECT(namespace(dir, names[i]) != before[i]);
	}
	EXPECT(open("/proc/self/status", O_RDONLY) < 0 && errno == ENOENT);
	EXPECT(open("/../etc/passwd", O_RDONLY) < 0 && errno == ENOENT);
	EXPECT(mkdir("/x", 0700) < 0 && errno == EROFS);
	EXPECT(sandbox_drop(NULL, &what) == 0);
	EXPECT(setuid(0) < 0);
}

static void namespaces(void **state)
{
	(void)state;
	need_root();
	in_child(root_leaves);
}

static void somebody_cannot_leave(void)
{
	const char *what = "";

	if (geteuid() == 0) {
		EXPECT(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
	}
	EXPECT(sandbox_isolate(&what) == 0);
	EXPECT(access("/proc/self/status", F_OK) == 0);
}

static void namespaces_without_root(void **state)
{
	(void)state;
	in_child(somebody_cannot_leave);
}

static bool is_limit(int what, rlim_t value)
{
	struct rlimit limit = { 0, 0 };

	return getrlimit((__rlimit_resource_t)what, &limit) == 0 &&
	       limit.rlim_cur == value && limit.rlim_max == value;
}

static void try_limits(void)
{
	/* What the kernel does by itself for one who stops being root. */
	if (geteuid() == 0) {
		EXPECT(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
		EXPECT(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	}
	EXPECT(dup2(STDERR_FILENO, LAST_FD) == LAST_FD);
	EXPECT(dup2(STDERR_FILENO, LAST_FD + 1) == LAST_FD + 1);
	EXPECT(sandbox_early(LAST_FD) == 0);
	EXPECT(fcntl(LAST_FD, F_GETFD) >= 0);
	EXPECT(fcntl(LAST_FD + 1, F_GETFD) < 0);
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(is_limit(RLIMIT_CORE, 0));
	EXPECT(is_limit(RLIMIT_NOFILE, 1024));
}

static void early_limits(void **state)
{
	(void)state;
	in_child(try_limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(disks_need_their_rings),
		cmocka_unit_test(taps_need_their_requests),
		cmocka_unit_test(vhost_needs_its_requests),
		cmocka_unit_test(no_processes),
		cmocka_unit_test(ioctl_by_request),
		cmocka_unit_test(messages_by_flags),
		cmocka_unit_test(nbd_messages_by_flags),
		cmocka_unit_test(an_nbd_disk_works),
		cmocka_unit_test(memory_is_no_code_and_not_shared),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(other_processes_are_out_of_reach),
		cmocka_unit_test(without_a_user),
		cmocka_unit_test(with_a_user),
		cmocka_unit_test(unprivileged),
		cmocka_unit_test(capabilities_without_root),
		cmocka_unit_test(root_in_disguise),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(namespaces_without_root),
		cmocka_unit_test(early_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
