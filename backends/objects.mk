# SPDX-License-Identifier: BSD-2-Clause

backends-y += \
	backends/core/chain_io.c \
	backends/core/event.c \
	backends/core/event_uv.c \
	backends/core/guest_mem.c \
	backends/core/inflight.c \
	backends/core/listener.c \
	backends/core/log_ring.c \
	backends/core/rate.c \
	backends/core/state_area.c \
	backends/core/virtio_mmio_regs.c \
	backends/core/vq.c \
	backends/blk/blk_command.c \
	backends/blk/blk_limit.c \
	backends/blk/nbd_lib.c \
	backends/blk/store_lost.c \
	backends/blk/store_nbd.c \
	backends/blk/store_null.c \
	backends/blk/store_uring.c \
	backends/blk/virtio_blk.c \
	backends/display/display_link.c \
	backends/gpu/edid.c \
	backends/gpu/gpu_2d.c \
	backends/gpu/video_memory.c \
	backends/gpu/virtio_gpu.c \
	backends/input/input_seat.c \
	backends/input/virtio_input.c \
	backends/transport/zone/zone_io.c \
	backends/transport/zone/zone_port_fd.c \
	backends/transport/zone/zone_virtio.c \
	backends/transport/vhost_user/fault_guard.c \
	backends/transport/vhost_user/shared_map.c \
	backends/transport/vhost_user/vhost_user.c \
	backends/transport/vhost_user/vhost_user_device.c \
	backends/transport/vhost_user/vhost_user_inflight.c \
	backends/transport/vhost_user/vhost_user_mem.c \
	backends/transport/vhost_user/vhost_user_request.c \
	backends/transport/vhost_user/vhost_user_wire.c \
	backends/console/console_hello.c \
	backends/console/console_port.c \
	backends/console/console_server.c \
	backends/console/virtio_console.c \
	backends/rng/virtio_rng.c \
	backends/uart/pl011.c \
	backends/uart/uart.c \
	backends/rtc/pl031.c \
	backends/rtc/rtc.c \
	backends/gpio/pl061.c \
	backends/gpio/gpio.c \
	backends/net/link_stream.c \
	backends/net/link_tap.c \
	backends/net/net_ctrl.c \
	backends/net/net_filter.c \
	backends/net/net_path.c \
	backends/net/net_rx.c \
	backends/net/net_tx.c \
	backends/net/net_window.c \
	backends/net/vhost_net.c \
	backends/net/virtio_net.c \
	backends/io/control.c \
	backends/io/dev_console.c \
	backends/io/dev_disk.c \
	backends/io/dev_gpu.c \
	backends/io/dev_input.c \
	backends/io/dev_net.c \
	backends/io/dev_rng.c \
	backends/io/io_config.c \
	backends/io/io_config_type.c \
	backends/io/io_cursor.c \
	backends/io/io_device.c \
	backends/io/io_process.c

hvio-y += \
	backends/io/main.c \
	backends/io/sandbox.c

# io_uring, of the disks' stores.
hvio-libs += liburing

hvbackend-y += \
	backends/standalone/backend.c \
	backends/standalone/device.c \
	backends/standalone/device_net.c \
	backends/standalone/main.c \
	backends/io/sandbox.c

hvdisplay-y += \
	backends/core/event.c \
	backends/core/event_uv.c \
	backends/core/listener.c \
	backends/display/display_canvas.c \
	backends/display/display_card.c \
	backends/display/display_child.c \
	backends/display/display_config.c \
	backends/display/display_copy.c \
	backends/display/display_hub.c \
	backends/display/display_keys.c \
	backends/display/display_kms.c \
	backends/display/display_monitor.c \
	backends/display/display_picture.c \
	backends/display/display_png.c \
	backends/display/display_region.c \
	backends/display/display_report.c \
	backends/display/display_sandbox.c \
	backends/display/display_screen.c \
	backends/display/display_shots.c \
	backends/display/display_socket.c \
	backends/display/display_tls.c \
	backends/display/display_uevent.c \
	backends/display/display_vencrypt.c \
	backends/display/display_viewer.c \
	backends/display/hvd_display.c \
	backends/io/control.c \
	backends/io/io_cursor.c \
	backends/io/sandbox.c

hvdisplay-libs += gnutls libdrm libvncserver libpng
