# SPDX-License-Identifier: BSD-2-Clause
#
# zonevisor.ko, by the kernel's own Kbuild on a copy of kmod/ and the headers it
# shares with others: Kbuild writes beside its sources, and the source tree stays
# clean. The copy needs nothing else of this tree, so it is what a package for
# DKMS has, too.

kmod-out := $(O)/aarch64/kmod
zonevisor-ko := $(kmod-out)/zonevisor.ko
abi-headers := $(wildcard hypervisor/include/public/zv/*.h)

# $(call kmod-source,DIR): the module's source, whole, under DIR.
kmod-source = $(addprefix $1/,$(kmod-y) \
	$(patsubst kmod/uapi/%,include/%,$(wildcard kmod/uapi/*.h)) \
	$(patsubst hypervisor/include/public/%,include/%,$(abi-headers)) \
	include/zv/version.h)

# $(call copied,DIR,FROM): DIR/X is a copy of FROM/X.
define copied
$1/%: $2/%
	@mkdir -p $$(@D)
	$$(Q)cp $$< $$@
endef
$(eval $(call copied,$(kmod-out)/include/zv,$(O)/include/zv))
$(eval $(call copied,$(kmod-out)/include/zv,hypervisor/include/public/zv))
$(eval $(call copied,$(kmod-out)/include,kmod/uapi))
$(eval $(call copied,$(kmod-out),kmod))

.PHONY: kmod install-kmod-source
kmod: $(zonevisor-ko) ## the zone0 kernel module

$(zonevisor-ko): $(call kmod-source,$(kmod-out)) $(kernel-stamp) \
		$(call recorded,$(kmod-out)/.sources,$(kmod-y) $(WERROR)) mk/kmod.mk
	$(call say,KBUILD,$@)
	+$(Q)$(MAKE) $(if $(filter 1,$(V)),V=1,-s) -C $(kernel)/headers \
		M=$(abspath $(kmod-out)) ARCH=arm64 \
		CROSS_COMPILE=$(CROSS_COMPILE) CONFIG_DEBUG_INFO_BTF_MODULES= \
		KCFLAGS='$(werror) -ffile-prefix-map=$(abspath $(kmod-out))/=' modules
	@touch $@

# Where DKMS looks for it.
kmod-src := $(PREFIX)/src/zonevisor-$(VERSION)
install-kmod-source: $(call kmod-source,$(kmod-out)) ## install the module's source to DESTDIR, for DKMS
	$(Q)for file in $(patsubst $(kmod-out)/%,%,$^); do \
		install -D -m 644 $(kmod-out)/$$file \
			'$(DESTDIR)$(kmod-src)'/$$file || exit; \
	done
	$(Q)sed 's|@VERSION@|$(VERSION)|' kmod/dkms.conf.in \
		>'$(DESTDIR)$(kmod-src)/dkms.conf'
