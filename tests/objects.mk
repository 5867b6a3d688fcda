# SPDX-License-Identifier: BSD-2-Clause

# Bare-metal guests.
guest-lib := tests/guest/lib/start.S tests/guest/lib/guest.c \
	tests/guest/lib/gic.c
guests-y += tests/guest/zvtest
zvtest-src := $(guest-lib) \
	tests/guest/zvtest/lifecycle.c \
	tests/guest/zvtest/hostile.c \
	tests/guest/zvtest/platform.c \
	tests/guest/zvtest/bench.c

# Programs for zone0.
zone0-tools-y += tests/bench/loops tests/system/kmodtest \
	tests/system/rpcline
# hvd-io that can die at each step of a request.
hvd-io-steps-src := tests/system/io_steps.c
hvd-io-steps-wraps := guest_mem_store16 guest_mem_write inflight_pop \
	inflight_push inflight_resume io_uring_submit ioctl net_tx_resume \
	net_tx_run net_window_fill net_window_give read readv \
	state_record_commit vq_pop vq_push vq_push_all vq_should_signal \
	vq_waiting vq_walk write writev
# Guests, which have no libraries, get these from zone0.
zone0-tools-y += tests/bench/blkread tests/bench/netload
blkread-cflags := -static
netload-cflags := -static

# Boot code of the hypervisor, with the real libfdt.
boot-src := hypervisor/core/fdt_walk.c hypervisor/core/mem_range.c \
	hypervisor/lib/printf.c
unit-tests-y += tests/unit/core/test_fit
test_fit-src := tests/unit/core/boot_test.c hypervisor/core/fit.c $(boot-src)
test_fit-libs := -lfdt
unit-tests-y += tests/unit/core/test_host_facts
test_host_facts-src := tests/unit/core/boot_test.c hypervisor/core/host_facts.c $(boot-src)
test_host_facts-libs := -lfdt
unit-tests-y += tests/unit/core/test_zone0_fdt
test_zone0_fdt-src := tests/unit/core/boot_test.c hypervisor/core/zone0_fdt.c $(boot-src)
test_zone0_fdt-libs := -lfdt
unit-tests-y += tests/unit/core/test_mem_range
test_mem_range-src := hypervisor/core/mem_range.c hypervisor/core/zone0_ram.c
unit-tests-y += tests/unit/core/test_string
test_string-src := hypervisor/lib/printf.c
unit-tests-y += tests/unit/core/test_log
test_log-src := hypervisor/core/log.c hypervisor/lib/printf.c hypervisor/lib/spinlock.c
fuzzers-y += tests/fuzz/fit_fuzz
fit_fuzz-src := tests/fuzz/fdt_edit.c hypervisor/core/fit.c hypervisor/core/fdt_walk.c
fit_fuzz-libs := -lfdt
fuzzers-y += tests/fuzz/host_fdt_fuzz
host_fdt_fuzz-src := tests/fuzz/fdt_edit.c hypervisor/core/host_facts.c hypervisor/core/zone0_fdt.c $(boot-src)
host_fdt_fuzz-libs := -lfdt

# libhvd and hvsh.
unit-tests-y += tests/unit/lib/test_hvd_frame
test_hvd_frame-src := toolstack/lib/client/frame.c
test_hvd_frame-cflags := -Itoolstack/lib/client
unit-tests-y += tests/unit/lib/test_hvd_wire
test_hvd_wire-src := $(libhvd-y)
test_hvd_wire-cflags := -Itoolstack/lib/client
test_hvd_wire-libs := json-c
unit-tests-y += tests/unit/lib/test_hvd_conn
test_hvd_conn-src := $(libhvd-y)
test_hvd_conn-libs := json-c
unit-tests-y += tests/unit/hvsh/test_hvsh_text
test_hvsh_text-src := $(filter-out %/main.c,$(hvsh-y)) $(libhvd-y)
test_hvsh_text-cflags := -Itoolstack/hvsh
test_hvsh_text-libs := json-c libedit
unit-tests-y += tests/unit/hvsh/test_line_diff
test_line_diff-src := toolstack/hvsh/line_diff.c
test_line_diff-cflags := -Itoolstack/hvsh
unit-tests-y += tests/unit/hvsh/test_hvsh_offsets
test_hvsh_offsets-src := toolstack/hvsh/offsets.c
test_hvsh_offsets-cflags := -Itoolstack/hvsh
fuzzers-y += tests/fuzz/hvd_wire_fuzz
hvd_wire_fuzz-src := $(libhvd-y)
hvd_wire_fuzz-cflags := -Itoolstack/lib/client
hvd_wire_fuzz-libs := json-c

