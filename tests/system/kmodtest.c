/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module's interface, from zone0's userspace: memory that can be pinned,
 * rights of the two kinds of zone fd, the trace, eventfds, the restart area, processes whose
 * I/O fd was taken over, and destroy by reference count.  Prints PASS/FAIL lines
 * and "DONE"; status 1 after a FAIL.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zonevisor.h>

#define RAM 0x40000000ull
#define SIZE (2 * ZV_CHUNK_SIZE)
#define TRIES 600 /* of 100 ms: pins of a closed ring go asynchronously */
#define RACES 20
/* What a process writes at least if nothing ends it. */
#define RACE_WRITES 1000

static int device;
static int failed;

static void check(bool ok, const char *what)
{
	printf("%s: %s\n", ok ? "PASS" : "FAIL", what);
	failed += !ok;
}

/* errno of a request, 0 if it succeeded. */
static int request(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? errno : 0;
}

static unsigned long long pages_free(void)
{
	struct zv_info info;

	return request(device, ZV_IOC_INFO, &info) ? 0 : info.pages_free;
}

static int create(struct zv_ioc_zone_create *c, const char *name)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->create.name, name);
	memset(c->create.uuid, 0xa5, sizeof(c->create.uuid));
	c->create.vcpu_count = 1;
	c->create.pcpu[0] = ZV_PCPU_ANY;
	return ioctl(device, ZV_IOC_ZONE_CREATE, c);
}

static int open_zone(uint32_t id, uint32_t flags, int uuid)
{
	struct zv_ioc_zone_open o = { .id = id, .flags = flags };

	memset(o.uuid, uuid, sizeof(o.uuid));
	return ioctl(device, ZV_IOC_ZONE_OPEN, &o);
}

static void bad_arguments(int zone)
{
	struct zv_ioc_zone_create c;
	struct zv_ioc_populate p = { RAM + 1, ZV_CHUNK_SIZE };
	struct zv_ioc_shadow s = { 0x9000000, ~0u, 0 };
	struct zv_shadow_update u = { .count = ZV_SHADOW_WORDS_MAX + 1 };
	struct zv_ioc_ioeventfd e = { .doorbell = ZV_DOORBELLS_MAX };
	struct zv_ioc_vcpu v = { .vcpu = 1 };

	memset(&c, 0, sizeof(c));
	check(request(device, ZV_IOC_ZONE_CREATE, &c) == EINVAL,
	      "a zone without a name is refused");
	check(request(device, ZV_IOC_ZONE_CREATE, NULL) == EFAULT,
	      "a bad address is EFAULT");
	check(request(device, _IO(ZV_IOC_TYPE, 0x7f), NULL) == ENOTTY,
	      "an unknown request is ENOTTY");
	check(request(zone, ZV_IOC_POPULATE, &p) == EINVAL,
	      "memory off a chunk is refused");
	check(request(zone, ZV_IOC_SHADOW_CREATE, &s) == EINVAL,
	      "unknown shadow flags are refused");
	check(request(zone, ZV_IOC_SHADOW_UPDATE, &u) != 0,
	      "too many words are refused");
	e.fd = eventfd(0, 0);
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == EINVAL,
	      "a doorbell out of range is refused");
	close(e.fd);
	check(request(zone, ZV_IOC_VCPU_GET, &v) != 0,
	      "a vCPU that is not there is refused");
}

