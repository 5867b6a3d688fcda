# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# Shared by the fetch scripts. A cached tree is a directory holding a
# `manifest` of checksums: it is unpacked beside its final place and renamed
# when complete, so that it either exists whole or not at all.

say() {
	echo "  FETCH   $*"
}

# Everything below runs with the cache locked against a second make.
lock_cache() {
	mkdir -p "$1"
	exec 9>"$1/.lock"
	flock 9
}

tree_is_good() {
	[ -f "$1/manifest" ] && (cd "$1" && sha256sum --quiet -c manifest) \
		>/dev/null 2>&1
}

# begin_tree DIR: an empty directory to fill; end_tree DIR puts it in place.
begin_tree() {
	rm -rf "$1.partial"
	mkdir -p "$1.partial"
}

end_tree() {
	(
		cd "$1.partial"
		find . -type f -print0 | LC_ALL=C sort -z |
			xargs -0 sha256sum >"../.manifest.$$"
		mv "../.manifest.$$" manifest
	)
	rm -rf "$1"
	mv "$1.partial" "$1"
}

# link_current LINK TARGET: swap a symbolic link in one step.
link_current() {
	ln -sfn "$2" "$1.new"
	mv -T "$1.new" "$1"
}
