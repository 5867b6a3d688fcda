/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A graphics card of zone0 that we are the master of: its monitors, and pictures
 * on them.  Each has two buffers in the card's memory, of which one is shown while
 * the other is drawn; they change places at the end of a frame.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_KMS_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_KMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/display_canvas.h"
#include "display/display_monitor.h"

struct display_kms_buffer {
	uint32_t handle; /* 0: there is none */
	uint32_t id; /* of the framebuffer; 0: none */
	uint64_t size; /* bytes */
	struct display_canvas canvas;
};

struct display_kms_output {
	bool on;
	uint32_t connector;
	uint32_t crtc; /* its id */
	char name[DISPLAY_CONNECTOR_MAX + 1];
	drmModeModeInfo mode;
	struct display_kms_buffer buffer[2];
	uint32_t back; /* which is not shown, or not any more soon */
	bool changed; /* since it was drawn last */
	uint32_t awaited; /* the framebuffer of a flip that goes on; 0: none */
};

struct display_kms_crtcs {
	size_t count;
	uint32_t id[DISPLAY_CRTCS_MAX];
};

/*
 * The connectors that have a monitor, with their modes, in the card's order.  The
 * monitors are asked, which may take a while.  0, or negative errno.
 */
int display_kms_look(int card,
		     struct display_connector ret[DISPLAY_CONNECTORS_MAX],
		     size_t *ret_count, struct display_kms_crtcs *ret_crtcs);

/* Shows *view there.  0, or negative errno and *output is off. */
int display_kms_start(int card, struct display_kms_output *output,
		      const struct display_connector *connector, uint32_t crtc,
		      const struct display_view *view);
/* Nothing is shown there any more. */
void display_kms_stop(int card, struct display_kms_output *output);

/* What has changed of the picture, where the pointer is, all. */
void display_kms_damage(struct display_kms_output *output,
			const struct display_view *view,
			const struct display_damage *damage);
void display_kms_damage_pointer(struct display_kms_output *output,
				const struct display_view *view);
void display_kms_spoil(struct display_kms_output *output);

/*
 * Draws what has changed and has it shown at the end of the frame; while such a
 * flip goes on it does nothing: call it again after that.  0, or negative errno.
 */
int display_kms_update(int card, struct display_kms_output *output,
		       const struct display_view *view);

/* Ends of flips, of any of the outputs.  0, or negative errno. */
int display_kms_read(int card, struct display_kms_output *outputs,
		     size_t count);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_KMS_H */
