/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames in a stream: cut anywhere, by either side, and lengths that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/link_stream.h"

#define NO_LIMIT SIZE_MAX

ssize_t __real_write(int fd, const void *from, size_t len);
ssize_t __wrap_write(int fd, const void *from, size_t len);

/* What the socket takes before it has to be waited for. */
static size_t room = NO_LIMIT;

ssize_t __wrap_write(int fd, const void *from, size_t len)
{
	size_t n = len < room ? len : room;

	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (room != NO_LIMIT) {
		room -= n;
	}
	return __real_write(fd, from, n);
}

struct fixture {
	struct link_stream stream;
	struct net_link *link;
	int peer;
	uint8_t wire[8 * LINK_STREAM_FRAME_MAX];
	size_t wire_len;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(link_stream_init(&f->stream, fd[0]), 0);
	f->link = &f->stream.link;
	f->peer = fd[1];
	room = NO_LIMIT;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->link->fd[0]);
	if (f->peer >= 0) {
		close(f->peer);
	}
	free(f);
	return 0;
}

static uint8_t pattern(uint32_t len, uint32_t i)
{
	return (uint8_t)(len * 3 + i * 7 + i / 256);
}

/* Puts a frame of that length on the wire, which is still only in memory. */
static void add_frame(struct fixture *f, uint32_t len)
{
	uint32_t prefix = htonl(len);

	assert_true(f->wire_len + 4 + len <= sizeof(f->wire));
	memcpy(f->wire + f->wire_len, &prefix, 4);
	for (uint32_t i = 0; i < len; i++) {
		f->wire[f->wire_len + 4 + i] = pattern(len, i);
	}
	f->wire_len += 4 + len;
}

static void peer_sends(struct fixture *f, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = send(f->peer, f->wire + from, to - from, 0);

		assert_true(n > 0);
		from += (size_t)n;
	}
}

/* ---------------------------------------------------------------- receiving */

static uint8_t packet[NET_PACKET_MAX];

static ssize_t get(struct fixture *f)
{
	struct iovec iov[] = {
		{ packet, NET_HDR_SIZE + 1 },
		{ packet + NET_HDR_SIZE + 1, 2 },
		{ packet + NET_HDR_SIZE + 3,
		  sizeof(packet) - NET_HDR_SIZE - 3 },
	};

	memset(packet, 0xee, sizeof(packet));
	return f->link->ops->read(f->link, 0, iov, 3);
}

static void expect_frame(uint32_t len)
{
	static const uint8_t no_header[NET_HDR_SIZE];

	assert_memory_equal(packet, no_header, NET_HDR_SIZE);
	for (uint32_t i = 0; i < len; i++) {
		assert_int_equal(packet[NET_HDR_SIZE + i], pattern(len, i));
	}
}

/* Gets frames as long as there are any; how many. */
static size_t get_all(struct fixture *f, const uint32_t *lens, size_t count)
{
	size_t done = 0;
	ssize_t n;

	while ((n = get(f)) != -EAGAIN) {
		assert_true(done < count);
		assert_int_equal(n, NET_HDR_SIZE + lens[done]);
		expect_frame(lens[done]);
		done++;
	}
	return done;
}

static void reads_at_every_cut(void **state)
{
	static const uint32_t lens[] = { 60, 1, 14, 90 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		add_frame(f, lens[i]);
	}
	for (size_t cut = 0; cut <= f->wire_len; cut++) {
		size_t done;

		peer_sends(f, 0, cut);
		done = get_all(f, lens, 4);
		peer_sends(f, cut, f->wire_len);
		done += get_all(f, lens + done, 4 - done);
		assert_int_equal(done, 4);
	}
}

static void reads_byte_by_byte(void **state)
{
	static const uint32_t lens[] = { 14, 1514 };
	struct fixture *f = *state;
	size_t done = 0;

	add_frame(f, lens[0]);
	add_frame(f, lens[1]);
	for (size_t i = 0; i < f->wire_len; i++) {
		peer_sends(f, i, i + 1);
		done += get_all(f, lens + done, 2 - done);
		assert_int_equal(done, (i >= 17) + (i >= 18 + 1517));
	}
}

