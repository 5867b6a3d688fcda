/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dtb.h"
#include "image.h"
#include "io_resource.h"
#include "placement.h"
#include "privcmd.h"
#include "shadow_layout.h"
#include "size.h"
#include "store.h"
#include "text.h"
#include "zone_capacity.h"

#define POPULATE_STEP (64ull << 20) /* between looks at `cancel` */
#define READ_STEP (4u << 20)

static int cancelled(const struct zone_build *b, struct zerror *ret_error)
{
	if (!__atomic_load_n(b->cancel, __ATOMIC_RELAXED)) {
		return 0;
	}
	return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL, NULL,
			  "given up: it is not wanted any more");
}

static int fail_step(struct zerror *ret_error, const char *step, int err)
{
	return zerror_set(ret_error, ZERROR_INTERNAL, NULL,
			  "the hypervisor's log may say more (hvsh log)",
			  "%s: %s", step, strerror(err));
}

/* ------------------------------------------------------------ create */

/* The zones that exist, and the vCPUs of them and zone0 per physical CPU. */
struct tenants {
	struct zone_share zones[ZV_ZONES_MAX];
	uint32_t count;
	uint32_t load[ZV_PCPUS_MAX];
};

static void read_tenants(int device, struct tenants *t)
{
	struct zv_zone_info info;
	uint32_t id = 0;

	while (id < ZV_ZONES_MAX && privcmd_zone_next(device, id, &info) == 0 &&
	       info.id >= id) {
		for (uint32_t i = 0; i < info.vcpu_count && i < ZV_VCPUS_MAX;
		     i++) {
			if (info.pcpu[i] < ZV_PCPUS_MAX) {
				t->load[info.pcpu[i]]++;
			}
		}
		if (info.id != ZV_ZONE0 && t->count < ZV_ZONES_MAX) {
			struct zone_share *share = &t->zones[t->count++];

			snprintf(share->name, sizeof(share->name), "%.*s",
				 (int)sizeof(info.name), info.name);
			text_sanitize(share->name, strlen(share->name), false);
			share->memory = info.pages * ZV_PAGE_SIZE;
		}
		id = info.id + 1;
	}
}

static void place(const struct zone_build *b, const struct zv_info *info,
		  const struct tenants *tenants, uint32_t pcpu[ZV_VCPUS_MAX])
{
	uint32_t count = info->pcpu_count;

	for (uint32_t i = 0; i < b->def->vcpus; i++) {
		pcpu[i] = b->def->pinned ? b->def->cpus[i] : ZV_PCPU_ANY;
	}
	placement_choose(tenants->load,
			 count < ZV_PCPUS_MAX ? count : ZV_PCPUS_MAX,
			 b->def->vcpus, pcpu);
}

static int create(const struct zone_build *b, uint32_t *ret_id,
		  struct zerror *ret_error)
{
	struct zv_zone_create arg = {
		.vcpu_count = b->def->vcpus,
		.priority = b->def->priority,
		.slice_us = b->def->slice_us,
	};
	struct tenants tenants = { .count = 0 };
	struct zv_info info = { 0 };
	int rc = privcmd_info(b->device, &info);

	if (rc < 0) {
		return fail_step(ret_error, "asking the hypervisor", -rc);
	}
	read_tenants(b->device, &tenants);
	if (zone_capacity_check(b->def, &info, tenants.zones, tenants.count,
				ret_error) < 0) {
		return -1;
	}
	snprintf(arg.name, sizeof(arg.name), "%s", b->def->name);
	memcpy(arg.uuid, b->def->uuid, sizeof(arg.uuid));
	place(b, &info, &tenants, arg.pcpu);
	arg.event_index =
		placement_event(arg.pcpu, arg.vcpu_count, info.zone_count,
				info.zone0_event_count);
	rc = privcmd_zone_create(b->device, &arg, ret_id);
	if (rc == -ENOMEM) {
		return zerror_set(ret_error, ZERROR_NO_MEMORY, NULL,
				  "stop a zone",
				  "creating the zone: the hypervisor is out "
				  "of memory or zone numbers");
	}
	return rc < 0 ? fail_step(ret_error, "creating the zone", -rc) : rc;
}

