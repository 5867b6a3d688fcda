/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_viewer.h"

#include <errno.h>
#include <poll.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "display/display_child.h"
#include "display/display_keys.h"
#include "display/display_socket.h"
#include "display/display_picture.h"
#include "gpu/gpu_wire.h"

/* Seconds within which a viewer has to be let in. */
#define ENTRY_TIME 30
/* What is shown before there is anything to show. */
#define NOTHING_WIDTH 640u
#define NOTHING_HEIGHT 480u
#define CUT_TEXT_MAX (1u << 20)
/* Bytes of a copy: beside it there is to be room for what encoders take. */
#define COPY_MAX (32u << 20)
#define EXTENDED_KEYS (-258) /* QEMU Extended Key Event, a pseudo-encoding */

struct session {
	const struct display_viewer *viewer;
	rfbScreenInfoPtr screen;
	rfbClientPtr client;
	struct display_scanout shown;
	const struct display_format *format;
	struct display_pointer pointer; /* format: GPU_B8G8R8A8, or none */
	uint32_t pointer_pixels[DISPLAY_POINTER_PIXELS];
	rfbCursorPtr cursor; /* of them, for the library; NULL: none */
	uint8_t *black;
	size_t black_size;
	uint8_t *copy; /* of the picture, for the pointer; NULL: none */
	size_t copy_size;
	bool follows; /* it is told where the pointer is */
	bool entered;
	bool more; /* what has changed is not told to the end yet */
	int told_width; /* the size that the viewer knows of */
	int told_height;
	bool extended_keys; /* to be confirmed */
	int buttons; /* as RFB has them */
};

/* There is one in a process, and the library's hooks are told no owner. */
static struct session session;

/*
 * Two functions of the library are defined here, and so taken instead of its own by
 * itself, too.  With its random bytes a challenge could be guessed.
 */
void rfbRandomBytes(unsigned char *bytes)
{
	if (getrandom(bytes, CHALLENGESIZE, 0) != CHALLENGESIZE) {
		_exit(EXIT_FAILURE);
	}
}

/*
 * The library's waits for who speaks first, as browsers do, and lets in any page
 * that one shows; of two bytes it never has enough.  Nobody speaks web sockets or
 * TLS here.
 */
rfbBool webSocketsCheck(rfbClientPtr client)
{
	(void)client;
	return TRUE;
}

static void leave(int status)
{
	_exit(status);
}

static void tell(uint32_t type, struct display_message *message)
{
	message->type = type;
	if (display_socket_send_wait(DISPLAY_CHILD_FD_LINK, message) != 0) {
		leave(EXIT_SUCCESS);
	}
}

/* --------------------------------------------------------------- pictures */

static uint8_t *black(struct session *s, uint32_t width, uint32_t height)
{
	size_t size = (size_t)width * height * 4;
	void *p;

	if (size > s->black_size) {
		if (s->black != NULL) {
			munmap(s->black, s->black_size);
		}
		/* Never written, so it takes no memory but its tables. */
		p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		if (p == MAP_FAILED) {
			leave(EXIT_FAILURE);
		}
		s->black = p;
		s->black_size = size;
	}
	return s->black;
}

static char *pixels(struct session *s)
{
	const struct display_scanout *shown = &s->shown;
	const uint8_t *at = shown->format != 0
				    ? s->viewer->memory + shown->offset
				    : black(s, shown->width, shown->height);

	/* The library has no const, and writes cursors only, see below. */
	return (char *)(uintptr_t)at;
}

static void set_format(struct session *s)
{
	rfbPixelFormat *format = &s->screen->serverFormat;

	format->redShift = s->format->red;
	format->greenShift = s->format->green;
	format->blueShift = s->format->blue;
	format->depth = 24;
	s->screen->depth = 24;
}

static void take_picture(struct session *s, const struct display_scanout *to)
{
	static const struct display_scanout start = {
		.width = NOTHING_WIDTH,
		.height = NOTHING_HEIGHT,
	};
	struct display_scanout old = s->shown.width != 0 ? s->shown : start;

	s->shown = *to;
	if (to->format == 0) {
		s->shown.width = old.width;
		s->shown.height = old.height;
		s->shown.stride = old.width * 4;
	}
	s->format = display_format_find(to->format != 0 ? to->format
							: GPU_B8G8R8X8);
}

static void drop_copy(struct session *s)
{
	if (s->copy != NULL) {
		munmap(s->copy, s->copy_size);
		s->copy = NULL;
	}
}

