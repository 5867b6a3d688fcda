# SPDX-License-Identifier: BSD-2-Clause
#
# zonevisor.ko, by the kernel's own Kbuild on a copy of kmod/: Kbuild writes
# beside its sources, and the source tree stays clean.

kmod-out := $(O)/aarch64/kmod
zonevisor-ko := $(kmod-out)/zonevisor.ko
kmod-copies := $(addprefix $(kmod-out)/,$(patsubst kmod/%,%,$(kmod-y)))
kmod-headers := $(wildcard hypervisor/include/public/zv/*.h kmod/uapi/*.h)
kmod-includes := -I$(CURDIR)/hypervisor/include/public -I$(CURDIR)/kmod/uapi \
	-I$(abspath $(O))/include

.PHONY: kmod
kmod: $(zonevisor-ko) ## the zone0 kernel module

$(kmod-copies): $(kmod-out)/%: kmod/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(zonevisor-ko): $(kmod-copies) $(kmod-headers) $(version-header) $(kernel-stamp) \
		$(call recorded,$(kmod-out)/.sources,$(kmod-y) $(WERROR)) mk/kmod.mk
	$(call say,KBUILD,$@)
	+$(Q)$(MAKE) $(if $(filter 1,$(V)),V=1,-s) -C $(kernel)/headers \
		M=$(abspath $(kmod-out)) ARCH=arm64 \
		CROSS_COMPILE=$(CROSS_COMPILE) CONFIG_DEBUG_INFO_BTF_MODULES= \
		KCPPFLAGS='$(kmod-includes)' KCFLAGS='$(werror) -ffile-prefix-map=$(abspath $(kmod-out))/=' modules
	@touch $@
