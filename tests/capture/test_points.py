"""Points as people write them."""

from __future__ import annotations

import pytest

from nslab.capture import points
from nslab.capture.packets import ETHERNET, Point
from nslab.errors import UsageError


def test_a_point_is_a_node_and_an_interface():
    assert points.parse("host:br0") == Point("br0", "host")
    assert str(points.parse("mycontainer:eth0.100")) == "mycontainer:eth0.100"


def test_a_point_that_is_named_twice_is_one():
    assert points.parse_all(["host:br0", "host:eth0", "host:br0"]) == (Point("br0", "host"), Point("eth0", "host"))


@pytest.mark.parametrize("word", ["br0", ":br0", "host:", "host:a b", "host:a:b", "host:averyverylongname", "host:.."])
def test_what_is_no_point_is_one_line_with_an_example(word):
    with pytest.raises(UsageError, match=r"NODE:INTERFACE, as in host:br0$"):
        points.parse(word)


def test_a_capture_wants_a_point():
    with pytest.raises(UsageError, match="a capture wants a point"):
        points.parse_all([])


def test_a_tunnel_s_packets_begin_with_ip():
    assert [points.link_type(hardware) for hardware in (1, 772, 768, 776, 778, 65534)] == [
        ETHERNET,
        ETHERNET,
        *[points.RAW] * 4,
    ]
