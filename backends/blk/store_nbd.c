/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request's life: in `ready` while commands of it are to be sent -> its last
 * command is under way -> (once more in `ready`, for a flush) -> done.
 *
 * libnbd calls back with its lock held, from whatever function of it we are in.
 * So on_command() only puts the command on a list, and settle() goes through
 * that when libnbd has returned.
 */
#include "blk/store_nbd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blk/nbd_lib.h"
#include "core/container_of.h"

#define BLOCK_SIZE_MAX 65536u
/* What every server takes that does not say otherwise. */
#define COMMAND_MAX (32u << 20)
/* Trim and zero carry no data; their length is 32 bits wide. */
#define ERASE_MAX (1u << 30)

#define BOUNCE_SIZE (128u * 1024u)
#define BOUNCE_COUNT 4u

enum how {
	HOW_WORK, /* what was asked for */
	HOW_SYNC, /* a flush: all there is, or what comes after the work */
};

struct store_nbd;

struct command {
	struct store_nbd *sn;
	struct command *next; /* free, or completed */
	struct blk_request *request;
	uint8_t *bounce; /* NULL: the guest's own memory */
	size_t length; /* of what is in it */
	uint32_t iov_at; /* where that belongs */
	size_t iov_skip;
	int error;
};

struct request_list {
	struct blk_request *first;
	struct blk_request **last;
};

struct store_nbd {
	struct blk_store store;
	struct event_loop *loop;
	const struct nbd_lib *lib;
	struct nbd_handle *nbd;
	int fd; /* the same socket as libnbd's, which it closes when it likes */
	struct event_watch watch;
	unsigned int watched; /* events */
	struct event_defer work;
	struct request_list ready;
	uint32_t outstanding; /* requests */
	void (*drained)(struct blk_store *store);
	void (*on_lost)(void *owner);
	void *owner;
	uint32_t command_max; /* bytes; whole blocks */
	uint32_t zero_flags; /* for what is not BLK_F_UNMAP */
	bool fua;
	bool dead;
	bool finished; /* requests, since completed() was called */
	struct command *free;
	struct command *completed;
	struct command **completed_last;
	uint8_t *bounce[BOUNCE_COUNT]; /* the free ones come first */
	uint32_t bounce_free;
	uint8_t *bounce_memory;
	struct command command[];
};

static struct store_nbd *from_store(struct blk_store *store)
{
	return container_of(store, struct store_nbd, store);
}

/* ------------------------------------------------------------------- lists */

