# SPDX-License-Identifier: BSD-2-Clause
#
# Packages of the build machine, the aarch64 sysroot and the stock kernel.
# Downloads live in ZV_CACHE, outside the tree, and are checked once per build
# directory.

cache := $(abspath $(ZV_CACHE))/aarch64
sysroot-key := $(firstword $(shell echo '$(sysroot-packages)' | cksum))
sysroot := $(if $(packaged),$(SYSROOT),$(cache)/sysroot-$(sysroot-key))
kernel := $(cache)/kernel
kernel-image := $(O)/aarch64/vmlinuz

nested := $(cache)/nested-$(firstword $(shell echo '$(nested-packages)' | cksum))

debian-recipe := $(shell find configs/images/debian -type f | sort)
debian := $(cache)/debian-$(firstword $(shell cat $(debian-recipe) | cksum))

host-stamp := $(O)/.host-packages
sysroot-stamp := $(O)/.sysroot
kernel-stamp := $(O)/.kernel
debian-stamp := $(O)/.debian
debian-disk := $(O)/aarch64/debian.ext4

.PHONY: fetch
fetch: $(O)/versions.txt ## install and download what the build needs

# Before anything else is looked at: without these there is nothing to say but
# what to install.  Each time, as packages may have been removed; the stamp is for
# what is made once they are there.
host-list := $(call recorded,$(O)/.host-packages.list,$(host-packages))
ifneq ($(and $(configured),$(if $(packaged),,y)),)
host-ready := $(shell scripts/host-packages $(host-packages) >&2 && \
	{ [ $(host-stamp) -nt $(host-list) ] || touch $(host-stamp); } && echo y)
ifeq ($(host-ready),)
$(error packages are missing)
endif
endif

ifneq ($(packaged),)
# Whoever builds a package has seen to it that all is there.
$(host-stamp) $(sysroot-stamp): $(call recorded,$(O)/.sysroot.path,$(or $(sysroot),/))
	$(Q)touch $@
else
$(sysroot-stamp): $(call recorded,$(O)/.sysroot.path,$(sysroot)) $(host-stamp) \
		scripts/fetch-sysroot scripts/fetch-lib.sh scripts/apt-root
	$(Q)scripts/fetch-sysroot $(sysroot) arm64 $(sysroot-packages)
	$(Q)touch $@
endif

$(kernel-stamp): $(call recorded,$(O)/.kernel.path,$(kernel)) $(host-stamp) \
		scripts/fetch-kernel scripts/fetch-lib.sh scripts/apt-root
	$(Q)scripts/fetch-kernel $(cache) arm64
	$(Q)touch $@

# One after the other: they share a lock anyway.
$(kernel-stamp): | $(sysroot-stamp)

# Where no foreign program can run, or nobody is root, there is none, and its tests
# are skipped; it is tried again the next time.
$(debian-stamp): $(debian-recipe) $(host-stamp) scripts/fetch-debian \
		scripts/fetch-lib.sh scripts/apt-root | $(kernel-stamp)
	$(Q)scripts/host-packages $(debian-host-packages)
	@mkdir -p $(dir $(debian-disk))
	$(Q)ln -sfn $(debian)/root.ext4 $(debian-disk)
	$(Q)if scripts/fetch-debian $(debian) arm64 configs/images/debian; then \
		touch $@; else [ $$? = 77 ]; fi

$(kernel-image): | $(kernel-stamp)
	@mkdir -p $(@D)
	$(Q)ln -sf $(kernel)/vmlinuz $@

$(O)/versions.txt: $(sysroot-stamp) $(kernel-stamp)
	$(Q)cat $(kernel)/versions $(sysroot)/versions >$@.tmp
	$(Q)dpkg-query -W -f '$${Package} $${Version} $${Architecture}\n' \
		$(host-packages) >>$@.tmp
	$(Q)mv $@.tmp $@

# Flags of the libraries; make rebuilds this, reads it and starts over.
$(O)/libraries.mk: $(sysroot-stamp) mk/packages.mk scripts/library-flags
	$(Q)scripts/library-flags '$(sysroot)' $(filter-out $(if $(packaged),cmocka),$(pkg-config-names)) >$@.tmp
	$(Q)mv $@.tmp $@

ifneq ($(configured),)
# An old one is made anew in silence; of one that is not there make complains
# first if what it needs cannot be fetched.
ifeq ($(wildcard $(O)/libraries.mk),)
$(shell touch -d @0 $(O)/libraries.mk)
endif
include $(O)/libraries.mk
endif
