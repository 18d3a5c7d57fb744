"""What the tests share: one lab where they allow it, and the machine before and after."""

from __future__ import annotations

import os

import pytest

from nslab.instruments import Lab


def pytest_configure():
    # nbval's kernels have their environment from here: the four notebooks share one lab, and it ends with this process.
    os.environ["NSLAB_LAB"] = f"nbval-{os.getpid()}"
    os.environ["NSLAB_OWNER"] = str(os.getpid())


@pytest.fixture(scope="session")
def shared_lab():
    """Return a lab that all tests may look into; what a test changes in it, it puts back."""
    lab = Lab.up(f"shared-{os.getpid()}", owner=os.getpid(), tell=print)
    yield lab
    lab.down()


@pytest.fixture
def lab(request):
    """Return a fresh lab for one test."""
    lab = Lab.up(f"test-{os.getpid()}", owner=os.getpid())
    yield lab
    if lab.name in Lab.names():
        lab.down()
