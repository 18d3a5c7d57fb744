"""The table of packets, on the kernel's side: what a browser asks, and what it is told."""

import queue
import random
from typing import Any

import numpy as np
import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from nslab.capture.crafting import dissected
from nslab.capture.packets import Packets, Point
from nslab.capture.recording import Recording
from nslab.notebook import terms
from nslab.notebook.clerk import Clerk
from nslab.notebook.layers import layers
from nslab.notebook.packets import PacketTable
from nslab.notebook.view import View

A, B = "172.17.0.100", "8.8.8.8"
SOME = [
    Ether() / ARP(psrc=A, pdst="172.17.0.1"),
    Ether() / IP(src=A, dst=B) / ICMP(id=4, seq=1) / b"payload",
    Ether() / IP(src=B, dst=A) / ICMP(type=0, id=4, seq=1) / b"payload",
    Ether() / IP(src=A, dst=B) / UDP(sport=5353, dport=53) / DNS(rd=1, qd=DNSQR(qname="dns.google")),
    Ether() / IP(src=A, dst="10.0.2.2") / TCP(sport=40000, dport=80, flags="S", options=[("MSS", 1460)]),
    Ether() / IP(src="10.0.2.2", dst=A) / TCP(sport=80, dport=40000, flags="RA", ack=1),
]


def packets(frames, *points):
    """Return frames as packets, one a millisecond, their points in turn."""
    sizes = np.array([len(frame) for frame in frames], np.int32)
    number = np.arange(len(frames))
    return Packets(
        tuple(Point(interface, "host") for interface in points or ("br0",)),
        np.frombuffer(b"".join(frames), np.uint8),
        np.cumsum(sizes, dtype=np.int64) - sizes,
        sizes,
        sizes,
        1_700_000_000_000_000_000 + number * 1_000_000,
        (number % max(1, len(points))).astype(np.uint16),
        np.zeros(len(frames), np.uint8),
    )


class Growing(Recording):
    """A recording that is still made."""

    going = True

    @property
    def running(self):
        return self.going

    def add(self, frames):
        self._kept = packets([*self._kept, *map(bytes, frames)])


class Browser:
    """Asks a clerk as packets.js does, and holds what it was told."""

    def __init__(self, source):
        self.told: queue.Queue[Any] = queue.Queue()
        self.clerk = Clerk(source, lambda message, buffers=None: self.told.put((message, buffers)))
        self.question = 0

    def ask(self, **wanted):
        self.question += 1
        asked = {"ask": "rows", "view": "v", "question": self.question, "first": 0, "count": 500, **wanted}
        self.clerk.hear(asked)
        return self.hear(lambda message: message["question"] == self.question)

    def hear(self, fits):
        while True:
            message, _ = self.told.get(timeout=20)
            if fits(message):
                return message

    def packet(self, number):
        self.clerk.hear({"ask": "packet", "view": "v", "number": number})
        while True:
            message, buffers = self.told.get(timeout=20)
            if message["tell"] == "packet":
                return message, buffers[0]


@pytest.fixture
def ask():
    """Return what opens a browser on a source."""
    opened = []

    def browser(source):
        opened.append(Browser(source))
        message = opened[-1].ask()
        while not source.running and message["state"]["unread"]:
            message = opened[-1].ask()
        return opened[-1]

    yield browser
    for each in opened:
        each.clerk.close()


@pytest.fixture(scope="module")
def recording():
    return Recording(packets([bytes(frame) for frame in SOME], "br0", "eth0"))


def numbers(message):
    return [row[0] for row in message["rows"]]


def test_the_rows_are_those_of_the_table(ask, recording):
    message = ask(recording).ask()
    assert message["state"]["columns"] == list(recording.table.columns)
    assert message["rows"] == [row.values() for row in recording.table.rows()]
    assert (message["state"]["total"], message["state"]["shown"]) == (6, 6)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("icmp", [2, 3]),
        ("ICMP reply", [3]),
        ("icmp source:8.8.8.8", [3]),
        ("src:172.17.0.0/16 -arp", [2, 4, 5]),
        ("ip:10.0.2.2", [5, 6]),
        ("dst:8.8.8", [2, 4]),
        ("proto:tcp length:>54", [5]),
        ("no:2-3", [2, 3]),
        ("time:>=0.004", [5, 6]),
        ('info:"Who has"', [1]),
        ("point:eth0", [2, 4, 6]),
        ("Seq=1", [2, 3, 6]),
        ("!icmp !arp !tcp", [4]),
        ("nowhere", []),
    ],
)
def test_the_filter_box(ask, recording, typed, found):
    assert numbers(ask(recording).ask(filter=typed)) == found


def test_a_filter_that_is_none_says_why_and_changes_nothing(ask, recording):
    browser = ask(recording)
    assert numbers(browser.ask(filter="udp dns")) == []
    assert numbers(browser.ask(filter="dns")) == [4]
    message = browser.ask(filter="length:>x")
    assert message["state"]["problem"] == "length is a number: length:100, length:>100 or length:100-200; not x"
    assert numbers(message) == [4]


@pytest.mark.parametrize(
    ("column", "descending", "found"),
    [
        ("Time", True, [6, 5, 4, 3, 2, 1]),
        ("Length", False, [1, 2, 3, 6, 5, 4]),
        ("Protocol", False, [1, 4, 2, 3, 5, 6]),
        ("Destination", False, [2, 4, 5, 3, 6, 1]),  # addresses as numbers, then what is none
        ("Point", True, [2, 4, 6, 1, 3, 5]),
        ("Info", False, [5, 6, 3, 2, 4, 1]),
    ],
)
def test_every_column_sorts_and_equals_stay_in_order(ask, recording, column, descending, found):
    message = ask(recording).ask(sort=column, descending=descending)
    assert numbers(message) == found


