# SPDX-License-Identifier: BSD-2-Clause
kmod-y += Kbuild zv_internal.h
kmod-y += zv_main.c zv_device.c zv_zone.c zv_file.c zv_mem.c zv_events.c
kmod-y += zv_eventfd.c
