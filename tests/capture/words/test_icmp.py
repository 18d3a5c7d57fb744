"""ICMP and ICMPv6."""

from __future__ import annotations

import struct

QUOTED_CODES = ((3, 18), (5, 6), (11, 4), (12, 5), (9, 19), (40, 8), (42, 3), (43, 6), (6, 2))


def test_every_type_and_code_of_icmp_is_named(frames, as_tshark):
    quoted = bytes(4) + frames.ipv4(frames.udp(), source=frames.THERE, destination=frames.HERE)
    kinds = [(kind, code) for kind in [*range(45), 252, 255] for code in (0, 1)]
    kinds += [(kind, code) for kind, codes in QUOTED_CODES for code in range(2, codes)]
    packets = [frames.ether(frames.ipv4(frames.icmp(kind, code, quoted), 1)) for kind, code in kinds]
    error = frames.ether(frames.ipv4(frames.icmp(3, 3, quoted), 1))
    ping = frames.ether(frames.ipv4(frames.echo(8, 1), 1))
    packets += frames.cut(error, 34) + frames.cut(ping, 34)
    packets += [frames.ether(frames.ipv4(frames.icmp(3, 3, quoted)[:n], 1)) for n in range(40)]
    packets += [frames.ether(frames.ipv4(frames.echo(8, 2)[:n], 1)) for n in range(12)]
    as_tshark(packets)


def test_a_request_says_where_its_reply_is_and_the_other_way_round(frames, as_tshark):
    def ping(sequence, kind=8, source=frames.HERE, destination=frames.THERE, **more):
        return frames.ether(frames.ipv4(frames.echo(kind, sequence, **more), 1, source, destination))

    def pong(sequence, source=frames.THERE, destination=frames.HERE, **more):
        return ping(sequence, 0, source, destination, **more)

    damaged = bytearray(pong(9))
    damaged[36] ^= 1
    packets = [
        ping(1), ping(1), pong(1), pong(1),
        pong(2), ping(2),
        ping(3), pong(3), ping(3), pong(3),
        ping(4), pong(4, "10.0.0.3"), pong(4),
        ping(5, destination="255.255.255.255"), pong(5), ping(6, destination="224.0.0.1"), pong(6),
        ping(7), ping(7, source=frames.THERE, destination=frames.HERE), pong(7), pong(7, frames.HERE, frames.THERE),
        ping(8), ping(8, identifier=9), pong(8, identifier=9), pong(8),
        ping(9), bytes(damaged), ping(10), ping(11),
        ping(12), (pong(12)[:44], len(pong(12))),
    ]  # fmt: skip
    as_tshark(packets)


def test_icmpv6_names_types_codes_neighbours_and_groups(frames, as_tshark):
    quoted = bytes(4) + frames.ipv6(frames.udp(), source=frames.THERE6, destination=frames.HERE6)
    target = b"\xfe\x80" + bytes(13) + b"\x09"
    source, link = b"\1\1" + frames.HERE_MAC, b"\2\1" + frames.THERE_MAC
    kinds = [(kind, 0) for kind in (*range(6), 100, 127, 130, 131, 132, 141, 144, 150, 151, 152, 154, 162, 200, 255)]
    kinds += [(1, code) for code in range(1, 9)] + [(3, 1), (3, 2)] + [(4, code) for code in range(1, 5)]
    bodies = [struct.pack("!BBH", kind, code, 0) + quoted for kind, code in kinds]
    for options in (b"", source, link, source + source, b"\1\0" + bytes(6), b"\1\2" + bytes(6)):
        bodies += [b"\x87" + bytes(7) + target + options, b"\x85" + bytes(7) + options, b"\x86" + bytes(15) + options]
        bodies += [b"\x88\0\0\0" + bytes([flags << 5, 0, 0, 0]) + target + options for flags in range(8)]
        bodies += [b"\x89" + bytes(7) + target + target + options]
    report = b"\x8f" + bytes(5) + b"\0\2" + (b"\4\0\0\0" + target) * 2
    bodies += [b"\x82" + bytes(7) + target, report, report[:40]]
    solicitation = b"\x87" + bytes(7) + target + source
    for body in (solicitation, report, b"\1\4\0\0" + quoted, b"\x80\0\0\0\x12\x34\0\7abc"):
        bodies += [body[:size] for size in range(len(body))]
    packets = [frames.ether(frames.ipv6(body, 58)) for body in bodies]
    packets += frames.cut(frames.ether(frames.ipv6(solicitation, 58)), 54)
    as_tshark(packets)


def test_a_ping_of_ipv6_finds_its_reply(frames, as_tshark):
    def ping(kind, sequence, source=frames.HERE6, destination=frames.THERE6):
        checksum = 0x1234 + (kind == 129) * -0x0100  # as much smaller as the type is greater
        body = struct.pack("!BBHHH", kind, 0, checksum, 7, sequence)
        return frames.ether(frames.ipv6(body, 58, source, destination))

    pong = ping(129, 2, frames.THERE6, frames.HERE6)
    as_tshark([ping(128, 1), ping(128, 2), ping(128, 2), ping(128, 3, destination="ff02::1"), pong, pong])
