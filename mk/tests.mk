# SPDX-License-Identifier: BSD-2-Clause
#
# Unit tests and fuzzers for this machine, and the targets that run tests. Every program compiles its own sources, because
# flags differ from one to the next.

core-test-cflags := $(hv-warnings) -O1 $(debugflags) -fno-common \
	$(call hv-includes,fake)
a64-test-cflags := $(hv-warnings) -O1 $(debugflags) -fno-common \
	$(call hv-includes,aarch64) -include tests/unit/aarch64/support/a64.h \
	-Itests/unit/aarch64/support
user-test-cflags := $(user-cflags) -O1 $(call cflags-of,host,$(all-libs))

# $(call is-core,PATH): does it test the hypervisor rather than a program?
is-core = $(or $(filter tests/unit/core/%,$1),$(filter hypervisor/%,$($(notdir $1)-src)))

# $(call is-a64,PATH): does it test the part for aarch64, made to run here?
is-a64 = $(or $(filter tests/unit/aarch64/%,$1),$(filter hypervisor/arch/aarch64/%,$($(notdir $1)-src)))
test-cflags-of = $(if $(call is-a64,$1),$$(a64-test-cflags),$(if $(call is-core,$1),$$(core-test-cflags),$$(user-test-cflags)))

# $(call test-program,PATH,DIR,COMPILER AND FLAGS,LIBRARIES): link DIR/NAME/NAME
# from PATH.c and what NAME-src lists.
define test-program
$2/$(notdir $1)-cc = $3 $(call test-cflags-of,$1) \
	$$($(notdir $1)-cflags)
$2/$(notdir $1)-objs := $$(call objects,$2/$(notdir $1),$1.c $$($(notdir $1)-src))
$2/$(notdir $1)-link = $3 $$($2/$(notdir $1)-objs) \
	$$(call libs-of,host,$$($(notdir $1)-libs) $4)
$2/$(notdir $1)/%.c.o: %.c $$(call recorded,$2/$(notdir $1)/.flags,$$($2/$(notdir $1)-cc))
	$$(call say,CC,$$< [$(notdir $1)])
	@mkdir -p $$(@D)
	$$(Q)$$($2/$(notdir $1)-cc) $$(depflags) -c -o $$@ $$<
$$(filter %/openrpc.c.o,$$($2/$(notdir $1)-objs)): toolstack/daemon/openrpc.json
$$(filter $2/$(notdir $1)/toolstack/libvirt/%,$$($2/$(notdir $1)-objs)): | $(O)/libvirt-include/libvirt
$2/$(notdir $1)/$(notdir $1): $$($2/$(notdir $1)-objs) \
		$$(call recorded,$2/$(notdir $1)/.link,$$($2/$(notdir $1)-link))
	$$(call say,LD,$$@)
	$$(Q)$$($2/$(notdir $1)-link) -o $$@
-include $$(call deps,$$($2/$(notdir $1)-objs))
endef

unit-dir := $(O)/host/unit
unit-programs := $(foreach t,$(unit-tests-y),$(unit-dir)/$(notdir $t)/$(notdir $t))
$(foreach t,$(unit-tests-y),$(eval $(call test-program,$t,$(unit-dir),$(HOSTCC) $(sanitize),cmocka)))

# Programs that native tests start, as they are installed: no sanitizers.
native-dir := $(O)/host/native
native-programs := $(foreach t,$(native-tools-y),$(native-dir)/$(notdir $t)/$(notdir $t))
$(foreach t,$(native-tools-y),$(eval $(call test-program,$t,$(native-dir),$(HOSTCC),)))

# hvd-backend as it is installed, but for this machine: bench-native measures it.
bench-dir := $(O)/host/bench
bench-backend := $(bench-dir)/main/main
main-src := $(filter-out backends/standalone/main.c,$(hvbackend-y)) $(backends-y) $(privcmd-y) $(zcommon-y)
main-cflags := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
main-libs := $(user-libs) $(hvio-libs)
$(eval $(call test-program,backends/standalone/main,$(bench-dir),$(HOSTCC),))
vu-load := $(native-dir)/vu_load/vu_load

# hvd over the hypervisor made of files, with the compiler's flags of an installed one, and what puts load on it: bench-rpc
# measures it. The load is linked with libvirt's library, which nothing else needs.
bench-hvd := $(bench-dir)/fake_privcmd/fake_privcmd
fake_privcmd-src := $(hvd-y) $(zcommon-y)
fake_privcmd-cflags := $(main-cflags) -Itoolstack/daemon
fake_privcmd-libs := $(user-libs) $(hvd-libs)
$(eval $(call test-program,tests/unit/toolstack/fake_privcmd,$(bench-dir),$(HOSTCC),))
rpc-load := $(bench-dir)/rpc_load/rpc_load
rpc_load-cflags := -O2
rpc_load-libs := -lvirt -lpthread
$(eval $(call test-program,tests/bench/rpc_load,$(bench-dir),$(HOSTCC),))
bench-rpc-stamp := $(bench-dir)/.rpc-packages
$(bench-rpc-stamp):
	$(Q)scripts/host-packages $(bench-rpc-host-packages)
	@mkdir -p $(@D)
	$(Q)touch $@
