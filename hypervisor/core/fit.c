/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/boot.h>
#include <zv/errno.h>
#include <zv/fdt_walk.h>
#include <zv/log.h>
#include <zv/string.h>

struct fit {
	const void *fdt;
	u64 size; /* of all there is: the tree and data behind it */
	u64 data_base; /* where data-offset counts from */
	int images;
};

/* [offset, offset + length) of the bundle. */
static bool slice(const struct fit *fit, u64 offset, u64 length,
		  struct fit_image *ret)
{
	if (offset > fit->size || length > fit->size - offset || length == 0) {
		return false;
	}
	ret->data = (const u8 *)fit->fdt + offset;
	ret->size = length;
	return true;
}

/* Data in the tree, or behind it (`mkimage -E`, with or without -p). */
static bool image_data(const struct fit *fit, int node, struct fit_image *ret)
{
	u32 absent = UINT32_MAX;
	u32 length = fdt_u32_prop(fit->fdt, node, "data-size", absent);
	u32 position = fdt_u32_prop(fit->fdt, node, "data-position", absent);
	u32 offset = fdt_u32_prop(fit->fdt, node, "data-offset", absent);
	int len;
	const void *data = fdt_getprop(fit->fdt, node, "data", &len);

	if (data != NULL && len > 0) {
		*ret = (struct fit_image){ data, (u64)len };
		return true;
	}
	if (length == absent) {
		return false;
	}
	if (position != absent) {
		return slice(fit, position, length, ret);
	}
	return offset != absent &&
	       slice(fit, fit->data_base + offset, length, ret);
}

static int read_image(const struct fit *fit, int config, const char *kind,
		      struct fit_image *ret)
{
	const char *name = fdt_string_prop(fit->fdt, config, kind);
	int node;

	if (name == NULL) {
		return -ENOENT;
	}
	node = fdt_subnode_offset(fit->fdt, fit->images, name);
	if (node < 0) {
		log_error("bundle: %s: there is no /images/%s", kind, name);
		return -EINVAL;
	}
	if (!fdt_prop_equals(fit->fdt, node, "type", kind)) {
		log_error("bundle: /images/%s: type is not \"%s\"", name, kind);
		return -EINVAL;
	}
	if (fdt_getprop(fit->fdt, node, "compression", NULL) != NULL &&
	    !fdt_prop_equals(fit->fdt, node, "compression", "none")) {
		log_error("bundle: /images/%s: compression must be \"none\"",
			  name);
		return -EINVAL;
	}
	if (!image_data(fit, node, ret)) {
		log_error("bundle: /images/%s: data missing or outside", name);
		return -EINVAL;
	}
	return 0;
}

/* "512M", "2G", "0x40000000": false if anything else. */
static bool parse_size(const char *s, u64 *ret)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	u32 base = hex ? 16 : 10;
	u64 v = 0;
	u32 shift = 0;
	u32 digits = 0;

	for (s += hex ? 2 : 0; *s != '\0'; s++, digits++) {
		u32 c = (u8)*s;
		u32 lower = c | 0x20;
		u32 d = c >= '0' && c <= '9'	       ? c - '0'
			: lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
						       : base;

		if (d >= base) {
			break;
		}
		if (v > (UINT64_MAX - d) / base) {
			return false;
		}
		v = v * base + d;
	}
	switch (*s) {
	case 'K':
		shift = 10;
		break;
	case 'M':
		shift = 20;
		break;
	case 'G':
		shift = 30;
		break;
	case '\0':
		break;
	default:
		return false;
	}
	if (digits == 0 || (shift != 0 && s[1] != '\0') ||
	    v > UINT64_MAX >> shift) {
		return false;
	}
	*ret = v << shift;
	return true;
}

static int read_settings(const struct fit *fit, int config,
			 struct fit_bundle *ret)
{
	const char *memory = fdt_string_prop(fit->fdt, config, "zone0-memory");

	ret->bootargs = fdt_string_prop(fit->fdt, config, "bootargs");
	ret->zone0_cpus = fdt_u32_prop(fit->fdt, config, "zone0-cpus", 0);
	if (fdt_getprop(fit->fdt, config, "zone0-memory", NULL) != NULL &&
	    (memory == NULL || !parse_size(memory, &ret->zone0_memory))) {
		log_error("bundle: zone0-memory must be a size, as \"512M\"");
		return -EINVAL;
	}
	return 0;
}

static int default_config(const struct fit *fit)
{
	int configs = fdt_path_offset(fit->fdt, "/configurations");
	const char *name;
	int config;

	if (configs < 0) {
		log_error("bundle: no /configurations");
		return -EINVAL;
	}
	name = fdt_string_prop(fit->fdt, configs, "default");
	config = name == NULL ? fdt_first_subnode(fit->fdt, configs)
			      : fdt_subnode_offset(fit->fdt, configs, name);
	if (config < 0) {
		log_error("bundle: /configurations has no \"%s\"",
			  name == NULL ? "default" : name);
		return -EINVAL;
	}
	return config;
}

int fit_read(const void *data, u64 size, struct fit_bundle *ret)
{
	struct fit fit = { .fdt = data, .size = size };
	struct fit_bundle b = { 0 };
	int config, err;

	if (!fdt_is_valid(data, size)) {
		log_error("bundle: the initrd is no valid FIT (%lu bytes)",
			  size);
		return -EINVAL;
	}
	fit.data_base = ALIGN_UP((u64)fdt_totalsize(data), 4ull);
	fit.images = fdt_path_offset(data, "/images");
	if (fit.images < 0) {
		log_error("bundle: no /images");
		return -EINVAL;
	}
	config = default_config(&fit);
	if (config < 0) {
		return -EINVAL;
	}
	err = read_image(&fit, config, "kernel", &b.kernel);
	if (err == -ENOENT) {
		log_error("bundle: the configuration has no kernel");
	}
	if (err != 0) {
		return -EINVAL;
	}
	err = read_image(&fit, config, "ramdisk", &b.ramdisk);
	if ((err != 0 && err != -ENOENT) ||
	    read_settings(&fit, config, &b) != 0) {
		return -EINVAL;
	}
	*ret = b;
	return 0;
}
