"""Notebook variables that a cell names."""

from ipaddress import ip_address, ip_network
from pathlib import Path

from nslab.notebook.variables import named


def test_what_a_cell_names_reaches_it_as_text():
    values = {
        "pings": 4,
        "address": ip_address("172.17.0.100"),
        "subnet": ip_network("172.17.0.0/24"),
        "place": Path("/tmp/x"),
        "share": 0.5,
        "loud": True,
        "other": "not named",
    }
    assert named('ping -c $pings ${address} "$subnet" ${place%/*} $share $loud', values) == {
        "pings": "4",
        "address": "172.17.0.100",
        "subnet": "172.17.0.0/24",
        "place": "/tmp/x",
        "share": "0.5",
        "loud": "true",
    }


def test_what_has_no_plain_text_stays_in_the_notebook():
    assert named("$a $b $c $d", {"a": [1], "b": None, "c": len, "d": b"x"}) == {}


def test_a_name_of_the_shell_alone_is_not_touched():
    assert named("echo $HOME $? $$ $1", {}) == {}
