// SPDX-License-Identifier: BSD-2-Clause
#include "trace_picture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hvd.h"

#define ZONES_MAX 256
#define VCPUS_MAX 32
#define TEXT_MAX 32
#define NAMES_MAX 160
#define NOBODY (-1)

/*
 * Process and thread numbers.  0 is the idle task of some viewers, and some
 * have one name space for all threads.
 */
#define CPUS_PID (ZONES_MAX + 1)

static int pid_of(int zone)
{
	return zone + 1;
}

static int tid_of(int pid, int index)
{
	return pid * 100 + index + 1;
}

/* A thread of the picture: what it does now. */
struct track {
	int pid;
	int tid;
	bool named; /* its name will be written */
	bool open; /* a slice has begun */
	char slice[NAMES_MAX];
	uint64_t since;
};

struct vcpu {
	struct track track;
	int cpu; /* where it was last seen */
	char waits_for[TEXT_MAX]; /* it has blocked; empty: no */
};

struct zone {
	char names[NAMES_MAX];
	bool wants_name;
	char state[TEXT_MAX]; /* empty: not known, so it runs */
	struct vcpu vcpus[VCPUS_MAX];
};

struct cpu {
	struct track track;
	int zone; /* whose vCPU has it, or NOBODY */
	int vcpu;
	uint64_t last; /* time of its last record that has come */
};

struct event {
	uint64_t time;
	uint64_t order; /* in which it came */
	uint32_t cpu;
	int32_t zone;
	int32_t vcpu;
	char name[12];
	char what[TEXT_MAX];
	int64_t value;
	uint64_t until; /* "lost": when records go on */
};

struct trace_picture {
	FILE *file;
	struct zone *zones[ZONES_MAX];
	struct cpu *cpus;
	size_t cpu_count;
	struct event *events; /* that have come and are not drawn */
	size_t event_count;
	size_t event_room;
	uint64_t order;
	uint64_t newest; /* time of all that has come */
	uint64_t newest_before; /* the same at the last round */
	bool begun;
	uint64_t start; /* time 0 of the picture */
	uint64_t now; /* of the event that is drawn */
	struct trace_sum sum;
};

/* --------------------------------------------------------------- writing */

/* A name is a zone's or hvd's: nothing ends the string but us. */
static void write_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			fputc('\\', file);
		}
		fputc(c < ' ' || c > '~' ? '?' : c, file);
	}
	fputc('"', file);
}

static void write_time(FILE *file, const char *key, uint64_t ns)
{
	fprintf(file, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000,
		(unsigned int)(ns % 1000));
}

/* The head of an event; the caller adds members and "}". */
static void write_head(struct trace_picture *p, const char *phase, int pid,
		       int tid, const char *name)
{
	fprintf(p->file,
		",\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"name\":", phase, pid,
		tid);
	write_string(p->file, name);
}

static void write_meta(struct trace_picture *p, const char *kind, int pid,
		       int tid, const char *name)
{
	write_head(p, "M", pid, tid, kind);
	fputs(",\"args\":{\"name\":", p->file);
	write_string(p->file, name);
	fputs("}}", p->file);
}

static void write_sort(struct trace_picture *p, int pid, int index)
{
	write_head(p, "M", pid, tid_of(pid, 0), "process_sort_index");
	fprintf(p->file, ",\"args\":{\"sort_index\":%d}}", index);
}

static void write_slice(struct trace_picture *p, struct track *t,
			const char *name, uint64_t since, uint64_t until)
{
	t->named = true;
	write_head(p, "X", t->pid, t->tid, name);
	write_time(p->file, "ts", since - p->start);
	write_time(p->file, "dur", until - since);
	fputc('}', p->file);
}

static void write_instant(struct trace_picture *p, const struct event *e,
			  const struct track *t, const char *name)
{
	write_head(p, "i", t->pid, t->tid, name);
	write_time(p->file, "ts", p->now - p->start);
	fprintf(p->file,
		",\"s\":\"%s\",\"args\":{\"cpu\":%" PRIu32 ",\"value\":%" PRId64
		"}}",
		e->vcpu < 0 ? "p" : "t", e->cpu, e->value);
}

/* ---------------------------------------------------------------- tracks */

static void slice_end(struct trace_picture *p, struct track *t)
{
	if (t->open) {
		write_slice(p, t, t->slice, t->since, p->now);
		t->open = false;
	}
}

