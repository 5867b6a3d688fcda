/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libhvd: the client library of hvd, the Zonevisor daemon.
 *
 * What it is.  A connection speaks JSON-RPC 2.0 with hvd over a unix socket.
 * Calls either block (hvd_call() and the typed functions below) or are
 * answered by a callback (hvd_call_async()).  Both may be mixed on one
 * connection.
 *
 * Results.  Functions return 0 or a negative errno value.  Outputs come last
 * and are untouched on failure.  hvd_last_error() then holds the details: what
 * the daemon said, or what went wrong on the way.
 *
 * Threads.  One connection may be used by several threads at once; each thread
 * sees its own last error.  Only hvd_close() needs the caller to make sure that
 * nobody else still uses the connection.
 *
 * Callbacks (replies of asynchronous calls, events) run inside hvd_process(),
 * in the thread that called it, never inside a blocking call, and with no lock
 * held: a callback may call any function but hvd_close().
 *
 * Event loops.  hvd_fd() is readable whenever hvd_process() has something to
 * do; it is the same descriptor for the life of the connection object, also
 * across hvd_reconnect().  Wait for POLLIN only, the library takes care of
 * unsent output itself.
 *
 * Names.  `name` says which zone, by its name or its uuid.
 *
 * The library never prints, never exits, and never touches signals.
 *
 * Structures returned by the library are freed with the function named beside
 * them.  They are extended at their end only: do not embed, copy or allocate
 * them.
 */
#ifndef ZV_TOOLSTACK_LIB_HVD_H
#define ZV_TOOLSTACK_LIB_HVD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HVD_SOCKET_DEFAULT "/run/hvd/hvd.sock"
#define HVD_SOCKET_ENV "HVD_SOCKET"

/* Longest message in either direction, its line feed not counted. */
#define HVD_MESSAGE_MAX (16u << 20)

/* How long a blocking call waits by default; see hvd_set_timeout(). */
#define HVD_TIMEOUT_DEFAULT_MS 30000

struct hvd_conn;

/* ---- Errors ------------------------------------------------------------ */

/* Codes of hvd, beside the standard ones of JSON-RPC (-32700 .. -32600). */
enum hvd_error_code {
	HVD_ERROR_ZONE_NOT_FOUND = 1, /* -ENOENT */
	HVD_ERROR_ZONE_EXISTS = 2, /* -EEXIST */
	HVD_ERROR_INVALID_STATE = 3, /* -EBADFD */
	HVD_ERROR_INVALID_DEFINITION = 4, /* -EINVAL */
	HVD_ERROR_NO_MEMORY = 5, /* -ENOMEM */
	HVD_ERROR_NO_HYPERVISOR = 6, /* -ENODEV */
	HVD_ERROR_IO = 7, /* -EIO */
	HVD_ERROR_TIMEOUT = 8, /* -ETIME */
	HVD_ERROR_PERMISSION = 9, /* -EACCES */
	HVD_ERROR_BUSY = 10, /* -EBUSY */
	HVD_ERROR_TOO_LARGE = 11, /* -EFBIG */
	HVD_ERROR_INTERNAL = 12, /* -EREMOTEIO */
	HVD_ERROR_UNSUPPORTED = 13, /* -EOPNOTSUPP */
	HVD_ERROR_CANCELLED = 14, /* -ECANCELED */
};

/*
 * code:    a code of hvd (above or JSON-RPC's), or a negative errno value when
 *          the error arose on this side.  0 after success.
 * name:    the code as a word, e.g. "ZONE_NOT_FOUND" or "CONNECTION_LOST".
 * message: one line for people, without the method's name.
 * path:    what it is about, as a JSON path ("$.devices[0].type"), or NULL.
 * hint:    what to do about it, or NULL.
 */
struct hvd_error {
	int code; /* enum hvd_error_code, JSON-RPC's, or -errno */
	const char *name;
	const char *message;
	const char *path;
	const char *hint;
};

/*
 * The last error of the calling thread on this connection.  Never NULL.  Owned
 * by the connection, valid until this thread's next call on it.
 */
const struct hvd_error *hvd_last_error(struct hvd_conn *conn);

/* ---- Connections ------------------------------------------------------- */

