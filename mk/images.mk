# SPDX-License-Identifier: BSD-2-Clause
#
# The initramfs of guests and of zone0, and the bundle that the hypervisor boots.

images := $(O)/aarch64
recipes := configs/images
libnbd := usr/lib/aarch64-linux-gnu/libnbd.so.0
guest-initrd := $(images)/linux-guest.cpio.gz
zone0-initrd := $(images)/zone0.cpio.gz
test-initrd := $(images)/zone0-test.cpio.gz
nested-initrd := $(images)/zone0-nested.cpio.gz
bundle := $(images)/bundle.itb
test-bundle := $(images)/bundle-test.itb
nbd-disk := $(images)/nbd.ext4
zone-files := $(wildcard configs/zones/*.json)
zone-examples := $(wildcard configs/examples/*.json)
bash-completion := toolstack/hvsh/completion.bash
test-overlay := $(wildcard tests/system/zone0-overlay)

# $(call tree,DIR): its files, as prerequisites.
tree = $(if $1,$(shell find $1 -type f | sort))
# $(call adds,FILES,DESTINATION)
adds = $(foreach f,$1,--add $f=$2)

zone0-adds := \
	$(call adds,$(images)/hvd $(images)/virthvdd,usr/sbin/) \
	$(call adds,$(images)/hvsh,usr/bin/) \
	$(call adds,$(bash-completion),usr/share/bash-completion/completions/hvsh) \
	$(call adds,$(images)/hvd-io $(images)/hvd-display,usr/libexec/) \
	$(call adds,$(images)/libhvd.so.0,usr/lib/) \
	$(call adds,$(zonevisor-ko),) \
	$(call adds,$(zone-files),etc/hvd/zones/) \
	$(call adds,$(zone-examples),usr/share/zonevisor/) \
	$(call adds,$(kernel-image) $(guest-initrd),var/lib/hvd/images/) \
	$(call adds,$(filter %.json,$(ZONE0_FILES)),etc/hvd/zones/) \
	$(call adds,$(filter-out %.json,$(ZONE0_FILES)),var/lib/hvd/images/)
# Nothing is linked with it, so it does not come along by itself.
zone0-adds += $(if $(filter 1,$(ZONE0_NBD)),\
	$(call adds,$(sysroot)/$(libnbd),$(dir $(libnbd))))
# ICU's data, which nothing needs, but which would more than double the image.
icu-version := $(patsubst libicudata.so.%,%,$(notdir $(firstword $(wildcard $(sysroot)/$(dir $(libnbd))libicudata.so.??))))
icudata := $(images)/libicudata.so.$(icu-version)
zone0-adds += $(call adds,$(icudata),$(dir $(libnbd)))
test-adds := $(call adds,$(guest-bins) $(zone0-tools) $(io-steps),var/lib/hvd/images/tests/)
mkinitramfs := CROSS_COMPILE=$(CROSS_COMPILE) scripts/mkinitramfs

.PHONY: images
images: $(bundle) ## the bundle: zone0's kernel, initramfs and settings

$(guest-initrd): $(call tree,$(recipes)/guest) $(kernel-stamp) $(sysroot-stamp) \
		scripts/mkinitramfs
	$(call say,CPIO,$@)
	@mkdir -p $(@D)
	$(Q)$(mkinitramfs) --out $@ --recipe $(recipes)/guest \
		--sysroot $(sysroot) --kernel $(kernel)

$(icudata): $(recipes)/zone0/icudata.c $(sysroot-stamp)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(warnings) -O2 -fPIC -shared -nostdlib -DICUDATA=icudt$(icu-version)_dat \
		-Wl,-soname,$(@F) -o $@ $<

$(zone0-initrd): $(icudata) $(call tree,$(recipes)/zone0) $(zone-files) $(zone-examples) $(guest-initrd) \
		$(ZONE0_FILES) $(bash-completion) \
		$(kernel-stamp) $(kernel-image) \
		$(zonevisor-ko) $(aarch64-programs) $(images)/libhvd.so.0 \
		$(call recorded,$(O)/.zone0-adds,$(zone0-adds)) scripts/mkinitramfs
	$(call say,CPIO,$@)
	$(Q)$(mkinitramfs) --out $@ --recipe $(recipes)/zone0 \
		--sysroot $(sysroot) --kernel $(kernel) $(zone0-adds)

# Linux unpacks one archive after another: what tests need follows the rest.
$(images)/tests.cpio.gz: $(call tree,$(test-overlay)) $(guest-bins) $(zone0-tools) $(io-steps) \
		$(call recorded,$(O)/.test-adds,$(test-adds)) scripts/mkinitramfs
	$(call say,CPIO,$@)
	@mkdir -p $(@D)
	$(Q)$(mkinitramfs) --out $@ $(addprefix --tree ,$(test-overlay)) $(test-adds)

$(test-initrd): $(zone0-initrd) $(images)/tests.cpio.gz
	$(Q)cat $^ >$@

# zone0 of the tests with a QEMU for KVM, which only make bench uses: where that
# cannot be fetched there is none.
$(nested-initrd): $(test-initrd) $(kernel-stamp) scripts/fetch-sysroot scripts/mkinitramfs
	$(Q)if scripts/fetch-sysroot $(nested) arm64 $(nested-packages); then \
		$(mkinitramfs) --out $@.part --sysroot $(nested) \
			--add $(nested)/usr/bin/qemu-system-aarch64=usr/bin/ && \
		cat $(test-initrd) $@.part >$@; \
	else \
		echo "  NOTE    without $(nested-packages) for aarch64 nothing is compared with KVM"; \
	fi

# For disks of NBD servers, with such a server. On a disk of its own: an archive of
# that size would be unpacked by each machine that tests boot.
nbd-adds := \
	$(call adds,$(sysroot)/$(libnbd),$(dir $(libnbd))) \
	$(call adds,$(sysroot)/usr/bin/nbdkit,usr/bin/) \
	$(call adds,$(sysroot)/$(dir $(libnbd))nbdkit/plugins/nbdkit-file-plugin.so,plugins/)

$(nbd-disk): $(sysroot-stamp) $(call recorded,$(O)/.nbd-adds,$(nbd-adds)) \
		scripts/mkinitramfs
	$(call say,EXT4,$@)
	@mkdir -p $(@D)
	$(Q)$(mkinitramfs) --out $@ --sysroot $(sysroot) $(nbd-adds)

# $(call pack,RAMDISK): the recipe of a bundle
define pack
	$(call say,FIT,$@)
	$(Q)scripts/mkbundle $(recipes)/bundle.its.in $@ $(kernel-image) $1 \
		'$(ZONE0_BOOTARGS)' '$(ZONE0_MEMORY)' $(ZONE0_CPUS)
endef
settings := $(call recorded,$(O)/.zone0-settings,\
	$(ZONE0_BOOTARGS) $(ZONE0_MEMORY) $(ZONE0_CPUS))

$(bundle): $(zone0-initrd) $(kernel-stamp) $(kernel-image) $(recipes)/bundle.its.in \
		scripts/mkbundle $(settings)
	$(call pack,$(zone0-initrd))

$(test-bundle): $(test-initrd) $(kernel-stamp) $(kernel-image) $(recipes)/bundle.its.in \
		scripts/mkbundle $(settings)
	$(call pack,$(test-initrd))

# Tests of vhost-user boot the guest in a QEMU of this machine.
native: $(kernel-image) $(guest-initrd)