static void slice_begin(struct trace_picture *p, struct track *t,
			const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Slices of a track follow each other: this one ends the one before. */
static void slice_begin(struct trace_picture *p, struct track *t,
			const char *format, ...)
{
	va_list args;

	slice_end(p, t);
	va_start(args, format);
	vsnprintf(t->slice, sizeof(t->slice), format, args);
	va_end(args);
	t->open = true;
	t->since = p->now;
}

static struct zone *zone_get(struct trace_picture *p, int64_t id)
{
	struct zone *z;

	if (id < 0 || id >= ZONES_MAX) {
		return NULL;
	}
	if (p->zones[id] == NULL) {
		z = calloc(1, sizeof(*z));
		if (z == NULL) {
			return NULL;
		}
		for (int i = 0; i < VCPUS_MAX; i++) {
			z->vcpus[i].track.pid = pid_of((int)id);
			z->vcpus[i].track.tid = tid_of(pid_of((int)id), i);
			z->vcpus[i].cpu = NOBODY;
		}
		z->wants_name = true;
		p->zones[id] = z;
	}
	return p->zones[id];
}

static struct vcpu *vcpu_get(struct trace_picture *p, int zone, int vcpu)
{
	struct zone *z = zone_get(p, zone);

	return z != NULL && vcpu >= 0 && vcpu < VCPUS_MAX ? &z->vcpus[vcpu]
							  : NULL;
}

/* One name, or what it is called by its number. */
static const char *zone_name(struct trace_picture *p, int zone,
			     char buf[TEXT_MAX])
{
	struct zone *z = zone_get(p, zone);

	if (z != NULL && z->names[0] != '\0') {
		return z->names;
	}
	snprintf(buf, TEXT_MAX, "zone %d", zone);
	return buf;
}

static bool has_cpu(const struct trace_picture *p, int zone, int vcpu, int cpu)
{
	return cpu >= 0 && (size_t)cpu < p->cpu_count &&
	       p->cpus[cpu].zone == zone && p->cpus[cpu].vcpu == vcpu;
}

static bool is_halted(const struct zone *z)
{
	return strcmp(z->state, "paused") == 0 ||
	       strcmp(z->state, "crashed") == 0;
}

/* It has no CPU; why? */
static void wait_begin(struct trace_picture *p, const struct zone *z,
		       struct vcpu *v)
{
	if (strcmp(v->waits_for, "off") == 0) {
		slice_end(p, &v->track);
	} else if (is_halted(z)) {
		slice_begin(p, &v->track, "%s", z->state);
	} else if (v->waits_for[0] != '\0') {
		slice_begin(p, &v->track, "blocked: %s", v->waits_for);
	} else {
		slice_begin(p, &v->track, "ready");
	}
}

/* It had the CPU: it waits now, or is ready and somebody else's turn came. */
static void put_off(struct trace_picture *p, struct cpu *c)
{
	struct vcpu *v = vcpu_get(p, c->zone, c->vcpu);

	if (v != NULL && v->track.open) {
		wait_begin(p, p->zones[c->zone], v);
	}
}

static void cpu_given(struct trace_picture *p, struct cpu *c, int zone,
		      int vcpu)
{
	char buf[TEXT_MAX];

	if (c->zone == zone && (zone == NOBODY || c->vcpu == vcpu)) {
		return;
	}
	put_off(p, c);
	c->zone = zone;
	c->vcpu = vcpu;
	if (zone == NOBODY) {
		slice_end(p, &c->track);
	} else {
		slice_begin(p, &c->track, "%.100s vcpu%d",
			    zone_name(p, zone, buf), vcpu);
	}
}

/* ---------------------------------------------------------------- events */

static void draw_enter(struct trace_picture *p, const struct event *e,
		       struct vcpu *v)
{
	cpu_given(p, &p->cpus[e->cpu], e->zone, e->vcpu);
	v->waits_for[0] = '\0';
	slice_begin(p, &v->track, "guest");
}

static void draw_leave(struct trace_picture *p, const struct event *e,
		       struct vcpu *v)
{
	cpu_given(p, &p->cpus[e->cpu], e->zone, e->vcpu);
	v->waits_for[0] = '\0';
	slice_begin(p, &v->track, "exit: %s", e->what);
}

static void draw_switch(struct trace_picture *p, const struct event *e,
			struct vcpu *v)
{
	cpu_given(p, &p->cpus[e->cpu], v != NULL ? e->zone : NOBODY, e->vcpu);
	if (v != NULL) {
		v->waits_for[0] = '\0';
		slice_begin(p, &v->track, "switch in");
	}
}

static void draw_block(struct trace_picture *p, const struct event *e,
		       struct vcpu *v)
{
	snprintf(v->waits_for, sizeof(v->waits_for), "%s", e->what);
	/* Else it is when it has left its CPU. */
	if (v->track.open && !has_cpu(p, e->zone, e->vcpu, v->cpu)) {
		wait_begin(p, p->zones[e->zone], v);
	}
}

static void draw_ready(struct trace_picture *p, const struct event *e,
		       struct vcpu *v)
{
	v->waits_for[0] = '\0';
	v->cpu = e->value >= 0 && (uint64_t)e->value < p->cpu_count
			 ? (int)e->value
			 : NOBODY;
	/* Woken before it was off its CPU: it just goes on. */
	if (!has_cpu(p, e->zone, e->vcpu, v->cpu)) {
		slice_begin(p, &v->track, "ready");
	}
}

/* vCPUs of a zone that is paused are not ready, whatever they were. */
static void draw_state(struct trace_picture *p, const struct event *e)
{
	struct zone *z = zone_get(p, e->zone);
	bool was_halted;

	if (z == NULL) {
		return;
	}
	was_halted = is_halted(z);
	snprintf(z->state, sizeof(z->state), "%s", e->what);
	for (int i = 0; i < VCPUS_MAX; i++) {
		struct vcpu *v = &z->vcpus[i];

		if (v->track.open && (was_halted || is_halted(z)) &&
		    !has_cpu(p, e->zone, i, v->cpu)) {
			wait_begin(p, z, v);
		}
	}
}

/* What the CPU and its vCPUs did is not known until records go on. */
static void draw_lost(struct trace_picture *p, const struct event *e)
{
	struct cpu *c = &p->cpus[e->cpu];
	char name[TEXT_MAX];

	for (int z = 0; z < ZONES_MAX; z++) {
		for (int i = 0; p->zones[z] != NULL && i < VCPUS_MAX; i++) {
			struct vcpu *v = &p->zones[z]->vcpus[i];

			if (v->cpu == (int)e->cpu) {
				slice_end(p, &v->track);
				v->waits_for[0] = '\0';
			}
		}
	}
	slice_end(p, &c->track);
	c->zone = NOBODY;
	snprintf(name, sizeof(name), "lost: %" PRId64 " records", e->value);
	write_slice(p, &c->track, name, p->now,
		    e->until > p->now ? e->until : p->now);
}

/* What came of an exit says more of it than the processor did. */
static void name_exit(struct vcpu *v, const char *event)
{
	static const char *const events[] = { "doorbell", "forward", "posted",
					      "hypercall" };

	if (v == NULL || !v->track.open ||
	    strncmp(v->track.slice, "exit: ", 6) != 0) {
		return;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(events[i], event) == 0) {
			snprintf(v->track.slice, sizeof(v->track.slice),
				 "exit: %s", event);
		}
	}
}

