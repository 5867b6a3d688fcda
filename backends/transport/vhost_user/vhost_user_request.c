/* SPDX-License-Identifier: BSD-2-Clause */
/* What each request means.  Sizes and numbers of fds are checked already. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/virtio_mmio_regs.h"
#include "transport/vhost_user/vhost_user_internal.h"

static int answer(struct vhost_user *vu, const void *payload, size_t size,
		  int pass_fd)
{
	int rc = vhost_user_wire_send(vu->wire.fd, vu->wire.msg.header.request,
				      VHOST_USER_VERSION | VHOST_USER_REPLY,
				      payload, size, pass_fd);

	return rc == 0 ? 0 : vhost_user_wrong(vu, "answer: %s", strerror(-rc));
}

static int answer_u64(struct vhost_user *vu, uint64_t value)
{
	return answer(vu, &value, sizeof(value), -1);
}

static int take_fd(struct vhost_user_msg *msg, size_t i)
{
	int fd = msg->fd[i];

	msg->fd[i] = -1;
	return fd;
}

/* ----------------------------------------------------------------- features */

static int get_features(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)msg;
	return answer_u64(vu, vhost_user_features(vu));
}

static int set_features(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	uint64_t unknown = msg->payload.u64 & ~vhost_user_features(vu);

	if (unknown != 0) {
		return vhost_user_wrong(vu, "bits 0x%llx were not offered",
					(unsigned long long)unknown);
	}
	vu->features = msg->payload.u64;
	return 0;
}

static uint64_t protocol_features(const struct vhost_user *vu)
{
	return VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK |
	       VHOST_USER_PROTOCOL_F_BACKEND_REQ |
	       VHOST_USER_PROTOCOL_F_RESET_DEVICE |
	       VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS |
	       VHOST_USER_PROTOCOL_F_STATUS |
	       (vu->dev->ops->config_len != 0 ? VHOST_USER_PROTOCOL_F_CONFIG
					      : 0) |
	       (vu->dev->ops->set_mtu != NULL ? VHOST_USER_PROTOCOL_F_NET_MTU
					      : 0) |
	       (vu->dev->ops->tracked ? VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD
				      : 0);
}

static int get_protocol_features(struct vhost_user *vu,
				 struct vhost_user_msg *msg)
{
	(void)msg;
	return answer_u64(vu, protocol_features(vu));
}

static int set_protocol_features(struct vhost_user *vu,
				 struct vhost_user_msg *msg)
{
	uint64_t unknown = msg->payload.u64 & ~protocol_features(vu);

	if (unknown != 0) {
		return vhost_user_wrong(vu, "bits 0x%llx were not offered",
					(unsigned long long)unknown);
	}
	vu->protocol_features = msg->payload.u64;
	return 0;
}

static int get_queue_num(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)msg;
	return answer_u64(vu, vu->dev->queue_count);
}

/* ------------------------------------------------------------ owner, status */

static int set_owner(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)vu;
	(void)msg;
	return 0;
}

/* Positions stay: SET_VRING_BASE, which follows, tells the new ones. */
static void stop_rings(struct vhost_user *vu)
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		vu->ring[q].started = false;
		vu->ring[q].enable = VHOST_USER_ENABLE_UNSAID;
		(void)vhost_user_ring_kick(&vu->ring[q], -1);
	}
}

static int reset(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)msg;
	stop_rings(vu);
	vu->status = 0;
	return 0;
}

static int set_status(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	if (msg->payload.u64 > UINT8_MAX) {
		return vhost_user_wrong(vu, "status: 0x%llx",
					(unsigned long long)msg->payload.u64);
	}
	if (msg->payload.u64 == 0) {
		return reset(vu, msg);
	}
	vu->status = (uint8_t)(msg->payload.u64 |
			       (vu->status & VIRTIO_STATUS_NEEDS_RESET));
	return 0;
}

static int get_status(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)msg;
	return answer_u64(vu, vu->status);
}

/* ------------------------------------------------------------------- memory */

static int wrong_region(struct vhost_user *vu, const char *what, int error,
			const struct vhost_user_region *region)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = {
		{ -EINVAL, "it is empty, wraps around or overlaps another" },
		{ -EOVERFLOW, "its user address wraps around" },
		{ -EBADF, "its file is not a regular file" },
		{ -ERANGE, "it ends after its file" },
		{ -ENOSPC, "there are too many" },
	};
	const char *text = strerror(-error);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error) {
			text = texts[i].text;
		}
	}
	return vhost_user_wrong(vu,
				"%s: 0x%llx bytes at 0x%llx, offset 0x%llx: %s",
				what, (unsigned long long)region->size,
				(unsigned long long)region->gpa,
				(unsigned long long)region->offset, text);
}

