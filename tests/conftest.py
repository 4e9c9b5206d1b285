"""What every test may rely on, wherever the tests were started from."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def signals_that_are_heard():
    """Let Ctrl-C and the like reach our children, in a background job as well.

    A shell starts those, and nohup what it runs, deaf to them, and deaf are then all
    the processes that a test interrupts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
