# SPDX-License-Identifier: BSD-2-Clause

# The client library.
libhvd-y += \
	toolstack/lib/client/call.c \
	toolstack/lib/client/conn.c \
	toolstack/lib/client/console.c \
	toolstack/lib/client/error.c \
	toolstack/lib/client/event.c \
	toolstack/lib/client/frame.c \
	toolstack/lib/client/host.c \
	toolstack/lib/client/pump.c \
	toolstack/lib/client/sock.c \
	toolstack/lib/client/wire.c \
	toolstack/lib/client/zone.c

# The shell. libedit: line editing under the BSD licence.
hvsh-y += \
	toolstack/hvsh/args.c \
	toolstack/hvsh/cmd_console.c \
	toolstack/hvsh/cmd_define.c \
	toolstack/hvsh/cmd_events.c \
	toolstack/hvsh/cmd_help.c \
	toolstack/hvsh/cmd_host.c \
	toolstack/hvsh/cmd_zone.c \
	toolstack/hvsh/commands.c \
	toolstack/hvsh/complete.c \
	toolstack/hvsh/console_session.c \
	toolstack/hvsh/context.c \
	toolstack/hvsh/interactive.c \
	toolstack/hvsh/main.c \
	toolstack/hvsh/offsets.c \
	toolstack/hvsh/output.c \
	toolstack/hvsh/progress.c \
	toolstack/hvsh/signals.c \
	toolstack/hvsh/table.c \
	toolstack/hvsh/term.c \
	toolstack/hvsh/words.c
hvsh-libs += libedit
