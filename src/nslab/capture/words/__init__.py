'''Words for packets: Source, Destination, Protocol and Info of every packet, as tshark -n -2 prints them.

    d = Dissector()
    d.feed(packets)
    d.finish()
    list(zip(d.source, d.destination, d.protocol, d.info))

One file per protocol. A layer is a function that reads what begins at `data[at]` and hands on to the next one; it is
entered in a table of `registry` under the number by which the layer below names it, and its file is imported here.
Every function is given the one `Context` (context.py): the packet and its row.

**A protocol over UDP** (also over Ethernet, IP …: `over_ethernet`, `over_ip`, `over_llc`, `over_link`):

    @over_udp(123)
    def ntp(c: Context, data: bytes, at: int) -> bool | None:
        """NTP (RFC 5905): version and mode are in the first byte."""
        if len(data) - at < 48:
            return False                        # not mine: the row stays "UDP", others are asked
        first, stratum = unpack_from("!BB", data, at)
        c.protocol = "NTP"                      # overwrites what the layer below has said
        c.write(f"NTP Version {first >> 3 & 7}")    # so does this; c.append goes on, c.add with ", " between
        return None

`data` ends where the layer around it ends (padding is gone). Reading behind its end needs no check: `data[i]` and
`unpack_from` raise IndexError and struct.error, which become `[Malformed Packet]`, or `[Packet size limited during
capture]` when the capture has cut the packet, behind what has been written so far. A slice does not raise: ask its
length. `raise Malformed` says it yourself. A layer that goes on with another: call its function, or
`ethernet.next_type(c, data, at, ethertype)`, `ipv4.next_protocol(c, data, at, number)`.

**State**: of the whole capture `c.state("dns", dict)`; made at first use. Rows that change later: keep `c.index`, then
`c.change(index, text)`, with `c.info_of(index)`; what is known only at the end: `c.at_the_end("icmp", function)`.

**A protocol over TCP** never sees segments. It says how long its next message is and is given whole messages, in order:

    @over_tcp(53)
    class DnsStream:
        """DNS over TCP (RFC 1035, 4.2.2): two bytes of length before each message."""

        def size(self, stream: Stream, data: bytes | bytearray, at: int) -> int:
            return 2 + (data[at] << 8 | data[at + 1]) if len(data) - at >= 2 else MORE

        def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
            dns(c, data[:end], at + 2)

`recognises(first bytes)`, a static method, and a place in TCP_GUESSES have it found on other ports as well.
There is one such object per connection, so it may remember things in itself, and in `stream.state` things of one
direction (`stream.other` is the opposite one). `stream.scanned` is how far `size` has looked into a message: it is 0
whenever a new message begins, also when the last one was lost in a gap and never read; what `size` keeps of a message
holds only while it is not 0. Segments that only carry part of a message read `[TCP segment of a reassembled PDU]`; the
one that completes it has its words. Several messages in one segment: `c.write` of the second replaces the words of the
first (tshark prints only the last of two DNS messages), except that a message which came in several segments stays
(`c.fence_in()` has been called behind it) and the next one is written directly behind it. A protocol whose messages are
joined (HTTP's requests, TLS's records: "Server Hello, Certificate") calls `c.add`, or `c.fence_in()` itself. Of a
segment that the capture has cut, `dissect` gets what there is, and `end` is then the end of that.

A protocol that hands its connection over (STARTTLS, CONNECT, Upgrade) has an attribute `after`: from where it is set,
in `dissect` or in `size`, that one is asked.

A connection on a port that was agreed on before (FTP's data): `c.expect(address, port, protocol)`; datagrams:
`c.expect_datagrams(address, port, dissect)`.

Compare with tshark: `python tests/capture/words/compare.py FILE`; with packets nobody has sent: `mutants.py` beside it.
'''

