"""What Windows machines tell their network in mailslots: the browser's announcements and NETLOGON."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.values import named, text_field

SMB: Final = b"\xffSMB"
TRANSACTION: Final = 0x25
COMMANDS: Final = {
    0x01: "Host Announcement",
    0x02: "Request Announcement",
    0x08: "Browser Election Request",
    0x09: "Get Backup List Request",
    0x0A: "Get Backup List Response",
    0x0B: "Become Backup Browser",
    0x0C: "Domain/Workgroup Announcement",
    0x0D: "Master Announcement",
    0x0E: "Reset Browser State Announcement",
    0x0F: "Local Master Announcement",
}
WITH_TYPES: Final = (0x01, 0x0C, 0x0F)
REQUEST: Final = 0x02
SERVER_TYPES: Final = (
    "Workstation",
    "Server",
    "SQL Server",
    "Domain Controller",
    "Backup Controller",
    "Time Source",
    "Apple Server",
    "Novell Server",
    "Domain Member Server",
    "Print Queue Server",
    "Dialin Server",
    "Xenix Server",
    "NT Workstation",
    "Windows for Workgroups",
    "Unknown server type:14",
    "NT Server",
    "Potential Browser",
    "Backup Browser",
    "Master Browser",
    "Domain Master Browser",
    "OSF",
    "VMS",
    "Windows 95 or above",
    "DFS server",
    *(f"Unknown server type:{bit}" for bit in range(24, 30)),
    "Local List Only",
    "Domain Enum",
)
NETLOGON: Final = (
    "LM1.0/LM2.0 LOGON Request",
    "LM1.0 LOGON Response",
    "LM1.0 Query - Centralized Initialization",
    "LM1.0 Query - Distributed Initialization",
    "LM1.0 Response - Centralized Query",
    "LM1.0 Response - Distributed Initialization",
    "LM2.0 Response to LOGON Request",
    "Query for PDC",
    "Announce Startup of PDC",
    "Announce Failed PDC",
    "Announce Change to UAS or SAM",
    "Announce no user on machine",
    "Response from PDC",
    "LM1.0/LM2.0 Response to re-LOGON Request",
    "LM1.0/LM2.0 Response to Interrogate Request",
    "LM2.0 Response during LOGON pause",
    "LM2.0 Response - user unknown",
    "LM2.0 Announce account updates",
    "SAM LOGON request from client",
    "Response to SAM LOGON request",
    "SAM Response during LOGON pause",
    "SAM Response - user unknown",
    "SAM Response to Interrogate Request",
    "SAM Active Directory Response - user unknown",
    "SAM unknown command 0x18",
    "Active Directory Response to SAM LOGON request",
)
QUERY, STARTUP, RESPONSE = 0x07, 0x08, 0x0C


def mailslot(c: Context, data: bytes, at: int) -> bool | None:
    """Read an SMB transaction that writes to a mailslot."""
    if data[at : at + 5] != SMB + bytes((TRANSACTION,)):
        return False
    words = data[at + 32]
    if words < 14:
        return False
    (offset,) = unpack_from("<H", data, at + 33 + 2 * 12)
    name = data[at + 35 + 2 * words :].split(b"\0", 1)[0]
    c.protocol = "SMB Mailslot"
    c.write("Write Mail Slot")
    if at + offset >= len(data):
        c.write("Interim reply")
    elif name in (b"\\MAILSLOT\\BROWSE", b"\\MAILSLOT\\LANMAN"):
        browse(c, data, at + offset, named_too=name.endswith(b"BROWSE"))
    elif name.startswith((b"\\MAILSLOT\\NET\\", b"\\MAILSLOT\\TEMP\\NETLOGON")):
        netlogon(c, data, at + offset)
    return None


def browse(c: Context, data: bytes, at: int, *, named_too: bool) -> None:
    c.protocol = "BROWSER"
    c.write("")
    command = data[at]
    c.write(named(COMMANDS, command, f"Unknown command:0x{command:02x}"))
    if command in WITH_TYPES:
        name, bits = unpack_from("<5x16s2xI", data, at + 1)
        kinds = [kind for bit, kind in enumerate(SERVER_TYPES) if bits >> bit & 1]
        c.append(f" {', '.join([text_field(name), *kinds])}")
    elif command == REQUEST and named_too:
        name, _, _ = data[at + 2 :].partition(b"\0")
        c.append(f" {name.decode('utf-8', 'replace')}")


def netlogon(c: Context, data: bytes, at: int) -> None:
    c.protocol = "SMB_NETLOGON"
    c.write("")
    command = data[at]
    c.write(NETLOGON[command] if command < len(NETLOGON) else f"Unknown command 0x{command:02x}")
    if command == QUERY:
        c.append(f" from {text_field(data[at + 2 :])}")
    elif command in (STARTUP, RESPONSE):
        place = data.index(b"\0", at + 2) + 1 - at
        host, domain = wide_texts(data[at + place + place % 2 :])
        c.append(f": host {host}, domain {domain}")


def wide_texts(data: bytes) -> tuple[str, str]:
    """Return two texts of UTF-16, each with a zero behind it."""
    first, _, rest = data[: len(data) & ~1].decode("utf-16-le", "replace").partition("\0")
    return first, rest.partition("\0")[0]
