# SPDX-License-Identifier: BSD-2-Clause

# The client library.
libhvd-y += \
	toolstack/lib/client/call.c \
	toolstack/lib/client/conn.c \
	toolstack/lib/client/console.c \
	toolstack/lib/client/device.c \
	toolstack/lib/client/display.c \
	toolstack/lib/client/error.c \
	toolstack/lib/client/event.c \
	toolstack/lib/client/frame.c \
	toolstack/lib/client/host.c \
	toolstack/lib/client/job.c \
	toolstack/lib/client/pump.c \
	toolstack/lib/client/sock.c \
	toolstack/lib/client/trace.c \
	toolstack/lib/client/wire.c \
	toolstack/lib/client/zone.c

# Definitions of zones, sizes, errors: of the daemon and of the shell.
zdef-y += \
	toolstack/common/net_mac.c \
	toolstack/common/size.c \
	toolstack/common/strict_json.c \
	toolstack/common/suggest.c \
	toolstack/common/text.c \
	toolstack/common/uuid.c \
	toolstack/common/zerror.c \
	toolstack/common/zone_about.c \
	toolstack/common/zone_def.c \
	toolstack/common/zone_def_parse.c \
	toolstack/common/zone_device.c \
	toolstack/common/zone_forward.c \
	toolstack/common/zone_limits.c \
	toolstack/common/zone_name.c \
	toolstack/common/zone_nbd.c \
	toolstack/common/zone_net.c \
	toolstack/common/zone_screen.c

# The shell. libedit: line editing under the BSD licence.
hvsh-y += $(zdef-y) \
	toolstack/hvsh/args.c \
	toolstack/hvsh/cmd_console.c \
	toolstack/hvsh/cmd_clone.c \
	toolstack/hvsh/cmd_create.c \
	toolstack/hvsh/cmd_define.c \
	toolstack/hvsh/cmd_device.c \
	toolstack/hvsh/cmd_diff.c \
	toolstack/hvsh/cmd_display.c \
	toolstack/hvsh/cmd_doctor.c \
	toolstack/hvsh/cmd_edit.c \
	toolstack/hvsh/cmd_events.c \
	toolstack/hvsh/cmd_help.c \
	toolstack/hvsh/cmd_host.c \
	toolstack/hvsh/cmd_import.c \
	toolstack/hvsh/cmd_top.c \
	toolstack/hvsh/cmd_job.c \
	toolstack/hvsh/cmd_trace.c \
	toolstack/hvsh/cmd_tune.c \
	toolstack/hvsh/cmd_zone.c \
	toolstack/hvsh/commands.c \
	toolstack/hvsh/complete.c \
	toolstack/hvsh/console_session.c \
	toolstack/hvsh/context.c \
	toolstack/hvsh/definition.c \
	toolstack/hvsh/editor.c \
	toolstack/hvsh/histogram.c \
	toolstack/hvsh/interactive.c \
	toolstack/hvsh/key_names.c \
	toolstack/hvsh/line_diff.c \
	toolstack/hvsh/main.c \
	toolstack/hvsh/offsets.c \
	toolstack/hvsh/output.c \
	toolstack/hvsh/progress.c \
	toolstack/hvsh/signals.c \
	toolstack/hvsh/table.c \
	toolstack/hvsh/term.c \
	toolstack/hvsh/top_rate.c \
	toolstack/hvsh/top_sample.c \
	toolstack/hvsh/trace_picture.c \
	toolstack/hvsh/watch.c \
	toolstack/hvsh/words.c
hvsh-libs += libedit

# The daemon. It limits what clients ask for as devices limit what guests do.
hvd-y += backends/core/rate.c \
	toolstack/daemon/acceptor.c \
	toolstack/daemon/backoff.c \
	toolstack/daemon/core_file.c \
	toolstack/daemon/daemon.c \
	toolstack/daemon/device_status.c \
	toolstack/daemon/display_card.c \
	toolstack/daemon/display_listen.c \
	toolstack/daemon/display_process.c \
	toolstack/daemon/dump_file.c \
	toolstack/daemon/event.c \
	toolstack/daemon/fd_message.c \
	toolstack/daemon/frame.c \
	toolstack/daemon/gnutls_lib.c \
	toolstack/daemon/host_cpus.c \
	toolstack/daemon/http_request.c \
	toolstack/daemon/io_config_line.c \
	toolstack/daemon/io_opening.c \
	toolstack/daemon/io_process.c \
	toolstack/daemon/io_reconnect.c \
	toolstack/daemon/io_resource.c \
	toolstack/daemon/io_user.c \
	toolstack/daemon/job.c \
	toolstack/daemon/log.c \
	toolstack/daemon/main.c \
	toolstack/daemon/methods.c \
	toolstack/daemon/metrics.c \
	toolstack/daemon/metrics_families.c \
	toolstack/daemon/metrics_server.c \
	toolstack/daemon/nbd_socket.c \
	toolstack/daemon/net_tap.c \
	toolstack/daemon/net_vhost.c \
	toolstack/daemon/openrpc.c \
	toolstack/daemon/openmetrics.c \
	toolstack/daemon/quota.c \
	toolstack/daemon/quota_queue.c \
	toolstack/daemon/rpc.c \
	toolstack/daemon/rtnl.c \
	toolstack/daemon/server.c \
	toolstack/daemon/service.c \
	toolstack/daemon/session.c \
	toolstack/daemon/store.c \
	toolstack/daemon/trace.c \
	toolstack/daemon/unix_socket.c \
	toolstack/daemon/user_net.c \
	toolstack/daemon/video_file.c \
	toolstack/daemon/vnc_tls.c \
	toolstack/daemon/zone.c \
	toolstack/daemon/zone_adopt.c \
	toolstack/daemon/zone_autostart.c \
	toolstack/daemon/zone_build.c \
	toolstack/daemon/zone_cancel.c \
	toolstack/daemon/zone_counters.c \
	toolstack/daemon/zone_describe.c \
	toolstack/daemon/zone_devices.c \
	toolstack/daemon/zone_display.c \
	toolstack/daemon/zone_dump.c \
	toolstack/daemon/zone_dump_flow.c \
	toolstack/daemon/zone_end.c \
	toolstack/daemon/zone_flow.c \
	toolstack/daemon/zone_fsm.c \
	toolstack/daemon/zone_job.c \
	toolstack/daemon/zone_methods.c \
	toolstack/daemon/zone_news.c \
	toolstack/daemon/zone_power.c \
	toolstack/daemon/zone_reload.c \
	toolstack/daemon/zone_reset.c \
	toolstack/daemon/zone_capacity.c \
	toolstack/daemon/zone_clone.c \
	toolstack/daemon/zone_pin.c \
	toolstack/daemon/zone_set.c \
	toolstack/daemon/zone_stop.c \
	toolstack/daemon/zone_store.c \
	toolstack/daemon/zone_wait.c

