/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone definition: what a user writes in JSON, checked completely before
 * anything is created.  docs/reference/zone-json.md describes every member;
 * configs/zone.schema.json is the same for programs.
 *
 * Strict on purpose: an unknown member is an error that names its path, since
 * a misspelt option that is silently ignored is worse.
 */
#ifndef ZV_TOOLSTACK_COMMON_ZONE_DEF_H
#define ZV_TOOLSTACK_COMMON_ZONE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zv/abi.h>
#include <zv/platform_aarch64.h>

#include "net_mac.h"
#include "uuid.h"
#include "zerror.h"

struct json_object;

#define ZONE_DEF_TEXT_MAX 65536u /* bytes of JSON */
#define ZONE_DEF_CMDLINE_MAX 2047u /* arm64 Linux takes 2048 with the NUL */
#define ZONE_DEF_PATH_MAX 4095u
#define ZONE_DEF_TITLE_MAX 255u
#define ZONE_DEF_DESCRIPTION_MAX 4096u
#define ZONE_DEF_METADATA_MAX 16u /* entries */
#define ZONE_DEF_URI_MAX 255u /* of one */
#define ZONE_DEF_METADATA_TEXT_MAX 16384u /* of one */
#define ZONE_DEF_MEMORY_MIN (4ull << 20)
#define ZONE_DEF_MEMORY_MAX (255ull << 30) /* as QEMU's virt */
#define ZONE_DEF_PRIORITY_DEFAULT 8u
#define ZONE_DEF_PRIORITY_MAX 31u
#define ZONE_DEF_SLICE_MIN_US 100u
#define ZONE_DEF_SLICE_MAX_US 1000000u
#define ZONE_DEF_DEVICES_MAX ZV_A64_VIRTIO_COUNT
#define ZONE_DEF_CONSOLES_MAX 5u /* each keeps its output: room for five */
#define ZONE_DEF_DEVICE_NAME_MAX 32u /* NUL included */
#define ZONE_DEF_QUEUES_MAX 8u /* of a disk; one per vCPU is enough */
#define ZONE_DEF_SERIAL_MAX 20u /* virtio 1.2, 5.2.6: VIRTIO_BLK_T_GET_ID */
#define ZONE_DEF_NBD_SOCKET_MAX 107u /* Linux: sun_path without the NUL */
#define ZONE_DEF_NBD_EXPORT_MAX 255u
#define ZONE_DEF_NBD_PORT_DEFAULT 10809u /* IANA */
#define ZONE_DEF_PAIRS_MAX 3u /* of queues of a network device */
#define ZONE_DEF_BRIDGE_MAX 15u /* Linux: IFNAMSIZ - 1 */
#define ZONE_DEF_BRIDGE_DEFAULT "zvbr0" /* hvd's own */
#define ZONE_DEF_FORWARDS_MAX 16u /* ports, of a network device */
#define ZONE_DEF_MTU_MIN 68u
#define ZONE_DEF_MTU_MAX 65535u
#define ZONE_DEF_MTU_DEFAULT 1500u
#define ZONE_DEF_ORDER_MAX 1000 /* of autostart, and negative */
#define ZONE_DEF_DELAY_MAX_US 3600000000ull
#define ZONE_DEF_IOPS_MAX 1000000000u
#define ZONE_DEF_BYTES_SEC_MAX (1ull << 40)
#define ZONE_DEF_BURST_MS 100u
#define ZONE_DEF_BURST_MS_MAX 60000u
#define ZONE_DEF_DEVICE_XML_MAX 4096u
#define ZONE_DEF_HEADS_MAX 4u /* of a gpu */
#define ZONE_DEF_WIDTH_MIN 640u
#define ZONE_DEF_WIDTH_MAX 4096u
#define ZONE_DEF_HEIGHT_MIN 480u
#define ZONE_DEF_HEIGHT_MAX 2160u
#define ZONE_DEF_VIDEO_MIN (4ull << 20) /* bytes of video memory */
#define ZONE_DEF_VIDEO_MAX (256ull << 20)
#define ZONE_DEF_VNC_PORT_MIN 1024u
#define ZONE_DEF_VNC_AUTO 5900u /* the first port that "auto" tries */
#define ZONE_DEF_VNC_ADDRESS_MAX 45u /* Linux: INET6_ADDRSTRLEN - 1 */
#define ZONE_DEF_INPUTS_MAX 8u

enum zone_policy {
	ZONE_POLICY_DESTROY,
	ZONE_POLICY_RESTART,
	ZONE_POLICY_PRESERVE, /* its memory is kept until somebody decides */
};

enum zone_device_type {
	ZONE_DEVICE_CONSOLE,
	ZONE_DEVICE_DISK,
	ZONE_DEVICE_NET,
	ZONE_DEVICE_RNG,
	ZONE_DEVICE_GPU,
	ZONE_DEVICE_INPUT,
};

enum zone_input {
	ZONE_INPUT_KEYBOARD,
	ZONE_INPUT_TABLET,
	ZONE_INPUT_MOUSE,
};