static void trace(void)
{
	struct zv_trace_record records[ZV_TRACE_READ_MAX];
	struct zv_ioc_trace_set set = { .classes = 1u << 31 };
	struct zv_ioc_trace_read r = {
		.buf = (uintptr_t)records,
		.room = 1000000,
	};
	struct zv_ioc_trace_read bad;
	cpu_set_t all;
	cpu_set_t first;

	/* The call that begins is its first record, of this CPU. */
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	check(request(device, ZV_IOC_TRACE_SET, &set) == EINVAL,
	      "an unknown class of events is refused");
	set = (struct zv_ioc_trace_set){ ZV_TRACE_ALL, 1 };
	check(request(device, ZV_IOC_TRACE_SET, &set) == EINVAL,
	      "so is a reserved field");
	set.reserved = 0;
	check(request(device, ZV_IOC_TRACE_SET, &set) == 0, "a trace begins");
	check(request(device, ZV_IOC_TRACE_READ, &r) == 0 && r.got > 0 &&
		      r.got <= ZV_TRACE_READ_MAX && r.pos == r.first + r.got,
	      "it has records, at most a page");
	bad = r;
	bad.pcpu = ZV_PCPUS_MAX;
	check(request(device, ZV_IOC_TRACE_READ, &bad) == EINVAL,
	      "a CPU that is not there has none");
	bad = r;
	bad.room = 0;
	check(request(device, ZV_IOC_TRACE_READ, &bad) == EINVAL,
	      "no room is refused");
	bad = r;
	bad.buf = 8;
	bad.pos = 0;
	check(request(device, ZV_IOC_TRACE_READ, &bad) == EFAULT,
	      "a bad address for records is EFAULT");
	set.classes = 0;
	check(request(device, ZV_IOC_TRACE_SET, &set) == 0, "and ends");
	sched_setaffinity(0, sizeof(all), &all);
}

static void rights(uint32_t id)
{
	int first = open_zone(id, ZV_OPEN_IO, 0xa5);
	int second;
	struct zv_zone_info info;
	struct pollfd p;

	check(open_zone(id, 0, 0x11) < 0 && errno == ESTALE,
	      "another UUID is ESTALE");
	check(open_zone(200, 0, 0) < 0 && errno == ESRCH,
	      "a zone that is not there is ESRCH");
	check(request(first, ZV_IOC_ZONE_START, NULL) == EPERM,
	      "an I/O fd cannot start its zone");
	check(request(first, ZV_IOC_ZONE_DESTROY, NULL) == EPERM,
	      "nor destroy it");
	check(request(first, ZV_IOC_ZONE_INFO, &info) == 0,
	      "it can ask about it");
	second = open_zone(id, ZV_OPEN_IO, 0xa5);
	p = (struct pollfd){ .fd = first, .events = POLLIN };
	check(request(first, ZV_IOC_ZONE_INFO, &info) == ESTALE &&
		      poll(&p, 1, 0) == 1 && (p.revents & POLLHUP),
	      "a newer I/O fd makes the older stale");
	check(request(second, ZV_IOC_ZONE_INFO, &info) == 0,
	      "the newer one works");
	close(first);
	close(second);
}

static void eventfds(int zone)
{
	struct zv_ioc_ioeventfd e = { .doorbell = 7 };
	uint64_t n = 0;

	e.fd = eventfd(0, EFD_NONBLOCK);
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == 0 &&
		      read(e.fd, &n, sizeof(n)) == sizeof(n) && n == 1,
	      "a doorbell's eventfd is signalled once when bound");
	e.flags = ZV_EVENTFD_DEASSIGN;
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == 0, "it can be unbound");
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == ENOENT, "but once");
	close(e.fd);
}

static void restart_area(int zone, uint32_t id)
{
	int other = open_zone(id, 0, 0xa5);
	char *a = mmap(NULL, ZV_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       zone, (off_t)ZV_MMAP_STATE);
	char *b = mmap(NULL, ZV_STATE_SIZE, PROT_READ, MAP_SHARED, other,
		       (off_t)ZV_MMAP_STATE);

	check(a != MAP_FAILED && b != MAP_FAILED && a[0] == 0,
	      "the restart area is there and zero");
	strcpy(a + ZV_STATE_SIZE - 16, "kept");
	munmap(a, ZV_STATE_SIZE);
	check(!strcmp(b + ZV_STATE_SIZE - 16, "kept"),
	      "what one process leaves there another finds");
	munmap(b, ZV_STATE_SIZE);
	close(other);
}

/* -------------------------------------------- I/O fds that were taken over */

/* One of each way in which zone0 maps a zone's memory. */
enum {
	HUGE,
	SMALL,
	STATE,
	VIEWS
};

static const struct {
	uint64_t offset;
	size_t size;
	const char *name;
} views[VIEWS] = {
	[HUGE] = { RAM, ZV_CHUNK_SIZE, "RAM by 2 MiB" },
	[SMALL] = { RAM + ZV_CHUNK_SIZE, 2 * ZV_PAGE_SIZE, "RAM by 4 KiB" },
	[STATE] = { ZV_MMAP_STATE, ZV_PAGE_SIZE, "the restart area" },
};

