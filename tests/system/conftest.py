# SPDX-License-Identifier: BSD-2-Clause
"""One machine per test file: booting is the slow part."""
import pytest

from machine import Machine


@pytest.fixture(scope="module")
def machine(request):
    name = request.module.__name__.removeprefix("test_")
    extra = getattr(request.module, "MACHINE_EXTRA", ())
    with Machine(name, extra=extra) as m:
        m.login()
        yield m


@pytest.fixture(autouse=True)
def console_of_failure(request):
    """Adds the end of the console to the report of a failed test."""
    yield
    report = getattr(request.node, "report_call", None)
    machine = request.node.funcargs.get("machine")
    if machine is not None and report is not None and report.failed:
        print(f"--- console of {machine.name}, last lines ---")
        print(machine.tail())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    setattr(item, f"report_{report.when}", report)