# Devices and hvd-io.
store-nbd-src := $(addprefix backends/,blk/nbd_lib.c blk/store_nbd.c \
	core/event.c core/event_uv.c) tests/unit/backends/support/fake_nbd.c
backends-support := $(addprefix tests/unit/backends/support/,event_pump.c fake_zone.c process.c ring_driver.c)
backends-common := toolstack/common/strict_json.c toolstack/common/zerror.c \
	toolstack/common/text.c toolstack/common/net_mac.c
backends-whole := $(backends-y) $(backends-common) $(backends-support)
unit-tests-y += tests/unit/backends/test_vq
test_vq-src := backends/core/vq.c backends/core/guest_mem.c \
	tests/unit/backends/support/ring_driver.c
unit-tests-y += tests/unit/backends/test_virtio_mmio_regs
test_virtio_mmio_regs-src := backends/core/virtio_mmio_regs.c
unit-tests-y += tests/unit/backends/test_state_area
test_state_area-src := backends/core/state_area.c backends/core/log_ring.c
unit-tests-y += tests/unit/backends/test_event_uv
test_event_uv-src := backends/core/event.c backends/core/event_uv.c
test_event_uv-libs := libuv
unit-tests-y += tests/unit/backends/test_io_config
io-config-src := $(addprefix backends/io/io_,config.c config_type.c cursor.c) \
	$(backends-common)
test_io_config-src := $(io-config-src)
test_io_config-libs := json-c
rng-src := backends/rng/virtio_rng.c backends/core/rate.c \
	$(addprefix backends/core/,event.c guest_mem.c vq.c) \
	$(addprefix tests/unit/backends/support/,event_pump.c ring_driver.c)
unit-tests-y += tests/unit/backends/test_virtio_rng
test_virtio_rng-src := $(rng-src)
fuzzers-y += tests/fuzz/rng_fuzz
rng_fuzz-src := $(rng-src)
gpu-src := $(filter backends/gpu/%,$(backends-y)) \
	$(addprefix backends/core/,chain_io.c event.c guest_mem.c vq.c) \
	$(addprefix tests/unit/backends/support/,event_pump.c ring_driver.c)
unit-tests-y += tests/unit/backends/test_virtio_gpu
test_virtio_gpu-src := $(gpu-src)
unit-tests-y += tests/unit/backends/test_display_link
test_display_link-src := backends/display/display_link.c backends/core/event.c \
	tests/unit/backends/support/event_pump.c
fuzzers-y += tests/fuzz/gpu_fuzz
gpu_fuzz-src := $(gpu-src)
input-src := backends/input/virtio_input.c \
	$(addprefix backends/core/,chain_io.c event.c guest_mem.c vq.c) \
	$(addprefix tests/unit/backends/support/,event_pump.c ring_driver.c)
unit-tests-y += tests/unit/backends/test_virtio_input
test_virtio_input-src := $(input-src)
fuzzers-y += tests/fuzz/input_fuzz
input_fuzz-src := $(input-src)
unit-tests-y += tests/unit/backends/test_zone_console
test_zone_console-src := $(backends-whole)
test_zone_console-libs := json-c libuv liburing
unit-tests-y += tests/unit/backends/test_console_server
test_console_server-src := $(backends-whole)
test_console_server-libs := json-c libuv liburing
unit-tests-y += tests/unit/backends/test_platform
test_platform-src := $(backends-whole)
test_platform-libs := json-c libuv liburing
# Steps through every instruction, so it has as few as possible.
unit-tests-y += tests/unit/backends/test_kill
test_kill-src := $(backends-whole) tests/unit/backends/support/step.c
test_kill-cflags := -fno-sanitize=all -O2
test_kill-libs := json-c libuv liburing
# They enter the sandbox, which a sanitizer would not survive.
unit-tests-y += tests/unit/backends/test_display_sandbox
test_display_sandbox-src := backends/display/display_sandbox.c
test_display_sandbox-cflags := -fno-sanitize=all
test_display_sandbox-libs := libdrm -fno-sanitize=all
unit-tests-y += tests/unit/backends/test_sandbox
test_sandbox-src := backends/io/sandbox.c $(store-nbd-src)
test_sandbox-cflags := -fno-sanitize=all
test_sandbox-libs := -fno-sanitize=all libuv
native-tools-y += tests/native/hvd_io_fake
hvd_io_fake-src := $(hvio-y) $(backends-y) $(backends-common)
hvd_io_fake-cflags := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
hvd_io_fake-libs := json-c libuv liburing \
	$(addprefix -Wl$(comma)--wrap=,ioctl mmap read)