/* Memory of all peers: the takeover they wait for is done. */
static volatile int *taken;

static sigjmp_buf bus_error;

static void check_view(bool ok, int view, const char *what)
{
	char text[80];

	snprintf(text, sizeof(text), "%s %s", views[view].name, what);
	check(ok, text);
}

static void on_bus_error(int sig)
{
	siglongjmp(bus_error, sig);
}

static uint64_t *map_view(int fd, int view)
{
	void *p = mmap(NULL, views[view].size, PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, (off_t)views[view].offset);

	return p == MAP_FAILED ? NULL : p;
}

static bool map_views(int fd, uint64_t *ret[VIEWS])
{
	bool ok = true;

	for (int v = 0; v < VIEWS; v++) {
		ret[v] = map_view(fd, v);
		ok = ok && ret[v];
	}
	return ok;
}

static void unmap_views(uint64_t *view[VIEWS])
{
	for (int v = 0; v < VIEWS; v++) {
		munmap(view[v], views[v].size);
	}
}

/* False: SIGBUS. */
static bool try_write(volatile uint64_t *p, uint64_t value)
{
	if (sigsetjmp(bus_error, 1)) {
		return false;
	}
	*p = value;
	return true;
}

static bool try_read(const volatile uint64_t *p)
{
	if (sigsetjmp(bus_error, 1)) {
		return false;
	}
	(void)*p;
	return true;
}

/* A process that runs body until it returns its exit status. */
struct peer {
	pid_t pid;
	int fd; /* a socket; each side sends a byte to let the other go on */
};

static void peer_tell(int fd)
{
	send(fd, "", 1, MSG_NOSIGNAL);
}

static bool peer_wait(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

static struct peer peer_start(int (*body)(int fd, uint32_t id), uint32_t id)
{
	struct peer peer = { -1, -1 };
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0) {
		return peer;
	}
	peer.pid = fork();
	if (peer.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd[0]);
		signal(SIGBUS, on_bus_error);
		_exit(body(fd[1], id));
	}
	close(fd[1]);
	peer.fd = fd[0];
	return peer;
}

