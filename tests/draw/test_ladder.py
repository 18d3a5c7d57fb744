"""The ladder of a journey: its columns, its way, what was rewritten, and the cross where it died."""

import pytest

from nslab.draw import ladder
from nslab.journey.model import Findings, Hop, Rewrite, Where, Why

C, ANSWERER, HOST = "172.17.0.100", "8.8.8.8", "10.0.2.15"
MASQUERADE = Rewrite("src", C, HOST, "-A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE")
UNDONE = Rewrite("dst", HOST, C, "connection tracking (undo NAT)")
OUT = """mycontainer: OUTPUT, POSTROUTING, eth0 ▶; host: veth1 ◀, br0 ◀, PREROUTING, FORWARD, POSTROUTING, eth0 ▶;
internet: host ◀, net0 ◀, PREROUTING, INPUT"""
BACK = """internet: OUTPUT, POSTROUTING, net0 ▶, host ▶; host: eth0 ◀, PREROUTING, FORWARD, POSTROUTING, br0 ▶, veth1 ▶;
mycontainer: eth0 ◀, PREROUTING, INPUT"""
NO_FORWARDING = Why(
    "forwarding-off",
    "host does not forward: net.ipv4.ip_forward is 0",
    ("asked the kernel: No route to host",),
    "sysctl net.ipv4.ip_forward=1",
    remedy_node="host",
)


def hops(text, way="out", *, until="", rewrites=None):
    """Return the hops of `node: point, point; node: …`, those up to `node:point` only."""
    source, destination = (C, ANSWERER) if way == "out" else (ANSWERER, HOST)
    ttl = 64
    found: list[Hop] = []
    for part in text.replace("\n", " ").split(";"):
        node, _, points = part.strip().partition(": ")
        for point in points.split(", "):
            changed = (rewrites or {}).get(f"{node}:{point}", ())
            source = next((each.after for each in changed if each.field == "src"), source)
            destination = next((each.after for each in changed if each.field == "dst"), destination)
            ttl -= point == "FORWARD"
            found.append(Hop(node, point, source, destination, ttl, way, len(found) * 1000, changed))
            if until == f"{node}:{point}":
                return tuple(found)
    return tuple(found)


def findings(seen, **options):
    packet = f"ICMP echo request {C} → {ANSWERER}" if seen else ""
    return Findings("mycontainer", "ping -c1 8.8.8.8", packet, seen, **options)


