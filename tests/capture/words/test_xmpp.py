"""XMPP."""

from __future__ import annotations

import pytest

STREAM = b"<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client' version='1.0'>"


@pytest.mark.parametrize("ends", [b">", b">\n"])
def test_stanzas_read_as_in_tshark(dialogues, as_tshark, ends):
    stanzas = b"presence/|iq id='1'/|iq type='get'><query xmlns='jabber:iq:roster'/></iq|message to='b'/|auth>x</auth"
    stanzas += b"|success/|failure/|challenge>x</challenge|stream:features><a/></stream:features|foo/|/stream:stream"
    said = [b"<" + stanza + ends for stanza in stanzas.split(b"|")]
    said += [STREAM, b" ", b"\n", b"no xml>", b"<iq type='get'/><iq type='set'/>"]
    as_tshark(dialogues.flat(dialogues.talk(5222, each) for each in said))


def test_a_stream_goes_together_until_a_tag_ends_and_may_go_on_with_tls(dialogues, as_tshark):
    hello = b"\x16\3\1\0\x2d\1\0\0\x29\3\3" + bytes(34) + b"\0\2\xc0\x2b\1\0"
    binary = bytes(range(128, 200))
    as_tshark(
        [
            *dialogues.talk(5222, STREAM, (b"<stream:features/>",), b"<message><body>x</bo", b"dy></message>"),
            *dialogues.talk(5222, binary, (binary,), binary, b"abc>"),
            *dialogues.talk(5222, b"<starttls/>", (b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",), hello),
        ]
    )