static int set_mem_table(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct vhost_user_mem_table *table = &msg->payload.table;
	size_t room = (msg->header.size -
		       offsetof(struct vhost_user_mem_table, region)) /
		      sizeof(table->region[0]);

	if (table->count > room) {
		return vhost_user_wrong(vu,
					"num regions: %u, with room for %zu",
					table->count, room);
	}
	if (table->count != msg->fd_count) {
		return vhost_user_wrong(
			vu, "num regions: %u, with %zu file descriptors",
			table->count, msg->fd_count);
	}
	vhost_user_mem_clear(&vu->mem);
	for (uint32_t i = 0; i < table->count; i++) {
		int rc = vhost_user_mem_add(&vu->mem, &table->region[i],
					    msg->fd[i], vu->fault_fd);

		if (rc != 0) {
			char what[16] = "region 0";

			what[7] = (char)('0' + i);
			return wrong_region(vu, what, rc, &table->region[i]);
		}
	}
	return 0;
}

static int get_max_mem_slots(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	(void)msg;
	return answer_u64(vu, GUEST_MEM_REGIONS_MAX);
}

static int add_mem_reg(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct vhost_user_region *region = &msg->payload.reg.region;
	int rc = vhost_user_mem_add(&vu->mem, region, msg->fd[0], vu->fault_fd);

	return rc == 0 ? 0 : wrong_region(vu, "region", rc, region);
}

static int rem_mem_reg(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct vhost_user_region *region = &msg->payload.reg.region;

	return vhost_user_mem_remove(&vu->mem, region) == 0
		       ? 0
		       : wrong_region(vu, "region", -ENOENT, region);
}

/* -------------------------------------------------------------------- rings */

/* NULL after vhost_user_wrong() */
static struct vhost_user_ring *find_ring(struct vhost_user *vu, uint64_t index)
{
	if (index >= vu->dev->queue_count) {
		(void)vhost_user_wrong(vu, "index: %llu, of %u queues",
				       (unsigned long long)index,
				       vu->dev->queue_count);
		return NULL;
	}
	return &vu->ring[index];
}

static int set_vring_num(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_ring *ring = find_ring(vu, msg->payload.state.index);
	uint32_t num = msg->payload.state.num;
	uint32_t max = vhost_user_queue_size_max(vu);

	if (ring == NULL) {
		return -EPROTO;
	}
	if (num == 0 || num > max || (num & (num - 1)) != 0) {
		return vhost_user_wrong(
			vu, "num: %u is not a power of two up to %u", num, max);
	}
	ring->size = num;
	return 0;
}

static int set_vring_addr(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_ring *ring = find_ring(vu, msg->payload.addr.index);

	if (ring == NULL) {
		return -EPROTO;
	}
	if (msg->payload.addr.flags != 0) {
		return vhost_user_wrong(
			vu, "flags: 0x%x: there is no logging of writes",
			msg->payload.addr.flags);
	}
	/* Looked up when the ring starts, in the memory there is then. */
	ring->addr = msg->payload.addr;
	ring->placed = true;
	return 0;
}

static int set_vring_base(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_ring *ring = find_ring(vu, msg->payload.state.index);

	if (ring == NULL) {
		return -EPROTO;
	}
	if (msg->payload.state.num > UINT16_MAX) {
		return vhost_user_wrong(vu, "num: %u is no ring position",
					msg->payload.state.num);
	}
	ring->pos = (uint16_t)msg->payload.state.num;
	ring->moved = true;
	return 0;
}

static int get_vring_base(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_ring *ring = find_ring(vu, msg->payload.state.index);
	struct vhost_user_vring_state state;

	if (ring == NULL) {
		return -EPROTO;
	}
	ring->started = false;
	(void)vhost_user_ring_kick(ring, -1);
	state = (struct vhost_user_vring_state){ ring->index, ring->pos };
	return answer(vu, &state, sizeof(state), -1);
}

static int set_vring_enable(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_ring *ring = find_ring(vu, msg->payload.state.index);

	if (ring == NULL) {
		return -EPROTO;
	}
	if (msg->payload.state.num > 1) {
		return vhost_user_wrong(vu, "num: %u is neither 0 nor 1",
					msg->payload.state.num);
	}
	ring->enable = msg->payload.state.num == 1 ? VHOST_USER_ENABLE_ON
						   : VHOST_USER_ENABLE_OFF;
	return 0;
}

