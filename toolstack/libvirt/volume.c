// SPDX-License-Identifier: BSD-2-Clause
#include "volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libxml/tree.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain_xml_rows.h"
#include "protocol.h"
#include "xml_text.h"

#define SECTOR 512u
#define COPY_SIZE ((size_t)1 << 20)
#define CAPACITY_MAX (1ull << 62) /* offsets are signed */

static int fail(struct vir_error_text *ret_error, const struct pool *pool,
		const char *name, int err)
{
	int code = err == ENOENT || err == ELOOP ? VIR_ERR_NO_STORAGE_VOL
						 : VIR_ERR_OPERATION_FAILED;

	return vir_error_set(ret_error, code, "storage vol '%s/%s': %s",
			     pool->path, name, strerror(err));
}

static bool name_is_valid(const char *name)
{
	return name[0] != '.' && strlen(name) <= NAME_MAX &&
	       !strchr(name, '/') && xml_can_hold(name);
}

static int open_pool(const struct pool *pool, struct vir_error_text *ret_error)
{
	int fd;

	if (!pool->active) {
		return vir_error_set(ret_error, VIR_ERR_OPERATION_INVALID,
				     "storage pool '%s' is not active",
				     pool->name);
	}
	fd = open(pool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				     "cannot open %s: %s", pool->path,
				     strerror(errno));
	}
	return fd;
}

/*
 * Nothing but a file is opened for good: what is there is looked at first, for
 * a device may do something when it is opened, and again when it is open.
 */
static int open_file(int dir, const char *name, struct stat *ret_st)
{
	int fd;

	if (!name_is_valid(name)) {
		return -ENOENT;
	}
	if (fstatat(dir, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0) {
		return -errno;
	}
	if (!S_ISREG(ret_st->st_mode)) {
		return -ENOENT;
	}
	fd = openat(dir, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* One of the pool's; -1 with the error set. */
static int open_volume(const struct pool *pool, const char *name,
		       struct stat *ret_st, struct vir_error_text *ret_error)
{
	int dir = open_pool(pool, ret_error);
	int fd;

	if (dir < 0) {
		return -1;
	}
	fd = open_file(dir, name, ret_st);
	close(dir);
	return fd < 0 ? fail(ret_error, pool, name, -fd) : fd;
}

/* --------------------------------------------------------------- reading */

static int is_volume(int dir, const char *name)
{
	struct stat st;

	return name_is_valid(name) &&
	       fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void volume_names_free(char **names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		free(names[i]);
	}
	free(names);
}

int volume_names(const struct pool *pool, char ***ret_names,
		 uint32_t *ret_count, struct vir_error_text *ret_error)
{
	char **names = calloc(LIST_MAX, sizeof(*names));
	uint32_t count = 0;
	struct dirent *entry;
	DIR *dir = NULL;
	int fd;

	if (!names) {
		return vir_error_set(ret_error, VIR_ERR_NO_MEMORY,
				     "out of memory");
	}
	fd = open_pool(pool, ret_error);
	if (fd >= 0) {
		dir = fdopendir(fd);
	}
	if (!dir) {
		free(names);
		if (fd >= 0) {
			close(fd);
			vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				      "cannot read %s", pool->path);
		}
		return -1;
	}
	while (count < LIST_MAX && (entry = readdir(dir))) {
		if (is_volume(fd, entry->d_name)) {
			names[count] = strdup(entry->d_name);
			count += names[count] != NULL;
		}
	}
	closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

/* The size of a qcow2 image's disk is at byte 24, big endian. */
static void look_inside(int fd, struct volume *volume)
{
	uint8_t head[32];

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, "QFI\xfb", 4) != 0) {
		return;
	}
	volume->qcow2 = true;
	volume->capacity = 0;
	for (int i = 24; i < 32; i++) {
		volume->capacity = volume->capacity << 8 | head[i];
	}
}

int volume_get(const struct pool *pool, const char *name,
	       struct volume *ret_volume, struct vir_error_text *ret_error)
{
	struct volume *v = ret_volume;
	struct stat st;
	int fd = open_volume(pool, name, &st, ret_error);

	if (fd < 0) {
		return -1;
	}
	*v = (struct volume){ .capacity = (uint64_t)st.st_size,
			      .allocation = (uint64_t)st.st_blocks * 512,
			      .mode = st.st_mode & 07777,
			      .owner = st.st_uid,
			      .group = st.st_gid };
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->path, sizeof(v->path), "%s/%s", pool->path, name);
	look_inside(fd, v);
	close(fd);
	return 0;
}

/* --------------------------------------------------------------- changes */

static int sync_dir(int dir, int rc)
{
	return rc == 0 && fsync(dir) < 0 ? -errno : rc;
}

/* Where a new one's contents come from. */
struct source {
	int fd;
	const atomic_bool *gone;
};

