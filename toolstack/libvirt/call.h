/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call of a libvirt client, from its packet to its answer.  A procedure reads
 * its arguments, asks hvd what it needs, one step after another, and ends with
 * call_reply() or call_error(): once, at any time.  When the client goes its calls
 * go, too: what hvd was asked for goes on, the next step does not come.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_CALL_H
#define ZV_TOOLSTACK_LIBVIRT_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"
#include "protocol.h"
#include "uuid.h"
#include "vir_error.h"
#include "xdr.h"

#define CALL_WHAT_SIZE 256u

struct call;
struct definition_wait;
struct hvd_error;
struct json_object;
struct procedure;

typedef void (*call_step_fn)(struct call *call, struct json_object *result);
typedef void (*call_fail_fn)(struct call *call, const struct hvd_error *error);
/* Changes a definition; 0, or -1 with the error set. */
typedef int (*definition_edit_fn)(struct call *call,
				  struct json_object *definition,
				  struct vir_error_text *ret_error);

struct call {
	struct call *next;
	struct call **link;
	struct client *client;
	const struct procedure *procedure;
	struct packet_header header;
	/* The arguments; strings from them live as long as the call. */
	struct xdr_reader args;
	/* The answer; procedures put its body here. */
	struct xdr_writer reply;
	/* What a procedure keeps between its steps, freed with the call. */
	void *state;
	void (*free_state)(void *state);
	/* The step that hvd's answer leads to. */
	uint64_t hvd_id; /* 0: hvd is not asked */
	call_step_fn step;
	call_fail_fn fail; /* NULL: what hvd says is the answer */
	struct {
		struct quota_waiter waiter;
		const char *method;
		struct json_object *params;
	} question; /* that waits until its user may ask */
	struct {
		definition_edit_fn fn;
		unsigned int tries;
		struct definition_wait *wait;
		char uuid[UUID_TEXT_SIZE];
	} edit; /* definition_edit.h */
	char subject[96]; /* the domain it is about, for messages */
	size_t body_len;
	uint8_t body[];
};

/* A complete packet of type CALL. */
void call_begin(struct client *client, const struct packet_header *header,
		const uint8_t *body, size_t len);
/* The client is gone. */
void call_drop_all(struct client *client);
/* Bytes of memory that its calls hold. */
size_t calls_size(struct client *client);

/* Who does what, if it is to be told when it is over; false: it changes nothing. */
bool call_audit_text(struct call *call, char ret_text[CALL_WHAT_SIZE]);

/* True if the arguments are complete; else the call is answered. */
bool call_args_end(struct call *call);

/* True if no other flags are set; else the call is answered. */
bool call_only_flags(struct call *call, uint32_t flags, uint32_t known);

/* state that is kept between steps, zeroed; NULL: the call is answered. */
void *call_keep(struct call *call, size_t size, void (*free_state)(void *));

void call_reply(struct call *call);
/* An answer that is a file descriptor, which is used up. */
void call_reply_fd(struct call *call, int fd);
void call_error(struct call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void call_error_text(struct call *call, const struct vir_error_text *error);
void call_error_hvd(struct call *call, const struct hvd_error *error);
void call_no_memory(struct call *call);

/*
 * Asks hvd.  params are used up (NULL: none).  result is borrowed during the
 * step.  method lives as long as the call.  After this the procedure must only
 * return.
 */
void call_hvd(struct call *call, const char *method, struct json_object *params,
	      call_step_fn step);
/* The same, with a step for when hvd refuses. */
void call_hvd_or(struct call *call, const char *method,
		 struct json_object *params, call_step_fn step,
		 call_fail_fn fail);

/* A step for calls whose answer is empty. */
void call_step_done(struct call *call, struct json_object *result);

/* ---- domains ------------------------------------------------------- */

/* A domain as clients name it: by its uuid, whatever else they say. */
struct domain_ref {
	char *name;
	uint8_t uuid[UUID_SIZE];
	char uuid_text[UUID_TEXT_SIZE];
	int32_t id;
};

/* Reads one from the arguments; failures show in call_args_end(). */
void call_get_domain(struct call *call, struct domain_ref *ret_ref);

/*
 * For procedures whose arguments are a domain, and flags if it has some: reads
 * them, then calls a method of hvd whose only parameter is the zone.
 */
void call_domain(struct call *call, bool with_flags, uint32_t known,
		 const char *method, call_step_fn step);
/* The method is zone.get. */
void call_get_zone(struct call *call, bool with_flags, uint32_t known,
		   call_step_fn step);

/* {"name": "<uuid>"}; NULL: out of memory, which call_hvd() copes with. */
struct json_object *domain_params(const struct domain_ref *ref);

/* A domain of zone.list or zone.get. */
void put_domain(struct xdr_writer *w, struct json_object *zone);

#endif /* ZV_TOOLSTACK_LIBVIRT_CALL_H */