/*
 * Makes a connection object that is not connected yet.  path NULL means the
 * environment variable HVD_SOCKET, else HVD_SOCKET_DEFAULT.  NULL if memory or
 * descriptors ran out.
 */
struct hvd_conn *hvd_new(const char *path);

/* Connects.  An existing connection is dropped first, see hvd_reconnect(). */
int hvd_connect(struct hvd_conn *conn);

/* hvd_new() and hvd_connect() in one; no details of a failure are kept. */
int hvd_open(const char *path, struct hvd_conn **ret_conn);

/*
 * After -ECONNRESET: connects again.  Calls in flight have failed with
 * -ECONNRESET.  An event subscription is renewed from the last event received,
 * so that none is lost or repeated if the daemon still has them; from a daemon
 * that was restarted, which counts anew, come all events since its start.
 */
int hvd_reconnect(struct hvd_conn *conn);

bool hvd_is_connected(struct hvd_conn *conn);

/* The socket's path, owned by the connection. */
const char *hvd_path(struct hvd_conn *conn);

/* Calls in flight are dropped, their callbacks are not called.  NULL is fine.*/
void hvd_close(struct hvd_conn *conn);

/*
 * How long blocking calls and connecting may take, in milliseconds; negative:
 * for ever; 0: they do not wait.  A call that ran out of time returns -ETIMEDOUT; the daemon may
 * still finish it, and its late answer is ignored.
 */
void hvd_set_timeout(struct hvd_conn *conn, int timeout_ms);

/*
 * Called about every interval_ms while a blocking call waits, and when a signal
 * interrupted the wait.  Not 0 gives the call up: the daemon is asked to cancel
 * it.  If it does, the call returns -ECANCELED when what it had begun is undone
 * (hvd_last_error() has HVD_ERROR_CANCELLED); if it cannot, or does not answer
 * within two seconds, -ECANCELED at once, and the daemon goes on.  What was
 * done in that moment returns 0.  cb NULL turns it off.
 */
typedef int (*hvd_wait_fn)(struct hvd_conn *conn, void *arg);
void hvd_set_wait_callback(struct hvd_conn *conn, int interval_ms,
			   hvd_wait_fn cb, void *arg);

/* The library's version, e.g. "1.0.0". */
const char *hvd_library_version(void);

/* ---- Calls ------------------------------------------------------------- */

/*
 * Calls a method.  params_json is a JSON object or array, or NULL for {}.  The
 * result is JSON text, to be freed with free(); ret_result may be NULL.
 */
int hvd_call(struct hvd_conn *conn, const char *method, const char *params_json,
	     char **ret_result);

/*
 * status: 0 or a negative errno value (hvd_last_error() has the details).
 * result_json: NULL on failure; valid during the callback only.
 */
typedef void (*hvd_reply_fn)(struct hvd_conn *conn, int status,
			     const char *result_json, void *arg);

/*
 * Sends a call and returns at once.  Exactly one callback follows, unless it is
 * cancelled.  There is no time limit.  ret_id may be NULL.
 */
int hvd_call_async(struct hvd_conn *conn, const char *method,
		   const char *params_json, hvd_reply_fn cb, void *arg,
		   uint64_t *ret_id);

/*
 * The callback will not be called, and the daemon is asked to cancel the call if
 * it can.  -ENOENT if the callback was, or is being, called.
 */
int hvd_cancel(struct hvd_conn *conn, uint64_t id);

/* A descriptor that polls readable when hvd_process() has work. */
int hvd_fd(struct hvd_conn *conn);

/*
 * Sends and receives what is possible without blocking, then calls the
 * callbacks that are due.  -ECONNRESET: the connection is lost.
 */
int hvd_process(struct hvd_conn *conn);

/* ---- Host -------------------------------------------------------------- */

struct hvd_version_info {
	char *version;
	char *abi;
	bool hypervisor; /* hvd is connected to a hypervisor */
	size_t feature_count;
	char **features;
};

int hvd_version(struct hvd_conn *conn, struct hvd_version_info **ret_info);
void hvd_version_free(struct hvd_version_info *info);

struct hvd_host_info {
	char *version; /* of the hypervisor */
	char *abi;
	uint32_t pcpus;
	uint32_t zones;
	uint64_t memory_total; /* bytes, like all that follow */
	uint64_t memory_hypervisor;
	uint64_t memory_zone0;
	uint64_t memory_zones;
	uint64_t memory_free;
	uint64_t uptime_ns;
	char *json; /* all of it */
};

