"""Syslog (RFC 3164, 5424)."""

from __future__ import annotations

import re
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.printable import printable
from nslab.capture.words.registry import over_udp

FACILITIES: Final = (
    *("KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "NTP"),
    *("LOGAUDIT", "LOGALERT", "CRON", *(f"LOCAL{number}" for number in range(8))),
)
LEVELS: Final = ("EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG")
_PRIORITY: Final = re.compile(rb"<(\d{0,3})>?")


@over_udp(514)
def syslog(c: Context, data: bytes, at: int) -> bool | None:
    """The priority names who has sent it, and how urgent it is."""
    c.protocol = "Syslog"
    c.write("")
    found = _PRIORITY.match(data, at)
    if found is None:
        c.write(printable(data[at:]))
        return None
    if found.end() == len(data):
        raise IndexError
    facility, level = divmod(int(found[1] or b"0"), 8)
    name = FACILITIES[facility] if facility < len(FACILITIES) else "UNKNOWN"
    c.write(f"{name}.{LEVELS[level]}: {printable(data[found.end() :])}")
    return None
