/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_kms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define DEPTH 24 /* of X8 R8 G8 B8, in the words of AddFB */
#define BITS 32

/* ----------------------------------------------------------------- looking */

static uint32_t crtcs_of(int card, const drmModeConnector *connector)
{
	uint32_t mask = 0;

	for (int i = 0; i < connector->count_encoders; i++) {
		drmModeEncoder *encoder =
			drmModeGetEncoder(card, connector->encoders[i]);

		if (encoder != NULL) {
			mask |= encoder->possible_crtcs;
			drmModeFreeEncoder(encoder);
		}
	}
	return mask;
}

/* false: nobody sees anything there. */
static bool describe(int card, const drmModeConnector *connector,
		     struct display_connector *ret)
{
	const drmModeModeInfo *mode;

	if (connector->connection != DRM_MODE_CONNECTED) {
		return false;
	}
	mode = display_monitor_mode(connector->modes,
				    (size_t)connector->count_modes);
	if (mode == NULL) {
		return false;
	}
	*ret = (struct display_connector){
		.id = connector->connector_id,
		.crtcs = crtcs_of(card, connector),
		.mode = *mode,
	};
	display_monitor_name(connector->connector_type,
			     connector->connector_type_id, ret->name);
	return true;
}

int display_kms_look(int card,
		     struct display_connector ret[DISPLAY_CONNECTORS_MAX],
		     size_t *ret_count, struct display_kms_crtcs *ret_crtcs)
{
	drmModeRes *resources = drmModeGetResources(card);

	if (resources == NULL) {
		return -errno;
	}
	*ret_count = 0;
	ret_crtcs->count = 0;
	for (int i = 0;
	     i < resources->count_crtcs && ret_crtcs->count < DISPLAY_CRTCS_MAX;
	     i++) {
		ret_crtcs->id[ret_crtcs->count++] = resources->crtcs[i];
	}
	for (int i = 0; i < resources->count_connectors &&
			*ret_count < DISPLAY_CONNECTORS_MAX;
	     i++) {
		/* One that has gone since is not connected. */
		drmModeConnector *connector =
			drmModeGetConnector(card, resources->connectors[i]);

		if (connector != NULL) {
			*ret_count +=
				describe(card, connector, &ret[*ret_count]);
			drmModeFreeConnector(connector);
		}
	}
	drmModeFreeResources(resources);
	return 0;
}

/* ----------------------------------------------------------------- buffers */

static void free_buffer(int card, struct display_kms_buffer *buffer)
{
	if (buffer->canvas.pixels != NULL) {
		munmap(buffer->canvas.pixels, buffer->size);
	}
	if (buffer->id != 0) {
		drmModeRmFB(card, buffer->id);
	}
	if (buffer->handle != 0) {
		drmModeDestroyDumbBuffer(card, buffer->handle);
	}
	memset(buffer, 0, sizeof(*buffer));
}

static int map_buffer(int card, struct display_kms_buffer *buffer)
{
	uint64_t offset;
	void *p;

	if (drmModeMapDumbBuffer(card, buffer->handle, &offset) != 0) {
		return -errno;
	}
	p = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, card,
		 (off_t)offset);
	if (p == MAP_FAILED) {
		return -errno;
	}
	buffer->canvas.pixels = p;
	return 0;
}

/* What it got is freed with the output. */
static int make_buffer(int card, struct display_kms_buffer *buffer,
		       const drmModeModeInfo *mode)
{
	struct display_canvas *canvas = &buffer->canvas;
	int rc;

	canvas->width = mode->hdisplay;
	canvas->height = mode->vdisplay;
	if (drmModeCreateDumbBuffer(card, canvas->width, canvas->height, BITS,
				    0, &buffer->handle, &canvas->stride,
				    &buffer->size) != 0) {
		return -errno;
	}
	if (drmModeAddFB(card, canvas->width, canvas->height, DEPTH, BITS,
			 canvas->stride, buffer->handle, &buffer->id) != 0) {
		return -errno;
	}
	rc = map_buffer(card, buffer);
	display_canvas_spoil(canvas);
	return rc;
}

/* ----------------------------------------------------------------- outputs */