int hvd_host_info(struct hvd_conn *conn, struct hvd_host_info **ret_info);
void hvd_host_info_free(struct hvd_host_info *info);

/*
 * A piece of the hypervisor's log.  first: position of the text's first byte,
 * pos: where to go on reading.  first above the position asked for means that
 * the bytes between have been overwritten.
 */
struct hvd_log {
	char *text;
	uint64_t first;
	uint64_t pos;
};

#define HVD_LOG_START UINT64_MAX

/* pos: where to start, or HVD_LOG_START for the oldest text there is. */
int hvd_host_log(struct hvd_conn *conn, uint64_t pos, struct hvd_log **ret_log);
void hvd_log_free(struct hvd_log *log);

/* Counters as JSON, of one zone or of the host (zone NULL); free() it. */
int hvd_counters(struct hvd_conn *conn, const char *zone, char **ret_json);

/*
 * Traces what vCPUs do: the classes of events, NULL after the last ("run",
 * "sched", "irq", "io", "hypercall", "state"); NULL or none: no more.  It ends
 * with the connection, too.  ret_pos (may be NULL, ret_count then, too) gets,
 * for each CPU of the machine, where to begin reading; free() it.
 */
int hvd_trace_set(struct hvd_conn *conn, const char *const *events,
		  uint64_t **ret_pos, size_t *ret_count);

/* See trace.read of hvd's RPC for the events, and what and value of each. */
struct hvd_trace_record {
	uint64_t time_ns; /* the hypervisor's uptime */
	const char *event; /* "enter", "leave", "switch", ... */
	int32_t zone; /* -1: none */
	int32_t vcpu; /* -1: none in particular */
	const char *what; /* or NULL */
	int64_t value;
};

/* lost: records that were overwritten before these; pos: where to go on. */
struct hvd_trace {
	size_t record_count;
	struct hvd_trace_record *records;
	uint64_t lost;
	uint64_t pos;
};

/* What a CPU of the machine has noted from pos on, a piece of it. */
int hvd_trace_read(struct hvd_conn *conn, uint32_t cpu, uint64_t pos,
		   struct hvd_trace **ret_trace);
void hvd_trace_free(struct hvd_trace *trace);

/* The OpenRPC document of the daemon; free() it. */
int hvd_discover(struct hvd_conn *conn, char **ret_json);

/*
 * Sets what the daemon logs, "error", "warning", "info" or "debug", until it
 * ends; level NULL: changes nothing.  ret_level (may be NULL) gets the level
 * that holds now; free() it.
 */
int hvd_log_level(struct hvd_conn *conn, const char *level, char **ret_level);

/* ---- Zones ------------------------------------------------------------- */

/* State words, as in struct hvd_zone. */
#define HVD_STATE_DEFINED "defined"
#define HVD_STATE_STARTING "starting"
#define HVD_STATE_RUNNING "running"
#define HVD_STATE_PAUSED "paused"
#define HVD_STATE_SHUTTING_DOWN "shutting-down"
#define HVD_STATE_REBOOTING "rebooting"
#define HVD_STATE_CRASHED "crashed"
#define HVD_STATE_PRESERVED "preserved"
#define HVD_STATE_DYING "dying"

struct hvd_zone {
	char *name;
	char *uuid;
	char *state;
	char *reason; /* or NULL */
	int64_t id; /* -1 while it has none */
	uint32_t vcpus;
	uint64_t memory; /* bytes */
	bool autostart;
	bool persistent; /* has a definition; else gone when it ends */
	char *title; /* a line of its definition, or NULL */
};

/* Why a zone crashed. */
struct hvd_zone_fault {
	uint32_t vcpu;
	uint64_t pc;
	uint64_t addr;
	uint64_t ipa;
	uint64_t syndrome;
};