static int limit_vcpus(const struct zone_def *def, int zone,
		       struct zerror *ret_error)
{
	uint32_t count = def->vcpus_on;
	int rc = count < def->vcpus ? privcmd_vcpu_limit(zone, &count) : 0;

	if (rc == -ENOSYS || rc == -ENOTTY) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, "$.vcpus.on",
				  "leave it out",
				  "this hypervisor cannot keep vCPUs off");
	}
	return rc < 0 ? fail_step(ret_error, "limiting its vCPUs", -rc) : 0;
}

static int populate(const struct zone_build *b, int zone,
		    struct zerror *ret_error)
{
	uint64_t done = 0;

	while (done < b->def->memory) {
		uint64_t step = b->def->memory - done;
		int rc;

		if (cancelled(b, ret_error) < 0) {
			return -1;
		}
		step = step < POPULATE_STEP ? step : POPULATE_STEP;
		rc = privcmd_populate(zone, ZV_A64_RAM_BASE + done, step);
		if (rc == -ENOMEM) {
			return zerror_set(ret_error, ZERROR_NO_MEMORY,
					  "$.memory",
					  "see who has it (hvsh list), and try "
					  "again",
					  "the pool ran out of 2M chunks: "
					  "another zone took them meanwhile");
		}
		if (rc < 0) {
			return fail_step(ret_error, "populating memory", -rc);
		}
		done += step;
		job_progress_add(b->progress, step);
	}
	return 0;
}

static int emit_actions(void *arg, const struct zv_shadow_actions *batch)
{
	return privcmd_shadow_actions(*(int *)arg, batch);
}

static int make_shadows(const struct zone_build *b, int zone,
			struct zerror *ret_error)
{
	struct shadow_page pages[ZV_SHADOWS_MAX];
	uint32_t count = shadow_layout_pages(b->def, pages);
	int rc;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = ZV_SHADOWS_MAX;

		rc = privcmd_shadow_create(zone, pages[i].gpa, pages[i].flags,
					   &index);
		if (rc == 0 && index != i) {
			rc = -EPROTO;
		}
		if (rc < 0) {
			return fail_step(ret_error, "making device pages", -rc);
		}
	}
	rc = shadow_layout_actions(b->def, emit_actions, &zone);
	return rc < 0 ? fail_step(ret_error, "setting device actions", -rc) : 0;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* What there is to do, in bytes. */
static void plan_progress(const struct zone_build *b, uint64_t populate)
{
	job_progress_total(b->progress, populate + file_size(b->def->kernel) +
						file_size(b->def->initrd));
}

/* -------------------------------------------------------------- load */

/* A file that goes into guest memory. */
struct source {
	const char *member; /* "$.kernel" */
	const char *path;
	int fd;
	uint64_t size;
};

/* All that goes there. */
struct load {
	struct source kernel;
	struct source initrd;
	struct image_kernel image; /* in the kernel's file */
	struct image_plan plan;
	char *overlay; /* NULL: none */
	size_t overlay_size;
};

#define NOTHING_LOADED                                          \
	{                                                       \
		.kernel = { .fd = -1 }, .initrd = { .fd = -1 }, \
	}

static int fail_file(const struct source *s, const char *what, int err,
		     struct zerror *ret_error)
{
	return zerror_set(ret_error, ZERROR_IO_ERROR, s->member,
			  err == ENOENT ? "check the path; it is zone0's "
					  "file system that counts"
					: NULL,
			  "%s %s: %s", what, s->path, strerror(err));
}

static int source_open(struct source *s, const char *member, const char *path,
		       struct zerror *ret_error)
{
	struct stat st;

	*s = (struct source){ .member = member, .path = path, .fd = -1 };
	if (!path) {
		return 0;
	}
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->fd < 0) {
		return fail_file(s, "cannot open", errno, ret_error);
	}
	if (fstat(s->fd, &st) < 0) {
		return fail_file(s, "cannot examine", errno, ret_error);
	}
	if (!S_ISREG(st.st_mode)) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, member, NULL,
				  "%s is not a regular file", path);
	}
	if (st.st_size == 0) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, member, NULL,
				  "%s is empty", path);
	}
	s->size = (uint64_t)st.st_size;
	return 0;
}

static void source_close(struct source *s)
{
	if (s->fd >= 0) {
		close(s->fd);
	}
}