from nslab.capture.words import (  # each enters itself in the registry: one a line
    amqp,
    announcements,
    aoe,
    arp,
    bacnet,
    ber,
    bfd,
    bgp,
    bitcoin,
    bittorrent,
    browser,
    cassandra,
    coap,
    cooked,
    dccp,
    dcerpc,
    dhcp,
    dhcpv6,
    diameter,
    discovery,
    dnp3,
    dns,
    dtls,
    eapol,
    eigrp,
    ethernet,
    ethernet_ip,
    ftp,
    git,
    gquic,
    http,
    icmp,
    icmpv6,
    iec104,
    igmp,
    ipv4,
    ipv6,
    irc,
    isakmp,
    isis,
    iso_transport,
    kerberos,
    l2tp,
    label_distribution,
    lan_services,
    ldap,
    loopback,
    mailboxes,
    memcached,
    mesh_routing,
    mobile,
    modbus,
    mpls,
    mqtt,
    multicast_routing,
    mysql,
    netbios,
    netbios_session,
    nfs,
    nhrp,
    nntp,
    novell,
    nt_status,
    ntlm,
    ntp,
    openflow,
    ospf,
    overlays,
    postgresql,
    ppp,
    pptp,
    ptp,
    quic,
    radius,
    realtek,
    redis,
    redundancy,
    rip,
    rpc,
    rsvp,
    rsync,
    rtp,
    rtsp,
    sctp,
    serial,
    sip,
    slow,
    small_services,
    smb1,
    smb2,
    smpp,
    smtp,
    snmp,
    spanning_tree,
    ssh,
    stun,
    syslog,
    tacacs,
    tcp,
    tds,
    telnet,
    tftp,
    tls,
    tunnels,
    udp,
    udp_lite,
    values,
    vnc,
    vpn,
    whois,
    wireless,
    xmpp,
)
from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.dissector import Dissector

__all__ = [
    "Context",
    "Dissector",
    "Malformed",
    "amqp",
    "announcements",
    "aoe",
    "arp",
    "bacnet",
    "ber",
    "bfd",
    "bgp",
    "bitcoin",
    "bittorrent",
    "browser",
    "cassandra",
    "coap",
    "cooked",
    "dccp",
    "dcerpc",
    "dhcp",
    "dhcpv6",
    "diameter",
    "discovery",
    "dnp3",
    "dns",
    "dtls",
    "eapol",
    "eigrp",
    "ethernet",
    "ethernet_ip",
    "ftp",
    "git",
    "gquic",
    "http",
    "icmp",
    "icmpv6",
    "iec104",
    "igmp",
    "ipv4",
    "ipv6",
    "irc",
    "isakmp",
    "isis",
    "iso_transport",
    "kerberos",
    "l2tp",
    "label_distribution",
    "lan_services",
    "ldap",
    "loopback",
    "mailboxes",
    "memcached",
    "mesh_routing",
    "mobile",
    "modbus",
    "mpls",
    "mqtt",
    "multicast_routing",
    "mysql",
    "netbios",
    "netbios_session",
    "nfs",
    "nhrp",
    "nntp",
    "novell",
    "nt_status",
    "ntlm",
    "ntp",
    "openflow",
    "ospf",
    "overlays",
    "postgresql",
    "ppp",
    "pptp",
    "ptp",
    "quic",
    "radius",
    "realtek",
    "redis",
    "redundancy",
    "rip",
    "rpc",
    "rsvp",
    "rsync",
    "rtp",
    "rtsp",
    "sctp",
    "serial",
    "sip",
    "slow",
    "small_services",
    "smb1",
    "smb2",
    "smpp",
    "smtp",
    "snmp",
    "spanning_tree",
    "ssh",
    "stun",
    "syslog",
    "tacacs",
    "tcp",
    "tds",
    "telnet",
    "tftp",
    "tls",
    "tunnels",
    "udp",
    "udp_lite",
    "values",
    "vnc",
    "vpn",
    "whois",
    "wireless",
    "xmpp",
]