static void draw_instant(struct trace_picture *p, const struct event *e,
			 struct vcpu *v)
{
	struct zone *z = zone_get(p, e->zone);
	struct track *t = v != NULL ? &v->track : NULL;
	char name[2 * TEXT_MAX];

	if (t == NULL && z != NULL) {
		t = &z->vcpus[0].track;
	}
	if (t == NULL) {
		return;
	}
	if (strcmp(e->name, "inject") == 0) {
		snprintf(name, sizeof(name), "interrupt %" PRId64, e->value);
	} else if (strcmp(e->name, "doorbell") == 0) {
		snprintf(name, sizeof(name), "doorbell %" PRId64, e->value);
	} else if (strcmp(e->name, "forward") == 0) {
		snprintf(name, sizeof(name), "forward: %s 0x%" PRIx64, e->what,
			 (uint64_t)e->value);
	} else if (strcmp(e->name, "posted") == 0) {
		snprintf(name, sizeof(name), "posted: 0x%" PRIx64,
			 (uint64_t)e->value);
	} else {
		snprintf(name, sizeof(name), "%s: %s", e->name, e->what);
	}
	t->named = true;
	name_exit(v, e->name);
	write_instant(p, e, t, name);
}

static void draw(struct trace_picture *p, const struct event *e)
{
	static const struct {
		const char *name;
		void (*fn)(struct trace_picture *p, const struct event *e,
			   struct vcpu *v);
		bool needs_vcpu;
		bool here; /* the vCPU is on the CPU that says so */
	} kinds[] = {
		{ "enter", draw_enter, true, true },
		{ "leave", draw_leave, true, true },
		{ "switch", draw_switch, false, true },
		{ "block", draw_block, true, true },
		{ "ready", draw_ready, true, false },
	};
	struct vcpu *v = vcpu_get(p, e->zone, e->vcpu);
	size_t i = 0;

	if (!p->begun) {
		p->begun = true;
		p->start = e->time;
		p->now = e->time;
	}
	if (e->time > p->now) {
		p->now = e->time;
	}
	if (strcmp(e->name, "lost") == 0) {
		draw_lost(p, e);
		return;
	}
	while (i < sizeof(kinds) / sizeof(kinds[0]) &&
	       strcmp(kinds[i].name, e->name) != 0) {
		i++;
	}
	if (strcmp(e->name, "state") == 0) {
		draw_state(p, e);
	}
	if (i == sizeof(kinds) / sizeof(kinds[0])) {
		draw_instant(p, e, v);
		return;
	}
	if (v == NULL && kinds[i].needs_vcpu) {
		return;
	}
	kinds[i].fn(p, e, v);
	if (v != NULL && kinds[i].here) {
		v->cpu = (int)e->cpu;
	}
}

