/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-io-steps: hvd-io that can die at the named steps of io_steps.def.
 *
 * It is linked from hvd-io's own objects; the linker leads their calls of each
 * other, and of the C library, through the functions here.  So a step is where
 * one object calls another.
 *
 * Orders are in a file that is mapped before the sandbox is closed.  A process
 * that dies of one takes it along, so its successor lives.
 */
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <zonevisor.h>

#include "core/inflight.h"
#include "core/state_area.h"
#include "net/net_internal.h"
#include "net/net_window.h"

#define ORDERS_FILE "/run/hvd-io-steps"

enum step {
	STEP_NONE,
#define STEP(how, name, what) STEP_##name,
#include "io_steps.def"
#undef STEP
};

struct orders { /* see io_steps.py */
	uint32_t step; /* where to die; STEP_NONE: not to */
	uint32_t passes; /* ... after that many passes more */
	uint32_t then; /* where the successor is to die */
	uint32_t died; /* where a process died last */
	uint32_t pid; /* of the process that started last */
	uint32_t starts; /* how many did */
};

static struct orders no_orders;
static struct orders *orders = &no_orders;

/* Whose queue the code at hand works on. */
enum owner {
	OWNER_OTHER,
	OWNER_BLK,
	OWNER_RX,
	OWNER_TX,
};

static enum owner owner;
static bool pushing;
/* What was given back last, and the interrupt that is due for it. */
static const struct vq *pushed;
static enum owner pushed_owner;
static enum owner due;
static bool accessed;

__attribute__((constructor)) static void take_orders(void)
{
	int fd = open(ORDERS_FILE, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0) {
		return;
	}
	p = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 0);
	close(fd);
	if (p != MAP_FAILED) {
		orders = p;
		orders->pid = (uint32_t)getpid();
		orders->starts++;
	}
}

static void pass(enum step step)
{
	if (step == STEP_NONE ||
	    __atomic_load_n(&orders->step, __ATOMIC_ACQUIRE) != step) {
		return;
	}
	if (orders->passes != 0) {
		orders->passes--;
		return;
	}
	orders->step = orders->then;
	orders->then = STEP_NONE;
	__atomic_store_n(&orders->died, step, __ATOMIC_RELEASE);
	(void)raise(SIGKILL);
	__builtin_trap();
}

static void pass_of(enum owner who, enum step blk, enum step rx, enum step tx)
{
	const enum step steps[] = {
		[OWNER_BLK] = blk,
		[OWNER_RX] = rx,
		[OWNER_TX] = tx,
	};

	pass(steps[who]);
}

#define WRAP(type, name, ...)            \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* ------------------------------------------------------------------ queues */

WRAP(int, vq_pop, struct vq *vq, struct vq_chain *ret_chain)
{
	int rc = __real_vq_pop(vq, ret_chain);

	if (rc == 1) {
		pass_of(owner, STEP_BLK_POPPED, STEP_NONE, STEP_TX_POPPED);
	}
	return rc;
}

static void begin_push(const struct vq *vq)
{
	pushing = true;
	pushed = vq;
	pushed_owner = owner;
}

WRAP(int, vq_push, struct vq *vq, uint16_t head, uint32_t len)
{
	int rc;

	pass_of(owner, STEP_BLK_NOTED, STEP_NONE, STEP_NONE);
	begin_push(vq);
	rc = __real_vq_push(vq, head, len);
	pushing = false;
	return rc;
}

WRAP(int, vq_push_all, struct vq *vq, const struct vq_used *used,
     uint32_t count)
{
	int rc;

	begin_push(vq);
	rc = __real_vq_push_all(vq, used, count);
	pushing = false;
	return rc;
}

WRAP(int, guest_mem_write, struct guest_mem *gm, uint64_t gpa, const void *src,
     size_t len)
{
	int rc = __real_guest_mem_write(gm, gpa, src, len);

	if (pushing) {
		pass_of(owner, STEP_BLK_USED, STEP_RX_USED, STEP_TX_USED);
	}
	return rc;
}

WRAP(int, guest_mem_store16, struct guest_mem *gm, uint64_t gpa, uint16_t value)
{
	int rc = __real_guest_mem_store16(gm, gpa, value);

	if (pushing) {
		pass_of(owner, STEP_BLK_INDEX, STEP_RX_INDEX, STEP_TX_INDEX);
	}
	return rc;
}

WRAP(bool, vq_should_signal, struct vq *vq)
{
	if (!__real_vq_should_signal(vq)) {
		return false;
	}
	due = vq == pushed ? pushed_owner : OWNER_OTHER;
	pass_of(due, STEP_BLK_DUE, STEP_RX_DUE, STEP_TX_DUE);
	return true;
}

/* ------------------------------------------------------------------- disks */

/* The first that a disk asks a queue whose doorbell has rung. */
WRAP(uint32_t, vq_waiting, struct vq *vq)
{
	pass(STEP_DOORBELL);
	return __real_vq_waiting(vq);
}

WRAP(int, inflight_pop, struct inflight *inflight, struct vq *vq,
     struct vq_chain *ret_chain)
{
	int rc;

