/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/blk_command.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

struct header { /* as it lies in guest memory, little-endian */
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct range { /* likewise; 5.2.6, discard and write zeroes */
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};

_Static_assert(sizeof(struct header) == 16, "guest memory");
_Static_assert(sizeof(struct range) == 16, "guest memory");

/* Copies len bytes out of iov; false if there are not as many. */
static bool copy_out(struct guest_mem *gm, const struct iovec *iov,
		     uint32_t count, void *ret, size_t len)
{
	uint8_t *to = ret;

	for (uint32_t i = 0; i < count && len != 0; i++) {
		size_t n = iov[i].iov_len < len ? iov[i].iov_len : len;

		guest_mem_copy(gm, to, iov[i].iov_base, n);
		to += n;
		len -= n;
	}
	return len == 0;
}

/* The segments without their first skip and beyond len bytes; the count. */
static uint32_t cut(const struct vq_seg *seg, uint32_t count, uint32_t skip,
		    uint32_t len, struct iovec *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count && len != 0; i++) {
		uint32_t over = skip < seg[i].len ? skip : seg[i].len;
		uint32_t rest = seg[i].len - over;

		rest = rest < len ? rest : len;
		skip -= over;
		len -= rest;
		if (rest != 0) {
			ret[n++] = (struct iovec){ seg[i].base + over, rest };
		}
	}
	return n;
}

static void answer(struct blk_command *command, uint8_t status)
{
	command->action = BLK_ANSWER;
	command->answer = status;
}

/* Whole blocks of the disk. */
static bool on_disk(const struct blk_disk *disk, uint64_t sector,
		    uint64_t length)
{
	uint32_t per_block = disk->block_size / BLK_SECTOR;

	return sector <= disk->sectors && sector % per_block == 0 &&
	       length % disk->block_size == 0 &&
	       length / BLK_SECTOR <= disk->sectors - sector;
}

static void for_store(struct blk_command *command, enum blk_op op,
		      uint64_t sector, uint64_t length)
{
	command->action = BLK_STORE;
	command->request.op = op;
	command->request.offset = sector * BLK_SECTOR;
	command->request.length = length;
	if (op != BLK_READ && op != BLK_WRITE) {
		command->request.iov = NULL;
		command->request.iov_count = 0;
	}
}

static void transfer(struct blk_command *command, const struct blk_disk *disk,
		     enum blk_op op, uint64_t sector)
{
	if (op == BLK_WRITE && disk->readonly) {
		answer(command, VIRTIO_BLK_S_IOERR);
	} else if (!on_disk(disk, sector, command->iov_len)) {
		answer(command, VIRTIO_BLK_S_IOERR);
	} else if (command->iov_len == 0) {
		answer(command, VIRTIO_BLK_S_OK);
	} else {
		for_store(command, op, sector, command->iov_len);
	}
}

static void erase(struct guest_mem *gm, struct blk_command *command,
		  const struct blk_disk *disk, enum blk_op op)
{
	uint32_t known = op == BLK_WRITE_ZEROES ? VIRTIO_BLK_RANGE_UNMAP : 0;
	struct range range;
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;

	if (disk->readonly || command->iov_len != sizeof(range) ||
	    !copy_out(gm, command->request.iov, command->request.iov_count,
		      &range, sizeof(range))) {
		answer(command, VIRTIO_BLK_S_IOERR);
		return;
	}
	sector = le64toh(range.sector);
	sectors = le32toh(range.sectors);
	flags = le32toh(range.flags);
	if ((flags & ~known) != 0) {
		answer(command, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	if (sectors > BLK_RANGE_SECTORS_MAX ||
	    !on_disk(disk, sector, (uint64_t)sectors * BLK_SECTOR)) {
		answer(command, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (sectors == 0) {
		answer(command, VIRTIO_BLK_S_OK);
		return;
	}
	for_store(command, op, sector, (uint64_t)sectors * BLK_SECTOR);
	if (disk->unmap && (flags & VIRTIO_BLK_RANGE_UNMAP) != 0) {
		command->request.flags |= BLK_F_UNMAP;
	}
}

static bool reads_payload(uint32_t type)
{
	return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
	       type == VIRTIO_BLK_T_WRITE_ZEROES;
}

static void dispatch(struct guest_mem *gm, struct blk_command *command,
		     const struct blk_disk *disk, uint32_t type,
		     uint64_t sector)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		transfer(command, disk, BLK_READ, sector);
		return;
	case VIRTIO_BLK_T_OUT:
		transfer(command, disk, BLK_WRITE, sector);
		return;
	case VIRTIO_BLK_T_FLUSH:
		if (disk->flush) {
			for_store(command, BLK_FLUSH, 0, 0);
		} else {
			answer(command, VIRTIO_BLK_S_OK);
		}
		return;
	case VIRTIO_BLK_T_GET_ID:
		command->action = BLK_IDENTIFY;
		return;
	case VIRTIO_BLK_T_DISCARD:
		if (disk->discard || disk->readonly) {
			erase(gm, command, disk, BLK_DISCARD);
			return;
		}
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (disk->write_zeroes || disk->readonly) {
			erase(gm, command, disk, BLK_WRITE_ZEROES);
			return;
		}
		break;
	}
	answer(command, VIRTIO_BLK_S_UNSUPP);
}

int blk_command_parse(struct guest_mem *gm, const struct vq_chain *chain,
		      const struct blk_disk *disk,
		      struct iovec iov[VQ_SEGS_MAX], struct blk_command *ret)
{
	const struct vq_seg *writable = &chain->seg[chain->readable];
	const struct vq_seg *last;
	struct header header;
	uint32_t type;
	uint32_t n;

	if (chain->readable_len < sizeof(header) || chain->writable_len == 0) {
		return -EPROTO;
	}
	last = &writable[chain->writable - 1];
	*ret = (struct blk_command){
		.status = last->base + last->len - 1,
		.request.iov = iov,
	};
	n = cut(chain->seg, chain->readable, 0, sizeof(header), iov);
	(void)copy_out(gm, iov, n, &header, sizeof(header));
	type = le32toh(header.type);
	if (reads_payload(type)) {
		ret->iov_len = chain->readable_len - sizeof(header);
		ret->request.iov_count = cut(chain->seg, chain->readable,
					     sizeof(header), ret->iov_len, iov);
	} else {
		ret->iov_len = chain->writable_len - 1;
		ret->request.iov_count =
			cut(writable, chain->writable, 0, ret->iov_len, iov);
	}
	dispatch(gm, ret, disk, type, le64toh(header.sector));
	return 0;
}
