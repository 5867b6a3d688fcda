/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill -9, for real: processes serve a disk in a real file and are killed at any
 * moment, with writes in the kernel.  We are the guest, which overwrites each
 * block as soon as the last write to it has completed: a write of a dead process
 * that came late would be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blk/store_uring.h"
#include "support/blk_world.h"

#define SLOTS 20u
#define BLOCK 4096u
#define QUEUE 64u
#define KILLS 25u
#define KILL_AFTER_MS 50u
#define PATIENCE 20000u /* turns of a millisecond */
#define NO_URING 77

static char path[64];
static int direct; /* O_DIRECT, if the file system has it */
static uint8_t version[SLOTS];
static bool offered[SLOTS];
static uint32_t completed;

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

/* ------------------------------------------------------------- the process */

static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void serve(struct blk_world *guest)
{
	struct blk_world *w = blk_world_heir(guest);
	const struct virtio_blk_config config = { .writeback = true };
	const struct store_uring_config options = { .block_size = BLOCK };
	struct blk_store *store;
	/* A description of our own, and the lock: the dead one's I/O is over */
	int fd = open(path, O_RDWR | O_CLOEXEC | direct);

	must(fd >= 0 && flock(fd, LOCK_EX) == 0);
	if (store_uring_open(&w->pump.loop, fd, &options, &store) != 0) {
		_exit(NO_URING);
	}
	w->ts.store.caps = store->caps;
	blk_world_init(w, &config);
	store->user = w->ts.store.user;
	store->completed = w->ts.store.completed;
	w->blk.store = store;
	must(blk_world_start(w, W_FEATURES) == 0);
	for (;;) {
		w->blk.dev.ops->kick(&w->blk.dev, 0);
		must(event_pump_run(&w->pump));
		poll(NULL, 0, 1);
	}
}

static pid_t start(struct blk_world *guest)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		serve(guest);
	}
	return pid;
}

/* --------------------------------------------------------------- the guest */

static uint8_t *block_of(struct blk_world *w, uint32_t slot)
{
	return blk_world_at(w, W_DATA + BLOCK * slot);
}

static void offer(struct blk_world *w, uint32_t slot)
{
	memset(block_of(w, slot), (int)(++version[slot] ^ slot << 3), BLOCK);
	offered[slot] = true;
	blk_world_offer(w, 0, slot, VIRTIO_BLK_T_OUT, 8ull * slot,
			W_DATA + BLOCK * slot, BLOCK);
}

static void check_block(struct blk_world *w, int fd, uint32_t slot)
{
	uint8_t got[BLOCK];

	assert_int_equal(pread(fd, got, BLOCK, BLOCK * slot), BLOCK);
	assert_memory_equal(got, block_of(w, slot), BLOCK);
}

static uint32_t outstanding(void)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		n += offered[slot];
	}
	return n;
}

static void collect(struct blk_world *w, int fd)
{
	uint32_t head;
	uint32_t len;

	while (ring_driver_take(&w->ring[0], &head, &len)) {
		assert_true(head % 3 == 0 && head / 3 < SLOTS);
		assert_true(offered[head / 3]);
		offered[head / 3] = false;
		completed++;
		assert_int_equal(blk_world_status(w, 0, head / 3), 0);
		check_block(w, fd, head / 3);
	}
}

static void writes_survive(void **state)
{
	uint8_t *ram = shared(W_RAM_SIZE);
	uint8_t *area = shared(W_AREA_SIZE);
	uint8_t *disk = calloc(1, W_DISK_SIZE);
	struct blk_world *w = blk_world_new(ram, area, disk);
	const struct virtio_blk_config config = { .writeback = true };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int status = 0;
	uint32_t turns;

	(void)state;
	assert_true(fd >= 0);
	blk_world_init(w, &config);
	blk_world_queues(w, QUEUE);
	srand(1);
	for (uint32_t round = 0; round <= KILLS; round++) {
		uint32_t life = (uint32_t)rand() % KILL_AFTER_MS;
		pid_t pid = start(w);
		bool last = round == KILLS;

		for (turns = 0; last ? outstanding() != 0 : turns < life;
		     turns++) {
			assert_true(turns < PATIENCE);
			for (uint32_t s = 0; !last && s < SLOTS; s++) {
				if (!offered[s]) {
					offer(w, s);
				}
			}
			poll(NULL, 0, 1);
			collect(w, fd);
			if (waitpid(pid, &status, WNOHANG) == pid) {
				break;
			}
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), NO_URING);
			print_message("io_uring is not to be had here\n");
			skip();
		}
		assert_int_equal(WTERMSIG(status), SIGKILL);
	}
	collect(w, fd);
	assert_int_equal(outstanding(), 0);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		check_block(w, fd, slot);
	}
	print_message("%u writes over %u kills\n", completed, KILLS);
	assert_true(completed >= SLOTS);
	close(fd);
	free(disk);
	blk_world_free(w);
	munmap(ram, W_RAM_SIZE);
	munmap(area, W_AREA_SIZE);
}

static int setup(void **state)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/disk-XXXXXX",
		 dir != NULL && strlen(dir) < 40 ? dir : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SLOTS * BLOCK), 0);
	close(fd);
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	direct = fd >= 0 ? O_DIRECT : 0;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_survive, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