static void list_init(struct request_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_append(struct request_list *list, struct blk_request *r)
{
	r->priv.next = NULL;
	*list->last = r;
	list->last = &r->priv.next;
}

static void list_take(struct request_list *list)
{
	list->first = list->first->priv.next;
	if (list->first == NULL) {
		list->last = &list->first;
	}
}

static void completed_init(struct store_nbd *sn)
{
	sn->completed = NULL;
	sn->completed_last = &sn->completed;
}

/* ---------------------------------------------------------------- position */

static bool has_data(const struct blk_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE;
}

static void skip_empty(struct blk_request *r)
{
	while (r->priv.iov_at < r->iov_count &&
	       r->priv.iov_skip == r->iov[r->priv.iov_at].iov_len) {
		r->priv.iov_at++;
		r->priv.iov_skip = 0;
	}
}

/* Copies between buffer and what follows at and skip, which are moved. */
static void copy(const struct blk_request *r, uint32_t *at, size_t *skip,
		 uint8_t *buffer, size_t length)
{
	while (length != 0) {
		const struct iovec *iov = &r->iov[*at];
		size_t n = iov->iov_len - *skip;
		uint8_t *guest = (uint8_t *)iov->iov_base + *skip;

		n = n < length ? n : length;
		if (n != 0 && r->op == BLK_READ) {
			memcpy(guest, buffer, n);
		} else if (n != 0) {
			memcpy(buffer, guest, n);
		}
		buffer += n;
		length -= n;
		*skip += n;
		if (*skip == iov->iov_len) {
			++*at;
			*skip = 0;
		}
	}
}

/* ---------------------------------------------------------------- commands */

static int on_command(void *user, int *error)
{
	struct command *command = user;
	struct store_nbd *sn = command->sn;

	command->error = *error;
	command->next = NULL;
	*sn->completed_last = command;
	sn->completed_last = &command->next;
	return 1; /* libnbd need not remember it */
}

static void release(struct store_nbd *sn, struct command *command)
{
	if (command->bounce != NULL) {
		sn->bounce[sn->bounce_free++] = command->bounce;
		command->bounce = NULL;
	}
	command->next = sn->free;
	sn->free = command;
}

static uint32_t flags_of(const struct store_nbd *sn,
			 const struct blk_request *r)
{
	uint32_t flags = 0;

	if (r->op == BLK_WRITE_ZEROES && (r->flags & BLK_F_UNMAP) == 0) {
		flags |= sn->zero_flags;
	}
	if (r->op != BLK_READ && (r->flags & BLK_F_STABLE) != 0 && sn->fua) {
		flags |= LIBNBD_CMD_FLAG_FUA;
	}
	return flags;
}

/*
 * How far the command goes that begins where r is: straight into memory as far
 * as whole blocks go, else through a buffer.  0: there is no buffer left.
 */
static size_t choose_data(struct store_nbd *sn, struct blk_request *r,
			  struct command *command)
{
	uint64_t left = r->length - r->priv.moved;
	size_t n;

	skip_empty(r);
	n = r->iov[r->priv.iov_at].iov_len - r->priv.iov_skip;
	n -= n % sn->store.caps.block_size;
	if (n != 0) {
		return n < sn->command_max ? n : sn->command_max;
	}
	if (sn->bounce_free == 0) {
		return 0;
	}
	n = sn->command_max < BOUNCE_SIZE ? sn->command_max : BOUNCE_SIZE;
	command->bounce = sn->bounce[--sn->bounce_free];
	return n < left ? n : (size_t)left;
}

static uint8_t *find_data(struct blk_request *r, struct command *command,
			  size_t n)
{
	struct iovec *iov = &r->iov[r->priv.iov_at];
	uint32_t at = r->priv.iov_at;
	size_t skip = r->priv.iov_skip;

	if (command->bounce == NULL) {
		r->priv.iov_skip += n;
		return (uint8_t *)iov->iov_base + skip;
	}
	command->iov_at = at;
	command->iov_skip = skip;
	command->length = n;
	if (r->op == BLK_WRITE) {
		copy(r, &r->priv.iov_at, &r->priv.iov_skip, command->bounce, n);
		return command->bounce;
	}
	/* Where the next command begins. */
	for (size_t left = n; left != 0;) {
		size_t step;

		skip_empty(r);
		step = r->iov[r->priv.iov_at].iov_len - r->priv.iov_skip;
		step = step < left ? step : left;
		r->priv.iov_skip += step;
		left -= step;
	}
	return command->bounce;
}

/* What libnbd says: negative if the command was not taken. */
static int64_t send_command(struct store_nbd *sn, struct blk_request *r,
			    struct command *command, size_t n)
{
	const nbd_completion_callback done = {
		.callback = on_command,
		.user_data = command,
	};
	const struct nbd_lib *lib = sn->lib;
	uint64_t offset = r->offset + r->priv.moved;

	if (r->priv.how == HOW_SYNC) {
		return lib->aio_flush(sn->nbd, done, 0);
	}
	switch (r->op) {
	case BLK_READ:
		return lib->aio_pread(sn->nbd, find_data(r, command, n), n,
				      offset, done, 0);
	case BLK_WRITE:
		return lib->aio_pwrite(sn->nbd, find_data(r, command, n), n,
				       offset, done, flags_of(sn, r));
	case BLK_DISCARD:
		return lib->aio_trim(sn->nbd, n, offset, done, flags_of(sn, r));
	case BLK_WRITE_ZEROES:
		return lib->aio_zero(sn->nbd, n, offset, done, flags_of(sn, r));
	case BLK_FLUSH:
		break;
	}
	return lib->aio_flush(sn->nbd, done, 0);
}

/* False: the first of `ready` has to wait for another command to end. */
static bool issue(struct store_nbd *sn, struct blk_request *r)
{
	struct command *command = sn->free;
	uint64_t left = r->length - r->priv.moved;
	size_t n;

	if (command == NULL) {
		return false;
	}
	if (r->priv.how == HOW_SYNC) {
		n = 0;
	} else if (has_data(r)) {
		n = choose_data(sn, r, command);
		if (n == 0) {
			return false;
		}
	} else {
		n = left < ERASE_MAX ? (size_t)left : ERASE_MAX;
	}
	sn->free = command->next;
	command->request = r;
	r->priv.pending++;
	if (send_command(sn, r, command, n) < 0) {
		int error = sn->lib->get_errno();

		on_command(command, &error);
		if (command->error == 0) {
			command->error = EIO;
		}
	}
	r->priv.moved += n;
	return true;
}

/* ---------------------------------------------------------------- requests */

static bool is_sent(const struct blk_request *r)
{
	return r->priv.error != 0 ||
	       (r->priv.how == HOW_SYNC ? r->priv.pending != 0
					: r->priv.moved == r->length);
}

static void finish(struct store_nbd *sn, struct blk_request *r)
{
	sn->outstanding--;
	sn->finished = true;
	r->done(r, r->priv.error);
}

/* Nothing of it is under way, and nothing is to be sent. */
static void end_work(struct store_nbd *sn, struct blk_request *r)
{
	bool stable = r->op != BLK_READ && (r->flags & BLK_F_STABLE) != 0;

	if (r->priv.error == 0 && r->priv.how == HOW_WORK && stable &&
	    !sn->fua && sn->store.caps.flush) {
		r->priv.how = HOW_SYNC;
		list_append(&sn->ready, r);
		return;
	}
	finish(sn, r);
}

static void end_command(struct store_nbd *sn, struct command *command)
{
	struct blk_request *r = command->request;

	if (command->error == 0 && command->bounce != NULL &&
	    r->op == BLK_READ) {
		copy(r, &command->iov_at, &command->iov_skip, command->bounce,
		     command->length);
	}
	if (command->error != 0 && r->priv.error == 0) {
		r->priv.error = sn->dead ? -EIO : -command->error;
	}
	release(sn, command);
	r->priv.pending--;
	/* Else its last command is still to be sent, and will come here. */
	if (r->priv.pending == 0 && sn->ready.first != r) {
		end_work(sn, r);
	}
}

static void reap(struct store_nbd *sn)
{
	struct command *command = sn->completed;

	completed_init(sn);
	while (command != NULL) {
		struct command *next = command->next;

		end_command(sn, command);
		command = next;
	}
}

static void send_ready(struct store_nbd *sn)
{
	while (sn->ready.first != NULL) {
		struct blk_request *r = sn->ready.first;

		/* libnbd would refuse each command of it. */
		if (sn->dead && r->priv.error == 0) {
			r->priv.error = -EIO;
		}
		if (!is_sent(r) && !issue(sn, r)) {
			break;
		}
		if (is_sent(r)) {
			list_take(&sn->ready);
			if (r->priv.pending == 0) {
				end_work(sn, r);
			}
		}
	}
}

/* -------------------------------------------------------------------- loop */

static bool is_lost(const struct store_nbd *sn)
{
	return sn->lib->aio_is_dead(sn->nbd) == 1 ||
	       sn->lib->aio_is_closed(sn->nbd) == 1;
}

static unsigned int wanted(const struct store_nbd *sn)
{
	unsigned int direction = sn->lib->aio_get_direction(sn->nbd);

	return ((direction & LIBNBD_AIO_DIRECTION_READ) != 0 ? EVENT_READ : 0) |
	       ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0 ? EVENT_WRITE
							      : 0);
}