/* A virtio device of a zone that runs. */
struct hvd_device {
	char *name;
	char *type; /* "console", "disk", "net", "rng", "gpu", "input" */
	/* "ok", "error" (the guest was told), "paused" (requests wait for
	 * hvd_device_resume()), "broken" (the guest's driver must reset it) */
	char *state;
	char *error; /* why, or NULL */
	char *path; /* what it works on: a file, the URI of an export, or NULL */
	bool readonly; /* of a disk */
	int64_t size; /* of a disk, in bytes; -1 if unknown */
	/* Of a network device; NULL and -1 for others. */
	char *mac; /* the guest's */
	char *bridge; /* in zone0 */
	char *tap; /* the interface in zone0 */
	int64_t mtu;
	bool link; /* the cable is plugged in */
	char *limits; /* JSON, as in the definition, or NULL: none */
	bool user; /* a network device in user mode */
	bool vhost; /* zone0's kernel moves its packets */
	char *forward; /* JSON, as in the definition, or NULL: none */
};

struct hvd_zone_detail {
	struct hvd_zone zone;
	uint64_t generation;
	uint64_t cpu_time_ns;
	uint32_t vcpus_on;
	int64_t io_pid; /* -1 while it has none */
	uint64_t io_restarts;
	struct hvd_zone_fault *fault; /* or NULL */
	char *definition; /* JSON */
	char *json; /* all that the daemon told */
	/* While it has an id: memory in pages of 4 KiB, and the entries of its
	 * second-stage page tables by size. */
	uint64_t pages; /* its RAM */
	uint64_t pages_granted; /* of them mapped by zone0 */
	uint64_t pages_overhead; /* page tables and the like */
	uint64_t map_1g;
	uint64_t map_2m;
	uint64_t map_4k;
	/* While it runs: in the order of its definition. */
	struct hvd_device *devices;
	size_t device_count;
};

int hvd_zone_list(struct hvd_conn *conn, struct hvd_zone **ret_zones,
		  size_t *ret_count);
void hvd_zone_list_free(struct hvd_zone *zones, size_t count);

int hvd_zone_get(struct hvd_conn *conn, const char *name,
		 struct hvd_zone_detail **ret_zone);
void hvd_zone_detail_free(struct hvd_zone_detail *zone);

struct hvd_zone_defined {
	char *name;
	char *uuid;
	uint64_t generation;
};

/* Creates or replaces a zone; ret_defined may be NULL. */
int hvd_zone_define(struct hvd_conn *conn, const char *definition_json,
		    struct hvd_zone_defined **ret_defined);
void hvd_zone_defined_free(struct hvd_zone_defined *defined);
int hvd_zone_undefine(struct hvd_conn *conn, const char *name);

/* A zone that is shut off gets another name. */
int hvd_zone_rename(struct hvd_conn *conn, const char *name,
		    const char *new_name);

/* Defines a zone like another.  changes_json: the parameters "uuid" and "devices"
 * of zone.clone, or NULL.  ret_defined may be NULL. */
int hvd_zone_clone(struct hvd_conn *conn, const char *name,
		   const char *new_name, const char *changes_json,
		   struct hvd_zone_defined **ret_defined);

/* Changes what describes a zone, also while it runs.  changes_json: the parameters
 * "title", "description" and "metadata" of zone.set.  ret_defined may be NULL. */
int hvd_zone_describe(struct hvd_conn *conn, const char *name,
		      const char *changes_json,
		      struct hvd_zone_defined **ret_defined);

#define HVD_START_PAUSED 1u

int hvd_zone_start(struct hvd_conn *conn, const char *name, unsigned int flags);

/* Starts a zone that is not defined: it is gone when it ends.  flags as above. */
int hvd_zone_create(struct hvd_conn *conn, const char *definition_json,
		    unsigned int flags);

/*
 * Asks the guest to shut down.  wait_s 0: do not wait; else the call returns
 * when the zone is off, or fails with -ETIME after that many seconds.  The
 * connection's own timeout is prolonged by wait_s.
 */
int hvd_zone_shutdown(struct hvd_conn *conn, const char *name,
		      unsigned int wait_s);
/*
 * The same, but a zone that is not off after wait_s seconds (0: 60 of them) is
 * destroyed, which the call waits for if wait_s is not 0.
 */
int hvd_zone_stop(struct hvd_conn *conn, const char *name, unsigned int wait_s);
/* A vCPU of a zone that runs goes to another physical CPU. */
int hvd_zone_pin(struct hvd_conn *conn, const char *name, uint32_t vcpu,
		 uint32_t pcpu);
