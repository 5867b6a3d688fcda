# SPDX-License-Identifier: BSD-2-Clause
#
# What system tests run inside the machine: bare-metal guests, which are flat
# binaries with the arm64 Image header, and small programs for zone0.

guest-dir := $(O)/aarch64/guests
guest-cc := $(CC) -std=gnu11 $(warnings) -O2 $(debugflags) -ffreestanding \
	-fno-common -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables \
	-mgeneral-regs-only -mno-outline-atomics -mstrict-align \
	-Itests/guest/lib -Ihypervisor/include/public
guest-ldflags := -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	-Wl,-T,tests/guest/lib/guest.lds
guest-flags := $(call recorded,$(guest-dir)/.flags,$(guest-cc) $(guest-ldflags))
guest-bins := $(patsubst %,$(guest-dir)/%.bin,$(notdir $(guests-y)))

$(guest-dir)/%.c.o: %.c $(guest-flags)
	$(call say,CC,$< [guest])
	@mkdir -p $(@D)
	$(Q)$(guest-cc) $(depflags) -c -o $@ $<

$(guest-dir)/%.S.o: %.S $(guest-flags)
	$(call say,AS,$< [guest])
	@mkdir -p $(@D)
	$(Q)$(guest-cc) -D__ASSEMBLY__ $(depflags) -c -o $@ $<

# $(call guest,NAME)
define guest
$1-objs := $$(call objects,$(guest-dir),$$(or $$($1-src),tests/guest/$1.c))
$(guest-dir)/$1.elf: $$($1-objs) tests/guest/lib/guest.lds \
		$$(call recorded,$(guest-dir)/.link-$1,$$($1-objs))
	$$(call say,LD,$$@)
	$$(Q)$$(guest-cc) $$(guest-ldflags) -o $$@ $$($1-objs)
$(guest-dir)/$1.bin: $(guest-dir)/$1.elf
	$$(Q)$$(CROSS_COMPILE)objcopy -O binary $$< $$@
-include $$(call deps,$$($1-objs))
endef
$(foreach g,$(notdir $(guests-y)),$(eval $(call guest,$g)))

zone0-tools := $(patsubst %,$(O)/aarch64/tools/%,$(notdir $(zone0-tools-y)))

# $(call zone0-tool,PATH): the program made of PATH.c.
define zone0-tool
$(O)/aarch64/tools/$(notdir $1): $1.c $$(aarch64-flags)
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(cc-aarch64) $$(cflags-aarch64) $$($(notdir $1)-cflags) $$(ldflags-aarch64) -o $$@ $$<
endef
$(foreach t,$(zone0-tools-y),$(eval $(call zone0-tool,$t)))

# hvd-io that tests end at will, of hvd-io's objects.
io-steps := $(O)/aarch64/hvd-io-steps
io-steps-libs := $(addprefix -Wl$(comma)--wrap=,$(hvd-io-steps-wraps))
$(eval $(call program,aarch64,hvd-io-steps,$(hvio-y) $(backends-y) $(privcmd-y) $(zcommon-y) $(hvd-io-steps-src),$(user-libs) $(hvio-libs) $$(io-steps-libs)))

.PHONY: guests
guests: $(guest-bins) ## the bare-metal guests of the system tests
