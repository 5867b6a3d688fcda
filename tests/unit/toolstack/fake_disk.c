/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NODES 24
#define ENTRIES 8
#define CHANGES 12
#define TEXT 256
#define FD_FIRST 10000
#define FDS 8
#define ROOT 0

struct name {
	char text[64]; /* empty: none */
	int node;
};

/* Names set and removed at once, by what they lead to. */
struct change {
	struct name set[2]; /* node -1: removed */
};

struct node {
	bool used;
	bool dir;
	bool dirty; /* text is not what is on the disk */
	size_t len;
	size_t disk_len;
	char text[TEXT];
	char disk_text[TEXT];
	struct name names[ENTRIES];
	struct name disk_names[ENTRIES];
	struct change changes[CHANGES]; /* not on the disk for sure */
	unsigned int change_count;
};

static struct disk {
	struct node node[NODES];
} disk, kept;

static struct {
	int node; /* -1: closed */
	size_t pos;
} files[FDS];

static struct fake_disk_fault fault = { .after = -1 };
static int calls;
static bool plain;

/* ------------------------------------------------------------- for tests */

void fake_disk_format(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.node[ROOT].used = true;
	disk.node[ROOT].dir = true;
	for (int i = 0; i < FDS; i++) {
		files[i].node = -1;
	}
	fault = (struct fake_disk_fault){ .after = -1 };
	plain = false;
}

void fake_disk_set_fault(const struct fake_disk_fault *new_fault)
{
	fault = *new_fault;
	calls = 0;
}

int fake_disk_calls(void)
{
	return calls;
}

void fake_disk_set_plain(bool is_plain)
{
	plain = is_plain;
}

int fake_disk_open_files(void)
{
	int count = 0;

	for (int i = 0; i < FDS; i++) {
		count += files[i].node >= 0;
	}
	return count;
}

void fake_disk_keep(void)
{
	kept = disk;
}

void fake_disk_restore(void)
{
	disk = kept;
}

/* Whether this call fails; then it does nothing. */
static bool fails(void)
{
	int number = calls++;

	if (fault.after < 0 || number < fault.after ||
	    (!fault.lasting && number > fault.after) || fault.short_) {
		return false;
	}
	errno = fault.err;
	return true;
}

static bool is_short(void)
{
	return fault.short_ && calls - 1 == fault.after;
}

/* ---------------------------------------------------------------- names */

static struct name *find(struct name *names, const char *text)
{
	for (int i = 0; i < ENTRIES; i++) {
		if (strcmp(names[i].text, text) == 0) {
			return &names[i];
		}
	}
	return NULL;
}

static void set_name(struct name *names, const struct name *to)
{
	struct name *name = find(names, to->text);

	if (!name) {
		name = find(names, "");
	}
	if (!name) {
		abort(); /* ENTRIES is too small for this test */
	}
	*name = *to;
	if (to->node < 0) {
		name->text[0] = '\0';
	}
}

static void apply(struct name *names, const struct change *change)
{
	for (int i = 0; i < 2; i++) {
		if (change->set[i].text[0]) {
			set_name(names, &change->set[i]);
		}
	}
}

static struct name named(const char *text, int node)
{
	struct name name = { .node = node };

	snprintf(name.text, sizeof(name.text), "%s", text);
	return name;
}

static void alter(struct node *dir, struct name a, struct name b)
{
	struct change *change = &dir->changes[dir->change_count];

	if (dir->change_count++ == CHANGES) {
		abort(); /* CHANGES is too small for this test */
	}
	*change = (struct change){ .set = { a, b } };
	apply(dir->names, change);
}

static int new_node(bool is_dir)
{
	for (int i = 0; i < NODES; i++) {
		if (!disk.node[i].used) {
			disk.node[i] =
				(struct node){ .used = true, .dir = is_dir };
			return i;
		}
	}
	abort();
}

/* The directory of a path of ours and the last name in it; "" for the root. */
static int walk(int at, const char *path, char ret_last[64])
{
	if (strncmp(path, FAKE_DISK, strlen(FAKE_DISK)) == 0) {
		path += strlen(FAKE_DISK);
	}
	for (;;) {
		size_t len;
		struct name *name;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		snprintf(ret_last, 64, "%.*s", (int)len, path);
		if (path[len] == '\0') {
			return at;
		}
		name = find(disk.node[at].names, ret_last);
		if (!name || !disk.node[name->node].dir) {
			errno = name ? ENOTDIR : ENOENT;
			return -1;
		}
		at = name->node;
		path += len;
	}
}