/* All of to..to+len from the file, from its offset on. */
static int source_read(struct source *s, void *to, size_t len, uint64_t offset,
		       struct zerror *ret_error)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = pread(s->fd, (char *)to + done, len - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return fail_file(s, "cannot read", errno, ret_error);
		}
		if (got == 0) {
			return zerror_set(ret_error, ZERROR_IO_ERROR, s->member,
					  "start the zone again",
					  "%s became shorter while it was read",
					  s->path);
		}
		done += (size_t)got;
	}
	return 0;
}

static size_t page_up(uint64_t size)
{
	return (size_t)((size + ZV_PAGE_SIZE - 1) &
			~(uint64_t)(ZV_PAGE_SIZE - 1));
}

static int map(int zone, uint64_t gpa, size_t size, void **ret_memory,
	       struct zerror *ret_error)
{
	int rc = privcmd_map(zone, gpa, size, ret_memory);

	return rc < 0 ? fail_step(ret_error, "mapping the zone's memory", -rc)
		      : 0;
}

/* The file to gpa; what is left of `room` bytes becomes zero if clear. */
static int load_source(const struct zone_build *b, int zone, struct source *s,
		       uint64_t gpa, uint64_t room, bool clear,
		       struct zerror *ret_error)
{
	/* text_offset need not be page aligned; mappings are */
	uint64_t base = gpa & ~(uint64_t)(ZV_PAGE_SIZE - 1);
	size_t skip = (size_t)(gpa - base);
	size_t size = page_up(skip + room);
	void *memory;
	char *to;
	int rc = 0;

	if (map(zone, base, size, &memory, ret_error) < 0) {
		return -1;
	}
	to = (char *)memory + skip;
	for (uint64_t done = 0; done < s->size && rc == 0;) {
		uint64_t step = s->size - done;

		step = step < READ_STEP ? step : READ_STEP;
		rc = cancelled(b, ret_error);
		if (rc == 0) {
			rc = source_read(s, to + done, (size_t)step, done,
					 ret_error);
		}
		done += step;
		job_progress_add(b->progress, step);
	}
	if (rc == 0 && clear && room > s->size) {
		memset(to + s->size, 0, (size_t)(room - s->size));
	}
	privcmd_clean(memory, size);
	munmap(memory, size);
	return rc;
}

static int parse_kernel(struct source *s, struct image_kernel *ret_kernel,
			struct zerror *ret_error)
{
	uint8_t head[IMAGE_HEADER_SIZE];
	size_t len = s->size < sizeof(head) ? (size_t)s->size : sizeof(head);
	const char *hint;
	const char *wrong;

	if (source_read(s, head, len, 0, ret_error) < 0) {
		return -1;
	}
	wrong = image_parse(head, len, s->size, ret_kernel, &hint);
	return wrong ? zerror_set(ret_error, ZERROR_IO_ERROR, s->member, hint,
				  "%s: %s", s->path, wrong)
		     : 0;
}

static int make_plan(const struct zone_build *b,
		     const struct image_kernel *kernel,
		     const struct source *initrd, struct image_plan *ret_plan,
		     struct zerror *ret_error)
{
	char text[SIZE_TEXT_MAX];
	char hint[96];
	uint64_t need = 0;
	const char *wrong = image_plan(b->def->memory, kernel, initrd->size,
				       ret_plan, &need);

	if (!wrong) {
		return 0;
	}
	size_format(need, text);
	snprintf(hint, sizeof(hint),
		 "they take %s; a Linux needs 128M more to run in", text);
	return zerror_set(ret_error, ZERROR_TOO_LARGE, "$.memory",
			  need ? hint : NULL, "%s%s", wrong,
			  need ? " into the zone's memory" : "");
}

static int read_overlay(const struct zone_def *def, struct load *l,
			struct zerror *ret_error)
{
	int rc = def->dtb_overlay
			 ? store_read_file(def->dtb_overlay, IMAGE_DTB_SIZE,
					   &l->overlay, &l->overlay_size)
			 : 0;

	return rc < 0 ? zerror_set(ret_error, ZERROR_IO_ERROR, "$.dtb-overlay",
				   NULL, "cannot read %s: %s", def->dtb_overlay,
				   strerror(-rc))
		      : 0;
}