static void lose(struct store_nbd *sn)
{
	sn->dead = true;
	event_unwatch(sn->loop, &sn->watch);
	if (sn->on_lost != NULL) {
		sn->on_lost(sn->owner);
	}
}

static void watch_again(struct store_nbd *sn)
{
	unsigned int events = wanted(sn);

	if (events != sn->watched) {
		sn->watched = events;
		/* There is a watch already, so it cannot fail. */
		(void)event_watch(sn->loop, &sn->watch, sn->fd, events);
	}
}

/* After anything that was said to libnbd. */
static void settle(struct store_nbd *sn)
{
	void (*drained)(struct blk_store * store);

	/*
	 * What is submitted meanwhile asks for another turn.  Sending may
	 * complete commands only by losing the server, so this ends.
	 */
	do {
		if (!sn->dead && is_lost(sn)) {
			lose(sn);
		}
		reap(sn);
		send_ready(sn);
	} while (sn->completed != NULL || (!sn->dead && is_lost(sn)));
	if (!sn->dead) {
		watch_again(sn);
	}
	if (sn->finished) {
		sn->finished = false;
		if (sn->store.completed != NULL) {
			sn->store.completed(&sn->store);
		}
	}
	drained = sn->drained;
	if (drained != NULL && sn->outstanding == 0) {
		sn->drained = NULL;
		drained(&sn->store);
	}
}