static void renew_copy(struct session *s, const struct display_damage *d)
{
	size_t row = (size_t)s->shown.width * 4;
	const char *from = pixels(s);

	for (uint32_t y = d->y; s->copy != NULL && y < d->y + d->height; y++) {
		memcpy(s->copy + y * row + 4 * (size_t)d->x,
		       from + y * (size_t)s->shown.stride + 4 * (size_t)d->x,
		       4 * (size_t)d->width);
	}
}

static void make_copy(struct session *s)
{
	const struct display_damage all = {
		.width = s->shown.width,
		.height = s->shown.height,
	};
	size_t size = (size_t)all.width * all.height * 4;
	void *p;

	if (s->copy != NULL || size > COPY_MAX) {
		return;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		s->copy = p;
		s->copy_size = size;
		renew_copy(s, &all);
	}
}

static void free_cursor(struct session *s)
{
	if (s->cursor != NULL) {
		free(s->cursor->richSource);
		free(s->cursor->mask);
		free(s->cursor->source);
		free(s->cursor);
		s->cursor = NULL;
	}
}

/* Its picture, which need not be there for long. */
static void take_pointer(struct session *s, const struct display_pointer *to)
{
	s->pointer = *to;
	if (display_pointer_read(s->viewer->memory, to, s->pointer_pixels)) {
		s->pointer.format = GPU_B8G8R8A8;
	}
}

/* In the colours of the picture; half transparent is one or the other. */
static void draw_cursor(struct session *s)
{
	for (size_t i = 0; i < DISPLAY_POINTER_PIXELS; i++) {
		uint32_t from = s->pointer_pixels[i];
		uint32_t pixel = (from >> 16 & 0xff) << s->format->red |
				 (from >> 8 & 0xff) << s->format->green |
				 (from & 0xff) << s->format->blue;

		memcpy(s->cursor->richSource + 4 * i, &pixel, sizeof(pixel));
		if (from >> 31 != 0) {
			s->cursor->mask[i / 8] |=
				(unsigned char)(0x80 >> i % 8);
		}
	}
}

static void make_cursor(struct session *s)
{
	rfbSetCursor(s->screen, NULL);
	free_cursor(s);
	if (s->pointer.format == 0) {
		return;
	}
	s->cursor = calloc(1, sizeof(*s->cursor));
	if (s->cursor == NULL) {
		return;
	}
	s->cursor->width = DISPLAY_POINTER_SIDE;
	s->cursor->height = DISPLAY_POINTER_SIDE;
	s->cursor->xhot = (unsigned short)s->pointer.hot_x;
	s->cursor->yhot = (unsigned short)s->pointer.hot_y;
	s->cursor->richSource = calloc(DISPLAY_POINTER_PIXELS, 4);
	s->cursor->mask = calloc(DISPLAY_POINTER_PIXELS / 8, 1);
	if (s->cursor->richSource == NULL || s->cursor->mask == NULL) {
		free_cursor(s);
		return;
	}
	draw_cursor(s);
	rfbSetCursor(s->screen, s->cursor);
}

/* For viewers that do not draw it where they point at. */
static void place_cursor(struct session *s, const struct display_pointer *to)
{
	s->screen->cursorX =
		(int)(to->x < DISPLAY_SIDE_MAX ? to->x : DISPLAY_SIDE_MAX);
	s->screen->cursorY =
		(int)(to->y < DISPLAY_SIDE_MAX ? to->y : DISPLAY_SIDE_MAX);
}

/*
 * The library draws a cursor into the picture for viewers that do not draw it
 * themselves.  They get a copy, for the picture is not ours to write to; or no
 * cursor, if it is too large for that.
 */
static void choose_picture(struct session *s)
{
	struct display_message follow = { 0 };

	/* Before it asks for something, it may not have said what it can. */
	if (sraRgnEmpty(s->client->requestedRegion)) {
		return;
	}
	if (s->client->enableCursorShapeUpdates) {
		drop_copy(s);
	} else if (!s->follows) {
		s->follows = true;
		tell(DISPLAY_POINTER, &follow);
	} else if (s->cursor != NULL) {
		make_copy(s);
	}
	s->screen->cursor =
		s->client->enableCursorShapeUpdates || s->copy != NULL
			? s->cursor
			: NULL;
	s->screen->frameBuffer = s->copy != NULL ? (char *)s->copy : pixels(s);
	s->screen->paddedWidthInBytes =
		(int)(s->copy != NULL ? s->shown.width * 4 : s->shown.stride);
}