enum zone_on_error {
	ZONE_ON_ERROR_REPORT, /* to the guest */
	ZONE_ON_ERROR_PAUSE, /* the request waits until somebody resumes it */
	ZONE_ON_ERROR_ENOSPACE, /* ... if there is no space left, else report */
};

enum zone_limit {
	ZONE_LIMIT_IOPS,
	ZONE_LIMIT_READ_IOPS,
	ZONE_LIMIT_WRITE_IOPS,
	/* rx: towards the guest */
	ZONE_LIMIT_RX_PACKETS,
	ZONE_LIMIT_TX_PACKETS,
	ZONE_LIMIT_BYTES, /* from here on in bytes */
	ZONE_LIMIT_READ_BYTES,
	ZONE_LIMIT_WRITE_BYTES,
	ZONE_LIMIT_RX_BYTES,
	ZONE_LIMIT_TX_BYTES,
	ZONE_LIMIT_COUNT,
};

/* A port of zone0 that leads to one of the guest's. */
struct zone_forward {
	bool udp; /* else TCP */
	char address[16]; /* IPv4, of zone0; empty: all of them */
	uint16_t port;
	uint16_t to;
};

/* An export of an NBD server. */
struct zone_nbd {
	/* A unix socket's path, an IPv4 or an IPv6 address; empty: no server. */
	char address[ZONE_DEF_NBD_SOCKET_MAX + 1];
	uint16_t port; /* 0: it is a unix socket */
	char export_name[ZONE_DEF_NBD_EXPORT_MAX + 1]; /* "": the default one */
};

/* Each byte may become three, and the rest is short. */
#define ZONE_NBD_URI_MAX \
	(3 * (ZONE_DEF_NBD_SOCKET_MAX + ZONE_DEF_NBD_EXPORT_MAX) + 32)

/* Whether zone0's kernel moves a network device's packets. */
enum zone_vhost {
	ZONE_VHOST_AUTO, /* if it can */
	ZONE_VHOST_OFF,
	ZONE_VHOST_ON, /* or the zone does not start */
};

/* Where viewers on a network see a screen. */
struct zone_vnc {
	bool on;
	uint16_t port; /* of head 0, the others count up; 0: "auto" */
	char address[ZONE_DEF_VNC_ADDRESS_MAX + 1]; /* IPv4 or IPv6 */
	char *password_file; /* NULL: none */
	char *tls; /* a folder with certificates; NULL: none is spoken */
};

struct zone_gpu {
	uint32_t heads; /* 0: it is another device */
	uint32_t width; /* pixels, that each head begins with */
	uint32_t height;
	uint64_t memory; /* bytes, for pictures */
	struct zone_vnc vnc;
	char *card; /* of zone0, on whose monitors it is shown; NULL: none */
};

/* A virtio device; its place in the list is its slot. */
struct zone_device {
	enum zone_device_type type;
	char name[ZONE_DEF_DEVICE_NAME_MAX];
	uint32_t queues; /* virtqueues: how many doorbells it takes */
	/*
	 * What the device works on and hvd opens for it: a disk's file or block
	 * device, the source of an rng.  NULL for types without.
	 */
	char *path;
	char *xml; /* what virthvdd keeps of it; NULL: nothing */
	uint64_t limits[ZONE_LIMIT_COUNT]; /* per second; 0: none */
	uint32_t burst_ms; /* of the limits */
	/* disk */
	struct zone_nbd nbd; /* in the place of path */
	bool readonly;
	bool writethrough;
	bool direct;
	bool discard;
	uint32_t block_size; /* 0: the store's */
	char serial[ZONE_DEF_SERIAL_MAX + 1];
	enum zone_on_error on_error;
	/* net */
	bool user; /* served by passt; bridge is empty then */
	uint32_t forward_count; /* user only */
	struct zone_forward forward[ZONE_DEF_FORWARDS_MAX];
	char bridge[ZONE_DEF_BRIDGE_MAX + 1];
	uint8_t mac[NET_MAC_BYTES]; /* zero: not before the zone has a uuid */
	uint32_t mtu;
	bool link; /* the cable is plugged in */
	enum zone_vhost vhost;
	struct zone_gpu gpu;
	enum zone_input input; /* what an input device is */
};

/* XML text of some program, in a namespace of its own.  Nobody here reads it. */
struct zone_metadata {
	char *uri;
	char *text;
};

/*
 * What describes a zone to people and programs.  It is the zone's and not its
 * run's: no guest sees it, and it changes at once.
 */
struct zone_about {
	char *title; /* a line; NULL: none */
	char *description; /* NULL: none */
	uint32_t metadata_count;
	struct zone_metadata metadata[ZONE_DEF_METADATA_MAX]; /* by uri */
};