unit-tests-y += tests/unit/backends/test_display
test_display-src := backends/display/display_keys.c backends/display/display_picture.c
unit-tests-y += tests/unit/backends/test_display_hub
test_display_hub-src := $(addprefix backends/display/,display_copy.c \
	display_hub.c display_picture.c display_socket.c) backends/core/event.c \
	tests/unit/backends/support/event_pump.c
unit-tests-y += tests/unit/backends/test_monitor
test_monitor-src := $(addprefix backends/display/,display_canvas.c \
	display_monitor.c display_picture.c display_region.c display_uevent.c)
test_monitor-libs := libdrm
unit-tests-y += tests/unit/backends/test_vencrypt
test_vencrypt-src := backends/display/display_vencrypt.c
unit-tests-y += tests/unit/backends/test_display_copy
test_display_copy-src := backends/display/display_copy.c backends/display/display_picture.c
native-tools-y += backends/display/hvd_display
hvd_display-src := $(filter-out backends/display/hvd_display.c,$(hvdisplay-y)) $(zdef-y)
hvd_display-cflags := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
hvd_display-libs := json-c libuv $(hvdisplay-libs)
fuzzers-y += tests/fuzz/vq_fuzz
vq_fuzz-src := backends/core/vq.c backends/core/guest_mem.c
fuzzers-y += tests/fuzz/mmio_regs_fuzz
mmio_regs_fuzz-src := backends/core/virtio_mmio_regs.c
fuzzers-y += tests/fuzz/pl011_fuzz
pl011_fuzz-src := backends/uart/pl011.c
fuzzers-y += tests/fuzz/io_config_fuzz
io_config_fuzz-src := backends/console/console_hello.c $(io-config-src)
io_config_fuzz-libs := json-c
fuzzers-y += tests/fuzz/console_fuzz
console_fuzz-src := $(backends-whole)
console_fuzz-libs := json-c libuv liburing

# Disks.
blk-support := $(addprefix tests/unit/backends/support/,blk_world.c event_pump.c ring_driver.c test_store.c)
blk-src := $(addprefix backends/,blk/blk_command.c blk/blk_limit.c \
	blk/virtio_blk.c core/event.c core/guest_mem.c core/inflight.c \
	core/rate.c core/vq.c)
unit-tests-y += tests/unit/backends/test_inflight
test_inflight-src := backends/core/inflight.c backends/core/vq.c \
	backends/core/guest_mem.c tests/unit/backends/support/ring_driver.c
unit-tests-y += tests/unit/backends/test_blk_limit
test_blk_limit-src := backends/blk/blk_limit.c backends/core/rate.c
unit-tests-y += tests/unit/backends/test_virtio_blk
test_virtio_blk-src := $(blk-src) $(blk-support) backends/blk/store_null.c
# It includes store_uring.c.
unit-tests-y += tests/unit/backends/test_store_uring
test_store_uring-src := backends/core/event.c backends/core/event_uv.c
test_store_uring-libs := libuv liburing
unit-tests-y += tests/unit/backends/test_store_lost
test_store_lost-src := backends/blk/store_lost.c

unit-tests-y += tests/unit/backends/test_store_nbd
test_store_nbd-src := $(store-nbd-src)
test_store_nbd-libs := libuv
unit-tests-y += tests/unit/backends/test_kill_blk
test_kill_blk-src := $(blk-src) $(blk-support) \
	tests/unit/backends/support/step.c