/* What is wanted at once is there at once; the rest comes when it is written. */
static int reserve(int fd, const struct volume_plan *plan)
{
	uint64_t now = plan->allocation < plan->capacity ? plan->allocation
							 : plan->capacity;

	if (now > 0 && fallocate(fd, 0, 0, (off_t)now) < 0) {
		return -errno;
	}
	return 0;
}

static int copy_part(int fd, const struct source *source, char *buffer,
		     off_t at, off_t end)
{
	while (at < end) {
		size_t want = end - at < (off_t)COPY_SIZE ? (size_t)(end - at)
							  : COPY_SIZE;
		ssize_t got = pread(source->fd, buffer, want, at);

		if (atomic_load(source->gone)) {
			return -ECANCELED;
		}
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got < 0 ? -errno : -EIO; /* it was cut short */
		}
		for (ssize_t done = 0; done < got;) {
			ssize_t put = pwrite(fd, buffer + done,
					     (size_t)(got - done), at + done);

			if (put < 0 && errno != EINTR) {
				return -errno;
			}
			done += put > 0 ? put : 0;
		}
		at += got;
	}
	return 0;
}

/* Holes stay holes. */
static int copy(int fd, const struct source *source)
{
	char *buffer;
	off_t end = 0;
	int rc = 0;

	if (ioctl(fd, FICLONE, source->fd) == 0) {
		return 0;
	}
	buffer = malloc(COPY_SIZE);
	if (!buffer) {
		return -ENOMEM;
	}
	while (rc == 0) {
		off_t at = lseek(source->fd, end, SEEK_DATA);

		end = at < 0 ? at : lseek(source->fd, at, SEEK_HOLE);
		if (end < 0) {
			rc = errno == ENXIO ? 0 : -errno; /* no more data */
			break;
		}
		rc = copy_part(fd, source, buffer, at, end);
	}
	free(buffer);
	return rc;
}

static int fill(int fd, const struct volume_plan *plan,
		const struct source *source)
{
	int rc = source ? copy(fd, source) : reserve(fd, plan);

	if (rc == 0 &&
	    (ftruncate(fd, (off_t)plan->capacity) < 0 || fsync(fd) < 0)) {
		rc = -errno;
	}
	return rc;
}

static int make_in(int dir, const struct volume_plan *plan,
		   const struct source *source)
{
	int fd = openat(dir, plan->name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	rc = sync_dir(dir, fill(fd, plan, source));
	close(fd);
	if (rc < 0) {
		unlinkat(dir, plan->name, 0);
	}
	return rc;
}

static int make(const struct pool *pool, const struct volume_plan *plan,
		const struct source *source, struct vir_error_text *ret_error)
{
	int dir = open_pool(pool, ret_error);
	int rc;

	if (dir < 0) {
		return -1;
	}
	rc = make_in(dir, plan, source);
	close(dir);
	if (rc == -EEXIST) {
		return vir_error_set(ret_error, VIR_ERR_STORAGE_VOL_EXIST,
				     "storage vol '%s/%s' exists already",
				     pool->path, plan->name);
	}
	if (rc == -EOPNOTSUPP) {
		return vir_error_set(
			ret_error, VIR_ERR_OPERATION_UNSUPPORTED,
			"storage vol '%s/%s': its file system reserves no "
			"room: use <allocation>0</allocation>",
			pool->path, plan->name);
	}
	return rc < 0 ? fail(ret_error, pool, plan->name, -rc) : 0;
}

int volume_create(const struct pool *pool, const struct volume_plan *plan,
		  struct vir_error_text *ret_error)
{
	return make(pool, plan, NULL, ret_error);
}

static int in_use(struct vir_error_text *ret_error, const struct pool *pool,
		  const char *name)
{
	return vir_error_set(ret_error, VIR_ERR_OPERATION_INVALID,
			     "storage vol '%s/%s' is in use: stop the domain "
			     "that has it",
			     pool->path, name);
}

/* Of one that nobody writes to: it is locked while it is open. */
static int open_source(const struct pool *pool, const char *name,
		       struct volume_plan *plan,
		       struct vir_error_text *ret_error)
{
	struct stat st;
	int fd = open_volume(pool, name, &st, ret_error);

	if (fd < 0) {
		return -1;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		close(fd);
		return in_use(ret_error, pool, name);
	}
	if ((uint64_t)st.st_size > plan->capacity) {
		plan->capacity = (uint64_t)st.st_size;
	}
	return fd;
}

int volume_clone(const struct pool *pool, const struct volume_plan *plan,
		 const struct pool *from, const char *from_name,
		 const atomic_bool *gone, struct vir_error_text *ret_error)
{
	struct volume_plan larger = *plan;
	struct source source = { .gone = gone };
	int rc;

	source.fd = open_source(from, from_name, &larger, ret_error);
	if (source.fd < 0) {
		return -1;
	}
	rc = make(pool, &larger, &source, ret_error);
	close(source.fd);
	return rc;
}

/* hvd holds a lock on each disk of a running zone. */
static int delete_in(int dir, const char *name)
{
	struct stat st;
	struct stat now;
	int fd = open_file(dir, name, &st);
	int rc = 0;

	if (fd < 0) {
		return fd;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		rc = -errno;
	} else if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0) {
		rc = -errno;
	} else if (now.st_dev != st.st_dev || now.st_ino != st.st_ino) {
		rc = -EAGAIN; /* another one has taken its place */
	} else if (unlinkat(dir, name, 0) < 0) {
		rc = -errno;
	}
	close(fd);
	return sync_dir(dir, rc);
}