static void show(struct session *s, const struct display_scanout *to)
{
	uint32_t width = s->shown.width;
	uint32_t height = s->shown.height;
	const struct display_format *format = s->format;
	rfbScreenInfoPtr screen = s->screen;

	drop_copy(s);
	take_picture(s, to);
	if (s->shown.width != width || s->shown.height != height) {
		rfbNewFramebuffer(screen, pixels(s), (int)s->shown.width,
				  (int)s->shown.height, 8, 3, 4);
		format = NULL;
	}
	screen->frameBuffer = pixels(s);
	screen->paddedWidthInBytes = (int)s->shown.stride;
	if (format != s->format) {
		set_format(s);
		screen->setTranslateFunction(s->client);
		make_cursor(s);
	}
	rfbMarkRectAsModified(screen, 0, 0, screen->width, screen->height);
}

/* ------------------------------------------------------------------ events */

static void on_key_code(uint16_t code, bool down)
{
	struct display_message message = {
		.key = { .code = code, .down = down },
	};

	if (code != 0) {
		tell(DISPLAY_KEY, &message);
	}
}

static void on_key(rfbBool down, rfbKeySym symbol, rfbClientPtr client)
{
	(void)client;
	on_key_code(display_key_of_symbol((uint32_t)symbol), down != 0);
}

static uint32_t axis(int at, int length)
{
	if (at < 0 || length < 2) {
		return 0;
	}
	return at >= length ? DISPLAY_AXIS_MAX
			    : (uint32_t)((uint64_t)at * DISPLAY_AXIS_MAX /
					 (uint64_t)(length - 1));
}

#define RFB_WHEEL_UP 0x08
#define RFB_WHEEL_DOWN 0x10
#define RFB_WHEEL_LEFT 0x20
#define RFB_WHEEL_RIGHT 0x40

/* Left, middle, right; the wheel's are no buttons; back. */
static uint32_t buttons_of(int mask)
{
	return (uint32_t)((mask & 1) | (mask >> 1 & 2) | (mask << 1 & 4) |
			  (mask >> 4 & 8));
}

static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
	int pressed = mask & ~session.buttons;
	struct display_message motion = {
		.motion = {
			.x = axis(x, client->screen->width),
			.y = axis(y, client->screen->height),
			.buttons = buttons_of(mask),
		},
	};
	struct display_message wheel = {
		.wheel = {
			.dx = ((pressed & RFB_WHEEL_RIGHT) != 0) -
			      ((pressed & RFB_WHEEL_LEFT) != 0),
			.dy = ((pressed & RFB_WHEEL_UP) != 0) -
			      ((pressed & RFB_WHEEL_DOWN) != 0),
		},
	};

	session.buttons = mask;
	tell(DISPLAY_MOTION, &motion);
	if (wheel.wheel.dx != 0 || wheel.wheel.dy != 0) {
		tell(DISPLAY_WHEEL, &wheel);
	}
}

static int on_size(int width, int height, int count,
		   struct rfbExtDesktopScreen *screens, rfbClientPtr client)
{
	struct display_message message = {
		.mode = { (uint32_t)width, (uint32_t)height },
	};

	(void)screens;
	if (count != 1) {
		return rfbExtDesktopSize_InvalidScreenLayout;
	}
	if (width < (int)DISPLAY_MODE_WIDTH_MIN ||
	    width > (int)DISPLAY_MODE_WIDTH_MAX ||
	    height < (int)DISPLAY_MODE_HEIGHT_MIN ||
	    height > (int)DISPLAY_MODE_HEIGHT_MAX ||
	    (uint64_t)width * (uint64_t)height * 4 >
		    session.viewer->memory_size) {
		return rfbExtDesktopSize_OutOfResources;
	}
	if (width == client->screen->width &&
	    height == client->screen->height) {
		/* Else the answer comes with the new picture. */
		client->newFBSizePending = TRUE;
		return rfbExtDesktopSize_Success;
	}
	tell(DISPLAY_MODE, &message);
	return rfbExtDesktopSize_Success;
}

/* --------------------------------------------------------- extended keys */

static int extended_keys_encodings[] = { EXTENDED_KEYS, 0 };