test_kill_blk-cflags := -fno-sanitize=all -O2
unit-tests-y += tests/unit/backends/test_kill_disk
test_kill_disk-src := $(blk-src) $(blk-support) backends/blk/store_uring.c
test_kill_disk-libs := liburing
# Puts load on a disk that is served over vhost-user.
native-tools-y += tests/bench/vu_load
vu_load-src := backends/core/guest_mem.c tests/unit/backends/support/ring_driver.c
vu_load-cflags := -O2
fuzzers-y += tests/fuzz/blk_fuzz
blk_fuzz-src := $(blk-src) $(blk-support)

# Network.
backends-net := $(filter backends/net/%,$(backends-y)) \
	$(addprefix backends/core/,event.c guest_mem.c rate.c vq.c)
net-support := $(addprefix tests/unit/backends/support/,event_pump.c pipe_link.c ring_driver.c)
unit-tests-y += tests/unit/backends/test_rate
test_rate-src := backends/core/rate.c
unit-tests-y += tests/unit/backends/test_virtio_net
test_virtio_net-src := $(backends-net) $(net-support)
unit-tests-y += tests/unit/backends/test_link_stream
test_link_stream-src := backends/net/link_stream.c
test_link_stream-libs := -Wl,--wrap=write
unit-tests-y += tests/unit/backends/test_net_path
test_net_path-src := $(backends-net) $(net-support)
unit-tests-y += tests/unit/backends/test_vhost_net
test_vhost_net-src := backends/net/vhost_net.c backends/core/guest_mem.c
test_vhost_net-libs := -Wl,--wrap=ioctl
unit-tests-y += tests/unit/toolstack/test_net_mac
test_net_mac-src := toolstack/common/net_mac.c
unit-tests-y += tests/unit/toolstack/test_net_tap
test_net_tap-src := $(addprefix toolstack/daemon/,net_tap.c rtnl.c) \
	toolstack/common/net_mac.c \
	toolstack/common/text.c toolstack/common/zerror.c \
	$(backends-net) $(net-support)
test_net_tap-cflags := -Itoolstack/daemon
fuzzers-y += tests/fuzz/net_fuzz
net_fuzz-src := $(backends-net)

# vhost-user.
vhost-user-test := $(addprefix backends/transport/vhost_user/,fault_guard.c \
		shared_map.c vhost_user.c vhost_user_device.c \
		vhost_user_inflight.c vhost_user_mem.c vhost_user_request.c \
		vhost_user_wire.c) \
	$(addprefix backends/core/,event.c guest_mem.c inflight.c vq.c) \
	$(addprefix tests/unit/backends/support/,event_pump.c front_end.c \
		ring_driver.c test_device.c)
native-tools-y += tests/native/rng_backend
rng_backend-src := $(filter-out tests/%,$(vhost-user-test)) \
	backends/core/event_uv.c backends/standalone/backend.c
rng_backend-libs := libuv
unit-tests-y += tests/unit/backends/test_vhost_user
test_vhost_user-src := $(vhost-user-test)
unit-tests-y += tests/unit/backends/test_vhost_user_devices
test_vhost_user_devices-src := $(sort $(vhost-user-test) $(blk-src) \
	$(backends-net) $(net-support) tests/unit/backends/support/test_store.c)
fuzzers-y += tests/fuzz/vhost_user_fuzz
vhost_user_fuzz-src := $(sort $(vhost-user-test) $(backends-net) $(net-support))

# hvd, zone definitions.
unit-tests-y += tests/unit/toolstack/test_suggest
test_suggest-src := toolstack/common/suggest.c
unit-tests-y += tests/unit/toolstack/test_size
test_size-src := toolstack/common/size.c
unit-tests-y += tests/unit/toolstack/test_text
test_text-src := toolstack/common/text.c toolstack/common/uuid.c \
	toolstack/common/zerror.c