/* Whatever is at hand, the largest frame fits behind it. */
static void reads_the_longest(void **state)
{
	static const uint32_t lens[] = { NET_FRAME_MAX, 60,   NET_FRAME_MAX,
					 NET_FRAME_MAX, 1514, NET_FRAME_MAX };
	struct fixture *f = *state;
	size_t done = 0;

	for (size_t i = 0; i < 6; i++) {
		add_frame(f, lens[i]);
	}
	for (size_t at = 0; at < f->wire_len; at += 40000) {
		peer_sends(f, at,
			   at + 40000 < f->wire_len ? at + 40000 : f->wire_len);
		done += get_all(f, lens + done, 6 - done);
	}
	assert_int_equal(done, 6);
}

static void what_exceeds_the_room_is_lost(void **state)
{
	struct fixture *f = *state;
	uint8_t small[NET_HDR_SIZE + 20];
	struct iovec iov[] = { { small, sizeof(small) } };

	add_frame(f, 100);
	add_frame(f, 60);
	peer_sends(f, 0, f->wire_len);
	assert_int_equal(f->link->ops->read(f->link, 0, iov, 1),
			 NET_HDR_SIZE + 20);
	assert_int_equal(small[NET_HDR_SIZE + 19], pattern(100, 19));
	assert_int_equal(get(f), NET_HDR_SIZE + 60);
	expect_frame(60);
}

static void lengths_that_no_frame_has(void **state)
{
	static const struct {
		uint32_t len;
		const char *why;
	} cases[] = {
		{ 0, "the other side sent a frame of 0 bytes" },
		{ NET_FRAME_MAX + 1,
		  "the other side sent a frame of 65551 bytes" },
		{ UINT32_MAX,
		  "the other side sent a frame of 4294967295 bytes" },
	};

	for (size_t i = 0; i < 3; i++) {
		uint32_t prefix = htonl(cases[i].len);
		struct fixture *f;

		teardown(state);
		setup(state);
		f = *state;
		/* What came before it is all right. */
		add_frame(f, 60);
		memcpy(f->wire + f->wire_len, &prefix, 4);
		peer_sends(f, 0, f->wire_len + 4);
		assert_int_equal(get(f), NET_HDR_SIZE + 60);
		assert_int_equal(get(f), -EBADFD);
		assert_string_equal(f->stream.why, cases[i].why);
		/* ... and what comes after it is nothing any more. */
		f->wire_len = 0;
		add_frame(f, 60);
		peer_sends(f, 0, f->wire_len);
		assert_int_equal(get(f), -EBADFD);
		assert_int_equal(f->link->ops->flush(f->link, 0), -EBADFD);
	}
}

static void the_end_of_the_stream(void **state)
{
	struct fixture *f = *state;

	add_frame(f, 60);
	add_frame(f, 90);
	peer_sends(f, 0, f->wire_len - 1);
	close(f->peer);
	f->peer = -1;
	assert_int_equal(get(f), NET_HDR_SIZE + 60);
	assert_int_equal(get(f), -EBADFD);
	assert_string_equal(f->stream.why,
			    "the other side has closed its connection");
	assert_int_equal(get(f), -EBADFD);
}

/* ------------------------------------------------------------------ sending */

static ssize_t put(struct fixture *f, uint32_t len)
{
	static uint8_t frame[NET_FRAME_MAX + 1];
	struct net_hdr hdr = { .flags = NET_HDR_F_NEEDS_CSUM };
	struct iovec iov[] = {
		{ &hdr, sizeof(hdr) },
		{ frame, 1 },
		{ frame + 1, len - 1 },
	};

	for (uint32_t i = 0; i < len; i++) {
		frame[i] = pattern(len, i);
	}
	return f->link->ops->write(f->link, 0, iov, 3);
}

/* What has reached the peer is the start of the wire; how much there was. */
static size_t peer_gets(struct fixture *f, size_t already)
{
	static uint8_t got[sizeof(((struct fixture *)0)->wire)];
	ssize_t n = recv(f->peer, got, sizeof(got), 0);

	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return 0;
	}
	assert_true(already + (size_t)n <= f->wire_len);
	assert_memory_equal(got, f->wire + already, (size_t)n);
	return (size_t)n;
}

