"""tcpdump's language, and where it was left."""

from __future__ import annotations

import pytest

from nslab.capture import filters, points
from nslab.errors import UsageError

METADATA = 0xFFFFF000  # what a filter loads from here on is not in the packet


@pytest.fixture
def compiled(shared_lab):
    def compiled(expression, **options):
        return filters.compile(expression, shared_lab["internet"], **options)

    return compiled


def test_no_filter_lets_everything_in(compiled):
    assert compiled("") == compiled("  ") == ((6, 0, 0, 262144),)


@pytest.mark.one_id
def test_a_filter_is_what_tcpdump_makes_of_it(compiled, shared_lab):
    said = shared_lab["internet"].run("tcpdump -i lo -ddd icmp and host 8.8.8.8").stdout.splitlines()[1:]
    assert compiled("icmp and host 8.8.8.8") == tuple(tuple(map(int, line.split())) for line in said)


def test_a_filter_for_a_tag_looks_where_the_kernel_keeps_it(compiled):
    assert any(operand >= METADATA for *_, operand in compiled("vlan 100"))


def test_packets_of_a_tunnel_are_judged_by_their_ip_header(compiled):
    on_ethernet, raw = compiled("icmp"), compiled("icmp", link_type=points.RAW)
    assert (0x28, 0, 0, 12) in on_ethernet
    assert (0x28, 0, 0, 12) not in raw


def test_a_filter_cuts_packets(compiled):
    assert {operand for code, *_, operand in compiled("icmp", snaplen=96) if code == 6} == {0, 96}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("icmp adn host 8.8.8.8", "syntax error at 'adn': icmp ▸adn host 8.8.8.8"),
        ("icmp and fro 8", "syntax error at 'fro': icmp and ▸fro 8"),
        ("tcp port http and not (ip[0] & 0xf = )", "syntax error at ')': tcp port http and not (ip[0] & 0xf = ▸)"),
        ("icmp or arp)", "syntax error at ')': icmp or arp▸)"),
        ("(icmp or arp", "syntax error, something is missing at the end: (icmp or arp"),
        ("tcp[tcpflags] & (tcp-syn) != 0 && && udp", "at '&&': tcp[tcpflags] & (tcp-syn) != 0 && ▸&& udp"),
        ("icmp and", "syntax error, something is missing at the end: icmp and"),
        ("-w /tmp/x", "syntax error at '-w': ▸-w /tmp/x"),
        ("$(reboot)", "syntax error at '$': ▸$(reboot)"),
        ("port nosuch", "unknown port 'nosuch': port nosuch"),
        ("net 10.0.0.0/33", "mask length must be <= 32: net 10.0.0.0/33"),
        ("ip and arp", "expression rejects all packets: ip and arp"),
    ],
)
def test_a_wrong_filter_is_one_line_with_the_place_of_the_fault(compiled, wrong, says):
    with pytest.raises(UsageError) as error:
        compiled(wrong)
    assert str(error.value).startswith("filter: ")
    assert str(error.value).endswith(says)
    assert "\n" not in str(error.value)