static int show(int card, struct display_kms_output *output, uint32_t buffer)
{
	return drmModeSetCrtc(card, output->crtc, buffer, 0, 0,
			      &output->connector, 1, &output->mode) != 0
		       ? -errno
		       : 0;
}

void display_kms_stop(int card, struct display_kms_output *output)
{
	if (output->on) {
		(void)drmModeSetCrtc(card, output->crtc, 0, 0, 0, NULL, 0,
				     NULL);
	}
	for (size_t i = 0; i < 2; i++) {
		free_buffer(card, &output->buffer[i]);
	}
	memset(output, 0, sizeof(*output));
}

int display_kms_start(int card, struct display_kms_output *output,
		      const struct display_connector *connector, uint32_t crtc,
		      const struct display_view *view)
{
	int rc = 0;

	*output = (struct display_kms_output){
		.connector = connector->id,
		.crtc = crtc,
		.mode = connector->mode,
		.back = 1,
	};
	snprintf(output->name, sizeof(output->name), "%s", connector->name);
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		rc = make_buffer(card, &output->buffer[i], &output->mode);
	}
	if (rc == 0) {
		display_canvas_draw(&output->buffer[0].canvas, view);
		rc = show(card, output, output->buffer[0].id);
	}
	if (rc != 0) {
		display_kms_stop(card, output);
		return rc;
	}
	output->on = true;
	return 0;
}

/* In both buffers: the other one's turn to be drawn comes later. */
void display_kms_damage(struct display_kms_output *output,
			const struct display_view *view,
			const struct display_damage *damage)
{
	for (size_t i = 0; output->on && i < 2; i++) {
		display_canvas_damage(&output->buffer[i].canvas, view, damage);
	}
	output->changed = output->on;
}

void display_kms_damage_pointer(struct display_kms_output *output,
				const struct display_view *view)
{
	for (size_t i = 0; output->on && i < 2; i++) {
		display_canvas_damage_pointer(&output->buffer[i].canvas, view);
	}
	output->changed = output->on;
}

void display_kms_spoil(struct display_kms_output *output)
{
	for (size_t i = 0; output->on && i < 2; i++) {
		display_canvas_spoil(&output->buffer[i].canvas);
	}
	output->changed = output->on;
}

/* Without an end of the frame to wait for, where the card has none. */
static int flip(int card, struct display_kms_output *output,
		const struct display_kms_buffer *buffer)
{
	if (drmModePageFlip(card, output->crtc, buffer->id,
			    DRM_MODE_PAGE_FLIP_EVENT,
			    (void *)(uintptr_t)buffer->id) == 0) {
		output->awaited = buffer->id;
		return 0;
	}
	return errno == EACCES || errno == ENODEV
		       ? -errno
		       : show(card, output, buffer->id);
}

int display_kms_update(int card, struct display_kms_output *output,
		       const struct display_view *view)
{
	struct display_kms_buffer *buffer = &output->buffer[output->back];
	int rc;

	if (!output->on || output->awaited != 0 || !output->changed) {
		return 0;
	}
	output->changed = false;
	display_canvas_draw(&buffer->canvas, view);
	rc = flip(card, output, buffer);
	output->back ^= 1;
	return rc;
}

/* ------------------------------------------------------------------ events */

/* The library's hooks are told no owner. */
static struct {
	struct display_kms_output *outputs;
	size_t count;
} waiting;

static void on_flip(int fd, unsigned int sequence, unsigned int seconds,
		    unsigned int microseconds, void *data)
{
	(void)fd;
	(void)sequence;
	(void)seconds;
	(void)microseconds;
	for (size_t i = 0; i < waiting.count; i++) {
		/* Of one that was stopped since there may be another yet. */
		if (waiting.outputs[i].awaited == (uint32_t)(uintptr_t)data) {
			waiting.outputs[i].awaited = 0;
		}
	}
}

int display_kms_read(int card, struct display_kms_output *outputs, size_t count)
{
	drmEventContext context = {
		.version = 2,
		.page_flip_handler = on_flip,
	};

	waiting.outputs = outputs;
	waiting.count = count;
	return drmHandleEvent(card, &context) != 0 ? -EIO : 0;
}
