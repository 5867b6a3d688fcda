# SPDX-License-Identifier: BSD-2-Clause
#
# Zonevisor: one non-recursive build for everything. `make help` lists targets.
#
# Settings, all to be given on the command line:
#   O=DIR            where to build (default: build)
#   V=1              show the commands
#   WERROR=0         let warnings pass
#   CROSS_COMPILE=   prefix of the aarch64 tools (default: aarch64-linux-gnu-)
#   CC=, HOSTCC=     compiler for aarch64, and for this machine
#   ZV_CACHE=DIR     downloads (default: $XDG_CACHE_HOME/zonevisor)
#   PREFIX=, LIBDIR=, UNITDIR=
#                    where `make install` puts things, under DESTDIR (default:
#                    /usr, its lib, its lib/systemd/system)
#   PACKAGED=1       build a package: nothing is installed or downloaded, and the
#                    toolstack is for this machine, with the flags in CPPFLAGS,
#                    CFLAGS and LDFLAGS, the compiler HOSTCC and PKG_CONFIG
#   SYSROOT=         with PACKAGED=1, where the arm64 libfdt is (default: /)
#   ZONE0_BOOTARGS=, ZONE0_MEMORY=, ZONE0_CPUS=
#                    zone0's kernel command line, memory and CPUs
#   ZONE0_FILES=     more files for zone0: *.json are definitions of zones,
#                    others go to /var/lib/hvd/images
#   ZONE0_NBD=1      put libnbd into zone0, for disks on NBD servers: 45 MB
#   VNC_PORT=        where `make desktop` has this machine listen (default: 5901)
#   QEMU_ARGS=       more arguments for QEMU
#   FUZZ_SECONDS=    time for each fuzzer in `make fuzz` (default: 300)
#
# What is built is named by fragments that hold nothing but `+=` of names, each
# relative to this directory. They fill these variables:
#   hypervisor/objects.mk
#     hv-core-y      core/*.c and lib/*.c, the same for every architecture
#     hv-aarch64-y   arch/aarch64 (.c and .S) and drivers
#     hv-fake-y      arch/fake, the host stand-in that tests are linked with
#     hv-fp-y        the few of the above that may touch FP/SIMD registers
#   kmod/objects.mk
#     kmod-y         everything Kbuild reads, here relative to kmod/
#   toolstack/objects.mk
#     libhvd-y       the client library, libhvd.so.0
#     hvd-y          the daemon
#     hvsh-y         the shell
#     hvio-y         hvd-io, one zone's I/O process
#     privcmd-y      access to /dev/zonevisor: linked into hvd and hvd-io
#     zcommon-y      shared helpers: linked into hvd and hvd-io
#     virthvdd-y     hvd for libvirt's clients
#     {libhvd,hvd,hvsh,hvio,virthvdd}-libs
#                    libraries: pkg-config names listed in mk/packages.mk, or -lX
#   backends/objects.mk
#     backends-y     device models, linked into hvd-io, hvd-backend and tests
#     hvdisplay-y    hvd-display, a zone's screen for those who look
#     hvbackend-y    hvd-backend, one device for a vhost-user front-end
#   tests/objects.mk
#     unit-tests-y   tests/unit/DIR/test_X, a program each
#     fuzzers-y      tests/fuzz/X_fuzz, a program each
#     native-tools-y PATH, a program of PATH.c that tests/native starts
#     guests-y       tests/guest/NAME, a bare-metal image each
#     zone0-tools-y  PATH, a program of PATH.c for the zone0 of system tests
#     hvd-io-steps-{src,wraps}
#                    what hvd-io-steps has beside hvd-io, and calls of
#                    which functions it sees
#     NAME-src, NAME-cflags, NAME-libs
#                    what else one of those is made of

# Of every part: the hypervisor, the module, the toolstack.
VERSION := 1.0.0

MAKEFLAGS += -rR --no-print-directory
MAKEOVERRIDES =
SHELL := /bin/sh
# Where depmod is, which a user's own path may lack.
export PATH := $(PATH):/usr/sbin:/sbin
.DELETE_ON_ERROR:
.SUFFIXES:

O ?= build
V ?= 0
WERROR ?= 1
CROSS_COMPILE ?= aarch64-linux-gnu-
HOSTCC ?= gcc
FUZZCC ?= clang
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(CROSS_COMPILE)gcc
endif
ZV_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/zonevisor
ZONE0_BOOTARGS ?= console=ttyAMA0 panic=10 noautogroup psi=0
ZONE0_MEMORY ?= 1G
VNC_PORT ?= 5901
FUZZ_SECONDS ?= 300
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= $(PREFIX)/lib/systemd/system
export O
PYTHON := /usr/bin/python3

.PHONY: all
all: ## the hypervisor, the module, the toolstack and the images

include mk/packages.mk
include mk/rules.mk
include hypervisor/objects.mk
include kmod/objects.mk
include toolstack/objects.mk
include backends/objects.mk
include tests/objects.mk
include mk/fetch.mk
include mk/hypervisor.mk
include mk/kmod.mk
include mk/toolstack.mk
include mk/guests.mk
include mk/images.mk
include mk/tests.mk
include mk/deb.mk

all: hypervisor kmod toolstack images $(O)/versions.txt

.PHONY: run run-native desktop install install-hypervisor clean distclean help
run: $(zonevisor-bin) $(bundle) ## boot zone0 under Zonevisor in QEMU
	$(Q)scripts/run-qemu $(zonevisor-bin) $(bundle) -- $(QEMU_ARGS)

run-native: $(kernel-image) $(zone0-initrd) ## boot the same zone0 without it
	$(Q)scripts/run-qemu $(kernel-image) $(zone0-initrd) \
		-append '$(ZONE0_BOOTARGS)' -- $(QEMU_ARGS)

# A disk with a Debian, which forgets its changes, and a port for a viewer.
desktop-args := \
	-drive file=$(debian-disk),format=raw,if=none,id=debian,snapshot=on \
	-device virtio-blk-device,drive=debian \
	-netdev user,id=vnc,hostfwd=tcp:127.0.0.1:$(VNC_PORT)-:5901 \
	-device virtio-net-device,netdev=vnc

desktop: $(zonevisor-bin) $(bundle) $(debian-stamp) ## the same, with what docs/desktop.md needs
	$(Q)[ -e $(debian-disk) ] || { echo 'There is no $(debian-disk): only root can make it,' \
		'on a kernel with binfmt_misc.' >&2; exit 1; }
	$(Q)scripts/run-qemu $(zonevisor-bin) $(bundle) $(desktop-args) -- $(QEMU_ARGS)

install: toolstack ## install the aarch64 toolstack to DESTDIR, under PREFIX
	$(Q)scripts/install-toolstack $(O)/$(installed) '$(DESTDIR)' '$(PREFIX)' \
		$(VERSION) '$(LIBDIR)' '$(UNITDIR)'

# With what makes a bundle for it to boot.
install-hypervisor: $(zonevisor-bin) ## install the hypervisor's image to DESTDIR
	$(Q)install -d '$(DESTDIR)$(PREFIX)/lib/zonevisor'
	$(Q)install -m 644 $(zonevisor-bin) configs/images/bundle.its.in \
		'$(DESTDIR)$(PREFIX)/lib/zonevisor'
	$(Q)install -m 755 scripts/mkbundle '$(DESTDIR)$(PREFIX)/lib/zonevisor'

clean: ## remove what was built; downloads stay
	$(call say,CLEAN,$(O))
	$(Q)rm -rf $(O)

distclean: clean ## remove the downloads too
	$(call say,CLEAN,$(ZV_CACHE))
	$(Q)rm -rf '$(ZV_CACHE)'

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' \
		Makefile mk/*.mk | sort | awk -F'|' \
		'{ name[NR] = $$1; text[NR] = $$2; n = length($$1) } \
		n > width { width = n } \
		END { for (i = 1; i <= NR; i++) \
			printf "%-*s  %s\n", width, name[i], text[i] }'
	@echo
	@sed -n '/^# Settings/,/^#$$/s/^# \{0,1\}//p' Makefile