$($(bench-dir)/rpc_load-objs): | $(bench-rpc-stamp)

fuzz-dir := $(O)/host/fuzz
fuzz-cc := $(FUZZCC) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz-programs := $(foreach t,$(fuzzers-y),$(fuzz-dir)/$(notdir $t)/$(notdir $t))
$(foreach t,$(fuzzers-y),$(eval $(call test-program,$t,$(fuzz-dir),$$(fuzz-cc),)))

.PHONY: lint unit fuzz native system test demo screenshots pictures soak bench bench-native bench-rpc bench-screen mutate
run-tests := HVSH=$(abspath $(O))/host/hvsh \
	HVD_FAKE=$(abspath $(O))/host/hvd-fake \
	HVD_IO_FAKE=$(abspath $(native-dir))/hvd_io_fake/hvd_io_fake $(PYTHON) scripts/run-tests \
	--log $(O)/test
client-stamp := $(O)/.client-packages
$(client-stamp): $(call recorded,$(O)/.client-packages.list,$(client-host-packages))
	$(Q)scripts/host-packages $(client-host-packages)
	$(Q)touch $@

host-needs := $(client-stamp) $(O)/host/libhvd.so $(host-programs) $(O)/host/hvd-fake $(native-programs)
machine-needs := $(zonevisor-bin) $(test-bundle) $(kernel-image)
system-needs := $(machine-needs) $(nbd-disk) $(debian-stamp) $(client-stamp)

lint: | $(host-stamp) ## formatting, licences, dead links in documents
	$(Q)$(run-tests) --lint

unit: $(unit-programs) ## unit tests on this machine, under ASan and UBSan
	$(Q)$(run-tests) --unit $(unit-programs)

fuzz: $(fuzz-programs) ## each fuzzer for FUZZ_SECONDS
	$(Q)$(run-tests) --fuzz-seconds $(FUZZ_SECONDS) --fuzz $(fuzz-programs)

native: $(host-needs) ## tests of the toolstack's programs on this machine
	$(Q)$(run-tests) --pytest-parallel tests/native

system: $(system-needs) ## tests that boot zones in QEMU
	$(Q)$(run-tests) --pytest tests/system

test: all $(unit-programs) $(fuzz-programs) $(host-needs) $(system-needs) ## all tests, fuzzers briefly
	$(Q)$(run-tests) --lint --unit $(unit-programs) \
		--fuzz-seconds 15 --fuzz $(fuzz-programs) \
		--pytest-parallel tests/native --pytest tests/system

demo: $(machine-needs) ## a guided tour in QEMU that types for you
	$(Q)$(PYTHON) tests/system/demo.py

screenshots: $(zonevisor-bin) $(bundle) ## the terminals that documents show, anew from QEMU
	$(Q)$(PYTHON) tests/system/screenshots.py

pictures: $(system-needs) ## the pictures that documents show, anew from QEMU
	$(Q)$(PYTHON) tests/system/pictures.py

soak: $(system-needs) ## zones and load under random kills, SOAK_SECONDS of each
	$(Q)$(PYTHON) tests/system/soak.py

bench: $(machine-needs) $(nested-initrd) ## count the instructions that zones cost
	$(Q)$(PYTHON) tests/bench/bench.py

bench-native: $(bench-backend) $(vu-load) ## disks against qemu-storage-daemon, on this machine
	$(Q)scripts/host-packages $(bench-host-packages)
	$(Q)$(PYTHON) tests/bench/native.py --backend $(bench-backend) --load $(vu-load) --image $(bench-dir)/image

bench-rpc: $(bench-hvd) $(rpc-load) ## hvd against libvirtd and QEMU's monitor, on this machine
	$(Q)$(PYTHON) tests/bench/rpc.py --hvd $(bench-hvd) --load $(rpc-load)

bench-screen: $(native-programs) ## screens against QEMU's, on this machine
	$(Q)scripts/host-packages $(bench-screen-host-packages)
	$(Q)HVD_IO_FAKE=$(abspath $(native-dir))/hvd_io_fake/hvd_io_fake $(PYTHON) tests/bench/screen.py

mutate: | $(host-stamp) ## remove each listed safety check: a test must fail
	$(Q)$(PYTHON) tests/mutate/run.py