unit-tests-y += tests/unit/toolstack/test_strict_json
test_strict_json-src := $(zcommon-y)
test_strict_json-libs := json-c libfdt
unit-tests-y += tests/unit/toolstack/test_zone_def
test_zone_def-src := $(zcommon-y)
test_zone_def-libs := json-c libfdt
unit-tests-y += tests/unit/toolstack/test_image
test_image-src := toolstack/common/image.c toolstack/common/placement.c
unit-tests-y += tests/unit/toolstack/test_dtb
test_dtb-src := $(zcommon-y)
test_dtb-libs := json-c libfdt
unit-tests-y += tests/unit/toolstack/test_shadow_layout
test_shadow_layout-src := $(zcommon-y)
test_shadow_layout-libs := json-c libfdt
unit-tests-y += tests/unit/toolstack/test_line_frame
test_line_frame-src := toolstack/daemon/frame.c toolstack/daemon/backoff.c
test_line_frame-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_quota
test_quota-src := toolstack/daemon/quota.c backends/core/rate.c
test_quota-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_quota_queue
test_quota_queue-src := toolstack/daemon/quota_queue.c $(test_quota-src)
test_quota_queue-cflags := -Itoolstack/daemon
test_quota_queue-libs := libuv
unit-tests-y += tests/unit/toolstack/test_thread_work
test_thread_work-src := toolstack/libvirt/thread_work.c
test_thread_work-cflags := -Itoolstack/libvirt
test_thread_work-libs := libuv
unit-tests-y += tests/unit/toolstack/test_acceptor
test_acceptor-src := toolstack/daemon/acceptor.c toolstack/daemon/log.c toolstack/common/text.c
test_acceptor-cflags := -Itoolstack/daemon
test_acceptor-libs := libuv
unit-tests-y += tests/unit/toolstack/test_core_file
test_core_file-src := toolstack/daemon/core_file.c
test_core_file-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_dump_file
test_dump_file-src := toolstack/daemon/dump_file.c \
	toolstack/common/zerror.c toolstack/common/text.c
test_dump_file-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_video_file
test_video_file-src := toolstack/daemon/video_file.c \
	toolstack/common/zerror.c toolstack/common/text.c
test_video_file-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_zone_fsm
test_zone_fsm-src := toolstack/daemon/zone_fsm.c
test_zone_fsm-cflags := -Itoolstack/daemon
unit-tests-y += tests/unit/toolstack/test_store
test_store-src := toolstack/daemon/store.c toolstack/daemon/log.c $(zcommon-y)
test_store-cflags := -Itoolstack/daemon
test_store-libs := json-c libfdt
# The disk of test_store_power, and what may be on it after a power cut.
unit-tests-y += tests/unit/toolstack/test_store_power
test_store_power-src := $(test_store-src) tests/unit/toolstack/fake_disk.c
test_store_power-cflags := -Itoolstack/daemon
test_store_power-libs := json-c libfdt $(addprefix -Wl$(comma)--wrap=,close \
	fstat fsync mkdir open openat read renameat renameat2 rmdir scandir \
	unlink unlinkat write)
unit-tests-y += tests/unit/toolstack/test_rpc
test_rpc-src := toolstack/daemon/rpc.c $(zcommon-y)
test_rpc-cflags := -Itoolstack/daemon
test_rpc-libs := json-c libfdt
unit-tests-y += tests/unit/toolstack/test_openrpc
test_openrpc-src := $(filter-out %/main.c,$(hvd-fake-y)) \
	$(filter-out $(backends-common),$(io-config-src))
test_openrpc-cflags := -Itoolstack/daemon
test_openrpc-libs := json-c libfdt libuv
unit-tests-y += tests/unit/toolstack/test_metrics
test_metrics-src := $(filter-out %/main.c,$(hvd-fake-y))
test_metrics-cflags := -Itoolstack/daemon
test_metrics-libs := json-c libfdt libuv
unit-tests-y += tests/unit/toolstack/test_nbd
test_nbd-src := $(filter-out %/main.c,$(hvd-fake-y))
test_nbd-cflags := -Itoolstack/daemon
test_nbd-libs := json-c libfdt libuv
fuzzers-y += tests/fuzz/zone_def_fuzz
zone_def_fuzz-src := $(zcommon-y)
zone_def_fuzz-libs := json-c libfdt
fuzzers-y += tests/fuzz/hvd_rpc_fuzz
hvd_rpc_fuzz-src := toolstack/daemon/rpc.c toolstack/daemon/frame.c $(zcommon-y)
hvd_rpc_fuzz-cflags := -Itoolstack/daemon
hvd_rpc_fuzz-libs := json-c libfdt

# Zones in libvirt's XML.
domain-xml-src := $(domain-xml-y) $(zcommon-y) toolstack/libvirt/vir_error.c \
	toolstack/libvirt/xdr.c
