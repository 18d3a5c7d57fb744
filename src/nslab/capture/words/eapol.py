"""EAPOL (IEEE 802.1X) and the EAP (RFC 3748) in it."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context
from nslab.capture.words.registry import over_ethernet
from nslab.capture.words.values import named, read_to_its_end

TYPES: Final = {
    1: "Start",
    2: "Logoff",
    3: "Key",
    4: "Encapsulated ASF Alert",
    6: "Announcement (Generic)",
    7: "Announcement (Specific)",
    8: "Announcement Request",
}
EAP, KEY, MKA = 0, 3, 5
RC4: Final = 1
PAIRWISE, ACK, MIC, SECURE = 0x08, 0x80, 0x100, 0x200
CODES: Final = {1: "Request", 2: "Response", 3: "Success", 4: "Failure", 5: "Initiate", 6: "Finish"}
METHODS: Final = {  # IANA's "Method Types" of EAP
    1: "Identity",
    2: "Notification",
    3: "Legacy Nak (Response Only)",
    4: "MD5-Challenge EAP (EAP-MD5-CHALLENGE)",
    5: "One-Time Password EAP (EAP-OTP)",
    6: "Generic Token Card EAP (EAP-GTC)",
    7: "Allocated",
    8: "Allocated",
    9: "RSA Public Key Authentication EAP (EAP-RSA-PKA)",
    10: "DSS Unilateral EAP (EAP-DSS)",
    11: "KEA EAP (EAP-KEA)",
    12: "KEA Validate EAP (EAP-KEA-VALIDATE)",
    13: "TLS EAP (EAP-TLS)",
    14: "Defender Token EAP (EAP-AXENT)",
    15: "RSA Security SecurID EAP (EAP-RSA-SECURID)",
    16: "Arcot Systems EAP (EAP-ARCOT-SYSTEMS)",
    17: "Cisco Wireless EAP / Lightweight EAP (EAP-LEAP)",
    18: "GSM Subscriber Identity Modules EAP (EAP-SIM)",
    19: "Secure Remote Password SHA1 Part 1 EAP (EAP-SRP-SHA1-PART1)",
    20: "Secure Remote Password SHA1 Part 2 EAP (EAP-SRP-SHA1-PART2)",
    21: "Tunneled TLS EAP (EAP-TTLS)",
    22: "Remote Access Service EAP (EAP-RAS)",
    23: "UMTS Authentication and Key Agreement EAP (EAP-AKA)",
    24: "3Com Wireless EAP (EAP-3COM-WIRELESS)",
    25: "Protected EAP (EAP-PEAP)",
    26: "MS-Authentication EAP (EAP-MS-AUTH)",
    27: "Mutual Authentication w/Key Exchange EAP (EAP-MAKE)",
    28: "CRYPTOCard EAP (EAP-CRYPTOCARD)",
    29: "MS-CHAP-v2 EAP (EAP-MS-CHAP-V2)",
    30: "DynamID EAP (EAP-DYNAMID)",
    31: "Rob EAP (EAP-ROB)",
    32: "Protected One-Time Password EAP (EAP-POTP)",
    33: "MS-Authentication TLV EAP (EAP-MS-AUTH-TLV)",
    34: "SentriNET (EAP-SENTRINET)",
    35: "Actiontec Wireless EAP (EAP-ACTIONTEC-WIRELESS)",
    36: "Cogent Systems Biometrics Authentication EAP (EAP-COGENT-BIOMETRIC)",
    37: "AirFortress EAP (EAP-AIRFORTRESS)",
    38: "HTTP Digest EAP (EAP-HTTP-DIGEST)",
    39: "SecureSuite EAP (EAP-SECURESUITE)",
    40: "DeviceConnect EAP (EAP-DEVICECONNECT)",
    41: "Simple Password Exponential Key Exchange EAP (EAP-SPEKE)",
    42: "MOBAC EAP (EAP-MOBAC)",
    43: "Flexible Authentication via Secure Tunneling EAP (EAP-FAST)",
    44: "ZoneLabs EAP (EAP-ZLXEAP)",
    45: "Link EAP (EAP-LINK)",
    46: "Password Authenticated eXchange EAP (EAP-PAX)",
    47: "Pre-Shared Key EAP (EAP-PSK)",
    48: "Shared-secret Authentication and Key Establishment EAP (EAP-SAKE)",
    49: "IKEv2 EAP (EAP-IKEv2)",
    50: "UMTS Authentication and Key Agreement' EAP (EAP-AKA')",
    51: "Generalized Pre-Shared Key EAP (EAP-GPSK)",
    52: "Password EAP (EAP-pwd)",
    53: "Encrypted Key Exchange v1 EAP (EAP-EKEv1)",
    55: "Tunneled EAP protocol",
    254: "Expanded Type",
    255: "Experimental",
}


@over_ethernet(0x888E)
@read_to_its_end
def eapol(c: Context, data: bytes, at: int) -> None:
    c.protocol = "EAPOL"
    c.write("")
    _, kind, length = unpack_from("!BBH", data, at)
    at += 4
    if kind == EAP:
        eap(c, data[: at + length], at)
    elif kind == MKA:
        c.protocol = "EAPOL-MKA"
        c.write("Key Server")
    else:
        c.write(named(TYPES, kind, f"Unknown Type (0x{kind:02x})"))
        if kind == KEY:
            key(c, data[: at + length], at)


def key(c: Context, data: bytes, at: int) -> None:
    """Which message of a handshake it is (IEEE 802.11i) shows in its bits."""
    descriptor = data[at]
    if descriptor == RC4:
        data[at + 43]
        return
    bits, size = unpack_from("!H90xH", data, at + 1)
    if bits & PAIRWISE:
        if bits & ACK:
            number = 3 if bits & MIC else 1
        else:
            number = 4 if bits & SECURE or not size else 2
        c.append(f" (Message {number} of 4)")
    else:
        c.append(f" (Group Message {1 if bits & ACK else 2} of 2)")


def eap(c: Context, data: bytes, at: int) -> None:
    c.protocol = "EAP"
    c.write("")
    code, _, length = unpack_from("!BBH", data, at)
    c.write(named(CODES, code, f"Unknown code (0x{code:02x})"))
    if code in (1, 2):
        method = data[at + 4] if length > 4 else b""[0]
        c.append(f", {named(METHODS, method, f'Unknown type (0x{method:02x})')}")
