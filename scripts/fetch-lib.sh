# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# Shared by the fetch scripts. A cached tree is a directory holding a
# `manifest` of checksums: it is unpacked beside its final place and renamed
# when complete, so that it either exists whole or not at all.

say() {
	echo "  FETCH   $*"
}

# step WORD TEXT: a line for each of many items; on a terminal each takes the
# place of the one before, and steps_end clears the last.
step() {
	if [ -t 1 ]; then
		# Without wrapping: a line that is too long is cut.
		printf '\r\033[K\033[?7l  %-7s %s\033[?7h' "$1" "$2"
	else
		printf '  %-7s %s\n' "$1" "$2"
	fi
}

steps_end() {
	[ ! -t 1 ] || printf '\r\033[K'
}

# run_apt ARG...: apt-get, of which is shown what it fetches and sets up.
run_apt() {
	{
		LC_ALL=C apt-get -q -o APT::Status-Fd=1 "$@" && echo "apt: done"
	} | show_apt
}

# Reads what run_apt makes apt-get write; fails if that did not end well.
show_apt() {
	files=
	percent=
	fetched=
	packages=
	ready=0
	status=1
	while IFS= read -r line; do
		case $line in
		# dlstatus:3:18.1940:Retrieving file 3 of 32 (2s remaining)
		dlstatus:*)
			files=${line##* of }
			files=${files%% *}
			percent=${line#dlstatus:*:}
			percent=${percent%%.*}
			[ ! -t 1 ] || [ -z "$fetched" ] ||
				step FETCH "$fetched $percent%"
			;;
		# Get:3 URL bookworm/main arm64 NAME arm64 VERSION [37.6 kB]
		# Get:2 URL bookworm/main arm64 Packages [8685 kB]
		# Get:1 URL bookworm InRelease [151 kB]
		Get:*)
			size=${line##*\[}
			# shellcheck disable=SC2086
			set -- $line
			case $# in
			9) name="$5 $7" ;;
			7) name="$3 $4 $5" ;;
			*) name="$3 $4" ;;
			esac
			fetched="[${1#Get:}${files:+ of $files}] $name (${size%]})"
			step FETCH "$fetched"
			;;
		# 0 upgraded, 32 newly installed, 0 to remove and 0 not upgraded.
		*" newly installed, "*)
			packages=${line#*, }
			packages=$((${packages%% *} + ${line%% *}))
			;;
		"Setting up "*)
			ready=$((ready + 1))
			fetched=
			# shellcheck disable=SC2086
			set -- $line
			step INSTALL "[$ready${packages:+ of $packages}] $3 $4"
			;;
		"apt: done")
			status=0
			;;
		esac
	done
	steps_end
	return "$status"
}

# unpack DIR DEB...: into DIR; prints what they are to DIR/versions.
unpack() {
	into=$1
	shift
	number=0
	[ -t 1 ] || step UNPACK "$# packages"
	for deb in "$@"; do
		number=$((number + 1))
		name=${deb##*/}
		[ ! -t 1 ] || step UNPACK "[$number of $#] ${name%%_*}"
		dpkg -x "$deb" "$into"
		# shellcheck disable=SC2016
		dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' \
			"$deb" >>"$into/versions"
	done
	steps_end
}

# Everything below runs with the cache locked against a second make.
lock_cache() {
	mkdir -p "$1"
	exec 9>"$1/.lock"
	flock 9
}

tree_is_good() {
	[ -f "$1/manifest" ] || return 1
	say "checking ${1##*/} in the cache"
	(cd "$1" && sha256sum --quiet -c manifest) \
		>/dev/null 2>&1
}

# begin_tree DIR: an empty directory to fill; end_tree DIR puts it in place.
begin_tree() {
	rm -rf "$1.partial"
	mkdir -p "$1.partial"
}

end_tree() {
	say "checksums of ${1##*/}"
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