unit-tests-y += tests/unit/toolstack/test_volume
test_volume-src := $(domain-xml-src) toolstack/daemon/log.c toolstack/daemon/store.c \
	toolstack/libvirt/json.c toolstack/libvirt/name_uuid.c toolstack/libvirt/pool.c \
	toolstack/libvirt/volume.c toolstack/libvirt/xml_text.c
test_volume-cflags := -Itoolstack/libvirt -Itoolstack/daemon
test_volume-libs := json-c libfdt $(domain-xml-libs)
unit-tests-y += tests/unit/toolstack/test_xdr
test_xdr-src := toolstack/libvirt/xdr.c
test_xdr-cflags := -Itoolstack/libvirt
fuzzers-y += tests/fuzz/xdr_fuzz
xdr_fuzz-src := toolstack/libvirt/xdr.c
xdr_fuzz-cflags := -Itoolstack/libvirt
unit-tests-y += tests/unit/toolstack/test_key_code
test_key_code-src := toolstack/libvirt/key_code.c
test_key_code-cflags := -Itoolstack/libvirt
unit-tests-y += tests/unit/toolstack/test_domain_xml
test_domain_xml-src := $(domain-xml-src)
test_domain_xml-cflags := -Itoolstack/libvirt
test_domain_xml-libs := json-c libfdt $(domain-xml-libs)
native-tools-y += tests/native/domain_xml_tool
domain_xml_tool-src := $(domain-xml-src)
domain_xml_tool-cflags := -Itoolstack/libvirt
domain_xml_tool-libs := json-c libfdt $(domain-xml-libs)
fuzzers-y += tests/fuzz/domain_xml_fuzz
domain_xml_fuzz-src := $(domain-xml-src)
domain_xml_fuzz-cflags := -Itoolstack/libvirt
domain_xml_fuzz-libs := json-c libfdt $(domain-xml-libs)

# The hypervisor's core on the fake architecture.
core-whole := $(hv-core-y) $(hv-fake-y)
unit-tests-y += tests/unit/core/test_frame
test_frame-src := $(core-whole)
unit-tests-y += tests/unit/core/test_hvcall
test_hvcall-src := $(core-whole)
unit-tests-y += tests/unit/core/test_io
test_io-src := $(core-whole)
unit-tests-y += tests/unit/core/test_irq
test_irq-src := $(core-whole)
unit-tests-y += tests/unit/core/test_mmio
test_mmio-src := $(core-whole)
unit-tests-y += tests/unit/core/test_pgtable
test_pgtable-src := $(core-whole)
unit-tests-y += tests/unit/core/test_sched
test_sched-src := $(core-whole)
unit-tests-y += tests/unit/core/test_timer
test_timer-src := $(core-whole)
unit-tests-y += tests/unit/core/test_trace
test_trace-src := $(core-whole)
unit-tests-y += tests/unit/core/test_zone
test_zone-src := $(core-whole)
fuzzers-y += tests/fuzz/hvcall_fuzz
hvcall_fuzz-src := $(core-whole)

# Guests on aarch64: switching, traps, virtual GIC, timers, PSCI, on a played
# machine.
a64-guest := $(addprefix hypervisor/arch/aarch64/,abort.c decode.c fault.c \
	idreg.c mm.c psci.c smccc.c sysreg.c trap.c vcpu.c vgic.c vgic_lr.c \
	vgic_mmio.c vtimer.c) tests/unit/aarch64/support/machine.c
unit-tests-y += tests/unit/aarch64/test_decode
test_decode-src := hypervisor/arch/aarch64/decode.c
unit-tests-y += tests/unit/aarch64/test_vgic
test_vgic-src := $(a64-guest)
unit-tests-y += tests/unit/aarch64/test_psci
test_psci-src := $(a64-guest)
unit-tests-y += tests/unit/aarch64/test_sysreg
test_sysreg-src := $(a64-guest)
unit-tests-y += tests/unit/aarch64/test_vcpu
test_vcpu-src := $(a64-guest)
unit-tests-y += tests/unit/aarch64/test_abort
test_abort-src := $(a64-guest)
fuzzers-y += tests/fuzz/decode_fuzz
decode_fuzz-src := hypervisor/arch/aarch64/decode.c
fuzzers-y += tests/fuzz/vgic_fuzz
vgic_fuzz-src := $(a64-guest)