static void on_socket(struct event_watch *watch, unsigned int events)
{
	struct store_nbd *sn = container_of(watch, struct store_nbd, watch);

	/* Each is allowed only where it is waited for. */
	if ((events & wanted(sn) & EVENT_READ) != 0) {
		(void)sn->lib->aio_notify_read(sn->nbd);
	}
	if ((events & wanted(sn) & EVENT_WRITE) != 0) {
		(void)sn->lib->aio_notify_write(sn->nbd);
	}
	settle(sn);
}

static void on_work(struct event_defer *defer)
{
	settle(container_of(defer, struct store_nbd, work));
}

/* --------------------------------------------------------------------- ops */

static void nbd_submit(struct blk_store *store, struct blk_request *r)
{
	struct store_nbd *sn = from_store(store);

	memset(&r->priv, 0, sizeof(r->priv));
	r->priv.how = HOW_WORK;
	if (r->op == BLK_FLUSH && store->caps.flush) {
		r->priv.how = HOW_SYNC;
	} else if (r->op == BLK_FLUSH) {
		r->priv.moved = r->length; /* nothing to do */
	}
	sn->outstanding++;
	list_append(&sn->ready, r);
}

static void nbd_commit(struct blk_store *store)
{
	struct store_nbd *sn = from_store(store);

	if (sn->ready.first != NULL) {
		event_defer(sn->loop, &sn->work);
	}
}

static void nbd_drain(struct blk_store *store,
		      void (*drained)(struct blk_store *store))
{
	struct store_nbd *sn = from_store(store);

	if (sn->outstanding == 0) {
		drained(store);
		return;
	}
	sn->drained = drained;
	nbd_commit(store);
}

static void destroy(struct store_nbd *sn)
{
	if (sn->nbd != NULL) {
		sn->lib->close(sn->nbd);
	}
	if (sn->fd >= 0) {
		close(sn->fd);
	}
	free(sn->bounce_memory);
	free(sn);
}

static void nbd_close_store(struct blk_store *store)
{
	struct store_nbd *sn = from_store(store);

	event_unwatch(sn->loop, &sn->watch);
	event_undefer(sn->loop, &sn->work);
	/* A farewell, if it can be said at once. */
	if (!sn->dead && sn->outstanding == 0) {
		(void)sn->lib->aio_disconnect(sn->nbd, 0);
	}
	destroy(sn);
}

static const struct blk_store_ops nbd_ops = {
	.name = "nbd",
	.submit = nbd_submit,
	.commit = nbd_commit,
	.drain = nbd_drain,
	.close = nbd_close_store,
};

/* --------------------------------------------------------------- handshake */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Why libnbd gave up. */
static int handshake_error(const struct store_nbd *sn)
{
	switch (sn->lib->get_errno()) {
	case ENOENT:
		return -ENOENT;
	case ENOMEM:
		return -ENOMEM;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ESHUTDOWN:
		return -ECONNRESET;
	default:
		/* 0 for most, an early end among them */
		return -EPROTO;
	}
}

/* 0: something was said; or negative errno */
static int handshake_step(struct store_nbd *sn, int timeout)
{
	unsigned int events = wanted(sn);
	struct pollfd pollfd = {
		.fd = sn->fd,
		.events = (short)(((events & EVENT_READ) != 0 ? POLLIN : 0) |
				  ((events & EVENT_WRITE) != 0 ? POLLOUT : 0)),
	};
	int n = poll(&pollfd, 1, timeout);
	int rc;

	if (n <= 0) {
		return n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	}
	rc = (events & EVENT_WRITE) != 0 && (pollfd.revents & ~POLLIN) != 0
		     ? sn->lib->aio_notify_write(sn->nbd)
		     : sn->lib->aio_notify_read(sn->nbd);
	return rc == 0 ? 0 : handshake_error(sn);
}

