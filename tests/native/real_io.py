#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What hvd starts as the I/O process in test_display_hvd.py: the real one
(hvd_io_fake.c), with a socket in the place of the zone of files, for it waits for
events.  $HVD_IO_REAL names the program."""
import contextlib
import os
import socket
import sys

FD_ZONE = 4

ours, its = socket.socketpair()
if os.fork() == 0:  # holds the other end until it ends
    os.setsid()
    for fd in range(64):
        if fd != ours.fileno():
            with contextlib.suppress(OSError):
                os.close(fd)
    while ours.recv(100):
        pass
    os._exit(0)
ours.close()
os.dup2(its.fileno(), FD_ZONE)
program = os.environ["HVD_IO_REAL"]
os.execv(program, [program, *sys.argv[1:]])