/* What there is to load, before anything else is done: it may not be there. */
static int open_all(const struct zone_build *b, struct load *l,
		    struct zerror *ret_error)
{
	const struct zone_def *def = b->def;

	if (source_open(&l->kernel, "$.kernel", def->kernel, ret_error) < 0 ||
	    source_open(&l->initrd, "$.initrd", def->initrd, ret_error) < 0 ||
	    parse_kernel(&l->kernel, &l->image, ret_error) < 0 ||
	    read_overlay(def, l, ret_error) < 0) {
		return -1;
	}
	return make_plan(b, &l->image, &l->initrd, &l->plan, ret_error);
}

static void close_all(struct load *l)
{
	source_close(&l->kernel);
	source_close(&l->initrd);
	free(l->overlay);
}

static int load_dtb(const struct zone_build *b, int zone, const struct load *l,
		    struct zerror *ret_error)
{
	uint8_t seed[DTB_SEED_SIZE];
	size_t size;
	void *memory;
	int rc;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		return fail_step(ret_error, "getting random numbers", errno);
	}
	rc = map(zone, l->plan.dtb, IMAGE_DTB_SIZE, &memory, ret_error);
	if (rc == 0) {
		rc = dtb_build(b->def, &l->plan, seed, l->overlay,
			       l->overlay_size, memory, IMAGE_DTB_SIZE, &size,
			       ret_error);
		privcmd_clean(memory, IMAGE_DTB_SIZE);
		munmap(memory, IMAGE_DTB_SIZE);
	}
	return rc;
}

static int load(const struct zone_build *b, int zone, bool again,
		struct load *l, struct zerror *ret_error)
{
	struct zv_vcpu_state state = { .flags = ZV_VCPU_ON };
	int rc;

	if (load_source(b, zone, &l->kernel, l->plan.kernel, l->image.size,
			again, ret_error) < 0) {
		return -1;
	}
	if (l->plan.initrd &&
	    load_source(b, zone, &l->initrd, l->plan.initrd, l->initrd.size,
			false, ret_error) < 0) {
		return -1;
	}
	if (load_dtb(b, zone, l, ret_error) < 0) {
		return -1;
	}
	state.pc = l->plan.kernel;
	state.x[0] = l->plan.dtb;
	rc = privcmd_vcpu_set(zone, 0, &state);
	return rc < 0 ? fail_step(ret_error, "setting the entry point", -rc)
		      : 0;
}

int zone_build_load(const struct zone_build *build, int zone,
		    struct zerror *ret_error)
{
	struct load l = NOTHING_LOADED;
	int rc;

	plan_progress(build, 0);
	rc = open_all(build, &l, ret_error);
	if (rc == 0) {
		rc = load(build, zone, true, &l, ret_error);
	}
	close_all(&l);
	return rc;
}

/* ------------------------------------------------------------- all of it */

/* hvd-io gets them later: who starts a zone is not to wait to hear of one. */
static int check_devices(const struct zone_def *def, struct zerror *ret_error)
{
	const struct io_resource_place nowhere = { 0 };
	struct io_resources resources;

	if (io_resources_open(def, &nowhere, &resources, ret_error) < 0) {
		return -1;
	}
	io_resources_close(&resources);
	return 0;
}

static int make(const struct zone_build *b, struct load *l, int *ret_fd,
		uint32_t *ret_id, struct zerror *ret_error)
{
	int fd;

	if (open_all(b, l, ret_error) < 0 ||
	    check_devices(b->def, ret_error) < 0) {
		return -1;
	}
	fd = create(b, ret_id, ret_error);
	if (fd < 0) {
		return -1;
	}
	*ret_fd = fd;
	if (limit_vcpus(b->def, fd, ret_error) < 0 ||
	    populate(b, fd, ret_error) < 0 ||
	    make_shadows(b, fd, ret_error) < 0) {
		return -1;
	}
	return load(b, fd, false, l, ret_error);
}

int zone_build_create(const struct zone_build *build, int *ret_fd,
		      uint32_t *ret_id, struct zerror *ret_error)
{
	struct load l = NOTHING_LOADED;
	int rc;

	*ret_fd = -1;
	plan_progress(build, build->def->memory);
	rc = make(build, &l, ret_fd, ret_id, ret_error);
	close_all(&l);
	return rc;
}
