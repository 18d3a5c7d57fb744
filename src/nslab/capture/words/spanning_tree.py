"""Spanning tree: IEEE 802.1D's BPDUs and their rapid, multiple and shortest-path successors; Cisco's per VLAN."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import SNAP, over_llc
from nslab.capture.words.values import read_to_its_end

CISCO: Final = 0x00000C
TOPOLOGY_CHANGE: Final = 0x80
CONFIGURATION: Final = 0
RAPID: Final = 2
KINDS: Final = {3: "MST", 4: "SPT"}
SIZE: Final = 35  # of a configuration BPDU


@over_llc(0x42)
@read_to_its_end
def spanning_tree(c: Context, data: bytes, at: int) -> None:
    """Which bridge is the root, as this one sees it, and what the way there costs."""
    c.protocol = "STP"
    c.write("")
    _, version, kind = unpack_from("!HBB", data, at)
    if kind == TOPOLOGY_CHANGE:
        c.write("Topology Change Notification")
        return
    if kind not in (CONFIGURATION, RAPID):
        c.write(f"Unknown BPDU type ({kind})")
        return
    flags, bridge, root, cost, _, _, port = unpack_from("!BH6sIH6sH", data, at + 4)
    name = "Conf" if kind == CONFIGURATION else KINDS.get(version, "RST")
    change = "TC + " if flags & 1 else ""
    c.write(
        f"{name}. {change}Root = {bridge & 0xF000}/{bridge & 0xFFF}/{c.dissector.mac[root]}"
        f"  Cost = {cost}  Port = 0x{port:04x}"
    )
    unpack_from("!HHHH", data, at + SIZE - 8)


SNAP[CISCO, 0x010B] = spanning_tree
