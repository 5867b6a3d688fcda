# SPDX-License-Identifier: BSD-2-Clause
#
# What is taken from Debian 12, and nothing else is.

# On the machine that builds.
host-packages := \
	bc bison clang clang-format cpio device-tree-compiler e2fsprogs flex gcc \
	gcc-aarch64-linux-gnu iproute2 kmod libc6-dev libc6-dev-arm64-cross \
	libclang-rt-14-dev libcmocka-dev libdrm-dev libedit-dev libfdt-dev \
	libgnutls28-dev libjson-c-dev libnbd-dev libpng-dev liburing-dev \
	libuv1-dev libvirt-dev libvncserver-dev libxml2-dev make nbdkit openssl \
	pkg-config python3 python3-jsonschema python3-pexpect \
	python3-prometheus-client python3-pytest qemu-system-arm qemu-utils \
	u-boot-tools xz-utils zsh

# To test with clients of libvirt and of VNC, some of them on a display that nobody sees.
client-host-packages := \
	dbus gvncviewer imagemagick libvirt-clients libvirt-daemon \
	libxml2-utils python3-libvirt tigervnc-viewer virt-manager virtinst \
	virt-viewer x11-utils xdotool xvfb

# To make a Debian root file system for aarch64, for tests and `make desktop`.
debian-host-packages := \
	arch-test binfmt-support fakeroot mmdebstrap qemu-user-static

# To build Debian packages of the project, and to test them: a program that judges
# them, and a Debian that they are installed in.
deb-host-packages := debhelper dh-dkms dpkg-dev fakeroot
deb-test-packages := dkms lintian mmdebstrap

# To measure disks against, in make bench-native.
bench-host-packages := qemu-system-common

# To measure hvd against, in make bench-rpc: libvirtd and its client's library.
bench-rpc-host-packages := libvirt-daemon libvirt-dev

# To measure screens against, and to count system calls with, in make bench-screen.
bench-screen-host-packages := qemu-system-arm qemu-system-common strace

# For aarch64, to compare zones with guests of KVM in make bench.
nested-packages := qemu-system-arm

# For aarch64, with everything they depend on: the first lines are linked
# against (libnbd is loaded when it is needed), the last is for the images; nbdkit
# is for those of tests.
sysroot-packages := \
	libc6-dev libdrm-dev libedit-dev libfdt-dev libgnutls28-dev \
	libjson-c-dev libnbd-dev libpng-dev liburing-dev libuv1-dev \
	libvncserver-dev libxml2-dev \
	bash busybox-static nbdkit ncurses-base passt

# Libraries that fragments may name in *-libs. libfdt has no pkg-config file.
pkg-config-names := \
	cmocka gnutls json-c libdrm libedit libpng liburing libuv libvncserver \
	libxml-2.0