/* ----------------------------------------------------------------- order */

static int earlier(const void *a, const void *b)
{
	const struct event *x = a;
	const struct event *y = b;

	if (x->time != y->time) {
		return x->time < y->time ? -1 : 1;
	}
	return x->order < y->order ? -1 : 1;
}

/* Draws what happened until then, in its order. */
static void draw_until(struct trace_picture *p, uint64_t until)
{
	size_t done = 0;

	if (p->event_count == 0) {
		return;
	}
	qsort(p->events, p->event_count, sizeof(*p->events), earlier);
	while (done < p->event_count && p->events[done].time <= until) {
		draw(p, &p->events[done++]);
	}
	p->event_count -= done;
	memmove(p->events, p->events + done,
		p->event_count * sizeof(*p->events));
}

static struct event *event_new(struct trace_picture *p, size_t cpu)
{
	struct event *e;

	if (p->event_count == p->event_room) {
		size_t room = p->event_room == 0 ? 4096 : 2 * p->event_room;
		struct event *events =
			realloc(p->events, room * sizeof(*events));

		if (events == NULL) {
			return NULL;
		}
		p->events = events;
		p->event_room = room;
	}
	e = &p->events[p->event_count++];
	*e = (struct event){ .cpu = (uint32_t)cpu, .order = p->order++ };
	return e;
}

static bool add_lost(struct trace_picture *p, struct cpu *c, size_t cpu,
		     uint64_t lost, uint64_t until)
{
	struct event *e = event_new(p, cpu);

	if (e == NULL) {
		return false;
	}
	p->sum.lost += lost;
	e->time = c->last != 0 ? c->last : until;
	e->until = until;
	e->value = (int64_t)lost;
	e->zone = NOBODY;
	strcpy(e->name, "lost");
	return true;
}

bool trace_picture_add(struct trace_picture *p, size_t cpu, uint64_t lost,
		       const struct hvd_trace_record *records, size_t count)
{
	struct cpu *c = &p->cpus[cpu];
	struct zone *z;

	if (lost != 0 &&
	    !add_lost(p, c, cpu, lost,
		      count != 0 ? records[0].time_ns : p->newest)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const struct hvd_trace_record *r = &records[i];
		struct event *e = event_new(p, cpu);

		if (e == NULL) {
			return false;
		}
		c->last = r->time_ns > c->last ? r->time_ns : c->last;
		e->time = c->last;
		e->zone = r->zone;
		e->vcpu = r->vcpu;
		e->value = r->value;
		snprintf(e->name, sizeof(e->name), "%s", r->event);
		snprintf(e->what, sizeof(e->what), "%s",
			 r->what != NULL ? r->what : "?");
		z = zone_get(p, r->zone);
		/* The number may have been another zone's. */
		if (z != NULL && strcmp(e->name, "state") == 0 &&
		    strcmp(e->what, "created") == 0) {
			z->wants_name = true;
		}
		p->newest = c->last > p->newest ? c->last : p->newest;
	}
	p->sum.records += count;
	return true;
}