/*
 * Eventfds (whose mode has no type) and pipes: reading and writing them waits
 * for nobody once they are non-blocking.
 */
static int check_event_fd(struct vhost_user *vu, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) < 0 ||
	    ((st.st_mode & S_IFMT) != 0 && !S_ISFIFO(st.st_mode) &&
	     !S_ISSOCK(st.st_mode))) {
		return vhost_user_wrong(
			vu, "file descriptor: neither an eventfd nor a pipe");
	}
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		return vhost_user_wrong(vu, "file descriptor: %s",
					strerror(errno));
	}
	return 0;
}

/* The ring of SET_VRING_{KICK,CALL,ERR}, and its fd or -1. */
static struct vhost_user_ring *
find_ring_fd(struct vhost_user *vu, struct vhost_user_msg *msg, int *ret_fd)
{
	uint64_t word = msg->payload.u64;
	size_t wanted = (word & VHOST_USER_VRING_NO_FD) != 0 ? 0 : 1;
	struct vhost_user_ring *ring;

	if ((word & ~(VHOST_USER_VRING_INDEX_MASK | VHOST_USER_VRING_NO_FD)) !=
	    0) {
		(void)vhost_user_wrong(vu, "u64: 0x%llx has unknown bits",
				       (unsigned long long)word);
		return NULL;
	}
	ring = find_ring(vu, word & VHOST_USER_VRING_INDEX_MASK);
	if (ring == NULL) {
		return NULL;
	}
	if (msg->fd_count != wanted) {
		(void)vhost_user_wrong(vu, "file descriptors: %zu, not %zu",
				       msg->fd_count, wanted);
		return NULL;
	}
	if (wanted != 0 && check_event_fd(vu, msg->fd[0]) != 0) {
		return NULL;
	}
	*ret_fd = wanted != 0 ? take_fd(msg, 0) : -1;
	return ring;
}

static int set_vring_kick(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	int fd;
	struct vhost_user_ring *ring = find_ring_fd(vu, msg, &fd);
	int rc;

	if (ring == NULL) {
		return -EPROTO;
	}
	rc = vhost_user_ring_kick(ring, fd);
	if (rc != 0) {
		return vhost_user_wrong(vu, "file descriptor: %s",
					strerror(-rc));
	}
	ring->started = true;
	return 0;
}

static int set_vring_call(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	int fd;
	struct vhost_user_ring *ring = find_ring_fd(vu, msg, &fd);

	if (ring == NULL) {
		return -EPROTO;
	}
	vhost_user_ring_call(ring, fd);
	return 0;
}

static int set_vring_err(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	int fd;
	struct vhost_user_ring *ring = find_ring_fd(vu, msg, &fd);

	if (ring == NULL) {
		return -EPROTO;
	}
	vhost_user_ring_err(ring, fd);
	return 0;
}

/* ------------------------------------------------------------------- config */

static int check_config(struct vhost_user *vu, const struct vhost_user_msg *msg)
{
	const struct vhost_user_config *config = &msg->payload.config;

	if (config->size != msg->header.size - VHOST_USER_CONFIG_HEADER) {
		return vhost_user_wrong(
			vu, "size: %u, with %zu bytes", config->size,
			msg->header.size - (size_t)VHOST_USER_CONFIG_HEADER);
	}
	if (config->offset > VIRTIO_CONFIG_MAX ||
	    config->size > VIRTIO_CONFIG_MAX - config->offset) {
		return vhost_user_wrong(
			vu, "offset: %u, with size %u: at most %u",
			config->offset, config->size, VIRTIO_CONFIG_MAX);
	}
	return 0;
}

/* What the device does not have reads as 0: front-ends know later layouts. */
static int get_config(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct virtio_device_ops *ops = vu->dev->ops;
	struct vhost_user_config *config = &msg->payload.config;

	if (check_config(vu, msg) != 0) {
		return -EPROTO;
	}
	memset(config->data, 0, sizeof(config->data));
	if (config->offset < ops->config_len) {
		uint32_t left = ops->config_len - config->offset;

		ops->config_read(vu->dev, config->offset, config->data,
				 config->size < left ? config->size : left);
	}
	return answer(vu, config, msg->header.size, -1);
}

