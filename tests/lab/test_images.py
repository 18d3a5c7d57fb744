"""The image: built whole or not at all, and never used when something in it has changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nslab.errors import LabError
from nslab.lab import images, places
from nslab.lab.lab import Lab
from nslab.sandbox import idmap

BUILD = """
import sys
from nslab.lab import images
from nslab.sandbox import idmap
images.ensure(idmap.choose(), tell=lambda line: print(line, flush=True))
"""


@pytest.fixture
def empty_cache(tmp_path, monkeypatch, shared_lab):
    """Use a cache of this test's own, with the packages that are here already and no image."""
    packages = places.mirror()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (places.cache() / "mirror").symlink_to(packages)
    yield places.cache()
    images.remove()


def start_build():
    process = subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "building the Debian image" in process.stdout.readline()
    return process


def test_an_image_is_whole_or_not_there(empty_cache):
    ids = idmap.choose()
    killed = start_build()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert images.find(ids) is None

    first, second = start_build(), None
    second = subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, text=True)
    assert first.wait(250) == second.wait(250) == 0
    assert first.communicate()[0] == second.communicate()[0] == ""  # the second found what the first had built
    image = images.find(ids)
    assert image is not None
    Lab.up(f"image-{os.getpid()}", owner=os.getpid()).down()

    (images.place(ids) / image.directory / "etc" / "damage").touch()
    assert images.find(ids) is None


def test_a_build_without_an_archive_says_so(empty_cache, monkeypatch, tmp_path):
    (empty_cache / "mirror").unlink()
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(
        LabError, match="the Debian image could not be built: this machine's Debian mirror cannot be reached"
    ):
        images.ensure(idmap.choose(), tell=print)
    assert images.find(idmap.choose()) is None


def test_the_seal_sees_every_change(tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/sh").write_text("a shell")
    seals = [images.seal(root)]
    os.utime(root / "bin/sh", (0, 0))
    seals.append(images.seal(root))
    (root / "bin/sh").chmod(0o755)
    seals.append(images.seal(root))
    (root / "bin/sh").unlink()
    seals.append(images.seal(root))
    assert len(set(seals)) == len(seals)
    assert images.seal(root) == seals[-1]