static void writes_frames(void **state)
{
	struct fixture *f = *state;

	add_frame(f, 60);
	add_frame(f, 1514);
	assert_int_equal(put(f, 60), NET_HDR_SIZE + 60);
	assert_int_equal(put(f, 1514), NET_HDR_SIZE + 1514);
	assert_int_equal(f->link->ops->flush(f->link, 0), 0);
	assert_int_equal(peer_gets(f, 0), f->wire_len);
}

/* The socket takes `cut` bytes, then one at a time. */
static void writes_at_every_cut(void **state)
{
	struct fixture *f = *state;

	add_frame(f, 60);
	add_frame(f, 90);
	for (size_t cut = 0; cut < 64; cut++) {
		size_t got = 0;
		int rc;

		room = cut;
		assert_int_equal(put(f, 60), NET_HDR_SIZE + 60);
		/* Nothing else before the rest of it. */
		assert_int_equal(put(f, 90), -EAGAIN);
		got += peer_gets(f, got);
		assert_int_equal(got, cut);
		do {
			room = 1;
			rc = f->link->ops->flush(f->link, 0);
			got += peer_gets(f, got);
			assert_int_equal(rc, got == 64 ? 0 : -EAGAIN);
		} while (rc != 0);
		room = NO_LIMIT;
		assert_int_equal(put(f, 90), NET_HDR_SIZE + 90);
		got += peer_gets(f, got);
		assert_int_equal(got, f->wire_len);
	}
}

static void a_frame_that_is_too_long(void **state)
{
	struct fixture *f = *state;

	add_frame(f, NET_FRAME_MAX);
	assert_int_equal(put(f, NET_FRAME_MAX + 1), -EMSGSIZE);
	assert_int_equal(f->link->ops->flush(f->link, 0), 0);
	assert_int_equal(peer_gets(f, 0), 0);
	assert_int_equal(put(f, NET_FRAME_MAX), NET_HDR_SIZE + NET_FRAME_MAX);
	assert_int_equal(peer_gets(f, 0), f->wire_len);
}

static void writes_to_nobody(void **state)
{
	struct fixture *f = *state;

	close(f->peer);
	f->peer = -1;
	assert_int_equal(put(f, 60), -EBADFD);
	assert_string_equal(f->stream.why,
			    "its connection failed: Broken pipe");
	assert_int_equal(put(f, 60), -EBADFD);
	assert_int_equal(get(f), -EBADFD);
}

/* -------------------------------------------------------------------- set up */

static void one_pair_and_no_offloads(void **state)
{
	struct fixture *f = *state;
	const struct net_link_ops *ops = f->link->ops;

	assert_int_equal(f->link->pairs, 1);
	assert_int_equal(ops->offloads(f->link), 0);
	assert_int_equal(ops->set_offloads(f->link, 0), 0);
	assert_int_equal(ops->set_offloads(f->link, VIRTIO_NET_F_GUEST_CSUM),
			 -EINVAL);
	assert_int_equal(ops->set_pairs(f->link, 1), 0);
	assert_int_equal(ops->set_pairs(f->link, 2), -EINVAL);
	assert_int_equal(ops->set_carrier(f->link, false), 0);
}

static void what_is_no_stream(void **state)
{
	static struct link_stream stream;
	int fd[2];

	(void)state;
	assert_int_equal(link_stream_init(&stream, -1), -EINVAL);
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	assert_int_equal(link_stream_init(&stream, fd[0]), -EINVAL);
	close(fd[0]);
	close(fd[1]);
	/* It would block. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(link_stream_init(&stream, fd[0]), -EINVAL);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd),
			 0);
	assert_int_equal(link_stream_init(&stream, fd[0]), -EINVAL);
	close(fd[0]);
	close(fd[1]);
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(reads_at_every_cut),
		STREAM_TEST(reads_byte_by_byte),
		STREAM_TEST(reads_the_longest),
		STREAM_TEST(what_exceeds_the_room_is_lost),
		STREAM_TEST(lengths_that_no_frame_has),
		STREAM_TEST(the_end_of_the_stream),
		STREAM_TEST(writes_frames),
		STREAM_TEST(writes_at_every_cut),
		STREAM_TEST(a_frame_that_is_too_long),
		STREAM_TEST(writes_to_nobody),
		STREAM_TEST(one_pair_and_no_offloads),
		cmocka_unit_test(what_is_no_stream),
	};

	/* As hvd-io. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