def test_rows_come_while_they_are_captured_and_earlier_ones_are_put_right(ask):
    source = Growing(packets([]))
    browser = ask(source)
    source.add([SOME[1]])
    message = browser.hear(lambda told: told["state"]["total"] == 1)
    assert "reply" not in message["rows"][0][-1]
    browser.clerk.hear({"ask": "more", "view": "v", "serial": message["serial"]})
    source.add([SOME[2]])
    message = browser.hear(lambda told: told["state"]["total"] == 2)
    assert message["changed"] == [1]
    assert message["rows"][0][-1].endswith("(reply in 2)")
    assert message["rows"][1][-1].endswith("(request in 1)")


def test_a_filter_finds_rows_by_words_that_came_later(ask):
    source = Growing(packets([]))
    browser = ask(source)
    browser.ask(filter='"reply in 2"')
    source.add([SOME[1]])
    source.add([SOME[2]])
    message = browser.hear(lambda told: told["state"]["total"] == 2 and told["state"]["shown"])
    assert numbers(message) == [1]


def test_a_table_that_is_held_still_gets_no_rows_and_its_counters_go_on(ask):
    source = Growing(packets([]))
    browser = ask(source)
    source.add(SOME[:2])
    browser.hear(lambda told: told["state"]["total"] == 2)
    browser.ask(frozen=True, looked=2)
    source.add(SOME[2:])
    message = browser.hear(lambda told: told["state"]["total"] == 6)
    assert message["state"]["shown"] == 2
    assert browser.ask(frozen=False)["state"]["shown"] == 6


def test_a_browser_that_does_not_answer_is_told_less_and_less():
    source = Growing(packets([bytes(SOME[0])] * 400))
    view = View("v", rows := Clerk(source, lambda *_: None)._rows)
    view.want({"question": 1, "first": 0, "count": 10})
    clock = iter(range(10**9))
    told = [view.told({"running": True, "problem": "", "total": next(clock)}) for _ in range(2000)]
    assert sum(each is not None for each in told) <= 4
    assert view.due is not None
    assert len(rows) <= 400


def test_its_button_ends_a_capture(ask, shared_lab):
    capture = shared_lab.capture("host:lo").start()
    browser = ask(capture)
    assert browser.ask()["state"]["running"]
    browser.clerk.hear({"ask": "stop", "view": "v"})
    message = browser.hear(lambda told: not told["state"]["running"])
    assert not capture.running
    assert message["state"]["total"] == 0


def test_the_newest_rows_are_sent_unasked_and_only_those(ask):
    source = Growing(packets([]))
    browser = ask(source)
    browser.ask(newest=3)
    source.add(SOME)
    message = browser.hear(lambda told: told["state"]["total"] == 6)
    assert (message["first"], numbers(message)) == (3, [4, 5, 6])


def test_two_views_of_one_table_do_not_disturb_each_other(ask, recording):
    browser = ask(recording)
    browser.clerk.hear({"ask": "rows", "view": "w", "question": 9, "filter": "arp", "first": 0, "count": 10})
    assert numbers(browser.hear(lambda told: told["view"] == "w")) == [1]
    assert numbers(browser.ask()) == [1, 2, 3, 4, 5, 6]


def test_a_row_opens_its_layers_and_bytes(ask, recording):
    message, data = ask(recording).packet(5)
    assert data == bytes(SOME[4])
    assert [each["title"] for each in message["layers"]] == ["Ethernet", "IP", "TCP"]
    tcp = {name: (value, data[start:end]) for name, value, start, end in message["layers"][2]["fields"]}
    value, wire = tcp["dport"]
    assert (value in {"http (80)", "80 (0x50)"}, wire) == (True, b"\0\x50"), "by its name where /etc/services has it"
    assert tcp["options"] == ("[('MSS', 1460)]", b"\x02\x04\x05\xb4")


def test_every_layer_has_its_own_bytes():
    frame = bytes(Ether() / Dot1Q(vlan=7) / IP() / UDP() / b"data")
    assert [(each.title, each.start, each.end) for each in layers(Ether(frame))] == [
        ("Ethernet", 0, 14),
        ("802.1Q", 14, 18),
        ("IP", 18, 38),
        ("UDP", 38, 46),
        ("Raw", 46, 50),
    ]


def test_any_bytes_have_layers():
    dice = random.Random(7)
    for _ in range(300):
        frame = bytearray(bytes(dice.choice(SOME)))
        for _ in range(5):
            frame[dice.randrange(len(frame))] = dice.randrange(256)
        cut = bytes(frame[: dice.randrange(len(frame) + 1)])
        for layer in layers(dissected(packets([cut]), 0)):
            assert 0 <= layer.start <= layer.end <= len(cut)


def test_a_large_recording_is_read_and_shown_at_once(ask):
    frames = [bytes(frame) for frame in SOME] * 2500
    browser = ask(Recording(packets(frames)))
    assert browser.ask(filter="arp")["state"]["shown"] == 2500
    assert numbers(browser.ask(filter="", first=14_000, count=2)) == [14_001, 14_002]


def test_terms_keep_what_is_quoted_together():
    assert [(term.field, term.text) for term in terms.read('"no such" fe80::1 source:"a b"')] == [
        ("", "no such"),
        ("", "fe80::1"),
        ("source", "a b"),
    ]


def test_without_a_browser_it_is_a_table_and_its_text(recording):
    made = PacketTable(recording)
    data, _ = made._repr_mimebundle_()
    assert data["text/html"] == recording._repr_html_()
    assert data["text/plain"] == repr(recording) == repr(made)
    made.close()
