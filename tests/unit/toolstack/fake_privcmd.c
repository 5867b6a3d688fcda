/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hypervisor made of files, in place of toolstack/lib/privcmd/privcmd.c.  It
 * outlives the daemon under test, so that killing the daemon can be tested, and
 * a test changes a zone's state by writing its file.
 *
 * In $ZV_FAKE_DIR:
 *   zone-ID       struct fake_zone; a control fd is an inotify of it, an I/O
 *                 fd is the file itself
 *   zone-ID.mem   its RAM
 *   fail-OP       "ERRNO" or "once ERRNO": makes the operation fail
 *   delay-OP      milliseconds the operation takes, or until the file goes
 *   pool          bytes of memory for zones (default 1 GiB)
 *   scattered     bytes of it that are free, but in no whole chunk
 *   busy          percent of a CPU that each zone takes (default 0)
 *   log           the hypervisor's log
 *   trace         the classes that are traced, a number
 *   trace-CPU     the position of its first record (uint64_t), then records
 *   trace-reads   grows by a byte whenever a CPU's are read
 */
#include "privcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <zv/platform_aarch64.h>
#include <zv/version.h>

#define POOL_DEFAULT (1ull << 30)
#define PCPUS 4u
#define FDS_MAX 4096

struct fake_zone {
	struct zv_zone_info info;
	uint32_t io_generation; /* grows with each ZV_OPEN_IO */
	uint32_t action_count;
	struct zv_vcpu_state vcpu0;
	uint32_t vcpu_limit; /* 0: all */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int zone_of_fd[FDS_MAX]; /* id + 1 */

static const char *fake_dir(void)
{
	const char *dir = getenv("ZV_FAKE_DIR");

	return dir ? dir : "/nonexistent";
}

static void path_of(char path[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void path_of(char path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int len = snprintf(path, PATH_MAX, "%s/", fake_dir());

	va_start(args, format);
	vsnprintf(path + len, PATH_MAX - (size_t)len, format, args);
	va_end(args);
}

static bool read_small(const char *path, char text[64])
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file) {
		return false;
	}
	len = fread(text, 1, 63, file);
	text[len] = '\0';
	fclose(file);
	return true;
}

/* Tells the test that something happened, by one more byte in a file. */
static void count(const char *path)
{
	FILE *file = fopen(path, "ae");

	if (file) {
		fputc('x', file);
		fclose(file);
	}
}

static void delay(const char *path, int ms)
{
	struct timespec now;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	do {
		usleep(2000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (access(path, F_OK) == 0 &&
		 (now.tv_sec - end.tv_sec) * 1000000000L + now.tv_nsec -
				 end.tv_nsec <
			 0);
}

/* What the test wants to happen to op. */
static int injected(const char *op)
{
	char path[PATH_MAX];
	char text[64];
	int err = 0;

	path_of(path, "delay-%s", op);
	if (read_small(path, text)) {
		delay(path, atoi(text));
	}
	path_of(path, "fail-%s", op);
	if (!read_small(path, text)) {
		return 0;
	}
	if (sscanf(text, "once %d", &err) == 1) {
		unlink(path);
	} else {
		err = atoi(text);
	}
	path_of(path, "failed-%s", op);
	count(path);
	return -err;
}

static int load(uint32_t id, struct fake_zone *zone)
{
	char path[PATH_MAX];
	int fd;
	ssize_t got;

	path_of(path, "zone-%u", id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -ESRCH;
	}
	got = pread(fd, zone, sizeof(*zone), 0);
	close(fd);
	return got == (ssize_t)sizeof(*zone) ? 0 : -ESRCH;
}

static int save(uint32_t id, const struct fake_zone *zone)
{
	char path[PATH_MAX];
	int fd;
	ssize_t put;

	path_of(path, "zone-%u", id);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	put = pwrite(fd, zone, sizeof(*zone), 0);
	close(fd);
	return put == (ssize_t)sizeof(*zone) ? 0 : -EIO;
}

static int id_of(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? zone_of_fd[fd] - 1 : -1;
}

static int watch_fd(uint32_t id)
{
	char path[PATH_MAX];
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	path_of(path, "zone-%u", id);
	if (fd < 0 || fd >= FDS_MAX ||
	    inotify_add_watch(fd, path, IN_MODIFY | IN_DELETE_SELF) < 0) {
		close(fd);
		return -EMFILE;
	}
	zone_of_fd[fd] = (int)id + 1;
	return fd;
}

static uint64_t pages_used(void)
{
	struct fake_zone zone;
	uint64_t pages = 0;

	for (uint32_t id = 1; id < ZV_ZONES_MAX; id++) {
		if (load(id, &zone) == 0) {
			pages += zone.info.pages;
		}
	}
	return pages;
}

static uint64_t pages_in(const char *file, uint64_t fallback)
{
	char path[PATH_MAX];
	char text[64];

	path_of(path, "%s", file);
	return (read_small(path, text) ? strtoull(text, NULL, 0) : fallback) /
	       ZV_PAGE_SIZE;
}

int privcmd_open(void)
{
	int fd;

	if (injected("open")) {
		return -ENOENT;
	}
	fd = open(fake_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int privcmd_info(int device, struct zv_info *ret_info)
{
	uint64_t pool = pages_in("pool", POOL_DEFAULT);
	uint64_t used = pages_used();
	struct fake_zone zone;

	(void)device;
	*ret_info = (struct zv_info){
		.abi = ZV_ABI_VERSION,
		.pcpu_count = PCPUS,
		.features =
			ZV_FEATURE_SHADOW | ZV_FEATURE_RESET | ZV_FEATURE_TRACE,
		.pages_ram = pool + 1000,
		.pages_hv = 100,
		.pages_zone0 = 900,
		.pages_zones = used,
		.pages_free = pool - used,
		.chunks_free = (pool - used - pages_in("scattered", 0)) / 512,
		.uptime_ns = 123456789,
		.zone_count = 1,
		.zone0_event_spi = 300,
		.zone0_event_count = 4,
		.version = ZV_VERSION,
	};
	for (uint32_t id = 1; id < ZV_ZONES_MAX; id++) {
		ret_info->zone_count += load(id, &zone) == 0;
	}
	return injected("info");
}

ssize_t privcmd_log(int device, uint64_t *pos, uint64_t *ret_first,
		    char *ret_text, size_t room)
{
	char path[PATH_MAX];
	ssize_t got = injected("log");
	int fd;

	(void)device;
	if (got < 0) {
		return got;
	}
	path_of(path, "log");
	*ret_first = *pos;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = pread(fd, ret_text, room, (off_t)*pos);
		close(fd);
	}
	*pos += (uint64_t)got;
	return got;
}

int privcmd_counters(int device, uint32_t zone,
		     struct zv_counters *ret_counters)
{
	struct fake_zone z;

	(void)device;
	if (zone != ZV_ZONE0 && load(zone, &z) < 0) {
		return -ESRCH;
	}
	*ret_counters = (struct zv_counters){
		.injected = 7,
		.guest_ns = 3000000000,
		.steal_ns = 250000000,
		.vcpu_count = 2,
		.vcpu = { { 2000000000, 50000000 }, { 1000000000, 200000000 } },
	};
	ret_counters->exits[ZV_EXIT_HVC] = 42;
	return injected("counters");
}

int privcmd_trace_set(int device, uint32_t classes)
{
	char path[PATH_MAX];
	char fresh[PATH_MAX];
	FILE *file;
	int rc = injected("trace-set");

	(void)device;
	if (rc < 0) {
		return rc;
	}
	/* The test may be reading it. */
	path_of(path, "trace");
	path_of(fresh, "trace-fresh");
	file = fopen(fresh, "we");
	if (!file) {
		return -errno;
	}
	fprintf(file, "%u", classes);
	fclose(file);
	return rename(fresh, path) < 0 ? -errno : 0;
}

ssize_t privcmd_trace_read(int device, uint32_t pcpu, uint64_t *pos,
			   uint64_t *ret_first,
			   struct zv_trace_record *ret_records, uint32_t room)
{
	char path[PATH_MAX];
	FILE *file;
	uint64_t first = 0;
	uint64_t end = 0;
	size_t got = 0;
	int rc = injected("trace-read");

	(void)device;
	if (rc < 0 || pcpu >= PCPUS) {
		return rc < 0 ? rc : -EINVAL;
	}
	path_of(path, "trace-reads");
	count(path);
	path_of(path, "trace-%u", pcpu);
	file = fopen(path, "re");
	if (file && fread(&first, sizeof(first), 1, file) == 1) {
		fseek(file, 0, SEEK_END);
		end = first + ((size_t)ftell(file) - sizeof(first)) /
				      sizeof(*ret_records);
	}
	*ret_first = *pos > end ? end : *pos < first ? first : *pos;
	if (file) {
		fseek(file,
		      (long)(sizeof(first) +
			     (*ret_first - first) * sizeof(*ret_records)),
		      SEEK_SET);
		got = fread(ret_records, sizeof(*ret_records), room, file);
		fclose(file);
	}
	*pos = *ret_first + got;
	return (ssize_t)got;
}

/* Its share of the time that the machine has been on. */
static void set_cpu_time(struct zv_zone_info *info)
{
	struct timespec now;
	char path[PATH_MAX];
	char text[64];

	path_of(path, "busy");
	if (read_small(path, text)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		info->cpu_time_ns = ((uint64_t)now.tv_sec * 1000000000 +
				     (uint64_t)now.tv_nsec) /
				    100 * (uint64_t)atoi(text);
	}
}

int privcmd_zone_next(int device, uint32_t id, struct zv_zone_info *ret_info)
{
	struct fake_zone zone;

	(void)device;
	if (id == ZV_ZONE0) {
		*ret_info = (struct zv_zone_info){
			.state = ZV_ZONE_RUNNING,
			.vcpu_count = 4,
			.vcpus_on = 0xf,
			.pages = 900,
			.name = "zone0",
		};
		return 0;
	}
	for (; id < ZV_ZONES_MAX; id++) {
		if (load(id, &zone) == 0) {
			*ret_info = zone.info;
			set_cpu_time(ret_info);
			return 0;
		}
	}
	return -ESRCH;
}

int privcmd_zone_create(int device, const struct zv_zone_create *create,
			uint32_t *ret_id)
{
	struct fake_zone zone = { 0 };
	uint32_t id = 1;
	int fd = injected("create");

	(void)device;
	if (fd < 0) {
		return fd;
	}
	pthread_mutex_lock(&mutex);
	while (id < ZV_ZONES_MAX && load(id, &zone) == 0) {
		id++;
	}
	zone = (struct fake_zone){
		.info = {
			.id = id,
			.state = ZV_ZONE_CREATED,
			.vcpu_count = create->vcpu_count,
		},
	};
	memcpy(zone.info.uuid, create->uuid, sizeof(zone.info.uuid));
	memcpy(zone.info.name, create->name, sizeof(zone.info.name));
	memcpy(zone.info.pcpu, create->pcpu, sizeof(zone.info.pcpu));
	fd = id < ZV_ZONES_MAX ? save(id, &zone) : -ENOMEM;
	if (fd == 0) {
		fd = watch_fd(id);
	}
	pthread_mutex_unlock(&mutex);
	*ret_id = id;
	return fd;
}

int privcmd_zone_open(int device, uint32_t id, const uint8_t uuid[16],
		      uint32_t flags)
{
	struct fake_zone zone;
	char path[PATH_MAX];
	int fd = injected(flags ? "open-io" : "open-zone");

	(void)device;
	if (fd < 0) {
		return fd;
	}
	pthread_mutex_lock(&mutex);
	fd = load(id, &zone);
	if (fd == 0 && memcmp(zone.info.uuid, uuid, 16) != 0) {
		fd = -ESTALE;
	}
	if (fd == 0 && !(flags & ZV_OPEN_IO)) {
		fd = watch_fd(id);
	} else if (fd == 0) {
		zone.io_generation++;
		save(id, &zone);
		path_of(path, "zone-%u", id);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	pthread_mutex_unlock(&mutex);
	return fd;
}

int privcmd_zone_info(int zone, struct zv_zone_info *ret_info)
{
	struct fake_zone z;
	int rc = load((uint32_t)id_of(zone), &z);

	if (rc == 0) {
		*ret_info = z.info;
		set_cpu_time(ret_info);
	}
	return rc;
}

/* -EINVAL unless the state is one of the bits of allowed. */
static int change(int zone, const char *op, unsigned int allowed,
		  uint32_t state, uint32_t reason)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected(op);

	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0 && !(allowed & 1u << z.info.state)) {
		rc = -EINVAL;
	}
	if (rc == 0) {
		z.info.state = state;
		z.info.reason = reason;
		z.info.state_seq++;
		z.info.vcpus_on = state == ZV_ZONE_RUNNING ? 1 : 0;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

#define BIT(state) (1u << ZV_ZONE_##state)

int privcmd_zone_start(int zone)
{
	return change(zone, "start", BIT(CREATED) | BIT(OFF) | BIT(RESETTING),
		      ZV_ZONE_RUNNING, 0);
}

int privcmd_zone_pause(int zone)
{
	return change(zone, "pause", BIT(RUNNING), ZV_ZONE_PAUSED, 0);
}

int privcmd_zone_resume(int zone)
{
	return change(zone, "resume", BIT(PAUSED), ZV_ZONE_RUNNING, 0);
}

int privcmd_zone_stop(int zone)
{
	return change(zone, "stop", BIT(RUNNING) | BIT(PAUSED) | BIT(RESETTING),
		      ZV_ZONE_OFF, ZV_REASON_STOPPED);
}

int privcmd_zone_reset(int zone)
{
	return change(zone, "reset",
		      BIT(RUNNING) | BIT(PAUSED) | BIT(OFF) | BIT(RESETTING) |
			      BIT(CRASHED),
		      ZV_ZONE_RESETTING, ZV_REASON_FORCED_RESET);
}

int privcmd_zone_destroy(int zone)
{
	char path[PATH_MAX];
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("destroy");

	if (rc < 0) {
		change(zone, "none", ~0u, ZV_ZONE_DYING, 0);
		return rc;
	}
	path_of(path, "zone-%u.mem", id);
	unlink(path);
	path_of(path, "zone-%u", id);
	return unlink(path) < 0 ? -ESRCH : 0;
}

int privcmd_populate(int zone, uint64_t gpa, uint64_t size)
{
	struct fake_zone z;
	char path[PATH_MAX];
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("populate");
	int fd;

	if (rc < 0) {
		return rc;
	}
	if (gpa % ZV_CHUNK_SIZE || size % ZV_CHUNK_SIZE ||
	    gpa < ZV_A64_RAM_BASE) {
		return -EINVAL;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0 && pages_used() + size / ZV_PAGE_SIZE >
			       pages_in("pool", POOL_DEFAULT)) {
		rc = -ENOMEM;
	}
	if (rc == 0) {
		z.info.pages += size / ZV_PAGE_SIZE;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	if (rc < 0) {
		return rc;
	}
	path_of(path, "zone-%u.mem", id);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 ||
	    ftruncate(fd, (off_t)(gpa + size - ZV_A64_RAM_BASE)) < 0) {
		rc = -EIO;
	}
	close(fd);
	return rc;
}

int privcmd_extent(int zone, uint64_t gpa, uint64_t *ret_gpa,
		   uint64_t *ret_size)
{
	struct fake_zone z;
	uint64_t end;
	int rc = load((uint32_t)id_of(zone), &z);

	if (rc < 0) {
		return rc;
	}
	end = ZV_A64_RAM_BASE + z.info.pages * ZV_PAGE_SIZE;
	*ret_gpa = gpa > ZV_A64_RAM_BASE ? gpa : ZV_A64_RAM_BASE;
	*ret_size = *ret_gpa < end ? end - *ret_gpa : 0;
	return 0;
}

int privcmd_map(int zone, uint64_t gpa, size_t size, void **ret_memory)
{
	struct fake_zone z;
	char path[PATH_MAX];
	uint32_t id = (uint32_t)id_of(zone);
	uint64_t offset = gpa - ZV_A64_RAM_BASE;
	void *memory;
	int rc = injected("map");
	int fd;

	if (rc < 0) {
		return rc;
	}
	if (load(id, &z) < 0 || gpa % ZV_PAGE_SIZE || size % ZV_PAGE_SIZE ||
	    gpa < ZV_A64_RAM_BASE ||
	    offset + size > z.info.pages * ZV_PAGE_SIZE) {
		return -EINVAL;
	}
	path_of(path, "zone-%u.mem", id);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      (off_t)offset);
	close(fd);
	if (memory == MAP_FAILED) {
		return -errno;
	}
	*ret_memory = memory;
	return 0;
}

void privcmd_refresh(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void privcmd_clean(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

int privcmd_vcpu_set(int zone, uint32_t vcpu, const struct zv_vcpu_state *state)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("vcpu-set");

	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0 &&
	    (vcpu != 0 || !((BIT(CREATED) | BIT(OFF) | BIT(RESETTING)) &
			    1u << z.info.state))) {
		rc = -EINVAL;
	}
	if (rc == 0) {
		z.vcpu0 = *state;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

int privcmd_vcpu_pin(int zone, uint32_t vcpu, uint32_t pcpu)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("vcpu-pin");

	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0 && (vcpu >= z.info.vcpu_count || pcpu >= PCPUS)) {
		rc = -EINVAL;
	}
	if (rc == 0) {
		z.info.pcpu[vcpu] = pcpu;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

int privcmd_vcpu_limit(int zone, uint32_t *count)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("vcpu-limit");

	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0 && *count > z.info.vcpu_count) {
		rc = -EINVAL;
	}
	if (rc == 0 && *count > 0) {
		z.vcpu_limit = *count;
		rc = save(id, &z);
	}
	if (rc == 0) {
		*count = z.vcpu_limit ? z.vcpu_limit : z.info.vcpu_count;
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

int privcmd_vcpu_get(int zone, uint32_t vcpu, struct zv_vcpu_state *ret_state)
{
	struct fake_zone z;
	int rc = injected("vcpu-get");

	if (rc == 0) {
		rc = load((uint32_t)id_of(zone), &z);
	}
	if (rc == 0 && vcpu >= z.info.vcpu_count) {
		rc = -EINVAL;
	}
	if (rc == 0 && z.info.state == ZV_ZONE_RUNNING) {
		rc = -EBUSY;
	}
	if (rc == 0) {
		*ret_state = vcpu == 0 ? z.vcpu0 : (struct zv_vcpu_state){ 0 };
	}
	return rc;
}

int privcmd_shadow_create(int zone, uint64_t gpa, uint32_t flags,
			  uint32_t *ret_index)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc = injected("shadow");

	if (rc < 0) {
		return rc;
	}
	if (gpa % ZV_PAGE_SIZE || flags & ~ZV_SHADOW_TRAP_READS) {
		return -EINVAL;
	}
	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	if (rc == 0) {
		*ret_index = z.info.shadow_count++;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

int privcmd_shadow_actions(int zone, const struct zv_shadow_actions *actions)
{
	struct fake_zone z;
	uint32_t id = (uint32_t)id_of(zone);
	int rc;

	pthread_mutex_lock(&mutex);
	rc = load(id, &z);
	for (uint32_t i = 0; rc == 0 && i < actions->count; i++) {
		if (actions->action[i].addr >> 12 >= z.info.shadow_count) {
			rc = -EINVAL;
		}
	}
	if (rc == 0) {
		z.action_count += actions->count;
		rc = save(id, &z);
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

int privcmd_zone_drain(int zone)
{
	char buffer[4096];

	while (read(zone, buffer, sizeof(buffer)) > 0) {}
	return 0;
}