static int lookup(int at, const char *path)
{
	char last[64];
	int dir = walk(at, path, last);
	struct name *name;

	if (dir < 0 || !last[0]) {
		return dir;
	}
	name = find(disk.node[dir].names, last);
	if (!name) {
		errno = ENOENT;
		return -1;
	}
	return name->node;
}

const char *fake_disk_text(const char *path)
{
	int node = lookup(ROOT, path);

	return node < 0 ? NULL : disk.node[node].text;
}

static bool ours(const char *path)
{
	return strncmp(path, FAKE_DISK, strlen(FAKE_DISK)) == 0;
}

static bool ours_fd(int fd)
{
	return fd >= FD_FIRST && fd < FD_FIRST + FDS;
}

static struct node *node_of(int fd)
{
	int node = files[fd - FD_FIRST].node;

	if (node < 0) {
		abort(); /* used after it was closed */
	}
	return &disk.node[node];
}

static int at_of(int dirfd_)
{
	return (int)(node_of(dirfd_) - disk.node);
}

/* ------------------------------------------------------------- power cut */

/* Unsynced data: as it was, nothing, a part, a part and zeros, all. */
enum {
	TORN_WAYS = 5
};

static void tear(struct node *node, unsigned int way)
{
	size_t half = node->len / 2;

	switch (way) {
	case 0:
		memcpy(node->text, node->disk_text, TEXT);
		node->len = node->disk_len;
		break;
	case 1:
		memset(node->text, 0, TEXT);
		node->len = 0;
		break;
	case 2:
		memset(node->text + half, 0, TEXT - half);
		node->len = half;
		break;
	case 3:
		memset(node->text + half, 0, TEXT - half);
		break;
	default:
		break;
	}
}

static void settle(struct node *node)
{
	memcpy(node->disk_text, node->text, TEXT);
	node->disk_len = node->len;
	node->dirty = false;
	memcpy(node->disk_names, node->names, sizeof(node->names));
	node->change_count = 0;
}

bool fake_disk_cut(unsigned int n)
{
	for (int i = 0; i < NODES; i++) {
		struct node *node = &disk.node[i];
		unsigned int ways = 1u << node->change_count;
		unsigned int way = n % ways;

		n /= ways;
		memcpy(node->names, node->disk_names, sizeof(node->names));
		for (unsigned int j = 0; j < node->change_count; j++) {
			if (way & 1u << j) {
				apply(node->names, &node->changes[j]);
			}
		}
		if (node->dirty) {
			tear(node, n % TORN_WAYS);
			n /= TORN_WAYS;
		}
		settle(node);
	}
	for (int i = 0; i < FDS; i++) {
		files[i].node = -1;
	}
	return n == 0;
}

/* ---------------------------------------------------------- system calls */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int dirfd_, const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fsync(int fd);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __wrap_renameat(int olddir, const char *from, int newdir, const char *to);
int __wrap_renameat2(int olddir, const char *from, int newdir, const char *to,
		     unsigned int flags);
int __wrap_unlink(const char *path);
int __wrap_unlinkat(int dirfd_, const char *path, int flags);
int __wrap_scandir(const char *path, struct dirent ***ret,
		   int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **,
				  const struct dirent **));

static int open_node(int node)
{
	for (int i = 0; i < FDS; i++) {
		if (files[i].node < 0) {
			files[i].node = node;
			files[i].pos = 0;
			return FD_FIRST + i;
		}
	}
	errno = EMFILE;
	return -1;
}

static int open_at(int at, const char *path, int flags)
{
	char last[64];
	int dir;
	int node;

	if (fails()) {
		return -1;
	}
	node = lookup(at, path);
	if (node < 0 && errno == ENOENT && flags & O_CREAT) {
		dir = walk(at, path, last);
		if (dir < 0) {
			return -1;
		}
		node = new_node(false);
		alter(&disk.node[dir], named(last, node), named("", 0));
	} else if (node >= 0 && flags & O_EXCL) {
		errno = EEXIST;
		return -1;
	}
	if (node < 0) {
		return -1;
	}
	if (flags & O_DIRECTORY && !disk.node[node].dir) {
		errno = ENOTDIR;
		return -1;
	}
	if (flags & O_TRUNC) {
		disk.node[node].len = 0;
		disk.node[node].dirty = true;
		memset(disk.node[node].text, 0, TEXT);
	}
	return open_node(node);
}

int __wrap_open(const char *path, int flags, ...)
{
	return ours(path) ? open_at(ROOT, path, flags)
			  : __real_open(path, flags, 0644);
}

int __wrap_openat(int dirfd_, const char *path, int flags, ...)
{
	return open_at(at_of(dirfd_), path, flags);
}