/* How many vCPUs of a zone that runs may be on. */
int hvd_zone_set_vcpus(struct hvd_conn *conn, const char *name, uint32_t vcpus);
int hvd_zone_reboot(struct hvd_conn *conn, const char *name);
int hvd_zone_reset(struct hvd_conn *conn, const char *name);
int hvd_zone_destroy(struct hvd_conn *conn, const char *name);
int hvd_zone_pause(struct hvd_conn *conn, const char *name);
int hvd_zone_resume(struct hvd_conn *conn, const char *name);

#define HVD_DUMP_LIVE 1u /* do not pause it but to read its registers */
#define HVD_DUMP_FORCE 2u /* replace a file that is there */

/*
 * Writes the zone's memory and registers to a core file of the daemon's, at an
 * absolute path.  Returns when it is complete, without a time limit.  ret_size
 * gets its bytes, ret_written those of its memory that are not zero pages; both
 * may be NULL.
 */
int hvd_zone_dump(struct hvd_conn *conn, const char *name, const char *path,
		  unsigned int flags, uint64_t *ret_size,
		  uint64_t *ret_written);

/* ---- Devices ----------------------------------------------------------- */

/*
 * What a device has done since its I/O process was started, as a JSON object of
 * numbers; free() it.
 */
int hvd_device_counters(struct hvd_conn *conn, const char *zone,
			const char *device, char **ret_json);
/*
 * The image of a disk has another size: tells the guest.  ret_size (may be
 * NULL) gets it in bytes.
 */
int hvd_device_resize(struct hvd_conn *conn, const char *zone,
		      const char *device, uint64_t *ret_size);
/* Tries again what failed on a disk that is paused. */
int hvd_device_resume(struct hvd_conn *conn, const char *zone,
		      const char *device);
/*
 * Changes a device in the definition and, if the zone runs, in the zone.
 * changes: a JSON object with "link", "mtu", "limits", "width" or "height", as in a
 * definition; "limits" replaces all of them.  All of it is done, or nothing.
 */
int hvd_device_set(struct hvd_conn *conn, const char *zone, const char *device,
		   const char *changes_json);

/* ---- Screens and keys -------------------------------------------------- */

struct hvd_display_head {
	uint32_t head; /* 0 is the first one */
	uint32_t width; /* pixels of what it shows; 0: nothing */
	uint32_t height;
	char *socket; /* the path of a unix socket at which RFB is spoken */
	char *address; /* of the port, or NULL */
	uint16_t port; /* the same by TCP; 0: there is none */
	char *connector; /* of zone0's card, whose monitor shows it; or NULL */
	uint32_t mode_width; /* pixels of that monitor's mode; 0: it is dark */
	uint32_t mode_height;
	uint32_t refresh; /* of it, in Hz */
	char *monitor_error; /* why it is dark; or NULL */
};

struct hvd_display {
	char *device; /* the zone's graphics device */
	size_t head_count;
	struct hvd_display_head *heads;
	uint32_t viewers; /* connected at this moment */
	bool password; /* they are asked for one */
	int64_t pid; /* of hvd-display; 0: it is being started */
	uint64_t restarts; /* of it, since the zone was started */
	char *tls; /* at the port, with what is in that folder; NULL: none */
	bool viewer_certificates; /* for TLS they need one of their own */
	char *card; /* of zone0, with monitors that show it; NULL: none */
	char *card_error; /* why nothing is shown there now; or NULL */
};

int hvd_display_get(struct hvd_conn *conn, const char *zone,
		    struct hvd_display **ret_display);
void hvd_display_free(struct hvd_display *display);

#define HVD_SCREENSHOT_FORCE 1u /* replace a file that is there */

/*
 * Writes what a head shows to a PNG file of the daemon's, at an absolute path.
 * Returns when it is complete.
 */
int hvd_display_screenshot(struct hvd_conn *conn, const char *zone,
			   uint32_t head, const char *path, unsigned int flags);

/*
 * Presses keys of the zone's first keyboard in their order, holds them, lets go of
 * them in reverse order, and returns then.  keys: 1 to 16 codes of Linux'
 * input-event-codes.h.  hold_ms 0: the daemon's choice.
 */
