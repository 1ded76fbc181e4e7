"""What every test shares: a fixed search for counter-examples, no display, no network.

`HYPOTHESIS_PROFILE=thorough` searches eighty times as long, `quick` a fifth as long.
"""

import os
import signal
import socket

import matplotlib as mpl
import pytest
from hypothesis import settings

from search import USUAL

settings.register_profile("default", deadline=None, derandomize=True, max_examples=USUAL)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=5)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

mpl.use("Agg")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a run in the background: processes
    signal.signal(signal.SIGINT, signal.default_int_handler)  # that tests start would ignore it too

THIS_MACHINE = {"127.0.0.1", "::1", "localhost"}
INTERNET = {socket.AF_INET, socket.AF_INET6}


class NetworkUsed(BaseException):
    """Something reached for another machine; no `except Exception` may hide it."""


def _only_this_machine(method):
    def guarded(self, address, *rest):
        if self.family in INTERNET and address[0] not in THIS_MACHINE:
            raise NetworkUsed("The library never opens a connection to another machine.")
        return method(self, address, *rest)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Refuse every connection that leaves this machine; give the error that is raised."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            method = getattr(socket.socket, name)
            patch.setattr(socket.socket, name, _only_this_machine(method))
        yield NetworkUsed