WHOLE = hops(OUT, rewrites={"host:POSTROUTING": (MASQUERADE,)}) + hops(
    BACK, "back", rewrites={"host:PREROUTING": (UNDONE,)}
)
ANSWERED = findings(WHOLE, delivered=True)
STOPPED = findings(hops(OUT, until="host:PREROUTING"), where=Where("host", "the routing decision"), why=NO_FORWARDING)
ROUTERS = "; ".join(f"router-{n}: eth0 ◀, PREROUTING, FORWARD, POSTROUTING, eth1 ▶" for n in range(5))
ODD = {
    "answered": ANSWERED,
    "stopped": STOPPED,
    "never sent": findings((), where=Where("mycontainer", "the program"), why=Why("no-route", "no route to 8.8.8.8")),
    "nothing at all": Findings("c1", "true", ""),
    "observations lost": findings(hops(OUT, until="host:br0 ◀"), lost=12),
    "cause not known": findings(
        hops(OUT, until="host:br0 ◀"), where=Where("host", "the bridge"), why=Why("unknown", "cause not known")
    ),
    "the answer stopped": findings(
        WHOLE[: len(WHOLE) - 4], where=Where("host", "POSTROUTING"), why=Why("x", "dropped by a rule " * 12)
    ),
    "one column": findings(
        hops("c: OUTPUT"), where=Where("c", "OUTPUT"), why=Why("x", "dropped", remedy="iptables -F")
    ),
    "twenty-five columns": findings(hops(ROUTERS), where=Where("router-4", "FORWARD"), why=Why("x", "dropped")),
    "a loop": findings(
        hops("; ".join([ROUTERS] * 30)), where=Where("router-0", "forwarding"), why=Why("ttl", "ttl is 0")
    ),
    "long words": findings(
        hops(OUT, rewrites={"host:FORWARD": (Rewrite("src", "x" * 90, "y" * 90, "-A F " + "z" * 300),)}),
        where=Where("n" * 80, "s" * 200),
        why=Why("x", "m" * 400, ("e" * 300,) * 20, "r" * 300),
        notes=("n" * 300,),
    ),
    "characters that XML has no room for": findings(
        (Hop("<&", '">\x00', "\x1b[31m", "]]>", 1, rewrites=(Rewrite("<", "&", ">", "\n"),)),), where=Where("<", "&")
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_every_journey_has_a_picture_with_all_of_it_on_the_card(name, read):
    shown = read(ladder.draw(ODD[name]))
    assert shown.outside() == []
    assert ladder.draw(ODD[name]) == shown.picture


def test_out_and_back_share_their_columns():
    columns, rungs = ladder.arrange(WHOLE)
    assert len(columns) == 13
    assert [column.node for column in columns] == ["mycontainer"] * 3 + ["host"] * 6 + ["internet"] * 4
    assert [column.names for column in columns][:2] == [["OUTPUT", "INPUT"], ["POSTROUTING", "PREROUTING"]]
    out = [rung.column for rung in rungs if rung.hop.way == "out"]
    back = [rung.column for rung in rungs if rung.hop.way == "back"]
    assert out == list(range(13))
    assert back == out[::-1]


def test_what_only_the_way_back_has_seen_gets_a_column_of_its_own():
    error = hops("host: OUTPUT, POSTROUTING, br0 ▶, veth1 ▶; mycontainer: eth0 ◀, PREROUTING, INPUT", "back")
    columns, rungs = ladder.arrange(hops(OUT, until="host:PREROUTING") + error)
    assert columns[-1].names == ["OUTPUT"]
    assert len(columns) == 7
    assert [rung.column for rung in rungs] == [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0]


def test_out_and_back_differ_in_more_than_colour(read):
    shown = read(ladder.draw(ANSWERED))
    assert shown.has("→ out: 172.17.0.100 → 8.8.8.8", "← back: 8.8.8.8 → 10.0.2.15")
    assert {"out", "back"} <= {word for style in shown.styles("line") for word in style}


def test_what_was_rewritten_is_said_with_the_rule_that_did_it(read):
    shown = read(ladder.draw(ANSWERED))
    assert shown.has("✎ src 172.17.0.100 → 10.0.2.15", "by POSTROUTING -s 172.17.0.0/24 ! -o br0 MASQUERADE")
    assert shown.has("✎ dst 10.0.2.15 → 172.17.0.100", "by connection tracking (undo NAT)", "ttl 64 → 63")


def test_a_rule_is_shortened_to_what_says_something():
    rule = "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80"
    assert ladder.shorten(rule) == "PREROUTING -p tcp --dport 8080 DNAT --to-destination 172.17.0.100:80"
    assert ladder.shorten("-A INPUT -m conntrack --ctstate NEW -j DROP") == "INPUT -m conntrack --ctstate NEW DROP"


def test_a_packet_that_was_answered_has_no_cross(read):
    shown = read(ladder.draw(ANSWERED))
    assert ["cross"] not in shown.styles("text")
    assert shown.has("✓ delivered and answered")
    assert shown.picture.alt == (
        "Journey of ICMP echo request 172.17.0.100 → 8.8.8.8 from mycontainer: delivered and answered."
    )


def test_a_packet_that_died_has_a_cross_and_the_cause_and_the_remedy(read):
    shown = read(ladder.draw(STOPPED))
    assert shown.styles("text").count(["cross"]) == 1
    assert shown.has(
        "host: the routing decision", "net.ipv4.ip_forward is 0", "→ in host: sysctl net.ipv4.ip_forward=1"
    )
    assert "stopped in host: the routing decision: host does not forward" in shown.picture.alt
    assert "remedy in host: sysctl net.ipv4.ip_forward=1" in shown.picture.alt


def test_the_cross_of_a_packet_whose_death_was_told_to_its_sender_is_where_it_died(read):
    error = hops("host: OUTPUT, POSTROUTING, br0 ▶, veth1 ▶; mycontainer: eth0 ◀, PREROUTING, INPUT", "back")
    found = findings(hops(OUT, until="host:PREROUTING") + error, where=Where("host", "the routing decision"))
    shown = read(ladder.draw(found))
    texts = shown.texts
    assert texts.index("✗") < next(at for at, text in enumerate(texts) if text.startswith("← back"))


def test_an_answer_that_died_has_its_cross_on_the_way_back(read):
    texts = read(ladder.draw(ODD["the answer stopped"])).texts
    assert texts.index("✗") > next(at for at, text in enumerate(texts) if text.startswith("← back"))


def test_lost_observations_are_no_verdict(read):
    shown = read(ladder.draw(ODD["observations lost"]))
    assert shown.has("No verdict: 12 observations were lost")
    assert "✗" not in shown.texts
    assert "no verdict" in shown.picture.alt


def test_many_columns_are_written_aslant_and_fit_a_notebook(read):
    shown = read(ladder.draw(ODD["twenty-five columns"]))
    assert shown.width < 1300
    assert any("transform" in each.attrib for each in shown.root.iter())
    assert not any("transform" in each.attrib for each in read(ladder.draw(ANSWERED)).root.iter())


def test_a_real_journey_has_its_ladder(shared_lab, read):
    journey = shared_lab.journey("outside", "ping -c1 -W1 10.0.2.15")
    shown = read(journey.ladder())
    assert shown.has("outside", "internet", "host", "→ out: 10.0.2.3 → 10.0.2.15", "✓ delivered and answered")
    assert shown.outside() == []
    assert repr(shown.picture) == repr(journey)
