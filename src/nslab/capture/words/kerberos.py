"""Kerberos (RFC 4120): which message, and which error."""

from __future__ import annotations

from typing import Final

from nslab.capture.words.ber import element, elements
from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import over_tcp, over_udp
from nslab.capture.words.streams import MORE, Stream

MESSAGES: Final = {
    0x6A: "AS-REQ",
    0x6B: "AS-REP",
    0x6C: "TGS-REQ",
    0x6D: "TGS-REP",
    0x6E: "AP-REQ",
    0x6F: "AP-REP",
    0x74: "KRB-SAFE",
    0x75: "KRB-PRIV",
    0x76: "KRB-CRED",
    0x7E: "KRB-ERROR",
}
ERROR: Final = 0x7E
ERROR_CODE: Final = 0xA6
_KDC: Final = (
    "NAME_EXP SERVICE_EXP BAD_PVNO C_OLD_MAST_KVNO S_OLD_MAST_KVNO C_PRINCIPAL_UNKNOWN S_PRINCIPAL_UNKNOWN"
    " PRINCIPAL_NOT_UNIQUE NULL_KEY CANNOT_POSTDATE NEVER_VALID POLICY BADOPTION ETYPE_NOSUPP SUMTYPE_NOSUPP"
    " PADATA_TYPE_NOSUPP TRTYPE_NOSUPP CLIENT_REVOKED SERVICE_REVOKED TGT_REVOKED CLIENT_NOTYET SERVICE_NOTYET KEY_EXP"
    " PREAUTH_FAILED PREAUTH_REQUIRED SERVER_NOMATCH MUST_USE_USER2USER PATH_NOT_ACCEPTED SVC_UNAVAILABLE"
)
_AP: Final = (
    "BAD_INTEGRITY TKT_EXPIRED TKT_NYV REPEAT NOT_US BADMATCH SKEW BADADDR BADVERSION MSG_TYPE MODIFIED BADORDER"
    " ILL_CR_TKT BADKEYVER NOKEY MUT_FAIL BADDIRECTION METHOD BADSEQ INAPP_CKSUM"
)
_PUBLIC_KEY: Final = (
    "KDC_ERROR_CLIENT_NOT_TRUSTED KDC_ERROR_KDC_NOT_TRUSTED KDC_ERROR_INVALID_SIG KDC_ERR_KEY_TOO_WEAK"
    " KDC_ERR_CERTIFICATE_MISMATCH KRB_AP_ERR_NO_TGT KDC_ERR_WRONG_REALM KRB_AP_ERR_USER_TO_USER_REQUIRED"
    " KDC_ERR_CANT_VERIFY_CERTIFICATE KDC_ERR_INVALID_CERTIFICATE KDC_ERR_REVOKED_CERTIFICATE"
    " KDC_ERR_REVOCATION_STATUS_UNKNOWN KDC_ERR_REVOCATION_STATUS_UNAVAILABLE KDC_ERR_CLIENT_NAME_MISMATCH"
    " KDC_ERR_KDC_NAME_MISMATCH"
)
ERRORS: Final = {
    **{code: f"KRB5KDC_ERR_{name}" for code, name in enumerate(_KDC.split(), 1)},
    **{code: f"KRB5KRB_AP_ERR_{name}" for code, name in enumerate(_AP.split(), 31)},
    51: "KRB5KDC_AP_PATH_NOT_ACCEPTED",
    52: "KRB5KRB_ERR_RESPONSE_TOO_BIG",
    60: "KRB5KRB_ERR_GENERIC",
    61: "KRB5KRB_ERR_FIELD_TOOLONG",
    **dict(enumerate(_PUBLIC_KEY.split(), 62)),
}


def message(c: Context, data: bytes, at: int) -> bool | None:
    """Name the message by its tag."""
    words = MESSAGES.get(data[at])
    if words is None:
        return False
    c.protocol = "KRB5"
    c.write(words)
    _, begin, end = element(data, at)
    if data[at] == ERROR:
        code = error_code(data, begin)
        if code:
            c.write(f"KRB Error: {ERRORS.get(code, f'Unknown error code 0x{code:x}')}")
    if end > len(data):
        c.say_short()
    return None


def error_code(data: bytes, at: int) -> int:
    _, at, end = element(data, at)
    for tag, begin, _ in elements(data, at, end):
        if tag == ERROR_CODE:
            _, one, two = element(data, begin)
            return int.from_bytes(data[one:two])
    return 0


@over_udp(88)
def kerberos(c: Context, data: bytes, at: int) -> bool | None:
    return message(c, data, at)


@over_tcp(88)
class KerberosStream:
    """Four bytes of length before each message."""

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        if len(data) - at < 4:
            return MORE
        return 4 + (int.from_bytes(data[at : at + 4]) & 0x7FFFFFFF)

    def dissect(self, c: Context, _: Stream, data: bytes, at: int, end: int) -> None:
        if message(c, data[:end], at + 4) is False:
            raise Malformed
