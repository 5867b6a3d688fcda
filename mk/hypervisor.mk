# SPDX-License-Identifier: BSD-2-Clause
#
# The hypervisor for aarch64: zonevisor.elf, and zonevisor.bin that a boot
# loader takes for a Linux kernel.

hv-out := $(O)/aarch64/hv
hv-gen := $(hv-out)/include
hv-fdt := $(hv-out)/libfdt
zonevisor-elf := $(O)/aarch64/zonevisor.elf
zonevisor-bin := $(O)/aarch64/zonevisor.bin
hv-libfdt := $(sysroot)/usr/lib/aarch64-linux-gnu/libfdt.a

hv-includes = -Ihypervisor/include -Ihypervisor/include/public \
	-Ihypervisor/arch/$1/include $(version-include)
hv-warnings := -std=gnu11 $(warnings) -Wconversion

hv-cflags := $(hv-warnings) -O2 $(debugflags) -ffreestanding -fno-common \
	-fno-pic -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fstack-protector-strong \
	-mgeneral-regs-only -mno-outline-atomics -mstrict-align \
	$(call hv-includes,aarch64) -I$(hv-gen) -isystem $(hv-fdt)
hv-ldflags := -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	-Wl,--no-warn-rwx-segments

hv-objs := $(call objects,$(hv-out),$(hv-core-y) $(hv-aarch64-y))
hv-fp-objs := $(call objects,$(hv-out),$(hv-fp-y))
hv-lds := $(hv-out)/link.lds
hv-offsets := $(hv-gen)/generated/asm_offsets.h
hv-fdt-headers := $(addprefix $(hv-fdt)/,fdt.h libfdt.h libfdt_env.h)
hv-flags := $(call recorded,$(hv-out)/.flags,$(CC) $(hv-cflags))
hv-link := $(call recorded,$(hv-out)/.link,$(CC) $(hv-ldflags) $(hv-libfdt) $(hv-objs))

.PHONY: hypervisor
hypervisor: $(zonevisor-bin) ## the hypervisor alone

$(hv-objs): | $(hv-offsets) $(hv-fdt-headers)

$(hv-out)/%.c.o: %.c $(hv-flags)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv-cflags) $(depflags) -c -o $@ $<

$(hv-out)/%.S.o: %.S $(hv-flags)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv-cflags) -D__ASSEMBLY__ $(depflags) -c -o $@ $<

$(hv-lds): hypervisor/arch/aarch64/link.lds.S $(hv-flags)
	$(call say,LDS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x assembler-with-cpp $(call hv-includes,aarch64) \
		-D__ASSEMBLY__ -D__LINKER__ $(depflags) -MT $@ -o $@ $<

# Structure offsets for assembly: the compiler writes `->NAME value` lines.
$(hv-offsets): hypervisor/arch/aarch64/asm_offsets.c $(hv-flags) | $(hv-fdt-headers)
	$(call say,OFFSETS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(hv-cflags) $(depflags) -MT $@ -S -o $@.s $<
	$(Q){ echo '/* Generated from $<. */'; \
		sed -n 's/^[[:space:]]*-> *\([A-Za-z0-9_]*\) [#$$]*\(-*[0-9]*\).*/#define \1 \2/p' \
		$@.s; } >$@

$(hv-fdt-headers): $(hv-fdt)/%: $(sysroot-stamp)
	@mkdir -p $(@D)
	$(Q)cp $(sysroot)/usr/include/$* $@

$(zonevisor-elf): $(hv-objs) $(hv-lds) $(hv-link) $(sysroot-stamp) scripts/check-elf
	$(call say,LD,$@)
	$(Q)$(CC) $(hv-ldflags) -Wl,-T,$(hv-lds) -Wl,-Map,$(hv-out)/zonevisor.map \
		-o $@ $(hv-objs) $(hv-libfdt)
	$(Q)CROSS_COMPILE=$(CROSS_COMPILE) scripts/check-elf $@ \
		$(filter-out $(hv-fp-objs),$(hv-objs))

$(zonevisor-bin): $(zonevisor-elf)
	$(call say,OBJCOPY,$@)
	$(Q)$(CROSS_COMPILE)objcopy -O binary $< $@

-include $(call deps,$(hv-objs) $(hv-lds) $(hv-offsets))
