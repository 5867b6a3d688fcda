/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random reads of a block device at a fixed depth, without the page cache, by
 * Linux AIO: one system call for each request, and one for whatever is done.
 * The order of the offsets is the same every time. Each pass prints
 *
 *	blkread BYTES DEPTH COUNT NANOSECONDS
 *
 * and with counted instructions a nanosecond is an instruction.
 *
 * usage: blkread DEVICE BYTES DEPTH COUNT PASSES
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64u
#define ALIGNMENT 4096u

struct reader {
	int fd;
	aio_context_t context;
	uint64_t blocks; /* of the device */
	uint64_t random;
	uint64_t bytes;
	uint64_t depth;
	uint64_t count;
	uint8_t *buffer; /* depth * bytes */
	struct iocb request[DEPTH_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int submit(struct reader *r, uint64_t slot)
{
	struct iocb *request = &r->request[slot];
	uint64_t block = next_random(&r->random) % r->blocks;

	*request = (struct iocb){
		.aio_data = slot,
		.aio_fildes = (uint32_t)r->fd,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)(r->buffer + slot * r->bytes),
		.aio_nbytes = r->bytes,
		.aio_offset = (int64_t)(block * r->bytes),
	};
	if (syscall(SYS_io_submit, r->context, 1, &request) != 1) {
		perror("blkread: io_submit");
		return -1;
	}
	return 0;
}

static int read_pass(struct reader *r)
{
	uint64_t submitted = 0;
	uint64_t done = 0;

	while (submitted < r->depth && submitted < r->count) {
		if (submit(r, submitted++) != 0) {
			return -1;
		}
	}
	while (done < r->count) {
		struct io_event event[DEPTH_MAX];
		long n = syscall(SYS_io_getevents, r->context, 1, DEPTH_MAX,
				 event, NULL);

		if (n < 0) {
			perror("blkread: io_getevents");
			return -1;
		}
		for (long i = 0; i < n; i++, done++) {
			if (event[i].res != (int64_t)r->bytes) {
				fprintf(stderr, "blkread: a read gave %lld\n",
					(long long)event[i].res);
				return -1;
			}
			if (submitted < r->count) {
				submitted++;
				if (submit(r, event[i].data) != 0) {
					return -1;
				}
			}
		}
	}
	return 0;
}

static int open_device(struct reader *r, const char *path)
{
	uint64_t size = 0;

	r->fd = open(path, O_RDONLY | O_DIRECT);
	if (r->fd < 0 || ioctl(r->fd, BLKGETSIZE64, &size) != 0) {
		perror(path);
		return -1;
	}
	r->blocks = size / r->bytes;
	if (r->blocks == 0) {
		fprintf(stderr, "%s: shorter than a read\n", path);
		return -1;
	}
	return 0;
}

static int prepare(struct reader *r)
{
	void *buffer;

	errno = posix_memalign(&buffer, ALIGNMENT, r->bytes * r->depth);
	if (errno != 0 || syscall(SYS_io_setup, r->depth, &r->context) != 0) {
		perror("blkread");
		return -1;
	}
	r->buffer = buffer;
	/* No page of it is to be made while we measure. */
	for (uint64_t i = 0; i < r->bytes * r->depth; i += ALIGNMENT) {
		r->buffer[i] = 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct reader r = { .random = 88172645463325252u };
	uint64_t passes;

	if (argc != 6) {
		fprintf(stderr,
			"usage: blkread DEVICE BYTES DEPTH COUNT PASSES\n");
		return 2;
	}
	r.bytes = strtoull(argv[2], NULL, 0);
	r.depth = strtoull(argv[3], NULL, 0);
	r.count = strtoull(argv[4], NULL, 0);
	passes = strtoull(argv[5], NULL, 0);
	if (r.bytes == 0 || r.bytes % 512 != 0 || r.depth == 0 ||
	    r.depth > DEPTH_MAX || r.count == 0) {
		fprintf(stderr, "blkread: no such size, depth or count\n");
		return 2;
	}
	if (open_device(&r, argv[1]) != 0 || prepare(&r) != 0) {
		return 1;
	}
	for (uint64_t p = 0; p < passes; p++) {
		uint64_t start = now_ns();

		if (read_pass(&r) != 0) {
			return 1;
		}
		printf("blkread %llu %llu %llu %llu\n",
		       (unsigned long long)r.bytes, (unsigned long long)r.depth,
		       (unsigned long long)r.count,
		       (unsigned long long)(now_ns() - start));
	}
	return 0;
}