/* Its exit status, -1 if it has none. */
static int peer_end(struct peer *peer)
{
	int status;

	close(peer->fd);
	if (peer->pid < 0 || waitpid(peer->pid, &status, 0) < 0) {
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Bits of what stale_body() found wrong, from bit 0 the views it could use. */
#define STALE_READS (1 << VIEWS)
#define STALE_KERNEL_WRITES (2 << VIEWS)
#define STALE_MAPS (4 << VIEWS)
#define STALE_SETUP (8 << VIEWS)

/* What the process of a stale fd can still do; waits to become stale. */
static int stale_body(int fd, uint32_t id)
{
	uint64_t *view[VIEWS];
	int io = open_zone(id, ZV_OPEN_IO, 0xa5);
	int wrong = 0;

	if (!map_views(io, view)) {
		return STALE_SETUP;
	}
	for (int v = 0; v < VIEWS; v++) {
		view[v][0] = 1;
		view[v][1] = 2;
	}
	peer_tell(fd);
	if (!peer_wait(fd)) {
		return STALE_SETUP;
	}
	for (int v = 0; v < VIEWS; v++) {
		wrong |= try_write(&view[v][0], 3) << v;
		wrong |= try_read(&view[v][0]) ? STALE_READS : 0;
		if (syscall(SYS_clock_gettime, CLOCK_REALTIME, view[v]) == 0 ||
		    errno != EFAULT) {
			wrong |= STALE_KERNEL_WRITES;
		}
	}
	/* A page not touched before. */
	wrong |= try_write(view[SMALL] + ZV_PAGE_SIZE / 8, 3) << SMALL;
	wrong |= map_view(io, STATE) || errno != ESTALE ? STALE_MAPS : 0;
	return wrong;
}

static void stale_process(int zone, uint32_t id)
{
	struct peer stale = peer_start(stale_body, id);
	uint64_t *control[VIEWS];
	uint64_t *current[VIEWS];
	bool ready = peer_wait(stale.fd) && map_views(zone, control);
	int io, wrong;

	for (int v = 0; ready && v < VIEWS; v++) {
		control[v][2] = 4; /* mapped before the takeover */
	}
	io = open_zone(id, ZV_OPEN_IO, 0xa5);
	ready = ready && map_views(io, current);
	check(ready, "two I/O fds and a control fd map the memory");
	if (!ready) {
		return;
	}
	for (int v = 0; v < VIEWS; v++) {
		check_view(current[v][0] == 1 && current[v][1] == 2 &&
				   control[v][1] == 2 && current[v][2] == 4,
			   v, "is the same after a takeover");
		current[v][0] = 5;
	}
	peer_tell(stale.fd);
	wrong = peer_end(&stale);
	check(wrong >= 0 && !(wrong & STALE_SETUP), "the stale one went on");
	for (int v = 0; v < VIEWS; v++) {
		check_view(!(wrong & 1 << v), v, "is SIGBUS when it writes");
		check_view(current[v][0] == 5 && control[v][0] == 5 &&
				   current[v][1] == 2,
			   v, "has nothing of what it wrote");
	}
	check(!(wrong & STALE_READS), "its reads are SIGBUS");
	check(!(wrong & STALE_KERNEL_WRITES), "the kernel's writes EFAULT");
	check(!(wrong & STALE_MAPS), "and new mappings ESTALE");
	for (int v = 0; v < VIEWS; v++) {
		control[v][2] = 6;
		current[v][3] = 7;
		check_view(current[v][2] == 6 && control[v][3] == 7, v,
			   "serves the control fd and the new I/O fd");
	}
	unmap_views(control);
	unmap_views(current);
	close(io);
}

/*
 * Writes through a view that it forgets each time until the takeover is done, so
 * that a takeover can meet a fault half-way; what such a fault still put in would
 * then stay.  0: ended by SIGBUS.
 */
static int fault_body(int fd, uint32_t id, int view)
{
	uint64_t *p = map_view(open_zone(id, ZV_OPEN_IO, 0xa5), view);

	if (!p) {
		return 2;
	}
	*p = 1;
	peer_tell(fd);
	for (int left = RACE_WRITES; left > 0;) {
		if (*taken) {
			left--;
		} else {
			madvise(p, views[view].size, MADV_DONTNEED);
		}
		if (!try_write(p, 1)) {
			return 0;
		}
	}
	return 1;
}

static int fault_ram(int fd, uint32_t id)
{
	return fault_body(fd, id, SMALL);
}

static int fault_state(int fd, uint32_t id)
{
	return fault_body(fd, id, STATE);
}

/* When the open returns, nothing of the old process is on its way. */
static void faulting_process(int zone, uint32_t id, int view)
{
	uint64_t *p = map_view(zone, view);
	int good = 0;

	for (int i = 0; p && i < RACES; i++) {
		struct peer peer;
		int io;

		*taken = 0;
		peer = peer_start(view == STATE ? fault_state : fault_ram, id);
		peer_wait(peer.fd);
		io = open_zone(id, ZV_OPEN_IO, 0xa5);
		*p = 2;
		*taken = 1;
		good += peer_end(&peer) == 0 && *p == 2;
		close(io);
	}
	check_view(good == RACES, view, "is lost to faults that are under way");
	munmap(p, views[view].size);
}

/* 1: the memory can be used when both have opened; 0: it cannot. */
static int racing_body(int fd, uint32_t id)
{
	uint64_t *p;
	int io;

	if (!peer_wait(fd)) {
		return 2;
	}
	io = open_zone(id, ZV_OPEN_IO, 0xa5);
	p = map_view(io, SMALL);
	if (io < 0 || (!p && errno != ESTALE)) {
		return 2;
	}
	if (p) {
		try_write(p, 1);
	}
	peer_tell(fd);
	if (!peer_wait(fd)) {
		return 2;
	}
	return p && try_write(p, 1);
}

static void racing_processes(uint32_t id)
{
	int good = 0;

	for (int i = 0; i < RACES; i++) {
		int first = open_zone(id, ZV_OPEN_IO, 0xa5);
		struct peer a = peer_start(racing_body, id);
		struct peer b = peer_start(racing_body, id);
		int won_a, won_b;

		peer_tell(a.fd);
		peer_tell(b.fd);
		peer_wait(a.fd);
		peer_wait(b.fd);
		peer_tell(a.fd);
		peer_tell(b.fd);
		won_a = peer_end(&a);
		won_b = peer_end(&b);
		good += won_a + won_b == 1 && won_a * won_b == 0;
		close(first);
	}
	check(good == RACES, "of two takeovers at once one has the memory");
}

/* In a zone of its own. */
static void takeovers(void)
{
	struct zv_ioc_zone_create c;
	struct zv_ioc_populate p = { RAM, SIZE };
	int zone = create(&c, "takeover");

	taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(zone >= 0 && request(zone, ZV_IOC_POPULATE, &p) == 0 &&
		      taken != MAP_FAILED,
	      "a zone for takeovers is created");
	stale_process(zone, c.id);
	faulting_process(zone, c.id, SMALL);
	faulting_process(zone, c.id, STATE);
	racing_processes(c.id);
	check(request(zone, ZV_IOC_ZONE_DESTROY, NULL) == 0,
	      "and goes at once: nobody holds it");
	close(zone);
}

/* Registering a buffer pins its pages for as long as the ring lives. */
static int pin(void *memory, size_t size)
{
	struct io_uring_params p = { 0 };
	struct iovec v = { memory, size };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p);

	if (ring >= 0 && syscall(SYS_io_uring_register, ring,
				 IORING_REGISTER_BUFFERS, &v, 1) < 0) {
		close(ring);
		return -1;
	}
	return ring;
}

static void pinned_memory(int zone)
{
	char *ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, zone,
			 (off_t)RAM);
	struct zv_zone_info info;
	int ring;
	int rc = EBUSY;

	if (ram == MAP_FAILED) {
		check(false, "the zone's memory can be mapped");
		return;
	}
	check(ram[0] == 0 && ram[SIZE - 1] == 0, "fresh memory is zero");
	memset(ram, 0x5a, SIZE);
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == 0 &&
		      info.pages_granted == SIZE / ZV_PAGE_SIZE,
	      "what is touched is granted to zone0");
	ring = pin(ram, SIZE);
	check(ring >= 0, "io_uring can pin it");
	munmap(ram, SIZE);
	check(request(zone, ZV_IOC_ZONE_DESTROY, NULL) == EBUSY,
	      "a zone whose pages are pinned is not freed");
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == 0 &&
		      info.state == ZV_ZONE_DYING,
	      "it is dying");
	close(ring);
	for (int i = 0; i < TRIES && rc == EBUSY; i++) {
		rc = request(zone, ZV_IOC_ZONE_DESTROY, NULL);
		if (rc == EBUSY) {
			usleep(100000);
		}
	}
	check(rc == 0, "and goes when the pins have gone");
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == ESRCH,
	      "its fd then answers ESRCH");
}

int main(void)
{
	struct zv_ioc_zone_create c;
	struct zv_ioc_populate p = { RAM, SIZE };
	struct zv_ioc_extent x = { 0, 0 };
	unsigned long long before;
	int zone;

	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open(ZV_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0) {
		perror(ZV_DEVICE);
		return 1;
	}
	trace();
	before = pages_free();
	zone = create(&c, "kmodtest");
	check(zone >= 0, "a zone is created");
	check(request(zone, ZV_IOC_POPULATE, &p) == 0, "and gets memory");
	check(request(zone, ZV_IOC_POPULATE, &p) == EEXIST, "but once");
	check(request(zone, ZV_IOC_EXTENT, &x) == 0 && x.gpa == RAM,
	      "its memory can be listed");
	check(request(zone, ZV_IOC_ZONE_START, NULL) == EINVAL,
	      "without a vCPU to boot it does not start");
	bad_arguments(zone);
	rights(c.id);
	eventfds(zone);
	restart_area(zone, c.id);
	takeovers();
	pinned_memory(zone);
	check(pages_free() == before, "the pool is what it was");
	printf("DONE %d failed\n", failed);
	return failed != 0;
}