static rfbBool on_extended_keys(rfbClientPtr client, void **data, int encoding)
{
	(void)client;
	(void)data;
	(void)encoding;
	session.extended_keys = true;
	return TRUE;
}

static rfbProtocolExtension extended_keys = {
	.pseudoEncodings = extended_keys_encodings,
	.enablePseudoEncoding = on_extended_keys,
};

/* An update with one rectangle, of that encoding and without pixels. */
static void confirm_extended_keys(rfbClientPtr client)
{
	struct {
		rfbFramebufferUpdateMsg update;
		rfbFramebufferUpdateRectHeader rect;
	} __attribute__((packed)) message = {
		.update = { .type = rfbFramebufferUpdate,
			    .nRects = Swap16IfLE(1) },
		.rect = { .encoding = Swap32IfLE((uint32_t)EXTENDED_KEYS) },
	};

	if (rfbWriteExact(client, (char *)&message, sizeof(message)) < 0) {
		rfbCloseClient(client);
	}
}

/* QEMU's message 255: of its kinds there is 0 alone here. */
static void extended_key(rfbClientPtr client)
{
	rfbQemuExtendedKeyEventMsg message;
	uint16_t code;

	if (rfbReadExact(client, (char *)&message, sizeof(message)) <= 0 ||
	    message.subtype != 0) {
		rfbCloseClient(client);
		return;
	}
	code = display_key_of_scan_code(Swap32IfLE(message.keycode));
	if (code == 0) {
		code = display_key_of_symbol(Swap32IfLE(message.keysym));
	}
	on_key_code(code, message.down != 0);
}

/* There is no clipboard: what is in it is read and forgotten. */
static void cut_text(rfbClientPtr client)
{
	rfbClientCutTextMsg message;
	char text[4096];
	int64_t left;

	if (rfbReadExact(client, (char *)&message, sizeof(message)) <= 0) {
		rfbCloseClient(client);
		return;
	}
	/* Negative: of the extended form. */
	left = (int32_t)Swap32IfLE(message.length);
	left = left < 0 ? -left : left;
	if (left > CUT_TEXT_MAX) {
		rfbCloseClient(client);
		return;
	}
	while (left > 0) {
		int n = left < (int64_t)sizeof(text) ? (int)left
						     : (int)sizeof(text);

		if (rfbReadExact(client, text, n) <= 0) {
			rfbCloseClient(client);
			return;
		}
		left -= n;
	}
}

/* -------------------------------------------------------------------- loop */

/* The library knows more: files, chats, scaled pictures.  Nothing of it. */
static void take_message(rfbClientPtr client)
{
	uint8_t type = 0;

	if (client->state == RFB_NORMAL) {
		ssize_t n =
			recv(client->sock, &type, 1, MSG_PEEK | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			rfbCloseClient(client);
			return;
		}
	}
	switch (type) {
	case rfbSetPixelFormat:
	case rfbSetEncodings:
	case rfbFramebufferUpdateRequest:
	case rfbKeyEvent:
	case rfbPointerEvent:
	case rfbSetDesktopSize:
		rfbProcessClientMessage(client);
		break;
	case rfbClientCutText:
		cut_text(client);
		break;
	case rfbQemuEvent:
		extended_key(client);
		break;
	default:
		rfbCloseClient(client);
		break;
	}
}