static int shake_hands(struct store_nbd *sn, uint32_t ms)
{
	uint64_t end = now_ms() + ms;
	int rc = 0;

	while (rc == 0 && sn->lib->aio_is_ready(sn->nbd) == 0) {
		uint64_t now = now_ms();

		if (is_lost(sn)) {
			return -ECONNRESET;
		}
		/* However slowly the server speaks. */
		if (now >= end) {
			return -ETIMEDOUT;
		}
		rc = handshake_step(sn, (int)(end - now));
	}
	return rc;
}

static int start_handshake(struct store_nbd *sn, const char *export_name,
			   uint32_t ms)
{
	const struct nbd_lib *lib = sn->lib;
	int fd;

	sn->nbd = lib->create();
	if (sn->nbd == NULL) {
		return -ENOMEM;
	}
	if (lib->set_export_name(sn->nbd, export_name) != 0) {
		return -ENAMETOOLONG;
	}
	/*
	 * Simple replies are all of the data or an error, so no buffer must be
	 * cleared in advance.
	 */
	if (lib->set_request_structured_replies(sn->nbd, false) != 0 ||
	    lib->set_pread_initialize(sn->nbd, false) != 0) {
		return -EIO;
	}
	fd = fcntl(sn->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (lib->aio_connect_socket(sn->nbd, fd) != 0) {
		/* It is libnbd's once it has looked at it. */
		return handshake_error(sn);
	}
	return shake_hands(sn, ms);
}

const char *store_nbd_explain(int error, const char **ret_hint)
{
	static const struct {
		int error;
		const char *what;
		const char *hint;
	} table[] = {
		{ ELIBACC, "libnbd is not installed",
		  "install it (Debian's libnbd0); zone0's image has it when "
		  "built with ZONE0_NBD=1" },
		{ ENOENT, "the NBD server has no such export",
		  "check the export's name: nbdinfo --list shows what a server "
		  "has" },
		{ EROFS, "the NBD server does not let the export be written",
		  "make the disk readonly, or let the server write" },
		{ EINVAL, "the NBD server cannot do with that block size",
		  "leave the block size out: the server's is taken then" },
		{ ETIMEDOUT, "the NBD server did not answer in time",
		  "see what the server does: it may hang, or serve another "
		  "client and no more than one" },
		{ EPROTO, "what is there speaks no NBD that is known here",
		  "check that an NBD server is there, one with named exports "
		  "and without TLS" },
		{ ECONNRESET, "the NBD server ended the connection",
		  "see the server's log" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].error == -error) {
			*ret_hint = table[i].hint;
			return table[i].what;
		}
	}
	return NULL;
}

/* ------------------------------------------------------------ capabilities */

static bool is_block_size(uint64_t size)
{
	return size >= BLK_SECTOR && size <= BLOCK_SIZE_MAX &&
	       (size & (size - 1)) == 0;
}

static int find_sizes(struct store_nbd *sn,
		      const struct store_nbd_config *config)
{
	struct blk_store_caps *caps = &sn->store.caps;
	int64_t size = sn->lib->get_size(sn->nbd);
	int64_t min = sn->lib->get_block_size(sn->nbd, LIBNBD_SIZE_MINIMUM);
	int64_t preferred =
		sn->lib->get_block_size(sn->nbd, LIBNBD_SIZE_PREFERRED);
	int64_t max = sn->lib->get_block_size(sn->nbd, LIBNBD_SIZE_MAXIMUM);

	if (size < 0 || min < 0 || max < 0) {
		return -EPROTO;
	}
	min = min < (int64_t)BLK_SECTOR ? (int64_t)BLK_SECTOR : min;
	max = max == 0 || max > (int64_t)COMMAND_MAX ? (int64_t)COMMAND_MAX
						     : max;
	if (!is_block_size((uint64_t)min) || max < min) {
		return -EPROTO;
	}
	caps->block_size =
		config->block_size != 0 ? config->block_size : (uint32_t)min;
	if (!is_block_size(caps->block_size) ||
	    caps->block_size < (uint32_t)min ||
	    caps->block_size > (uint32_t)max) {
		return -EINVAL;
	}
	caps->physical_size = preferred > (int64_t)caps->block_size &&
					      is_block_size((uint64_t)preferred)
				      ? (uint32_t)preferred
				      : caps->block_size;
	caps->size = (uint64_t)size - (uint64_t)size % caps->block_size;
	sn->command_max = (uint32_t)max - (uint32_t)max % caps->block_size;
	return 0;
}