# Access to /dev/zonevisor.
privcmd-y += toolstack/lib/privcmd/privcmd.c

# What the daemon has with hvd-backend and tests: definitions, images, the device
# tree of a zone.
zcommon-y += $(zdef-y) \
	toolstack/common/dtb.c \
	toolstack/common/image.c \
	toolstack/common/placement.c \
	toolstack/common/shadow_layout.c

# The daemon over a hypervisor made of files, for tests.
hvd-fake-y += $(hvd-y) $(zcommon-y) tests/unit/toolstack/fake_privcmd.c

# Zones in libvirt's XML, and what it says of the machine.
domain-xml-y += \
	toolstack/libvirt/capabilities.c \
	toolstack/libvirt/domain_xml.c \
	toolstack/libvirt/domain_xml_device.c \
	toolstack/libvirt/domain_xml_disk.c \
	toolstack/libvirt/domain_xml_display.c \
	toolstack/libvirt/domain_xml_domain.c \
	toolstack/libvirt/domain_xml_interface.c \
	toolstack/libvirt/domain_xml_kept.c \
	toolstack/libvirt/domain_xml_kinds.c \
	toolstack/libvirt/domain_xml_metadata.c \
	toolstack/libvirt/domain_xml_read.c \
	toolstack/libvirt/domain_xml_walk.c \
	toolstack/libvirt/domain_xml_write.c
domain-xml-libs += libxml-2.0

# hvd for libvirt's clients.
virthvdd-y += $(domain-xml-y) \
	backends/core/rate.c \
	toolstack/common/size.c \
	toolstack/common/text.c \
	toolstack/common/uuid.c \
	toolstack/common/zerror.c \
	toolstack/common/zone_name.c \
	toolstack/daemon/acceptor.c \
	toolstack/daemon/log.c \
	toolstack/daemon/quota.c \
	toolstack/daemon/quota_queue.c \
	toolstack/daemon/service.c \
	toolstack/daemon/store.c \
	toolstack/daemon/unix_socket.c \
	toolstack/libvirt/call.c \
	toolstack/libvirt/client.c \
	toolstack/libvirt/definition_edit.c \
	toolstack/libvirt/device_stats.c \
	toolstack/libvirt/domain_event.c \
	toolstack/libvirt/domain_filter.c \
	toolstack/libvirt/domain_state.c \
	toolstack/libvirt/domain_stats.c \
	toolstack/libvirt/event.c \
	toolstack/libvirt/event_link.c \
	toolstack/libvirt/json.c \
	toolstack/libvirt/key_code.c \
	toolstack/libvirt/link.c \
	toolstack/libvirt/main.c \
	toolstack/libvirt/name_uuid.c \
	toolstack/libvirt/network.c \
	toolstack/libvirt/pool.c \
	toolstack/libvirt/proc_address.c \
	toolstack/libvirt/proc_capabilities.c \
	toolstack/libvirt/proc_connect.c \
	toolstack/libvirt/proc_console.c \
	toolstack/libvirt/proc_display.c \
	toolstack/libvirt/proc_device.c \
	toolstack/libvirt/proc_domain.c \
	toolstack/libvirt/proc_empty.c \
	toolstack/libvirt/proc_event.c \
	toolstack/libvirt/proc_host.c \
	toolstack/libvirt/proc_job.c \
	toolstack/libvirt/proc_limits.c \
	toolstack/libvirt/proc_metadata.c \
	toolstack/libvirt/proc_network.c \
	toolstack/libvirt/proc_stats.c \
	toolstack/libvirt/proc_storage.c \
	toolstack/libvirt/proc_tune.c \
	toolstack/libvirt/proc_vcpu.c \
	toolstack/libvirt/proc_xml.c \
	toolstack/libvirt/procedures.c \
	toolstack/libvirt/server.c \
	toolstack/libvirt/shot_folder.c \
	toolstack/libvirt/storage_call.c \
	toolstack/libvirt/stream.c \
	toolstack/libvirt/thread_work.c \
	toolstack/libvirt/typed_param.c \
	toolstack/libvirt/vir_error.c \
	toolstack/libvirt/volume.c \
	toolstack/libvirt/xdr.c \
	toolstack/libvirt/xml_text.c
