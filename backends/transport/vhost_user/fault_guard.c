/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/vhost_user/fault_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uintptr_t base; /* 0: free; the last word set and the first cleared */
	size_t len;
	int event_fd;
};

static struct guard guards[FAULT_GUARDS_MAX];

static const struct guard *find(uintptr_t addr)
{
	for (size_t i = 0; i < FAULT_GUARDS_MAX; i++) {
		uintptr_t base =
			__atomic_load_n(&guards[i].base, __ATOMIC_ACQUIRE);

		if (base != 0 && addr >= base && addr - base < guards[i].len) {
			return &guards[i];
		}
	}
	return NULL;
}

/* Only what is safe in a signal handler. */
static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	const struct guard *guard = find((uintptr_t)info->si_addr);
	const uint64_t one = 1;
	const int saved = errno;

	(void)context;
	if (guard == NULL ||
	    mmap((void *)guard->base, guard->len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		 0) == MAP_FAILED) {
		/* The access is made again, and ends the process. */
		signal(sig, SIG_DFL);
		return;
	}
	(void)!write(guard->event_fd, &one, sizeof(one));
	errno = saved;
}

int fault_guard_install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO,
	};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int fault_guard_add(void *base, size_t len, int event_fd)
{
	for (size_t i = 0; i < FAULT_GUARDS_MAX; i++) {
		if (guards[i].base == 0) {
			guards[i].len = len;
			guards[i].event_fd = event_fd;
			__atomic_store_n(&guards[i].base, (uintptr_t)base,
					 __ATOMIC_RELEASE);
			return 0;
		}
	}
	return -ENOSPC;
}

void fault_guard_remove(void *base)
{
	for (size_t i = 0; i < FAULT_GUARDS_MAX; i++) {
		if (guards[i].base == (uintptr_t)base) {
			__atomic_store_n(&guards[i].base, 0, __ATOMIC_RELEASE);
			return;
		}
	}
}