/* The descriptor is gone also when it fails. */
int __wrap_close(int fd)
{
	if (!ours_fd(fd)) {
		return __real_close(fd);
	}
	node_of(fd);
	files[fd - FD_FIRST].node = -1;
	return fails() ? -1 : 0;
}

int __wrap_fstat(int fd, struct stat *st)
{
	if (!ours_fd(fd)) {
		return __real_fstat(fd, st);
	}
	if (fails()) {
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->st_mode = node_of(fd)->dir ? S_IFDIR : S_IFREG;
	st->st_size = (off_t)node_of(fd)->len;
	return 0;
}

/* What is not on this disk has always been there. */
int __wrap_fsync(int fd)
{
	if (!ours_fd(fd)) {
		return 0;
	}
	if (fails()) {
		return -1;
	}
	settle(node_of(fd));
	return 0;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	char last[64];
	int dir = walk(ROOT, path, last);

	(void)mode;
	if (fails() || dir < 0) {
		return -1;
	}
	if (!ours(path) || !last[0] || find(disk.node[dir].names, last)) {
		errno = EEXIST;
		return -1;
	}
	alter(&disk.node[dir], named(last, new_node(true)), named("", 0));
	return 0;
}

int __wrap_rmdir(const char *path)
{
	char last[64];
	int dir = walk(ROOT, path, last);

	if (fails() || dir < 0) {
		return -1;
	}
	alter(&disk.node[dir], named(last, -1), named("", 0));
	return 0;
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	struct node *node;
	size_t *pos;

	if (!ours_fd(fd)) {
		return __real_read(fd, data, len);
	}
	if (fails()) {
		return -1;
	}
	node = node_of(fd);
	pos = &files[fd - FD_FIRST].pos;
	if (len > node->len - *pos) {
		len = node->len - *pos;
	}
	if (is_short() || fault.half) {
		len = (len + 1) / 2;
	}
	memcpy(data, node->text + *pos, len);
	*pos += len;
	return (ssize_t)len;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	struct node *node;
	bool failed;

	if (!ours_fd(fd)) {
		return __real_write(fd, data, len);
	}
	failed = fails();
	if (failed && !fault.half) {
		return -1;
	}
	node = node_of(fd);
	if (failed || is_short()) {
		len = (len + 1) / 2;
	}
	if (node->len + len >= TEXT) {
		abort();
	}
	memcpy(node->text + node->len, data, len);
	node->len += len;
	node->dirty = true;
	return failed ? -1 : (ssize_t)len;
}

int __wrap_renameat2(int olddir, const char *from, int newdir, const char *to,
		     unsigned int flags)
{
	struct node *dir = node_of(olddir);
	struct name *a = find(dir->names, from);
	struct name *b = find(dir->names, to);

	if (fails()) {
		return -1;
	}
	if (olddir != newdir || (flags && plain)) {
		errno = EINVAL;
		return -1;
	}
	if (!a || (flags == RENAME_EXCHANGE && !b)) {
		errno = ENOENT;
		return -1;
	}
	if (flags == RENAME_NOREPLACE && b) {
		errno = EEXIST;
		return -1;
	}
	alter(dir, named(from, flags == RENAME_EXCHANGE ? b->node : -1),
	      named(to, a->node));
	return 0;
}

int __wrap_renameat(int olddir, const char *from, int newdir, const char *to)
{
	return __wrap_renameat2(olddir, from, newdir, to, 0);
}

static int unlink_at(int at, const char *path)
{
	char last[64];
	int dir = walk(at, path, last);

	if (fails() || dir < 0) {
		return -1;
	}
	if (!find(disk.node[dir].names, last)) {
		errno = ENOENT;
		return -1;
	}
	alter(&disk.node[dir], named(last, -1), named("", 0));
	return 0;
}

int __wrap_unlink(const char *path)
{
	return unlink_at(ROOT, path);
}

int __wrap_unlinkat(int dirfd_, const char *path, int flags)
{
	(void)flags;
	return unlink_at(at_of(dirfd_), path);
}

int __wrap_scandir(const char *path, struct dirent ***ret,
		   int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **,
				  const struct dirent **))
{
	struct dirent **list;
	int node;
	int count = 0;

	(void)filter;
	(void)compare;
	if (fails()) {
		return -1;
	}
	node = lookup(ROOT, path);
	if (node < 0) {
		return -1;
	}
	list = calloc(ENTRIES, sizeof(*list));
	for (int i = 0; i < ENTRIES; i++) {
		const char *text = disk.node[node].names[i].text;

		if (text[0]) {
			list[count] = calloc(1, sizeof(**list));
			snprintf(list[count]->d_name,
				 sizeof(list[count]->d_name), "%s", text);
			count++;
		}
	}
	*ret = list;
	return count;
}