bool trace_picture_round(struct trace_picture *p, const bool *behind)
{
	uint64_t until = p->newest_before;

	for (size_t i = 0; i < p->cpu_count; i++) {
		if (behind[i] && p->cpus[i].last < until) {
			until = p->cpus[i].last;
		}
	}
	draw_until(p, until);
	p->newest_before = p->newest;
	return ferror(p->file) == 0;
}

/* ------------------------------------------------------------ begin, end */

struct trace_picture *trace_picture_new(FILE *file, size_t cpu_count)
{
	struct trace_picture *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return NULL;
	}
	p->cpus = calloc(cpu_count + 1, sizeof(*p->cpus));
	if (p->cpus == NULL) {
		free(p);
		return NULL;
	}
	p->file = file;
	p->cpu_count = cpu_count;
	for (size_t i = 0; i < cpu_count; i++) {
		p->cpus[i].zone = NOBODY;
		p->cpus[i].track.pid = CPUS_PID;
		p->cpus[i].track.tid = tid_of(CPUS_PID, (int)i);
		p->cpus[i].track.named = true;
	}
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", file);
	/* The first event, which no comma precedes. */
	fprintf(file,
		"\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,"
		"\"name\":\"process_name\",\"args\":{\"name\":\"CPUs\"}}",
		CPUS_PID, tid_of(CPUS_PID, 0));
	write_sort(p, CPUS_PID, -1);
	return p;
}

void trace_picture_free(struct trace_picture *p)
{
	if (p == NULL) {
		return;
	}
	for (size_t i = 0; i < ZONES_MAX; i++) {
		free(p->zones[i]);
	}
	free(p->cpus);
	free(p->events);
	free(p);
}

void trace_picture_name(struct trace_picture *p, int64_t zone, const char *name)
{
	struct zone *z = zone_get(p, zone);
	char both[2 * NAMES_MAX];

	if (z == NULL) {
		return;
	}
	if (z->names[0] == '\0') {
		snprintf(z->names, sizeof(z->names), "%s", name);
	} else if (z->wants_name && strstr(z->names, name) == NULL) {
		/* One after another had this number. */
		snprintf(both, sizeof(both), "%s, %s", z->names, name);
		snprintf(z->names, sizeof(z->names), "%.*s", NAMES_MAX - 1,
			 both);
	}
	z->wants_name = false;
}

bool trace_picture_wants_names(const struct trace_picture *p)
{
	for (size_t i = 0; i < ZONES_MAX; i++) {
		if (p->zones[i] != NULL && p->zones[i]->wants_name) {
			return true;
		}
	}
	return false;
}

static void end_track(struct trace_picture *p, struct track *t,
		      const char *kind, int index)
{
	char name[TEXT_MAX];

	slice_end(p, t);
	if (t->named) {
		snprintf(name, sizeof(name), "%s%d", kind, index);
		write_meta(p, "thread_name", t->pid, t->tid, name);
	}
}

static void end_zone(struct trace_picture *p, int id)
{
	struct zone *z = p->zones[id];
	char buf[TEXT_MAX];
	bool named = false;

	for (int i = 0; i < VCPUS_MAX; i++) {
		end_track(p, &z->vcpus[i].track, "vcpu", i);
		named = named || z->vcpus[i].track.named;
	}
	if (named) {
		write_meta(p, "process_name", pid_of(id), tid_of(pid_of(id), 0),
			   zone_name(p, id, buf));
		write_sort(p, pid_of(id), id);
	}
}

bool trace_picture_end(struct trace_picture *p)
{
	draw_until(p, UINT64_MAX);
	for (int i = 0; i < ZONES_MAX; i++) {
		if (p->zones[i] != NULL) {
			end_zone(p, i);
		}
	}
	for (size_t i = 0; i < p->cpu_count; i++) {
		end_track(p, &p->cpus[i].track, "cpu", (int)i);
	}
	p->sum.duration_ns = p->now - p->start;
	fprintf(p->file,
		"\n],\"otherData\":{\"program\":\"hvsh trace\","
		"\"start_ns\":\"%" PRIu64 "\",\"records\":\"%" PRIu64
		"\",\"lost\":\"%" PRIu64 "\"}}\n",
		p->start, p->sum.records, p->sum.lost);
	return fflush(p->file) == 0 && ferror(p->file) == 0;
}

struct trace_sum trace_picture_sum(const struct trace_picture *p)
{
	return p->sum;
}