int hvd_display_send_keys(struct hvd_conn *conn, const char *zone,
			  const uint32_t *keys, size_t count, uint32_t hold_ms);

/* ---- Jobs -------------------------------------------------------------- */

/* What the daemon was asked for and has not finished. */
struct hvd_job {
	uint64_t id;
	char *kind; /* "start", "shutdown", "destroy", ... */
	char *zone;
	char *by; /* who asked */
	double since; /* seconds since 1970 */
	bool cancellable; /* by hvd_job_cancel(), now */
	uint64_t done;
	uint64_t total; /* 0: how far it is is not known */
	char *unit; /* of both, or NULL */
};

int hvd_job_list(struct hvd_conn *conn, struct hvd_job **ret_jobs,
		 size_t *ret_count);
void hvd_job_list_free(struct hvd_job *jobs, size_t count);

/*
 * Returns when the job has been asked to end: an event "cancelled" of kind "job"
 * tells that it has.  -EOPNOTSUPP: it cannot be cancelled.
 */
int hvd_job_cancel(struct hvd_conn *conn, uint64_t id);

/* ---- Events ------------------------------------------------------------ */

/* Valid during the callback only. */
struct hvd_event {
	uint64_t seq;
	double time; /* seconds since 1970, UTC; 0 if unknown */
	const char *kind; /* "lifecycle", "device", "job", "display" */
	const char *zone;
	const char *event; /* "started", "stopped", ... */
	const char *reason; /* or NULL */
	const char *json; /* the whole event */
	const char *device; /* kind "device": which of the zone's; or NULL */
	uint64_t job; /* kind "job": its id; else 0 */
	const char *job_kind; /* kind "job": "start", ...; or NULL */
	uint64_t job_done;
	uint64_t job_total; /* 0: how far it is is not known */
	const char *uuid; /* the zone's */
	int64_t id; /* the zone's, or -1 */
	uint32_t viewers; /* kind "display": how many are connected */
};

typedef void (*hvd_event_fn)(struct hvd_conn *conn,
			     const struct hvd_event *event, void *arg);

#define HVD_EVENTS_NEW UINT64_MAX

/*
 * Subscribes.  since: also send the events after this number, as far as the
 * daemon still has them; HVD_EVENTS_NEW: only what happens from now on.  Up to
 * 4096 events wait for hvd_process(), then the oldest are dropped: a gap in
 * seq.  ret_seq (may be NULL) gets the number of the newest event so far.
 */
int hvd_subscribe(struct hvd_conn *conn, uint64_t since, hvd_event_fn cb,
		  void *arg, uint64_t *ret_seq);
int hvd_unsubscribe(struct hvd_conn *conn);

/* ---- Consoles ---------------------------------------------------------- */

enum hvd_console_from {
	HVD_CONSOLE_FROM_START, /* the oldest output that is kept */
	HVD_CONSOLE_FROM_END, /* only new output */
	HVD_CONSOLE_FROM_OFFSET,
};

#define HVD_CONSOLE_FORCE 1u /* take writing over from another client */
#define HVD_CONSOLE_READONLY 2u

struct hvd_console_options {
	const char *device; /* "console0", "uart0", or NULL: daemon's choice */
	enum hvd_console_from from;
	uint64_t offset; /* for HVD_CONSOLE_FROM_OFFSET */
	unsigned int flags;
};

/*
 * fd:     connected, non-blocking, close-on-exec; raw bytes both ways.
 * offset: position in the output stream of the first byte that fd delivers.
 * oldest, newest: the range of positions kept when the console was opened, or
 *         0 where the daemon does not tell.
 * writer: false if what is written to fd is discarded.
 */
struct hvd_console {
	int fd;
	char *device;
	bool writer;
	uint64_t offset;
	uint64_t oldest;
	uint64_t newest;
};

/* options NULL: the daemon's default device, from the start, for writing. */
int hvd_console_open(struct hvd_conn *conn, const char *zone,
		     const struct hvd_console_options *options,
		     struct hvd_console **ret_console);

/* Also closes the fd, unless it has been set to -1. */
void hvd_console_close(struct hvd_console *console);

#ifdef __cplusplus
}
#endif

#endif /* ZV_TOOLSTACK_LIB_HVD_H */