struct zone_def {
	char name[ZV_NAME_MAX];
	uint8_t uuid[UUID_SIZE]; /* all zero: not given */
	struct zone_about about;
	uint32_t vcpus;
	uint32_t vcpus_on; /* how many of them the guest may power on */
	uint64_t memory; /* bytes */
	char *kernel;
	char *initrd; /* NULL: none */
	char *dtb_overlay; /* NULL: none */
	char *cmdline; /* never NULL */
	bool pinned; /* some of cpus[] is given */
	uint32_t cpus[ZV_VCPUS_MAX]; /* pinned: perhaps ZV_PCPU_ANY */
	uint8_t priority;
	uint32_t slice_us; /* 0: the hypervisor's default */
	bool autostart;
	/* only with autostart; else 0 */
	int32_t autostart_order; /* less is earlier */
	uint64_t autostart_delay_us; /* before the next one begins */
	enum zone_policy on_crash;
	enum zone_policy on_reboot;
	enum zone_policy on_poweroff;
	uint32_t device_count;
	struct zone_device devices[ZONE_DEF_DEVICES_MAX];
};

/*
 * path is where json lies in the caller's document ("$" for a document of its
 * own).  Returns 0 and a definition for zone_def_destroy(), or -1.
 */
int zone_def_parse(struct json_object *json, const char *path,
		   struct zone_def **ret_def, struct zerror *ret_error);

/* Text of a file: parse, then the above. */
int zone_def_parse_text(const char *text, size_t len, struct zone_def **ret_def,
			struct zerror *ret_error);

void zone_def_destroy(struct zone_def *def);

struct zone_def *zone_def_copy(const struct zone_def *def);

/*
 * For one that was given none.  It decides on addresses of network devices,
 * which may turn out to be taken: -1.
 */
int zone_def_set_uuid(struct zone_def *def, const uint8_t uuid[UUID_SIZE],
		      struct zerror *ret_error);

/*
 * Members that can change while the zone runs, each with its new value, for the
 * device of that name.  -1: nothing has changed.
 */
int zone_def_change_device(struct zone_def *def, const char *name,
			   struct json_object *changes,
			   struct zerror *ret_error);

/*
 * title and description with their new values, "" for none, and metadata with what
 * is new in it, null for what is to go.  -1: def may have changed in part.
 */
int zone_def_describe(struct zone_def *def, struct json_object *changes,
		      struct zerror *ret_error);

/* false: out of memory, and *ret_to is what it was. */
bool zone_about_copy(const struct zone_about *from, struct zone_about *ret_to);
void zone_about_clear(struct zone_about *about);
bool zone_about_equal(const struct zone_about *a, const struct zone_about *b);

typedef void (*zone_about_change_fn)(void *arg, const char *what);

/* What differs, one by one: "title", "description", "metadata URI". */
void zone_about_changes(const struct zone_about *before,
			const struct zone_about *now, zone_about_change_fn tell,
			void *arg);

/* Is it no longer, without blanks, than a definition may be? */
bool zone_def_fits(struct json_object *json);

/* Complete and canonical: parsing it gives an equal definition. */
struct json_object *zone_def_to_json(const struct zone_def *def);

bool zone_def_equal(const struct zone_def *a, const struct zone_def *b);

/*
 * [A-Za-z0-9][A-Za-z0-9._-]{0,62}, and no uuid, which names a zone by itself; what
 * names files and sockets.
 */
bool zone_def_name_valid(const char *name);

const char *zone_def_policy_name(enum zone_policy policy);
const char *zone_def_device_type_name(enum zone_device_type type);
const char *zone_def_on_error_name(enum zone_on_error on_error);
const char *zone_def_limit_name(enum zone_limit limit);
/* Of a network device; queues counts its virtqueues. */
uint32_t zone_def_net_pairs(const struct zone_device *device);
/* Is it a disk of an NBD server? */
bool zone_def_is_nbd(const struct zone_device *device);
bool zone_nbd_same(const struct zone_nbd *a, const struct zone_nbd *b);
/* What other programs call it: "nbd+unix:///root?socket=/run/nbd.sock". */
void zone_nbd_uri(const struct zone_nbd *nbd, char ret[ZONE_NBD_URI_MAX]);
const char *zone_def_input_name(enum zone_input input);
/* The device with screens; NULL: the zone has none. */
const struct zone_device *zone_def_gpu(const struct zone_def *def);
/* NULL: there is none of that name. */
const struct zone_device *zone_def_device(const struct zone_def *def,
					  const char *name);

/* Adds "limits" to json, if there are any. */
void zone_def_limits_to_json(const struct zone_device *device,
			     struct json_object *json);

/* Adds "forward" to json, if there are any. */
void zone_def_forwards_to_json(const struct zone_device *device,
			       struct json_object *json);

/* The members a definition may have, NULL-terminated; for checks. */
const char *const *zone_def_members(void);
/* ... and a device of that type, beside "type" */
const char *const *zone_def_device_members(enum zone_device_type type);
#define ZONE_DEVICE_TYPES (ZONE_DEVICE_INPUT + 1)

#endif /* ZV_TOOLSTACK_COMMON_ZONE_DEF_H */