int volume_delete(const struct pool *pool, const char *name,
		  struct vir_error_text *ret_error)
{
	int dir = open_pool(pool, ret_error);
	int rc;

	if (dir < 0) {
		return -1;
	}
	rc = delete_in(dir, name);
	close(dir);
	if (rc == -EWOULDBLOCK) {
		return in_use(ret_error, pool, name);
	}
	return rc < 0 ? fail(ret_error, pool, name, -rc) : 0;
}

/* -------------------------------------------------------------------- XML */

/* A size, in bytes if it has no unit; missing if it is not there. */
static int read_size(const xmlNode *root, const char *path, uint64_t missing,
		     uint64_t *ret_size, struct vir_error_text *ret_error)
{
	const char *text = xml_value(root, path);
	const xmlNode *node = xml_child(root, path);
	const char *unit = node ? xml_value(node, "@unit") : NULL;
	uint64_t scale;

	/* Tools write an empty element, too, where they mean none. */
	*ret_size = missing;
	if (!text || !text[0]) {
		return 0;
	}
	if (!xml_number(text, ret_size) ||
	    !xml_scale(unit ? unit : "bytes", &scale) ||
	    __builtin_mul_overflow(*ret_size, scale, ret_size) ||
	    *ret_size > CAPACITY_MAX) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<%s>: not a size, as in <%s "
				     "unit='GiB'>8</%s>",
				     path, path, path);
	}
	return 0;
}

static int read_xml(const xmlNode *root, struct volume_plan *plan,
		    struct vir_error_text *ret_error)
{
	const char *name = xml_value(root, "name");
	const char *format = xml_value(root, "target/format/@type");
	const xmlNode *target = xml_child(root, "target");

	if (strcmp((const char *)root->name, "volume") != 0) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<%.64s> is not <volume>",
				     (const char *)root->name);
	}
	if (!name || !name_is_valid(name)) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<name>: a file's name, without '/' and "
				     "not with a dot in front");
	}
	strcpy(plan->name, name);
	if (format && strcmp(format, "raw") != 0) {
		return vir_error_set(ret_error, VIR_ERR_CONFIG_UNSUPPORTED,
				     "<target><format type='%.64s'>: zones "
				     "take 'raw' only",
				     format);
	}
	if (xml_child(root, "backingStore") ||
	    (target && xml_child(target, "encryption"))) {
		return vir_error_set(ret_error, VIR_ERR_CONFIG_UNSUPPORTED,
				     "<backingStore>, <encryption>: zones take "
				     "raw images only, leave it out");
	}
	if (read_size(root, "capacity", 0, &plan->capacity, ret_error) < 0) {
		return -1;
	}
	plan->capacity = (plan->capacity + SECTOR - 1) / SECTOR * SECTOR;
	if (plan->capacity == 0) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<capacity>: say how large it is to be, "
				     "as in <capacity unit='GiB'>8</capacity>");
	}
	return read_size(root, "allocation", plan->capacity, &plan->allocation,
			 ret_error);
}

int volume_parse(const char *xml, struct volume_plan *ret_plan,
		 struct vir_error_text *ret_error)
{
	xmlDoc *doc = xml_read(xml, strlen(xml), ret_error);
	int rc;

	if (!doc) {
		return -1;
	}
	rc = read_xml(xmlDocGetRootElement(doc), ret_plan, ret_error);
	xmlFreeDoc(doc);
	return rc;
}

char *volume_format(const struct volume *v)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to) {
		return NULL;
	}
	fputs("<volume type='file'>\n", to);
	xml_put_element(to, 1, "name", v->name);
	xml_put_element(to, 1, "key", v->path);
	fprintf(to,
		"  <capacity unit='bytes'>%" PRIu64 "</capacity>\n"
		"  <allocation unit='bytes'>%" PRIu64 "</allocation>\n"
		"  <target>\n",
		v->capacity, v->allocation);
	xml_put_element(to, 2, "path", v->path);
	fprintf(to,
		"    <format type='%s'/>\n"
		"    <permissions>\n"
		"      <mode>%04o</mode>\n"
		"      <owner>%u</owner>\n"
		"      <group>%u</group>\n"
		"    </permissions>\n"
		"  </target>\n</volume>\n",
		v->qcow2 ? "qcow2" : "raw", v->mode, v->owner, v->group);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
