# SPDX-License-Identifier: BSD-2-Clause
"""Whoever started the tests may have had signals ignored (a job in the
background, nohup), and programs inherit that: they must work for those that
the tests send them to."""
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