/* A write that the device does not take is the guest's, and has no effect. */
static int set_config(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct virtio_device_ops *ops = vu->dev->ops;
	const struct vhost_user_config *config = &msg->payload.config;

	if (check_config(vu, msg) != 0) {
		return -EPROTO;
	}
	if (config->flags != VHOST_USER_CONFIG_WRITABLE) {
		return vhost_user_wrong(vu, "flags: %u: there is no migration",
					config->flags);
	}
	if (ops->config_write != NULL && config->offset < ops->config_len &&
	    config->size <= ops->config_len - config->offset) {
		ops->config_write(vu->dev, config->offset, config->data,
				  config->size);
	}
	return 0;
}

static int net_set_mtu(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	if (vu->dev->ops->set_mtu(vu->dev, msg->payload.u64) != 0) {
		return vhost_user_wrong(vu, "u64: an MTU of %llu",
					(unsigned long long)msg->payload.u64);
	}
	return 0;
}

static int set_backend_req_fd(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct stat st;

	if (fstat(msg->fd[0], &st) < 0 || !S_ISSOCK(st.st_mode)) {
		return vhost_user_wrong(vu, "file descriptor: not a socket");
	}
	event_unwatch(vu->loop, &vu->backend);
	if (vu->backend_fd >= 0) {
		close(vu->backend_fd);
	}
	vu->backend_fd = take_fd(msg, 0);
	vhost_user_tell_config(vu);
	return 0;
}

/* ----------------------------------------------------------------- tracking */

static int check_inflight(struct vhost_user *vu,
			  const struct vhost_user_inflight *inflight)
{
	uint32_t max = vhost_user_queue_size_max(vu);

	if (inflight->num_queues == 0 ||
	    inflight->num_queues > vu->dev->queue_count) {
		return vhost_user_wrong(vu, "num queues: %u, of %u",
					inflight->num_queues,
					vu->dev->queue_count);
	}
	if (inflight->queue_size == 0 || inflight->queue_size > max) {
		return vhost_user_wrong(vu, "queue size: %u: at most %u",
					inflight->queue_size, max);
	}
	return 0;
}

static int get_inflight_fd(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	struct vhost_user_inflight inflight = msg->payload.inflight;
	int rc = check_inflight(vu, &inflight);
	int fd;

	if (rc != 0) {
		return rc;
	}
	inflight.mmap_offset = 0;
	inflight.mmap_size = vhost_user_tracking_size(inflight.num_queues,
						      inflight.queue_size);
	fd = vhost_user_tracking_make(inflight.mmap_size);
	if (fd < 0) {
		return vhost_user_wrong(vu, "memory: %s", strerror(-fd));
	}
	rc = answer(vu, &inflight, msg->header.size, fd);
	close(fd);
	return rc;
}

static int set_inflight_fd(struct vhost_user *vu, struct vhost_user_msg *msg)
{
	const struct vhost_user_inflight *inflight = &msg->payload.inflight;
	uint64_t needed;
	int rc = check_inflight(vu, inflight);

	if (rc != 0) {
		return rc;
	}
	needed = vhost_user_tracking_size(inflight->num_queues,
					  inflight->queue_size);
	if (inflight->mmap_size < needed) {
		return vhost_user_wrong(vu, "mmap size: %llu, not %llu",
					(unsigned long long)inflight->mmap_size,
					(unsigned long long)needed);
	}
	if (inflight->mmap_offset % sizeof(uint64_t) != 0) {
		return vhost_user_wrong(
			vu, "mmap offset: 0x%llx is not aligned",
			(unsigned long long)inflight->mmap_offset);
	}
	shared_map_close(&vu->tracking.map);
	vu->tracking.queue_count = inflight->num_queues;
	vu->tracking.queue_size = inflight->queue_size;
	rc = shared_map_open(msg->fd[0], inflight->mmap_offset, needed,
			     vu->fault_fd, &vu->tracking.map);
	if (rc != 0) {
		return vhost_user_wrong(vu, "file descriptor: %s",
					rc == -ERANGE ? "the file is too short"
						      : strerror(-rc));
	}
	return 0;
}

/* -------------------------------------------------------------------- table */

#define EXACTLY(size) .size_min = (size), .size_max = (size)
#define BETWEEN(min, max) .size_min = (min), .size_max = (max)
#define FDS(min, max) .fds_min = (min), .fds_max = (max)
#define STATE EXACTLY(sizeof(struct vhost_user_vring_state))
#define ADDR EXACTLY(sizeof(struct vhost_user_vring_addr))
#define REGION EXACTLY(sizeof(struct vhost_user_mem_reg))
#define CONFIG \
	BETWEEN(VHOST_USER_CONFIG_HEADER, sizeof(struct vhost_user_config))
