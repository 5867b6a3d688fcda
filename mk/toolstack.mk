# SPDX-License-Identifier: BSD-2-Clause
#
# libhvd, hvd, hvd-io, hvd-display, hvd-backend, hvsh and virthvdd, for aarch64 and, with
# sanitizers, for this machine, where tests and developers run them. In a package's build this
# machine's are the ones that are installed, with the flags of the environment.

user-includes := -Ihypervisor/include/public -Ikmod/uapi -Itoolstack/lib/include \
	-Itoolstack/common -Itoolstack/daemon -Itoolstack/lib/privcmd -Ibackends \
	$(version-include) -I$(O)/libvirt-include
user-cflags := -std=gnu11 -D_GNU_SOURCE $(warnings) -O2 $(debugflags) $(user-includes)
user-libs := json-c libuv libfdt
all-libs := $(sort $(user-libs) $(libhvd-libs) $(hvd-libs) $(hvsh-libs) $(hvio-libs) $(hvdisplay-libs) \
	$(domain-xml-libs))

sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

cc-aarch64 := $(CC)
cflags-aarch64 := --sysroot=$(sysroot) -ffile-prefix-map=$(sysroot)= $(user-cflags) -D_FORTIFY_SOURCE=2 \
	-fstack-protector-strong $(call cflags-of,aarch64,$(all-libs))
ldflags-aarch64 := --sysroot=$(sysroot) -Wl,-z,relro,-z,now -Wl,--as-needed

cc-host := $(HOSTCC)
cflags-host := $(user-cflags) $(if $(packaged),$(CPPFLAGS) $(CFLAGS),$(sanitize)) \
	$(call cflags-of,host,$(all-libs))
ldflags-host := $(if $(packaged),$(LDFLAGS),$(sanitize) -Wl$(comma)-rpath$(comma)'$$ORIGIN') \
	-Wl,--as-needed
installed := $(if $(packaged),host,aarch64)

# Constants of libvirt's, the same for every machine: nothing is linked with it.
$(O)/libvirt-include/libvirt: | $(host-stamp)
	@mkdir -p $(@D)
	$(Q)ln -sfn /usr/include/libvirt $@
libvirt-objs := $(patsubst %,%.o,$(filter toolstack/libvirt/%,$(virthvdd-y)))
$(foreach tc,aarch64 host,$(addprefix $(O)/$(tc)/user/,$(libvirt-objs))): \
	| $(O)/libvirt-include/libvirt

.PHONY: toolstack host
toolstack: ## the aarch64 toolstack
host: ## the toolstack for this machine, with sanitizers

# $(call program,TOOLCHAIN,NAME,SOURCES,LIBRARIES,HVD): link build/TC/NAME; HVD
# says that it is a client of libhvd.
define program
$1-$2-objs := $$(call objects,$(O)/$1/user,$3)
$1-$2-link = $$(cc-$1) $$(ldflags-$1) $$($1-$2-objs) \
	$(if $5,-L$(O)/$1 -lhvd) $$(call libs-of,$1,$4)
$(O)/$1/$2: $$($1-$2-objs) $(if $5,$(O)/$1/libhvd.so) \
		$$(call recorded,$(O)/$1/user/.link-$2,$$($1-$2-link))
	$$(call say,LD,$$@)
	$$(Q)$$($1-$2-link) -o $$@
-include $$(call deps,$$($1-$2-objs))
endef

# $(call toolchain,TC): everything, for one toolchain.
define toolchain
$1-programs := $(addprefix $(O)/$1/,hvd hvd-io hvd-display hvd-backend hvsh virthvdd)
$1-flags := $$(call recorded,$(O)/$1/user/.flags,$$(cc-$1) $$(cflags-$1))

$(O)/$1/user/%.c.o: %.c $$($1-flags)
	$$(call say,CC,$$< [$1])
	@mkdir -p $$(@D)
	$$(Q)$$(cc-$1) $$(cflags-$1) $$(depflags) -c -o $$@ $$<

$(O)/$1/shared/%.c.o: %.c $$($1-flags)
	$$(call say,CC,$$< [$1 shared])
	@mkdir -p $$(@D)
	$$(Q)$$(cc-$1) $$(cflags-$1) -fPIC $$(depflags) -c -o $$@ $$<

$1-lib-objs := $(call objects,$(O)/$1/shared,$(libhvd-y))
$1-lib-link = $$(cc-$1) $$(ldflags-$1) -shared -Wl,-soname,libhvd.so.0 \
	-Wl,--version-script=toolstack/lib/hvd.map $$($1-lib-objs) \
	$$(call libs-of,$1,json-c $$(libhvd-libs))
$(O)/$1/libhvd.so.0: $$($1-lib-objs) toolstack/lib/hvd.map \
		$$(call recorded,$(O)/$1/shared/.link,$$($1-lib-link))
	$$(call say,LD,$$@)
	$$(Q)$$($1-lib-link) -o $$@
$(O)/$1/libhvd.so: $(O)/$1/libhvd.so.0
	$$(Q)ln -sf libhvd.so.0 $$@
-include $$(call deps,$$($1-lib-objs))

$(call program,$1,hvd,$(hvd-y) $(privcmd-y) $(zcommon-y),$(user-libs) $(hvd-libs))
$(O)/$1/user/toolstack/daemon/openrpc.c.o: toolstack/daemon/openrpc.json
$(call program,$1,hvd-io,$(hvio-y) $(backends-y) $(privcmd-y) $(zcommon-y),$(user-libs) $(hvio-libs))
$(call program,$1,hvd-display,$(hvdisplay-y) $(zdef-y),json-c libuv $(hvdisplay-libs))
$(call program,$1,hvd-backend,$(hvbackend-y) $(backends-y) $(privcmd-y) $(zcommon-y),$(user-libs) $(hvio-libs))
$(call program,$1,hvsh,$(hvsh-y),json-c $(hvsh-libs),y)
$(call program,$1,virthvdd,$(virthvdd-y),json-c libuv $(domain-xml-libs),y)
endef

$(eval $(call toolchain,aarch64))
$(eval $(call toolchain,host))

# hvd for tests, in place of whose hypervisor there are files.
$(eval $(call program,host,hvd-fake,$(hvd-fake-y),$(user-libs) $(hvd-libs)))

toolstack: $(O)/$(installed)/libhvd.so $($(installed)-programs)
host: $(O)/host/libhvd.so $(host-programs) $(O)/host/hvd-fake