static int find_caps(struct store_nbd *sn,
		     const struct store_nbd_config *config)
{
	struct blk_store_caps *caps = &sn->store.caps;
	const char *protocol = sn->lib->get_protocol(sn->nbd);
	bool readonly = sn->lib->is_read_only(sn->nbd) != 0;

	/* Older ones cannot be told which export. */
	if (protocol == NULL || strcmp(protocol, "newstyle-fixed") != 0) {
		return -EPROTO;
	}
	if (readonly && !config->readonly) {
		return -EROFS;
	}
	caps->readonly = config->readonly;
	if (!caps->readonly) {
		caps->flush = sn->lib->can_flush(sn->nbd) == 1;
		caps->write_zeroes = sn->lib->can_zero(sn->nbd) == 1;
		caps->discard =
			config->discard && sn->lib->can_trim(sn->nbd) == 1;
		caps->unmap = config->discard && caps->write_zeroes;
		sn->fua = sn->lib->can_fua(sn->nbd) == 1;
	}
	sn->zero_flags = LIBNBD_CMD_FLAG_NO_HOLE;
	return find_sizes(sn, config);
}

/* -------------------------------------------------------------------- open */

static int make_buffers(struct store_nbd *sn, uint32_t depth)
{
	for (uint32_t i = 0; i < depth; i++) {
		sn->command[i].sn = sn;
		release(sn, &sn->command[i]);
	}
	sn->bounce_memory = malloc((size_t)BOUNCE_COUNT * BOUNCE_SIZE);
	if (sn->bounce_memory == NULL) {
		return -ENOMEM;
	}
	while (sn->bounce_free < BOUNCE_COUNT) {
		sn->bounce[sn->bounce_free] =
			sn->bounce_memory +
			(size_t)sn->bounce_free * BOUNCE_SIZE;
		sn->bounce_free++;
	}
	return 0;
}

static int connect_store(struct store_nbd *sn, int fd, uint32_t depth,
			 const struct store_nbd_config *config)
{
	int rc = make_buffers(sn, depth);

	if (rc != 0) {
		return rc;
	}
	sn->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (sn->fd < 0) {
		return -errno;
	}
	rc = start_handshake(
		sn, config->export_name != NULL ? config->export_name : "",
		config->handshake_ms != 0 ? config->handshake_ms
					  : STORE_NBD_HANDSHAKE_MS);
	if (rc == 0) {
		rc = find_caps(sn, config);
	}
	if (rc == 0) {
		sn->watched = wanted(sn);
		rc = event_watch(sn->loop, &sn->watch, sn->fd, sn->watched);
	}
	return rc;
}

int store_nbd_open(struct event_loop *loop, int fd,
		   const struct store_nbd_config *config,
		   struct blk_store **ret)
{
	const struct nbd_lib *lib = nbd_lib_load();
	uint32_t depth = config->depth != 0 ? config->depth : STORE_NBD_DEPTH;
	struct store_nbd *sn;
	int rc;

	if (lib == NULL) {
		return -ELIBACC;
	}
	if (depth > STORE_NBD_DEPTH_MAX) {
		return -EINVAL;
	}
	sn = calloc(1, sizeof(*sn) + depth * sizeof(sn->command[0]));
	if (sn == NULL) {
		return -ENOMEM;
	}
	sn->store.ops = &nbd_ops;
	sn->loop = loop;
	sn->lib = lib;
	sn->fd = -1;
	sn->watch.cb = on_socket;
	sn->work.cb = on_work;
	sn->on_lost = config->on_lost;
	sn->owner = config->owner;
	list_init(&sn->ready);
	completed_init(sn);
	rc = connect_store(sn, fd, depth, config);
	if (rc != 0) {
		destroy(sn);
		return rc;
	}
	*ret = &sn->store;
	return 0;
}