#define INFLIGHT \
	BETWEEN(VHOST_USER_INFLIGHT_SHORT, sizeof(struct vhost_user_inflight))
#define TABLE                                                  \
	BETWEEN(offsetof(struct vhost_user_mem_table, region), \
		sizeof(struct vhost_user_mem_table))
#define NEEDS(feature) .needs = VHOST_USER_PROTOCOL_F_##feature
#define STOPS .stops = true
#define ANSWERS .answers = true
#define ROW(request, ...) \
	[VHOST_USER_##request] = { .name = #request, __VA_ARGS__ }

/* clang-format off */
static const struct vhost_user_kind kinds[] = {
	ROW(GET_FEATURES, ANSWERS, .handle = get_features),
	ROW(SET_FEATURES, EXACTLY(8), STOPS, .handle = set_features),
	ROW(SET_OWNER, .handle = set_owner),
	ROW(RESET_OWNER, STOPS, .handle = reset),
	ROW(SET_MEM_TABLE, TABLE, FDS(0, GUEST_MEM_REGIONS_MAX), STOPS,
	    .handle = set_mem_table),
	/* Live migration, which is not offered. */
	ROW(SET_LOG_BASE),
	ROW(SET_LOG_FD),
	ROW(SET_VRING_NUM, STATE, STOPS, .handle = set_vring_num),
	ROW(SET_VRING_ADDR, ADDR, STOPS, .handle = set_vring_addr),
	ROW(SET_VRING_BASE, STATE, STOPS, .handle = set_vring_base),
	ROW(GET_VRING_BASE, STATE, STOPS, ANSWERS, .handle = get_vring_base),
	ROW(SET_VRING_KICK, EXACTLY(8), FDS(0, 1), STOPS,
	    .handle = set_vring_kick),
	ROW(SET_VRING_CALL, EXACTLY(8), FDS(0, 1), .handle = set_vring_call),
	ROW(SET_VRING_ERR, EXACTLY(8), FDS(0, 1), .handle = set_vring_err),
	ROW(GET_PROTOCOL_FEATURES, ANSWERS, .handle = get_protocol_features),
	ROW(SET_PROTOCOL_FEATURES, EXACTLY(8),
	    .handle = set_protocol_features),
	ROW(GET_QUEUE_NUM, ANSWERS, .handle = get_queue_num),
	ROW(SET_VRING_ENABLE, STATE, STOPS, .handle = set_vring_enable),
	ROW(NET_SET_MTU, EXACTLY(8), NEEDS(NET_MTU), STOPS,
	    .handle = net_set_mtu),
	ROW(SET_BACKEND_REQ_FD, FDS(1, 1), NEEDS(BACKEND_REQ),
	    .handle = set_backend_req_fd),
	ROW(GET_CONFIG, CONFIG, NEEDS(CONFIG), ANSWERS, .handle = get_config),
	ROW(SET_CONFIG, CONFIG, NEEDS(CONFIG), .handle = set_config),
	ROW(GET_INFLIGHT_FD, INFLIGHT, NEEDS(INFLIGHT_SHMFD), ANSWERS,
	    .handle = get_inflight_fd),
	ROW(SET_INFLIGHT_FD, INFLIGHT, FDS(1, 1), NEEDS(INFLIGHT_SHMFD), STOPS,
	    .handle = set_inflight_fd),
	ROW(RESET_DEVICE, NEEDS(RESET_DEVICE), STOPS, .handle = reset),
	ROW(GET_MAX_MEM_SLOTS, NEEDS(CONFIGURE_MEM_SLOTS), ANSWERS,
	    .handle = get_max_mem_slots),
	ROW(ADD_MEM_REG, REGION, FDS(1, 1), NEEDS(CONFIGURE_MEM_SLOTS), STOPS,
	    .handle = add_mem_reg),
	/* The document lets a front-end send a needless fd here. */
	ROW(REM_MEM_REG, REGION, FDS(0, 1), NEEDS(CONFIGURE_MEM_SLOTS), STOPS,
	    .handle = rem_mem_reg),
	ROW(SET_STATUS, EXACTLY(8), NEEDS(STATUS), STOPS,
	    .handle = set_status),
	ROW(GET_STATUS, NEEDS(STATUS), ANSWERS, .handle = get_status),
};
/* clang-format on */

const struct vhost_user_kind *vhost_user_kind(uint32_t request)
{
	if (request >= sizeof(kinds) / sizeof(kinds[0]) ||
	    kinds[request].name == NULL) {
		return NULL;
	}
	return &kinds[request];
}
