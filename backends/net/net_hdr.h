/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and layouts of virtio-net (virtio 1.2, section 5.1). */
#ifndef ZV_BACKENDS_NET_NET_HDR_H
#define ZV_BACKENDS_NET_NET_HDR_H

#include <stdint.h>

/* Feature bits (5.1.3). */
#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS (1ull << 2)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN (1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6 (1ull << 12)
#define VIRTIO_NET_F_HOST_ECN (1ull << 13)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX (1ull << 18)
#define VIRTIO_NET_F_CTRL_VLAN (1ull << 19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA (1ull << 20)
#define VIRTIO_NET_F_GUEST_ANNOUNCE (1ull << 21)
#define VIRTIO_NET_F_MQ (1ull << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (1ull << 23)

/* What a link does for the driver's packets, and what for ours to it. */
#define NET_OFFLOADS_HOST                                                      \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | \
	 VIRTIO_NET_F_HOST_ECN)
#define NET_OFFLOADS_GUEST                                   \
	(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | \
	 VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)
#define NET_OFFLOADS (NET_OFFLOADS_HOST | NET_OFFLOADS_GUEST)

/* Configuration: status (5.1.4). */
#define NET_STATUS_LINK_UP 1u
#define NET_STATUS_ANNOUNCE 2u

/* The header before each frame (5.1.6). */
#define NET_HDR_F_NEEDS_CSUM 1u
#define NET_HDR_F_DATA_VALID 2u
#define NET_HDR_GSO_NONE 0u
#define NET_HDR_GSO_TCPV4 1u
#define NET_HDR_GSO_TCPV6 4u
#define NET_HDR_GSO_ECN 0x80u

struct net_hdr { /* little-endian */
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

#define NET_HDR_SIZE 12u
_Static_assert(sizeof(struct net_hdr) == NET_HDR_SIZE, "as the driver sees it");

#define NET_ETH_SIZE 14u
#define NET_VLAN_SIZE 4u
#define NET_MAC_SIZE 6u
/* An IP packet of any length behind an Ethernet header (5.1.6.3.1). */
#define NET_FRAME_MAX (NET_ETH_SIZE + 65536u)
#define NET_PACKET_MAX (NET_HDR_SIZE + NET_FRAME_MAX)

#define NET_MTU_MIN 68u /* 5.1.4.1 */
#define NET_MTU_DEFAULT 1500u

/* The control queue (5.1.6.5). */
#define NET_CTRL_OK 0u
#define NET_CTRL_ERR 1u

#define NET_CTRL_RX 0u
#define NET_CTRL_RX_PROMISC 0u
#define NET_CTRL_RX_ALLMULTI 1u
#define NET_CTRL_RX_ALLUNI 2u
#define NET_CTRL_RX_NOMULTI 3u
#define NET_CTRL_RX_NOUNI 4u
#define NET_CTRL_RX_NOBCAST 5u
#define NET_CTRL_MAC 1u
#define NET_CTRL_MAC_TABLE_SET 0u
#define NET_CTRL_MAC_ADDR_SET 1u
#define NET_CTRL_VLAN 2u
#define NET_CTRL_VLAN_ADD 0u
#define NET_CTRL_VLAN_DEL 1u
#define NET_CTRL_ANNOUNCE 3u
#define NET_CTRL_ANNOUNCE_ACK 0u
#define NET_CTRL_MQ 4u
#define NET_CTRL_MQ_VQ_PAIRS_SET 0u
#define NET_CTRL_GUEST_OFFLOADS 5u
#define NET_CTRL_GUEST_OFFLOADS_SET 0u

#endif /* ZV_BACKENDS_NET_NET_HDR_H */