static void limit_entry(int seconds)
{
	const struct itimerval timer = { .it_value.tv_sec = seconds };

	/* SIGALRM is not handled: that is the end. */
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void from_viewer(struct session *s)
{
	struct display_message hello = { .hello = { DISPLAY_VERSION, 1 } };

	take_message(s->client);
	if (s->client->sock == RFB_INVALID_SOCKET) {
		return;
	}
	if (!s->entered && s->client->state == RFB_NORMAL) {
		s->entered = true;
		s->told_width = s->screen->width;
		s->told_height = s->screen->height;
		limit_entry(0);
		tell(DISPLAY_HELLO, &hello);
	}
	if (s->extended_keys) {
		s->extended_keys = false;
		confirm_extended_keys(s->client);
	}
}

static void from_link(struct session *s)
{
	struct display_message message;
	const struct display_damage *d = &message.damage;
	int rc;

	while ((rc = display_socket_receive(DISPLAY_CHILD_FD_LINK, &message)) ==
	       0) {
		if (message.type == DISPLAY_SCANOUT) {
			s->more = false;
			show(s, &message.scanout);
		} else if (message.type == DISPLAY_POINTER) {
			if (message.pointer.has_picture != 0) {
				take_pointer(s, &message.pointer);
				make_cursor(s);
			}
			place_cursor(s, &message.pointer);
		} else if (message.type == DISPLAY_DAMAGE) {
			s->more = message.part.more != 0;
			renew_copy(s, d);
			rfbMarkRectAsModified(s->screen, (int)d->x, (int)d->y,
					      (int)(d->x + d->width),
					      (int)(d->y + d->height));
		}
	}
	if (rc != -EAGAIN) {
		leave(EXIT_SUCCESS);
	}
}

/* Also if it changed before the viewer said that it can be told. */
static void update_size(struct session *s)
{
	rfbClientPtr client = s->client;

	if (s->told_width != s->screen->width ||
	    s->told_height != s->screen->height) {
		client->newFBSizePending = TRUE;
	}
	if (client->useNewFBSize && client->newFBSizePending) {
		rfbUpdateClient(client);
		if (!client->newFBSizePending) {
			s->told_width = s->screen->width;
			s->told_height = s->screen->height;
		}
	}
}

/* What has changed and was asked for; a new size goes alone. */
static void update(struct session *s)
{
	/* It would move its own there, and that would be a motion to the guest. */
	s->client->enableCursorPosUpdates = FALSE;
	choose_picture(s);
	update_size(s);
	if (s->client->sock != RFB_INVALID_SOCKET) {
		rfbUpdateClient(s->client);
	}
}

static void serve(struct session *s)
{
	struct pollfd fds[] = {
		{ .fd = DISPLAY_CHILD_FD, .events = POLLIN },
		{ .fd = DISPLAY_CHILD_FD_LINK, .events = POLLIN },
	};

	while (s->client->sock != RFB_INVALID_SOCKET) {
		/* Nothing is put off to a later time, so nothing has to wake. */
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return;
		}
		if (fds[1].revents != 0) {
			from_link(s);
		}
		if (fds[0].revents != 0) {
			from_viewer(s);
		}
		if (s->entered && !s->more &&
		    s->client->sock != RFB_INVALID_SOCKET) {
			update(s);
		}
	}
}

static void be_quiet(const char *format, ...)
{
	(void)format;
}

static rfbScreenInfoPtr make_screen(struct session *s, char **passwords)
{
	rfbScreenInfoPtr screen = rfbGetScreen(NULL, NULL, (int)s->shown.width,
					       (int)s->shown.height, 8, 3, 4);

	if (screen == NULL) {
		return NULL;
	}
	screen->desktopName = s->viewer->title;
	screen->frameBuffer = pixels(s);
	screen->paddedWidthInBytes = (int)s->shown.stride;
	screen->cursor = NULL;
	screen->alwaysShared = TRUE;
	screen->deferUpdateTime = 0;
	screen->deferPtrUpdateTime = 0;
	screen->kbdAddEvent = on_key;
	screen->ptrAddEvent = on_pointer;
	screen->setDesktopSizeHook = on_size;
	if (passwords[0] != NULL) {
		screen->authPasswdData = passwords;
		screen->passwordCheck = rfbCheckPasswordByList;
	}
	return screen;
}

void display_viewer_prepare(void)
{
	unsigned char challenge[CHALLENGESIZE] = { 0 };
	char password[] = "";

	rfbLog = be_quiet;
	rfbErr = be_quiet;
	rfbEncryptBytes(challenge, password);
}

int display_viewer_run(void *argument)
{
	const struct display_viewer *viewer = argument;
	char *password =
		viewer->password != NULL ? strdup(viewer->password) : NULL;
	char *passwords[] = { password, NULL };
	struct session *s = &session;

	if (viewer->password != NULL && password == NULL) {
		return EXIT_FAILURE;
	}
	limit_entry(ENTRY_TIME);
	s->viewer = viewer;
	take_picture(s, &viewer->shown);
	take_pointer(s, &viewer->pointer);
	s->screen = make_screen(s, passwords);
	if (s->screen == NULL) {
		return EXIT_FAILURE;
	}
	set_format(s);
	rfbRegisterProtocolExtension(&extended_keys);
	s->client = rfbNewClient(s->screen, DISPLAY_CHILD_FD);
	if (s->client == NULL) {
		return EXIT_FAILURE;
	}
	make_cursor(s);
	place_cursor(s, &s->pointer);
	serve(s);
	return EXIT_SUCCESS;
}
