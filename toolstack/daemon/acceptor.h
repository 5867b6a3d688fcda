/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket that clients connect to.  libuv holds on to a connection until it is
 * taken, and looks for no other meanwhile: when there was no memory to take one, it
 * is offered again after a while.
 */
#ifndef ZV_TOOLSTACK_DAEMON_ACCEPTOR_H
#define ZV_TOOLSTACK_DAEMON_ACCEPTOR_H

#include <stdbool.h>
#include <uv.h>

struct acceptor;

/*
 * Takes the connection with uv_accept(), if only to close it: 0, or a negative libuv
 * error.  After UV_ENOMEM it is asked again, if only to find that there is none.
 */
typedef int (*acceptor_take_fn)(struct acceptor *acceptor);

struct acceptor {
	uv_pipe_t pipe;
	uv_timer_t retry;
	acceptor_take_fn take;
	bool open;
};

/*
 * fd: a socket that is bound.  0 or a libuv error; then it is to be closed, too, and
 * stays where it is until the loop has ended.
 */
int acceptor_open(struct acceptor *acceptor, uv_loop_t *loop, int fd,
		  acceptor_take_fn take);
/* Nothing happens if it is not open. */
void acceptor_close(struct acceptor *acceptor);

#endif /* ZV_TOOLSTACK_DAEMON_ACCEPTOR_H */