	owner = OWNER_BLK;
	rc = __real_inflight_pop(inflight, vq, ret_chain);
	owner = OWNER_OTHER;
	if (rc == 1) {
		pass(STEP_BLK_RECORDED);
	}
	return rc;
}

WRAP(int, inflight_push, struct inflight *inflight, struct vq *vq,
     uint16_t head, uint32_t len)
{
	int rc;

	pass(STEP_BLK_STATUS);
	owner = OWNER_BLK;
	rc = __real_inflight_push(inflight, vq, head, len);
	owner = OWNER_OTHER;
	pass(STEP_BLK_CLEARED);
	return rc;
}

WRAP(int, inflight_resume, struct inflight *inflight, struct vq *vq,
     uint16_t ret_heads[VQ_SIZE_MAX])
{
	int rc = __real_inflight_resume(inflight, vq, ret_heads);

	if (rc > 0) {
		pass(STEP_BLK_RESUMED);
	}
	return rc;
}

/* From outside of vq.c it is called for the chains of a predecessor only. */
WRAP(int, vq_walk, struct vq *vq, uint16_t head, struct vq_chain *ret_chain)
{
	int rc = __real_vq_walk(vq, head, ret_chain);

	pass(STEP_BLK_REPLAYED);
	return rc;
}

WRAP(int, io_uring_submit, struct io_uring *ring)
{
	int rc;

	pass(STEP_BLK_QUEUED);
	rc = __real_io_uring_submit(ring);
	if (rc > 0) {
		pass(STEP_BLK_SUBMITTED);
	}
	if (io_uring_cq_ready(ring) != 0) {
		pass(STEP_BLK_COMPLETED);
	}
	return rc;
}

/* ----------------------------------------------------------------- network */

WRAP(int, net_window_fill, struct net_window *window, struct vq *vq,
     struct vq_chain *scratch, uint64_t want)
{
	uint32_t before = window->count;
	int rc = __real_net_window_fill(window, vq, scratch, want);

	if (window->count != before) {
		pass(STEP_RX_FILLED);
	}
	return rc;
}

WRAP(int, net_window_give, struct net_window *window, struct vq *vq,
     uint64_t len)
{
	int rc;

	pass(STEP_RX_PLACED);
	owner = OWNER_RX;
	rc = __real_net_window_give(window, vq, len);
	owner = OWNER_OTHER;
	return rc;
}

WRAP(void, net_tx_run, struct net_pair *pair)
{
	owner = OWNER_TX;
	__real_net_tx_run(pair);
	owner = OWNER_OTHER;
}

WRAP(int, net_tx_resume, struct net_pair *pair)
{
	int rc = __real_net_tx_resume(pair);

	pass(STEP_TX_RESUMED);
	return rc;
}

WRAP(ssize_t, readv, int fd, const struct iovec *iov, int count)
{
	ssize_t n = __real_readv(fd, iov, count);

	if (n > 0) {
		pass(STEP_RX_READ);
	}
	return n;
}

WRAP(ssize_t, writev, int fd, const struct iovec *iov, int count)
{
	ssize_t n;

	pass(STEP_TX_MARKED);
	n = __real_writev(fd, iov, count);
	if (n > 0) {
		pass(STEP_TX_SENT);
	}
	return n;
}

/* --------------------------------------------------------------- transport */

WRAP(ssize_t, read, int fd, void *ret, size_t size)
{
	ssize_t n = __real_read(fd, ret, size);
	const struct zv_event *event = ret;

	if (n >= (ssize_t)sizeof(*event) && size % sizeof(*event) == 0 &&
	    event->type == ZV_EVENT_ACCESS) {
		accessed = true;
		pass(STEP_ACCESS_TAKEN);
	}
	return n;
}

WRAP(void, state_record_commit, struct state_record *record)
{
	__real_state_record_commit(record);
	if (accessed) {
		pass(STEP_ACCESS_RECORDED);
	}
}

WRAP(ssize_t, write, int fd, const void *src, size_t size)
{
	ssize_t n = __real_write(fd, src, size);

	pass_of(due, STEP_BLK_SIGNALLED, STEP_RX_SIGNALLED, STEP_TX_SIGNALLED);
	due = OWNER_OTHER;
	return n;
}

static enum step step_of_request(unsigned long request)
{
	switch (request) {
	case ZV_IOC_IO_COMPLETE:
		accessed = false;
		return STEP_ACCESS_ANSWERED;
	case ZV_IOC_SHADOW_UPDATE:
		return STEP_SHADOW_PUBLISHED;
	case ZV_IOC_IRQFD:
		return STEP_IRQ_BOUND;
	case ZV_IOC_IOEVENTFD:
		return STEP_DOORBELL_BOUND;
	case ZV_IOC_INJECT:
		return STEP_START_SIGNALLED;
	default:
		return STEP_NONE;
	}
}

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	int rc;

	va_start(args, request);
	rc = __real_ioctl(fd, request, va_arg(args, void *));
	va_end(args);
	pass(step_of_request(request));
	return rc;
}
