# SPDX-License-Identifier: BSD-2-Clause
"""What a process of tests has of its own, and what it starts inherits."""
import ctypes
import os
import signal
import subprocess

CLONE_NEWNET = 0x40000000

# Whoever started the tests may have had signals ignored (a job in the background,
# nohup): programs must work for those that the tests send them to.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)

# Of several at a time (scripts/run-tests) each would find ports taken by others' tests.
if "ZV_TEST_OWN_NETWORK" in os.environ:
    assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
