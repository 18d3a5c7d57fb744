"""IEC 60870-5-104: telecontrol over TCP."""

from __future__ import annotations

from struct import unpack_from
from typing import Final

from nslab.capture.words.context import Context, Malformed
from nslab.capture.words.registry import over_tcp
from nslab.capture.words.streams import MORE, Stream

PORT: Final = 2404
START: Final = 0x68
SHORTEST: Final = 4  # the control field
CONTROLS: Final = {
    0x07: "STARTDT act",
    0x0B: "STARTDT con",
    0x13: "STOPDT act",
    0x23: "STOPDT con",
    0x43: "TESTFR act",
    0x83: "TESTFR con",
}
# The types of IEC 60870-5-101 and -104: what they carry, in the order of their numbers.
TYPES: Final = {
    first + n: f"{name}_1"
    for first, names in (
        (1, "M_SP_NA M_SP_TA M_DP_NA M_DP_TA M_ST_NA M_ST_TA M_BO_NA M_BO_TA M_ME_NA M_ME_TA M_ME_NB M_ME_TB M_ME_NC"),
        (14, "M_ME_TC M_IT_NA M_IT_TA"),
        (20, "M_PS_NA M_ME_ND"),
        (30, "M_SP_TB M_DP_TB M_ST_TB M_BO_TB M_ME_TD M_ME_TE M_ME_TF M_IT_TB M_EP_TD M_EP_TE M_EP_TF S_IT_TC"),
        (45, "C_SC_NA C_DC_NA C_RC_NA C_SE_NA C_SE_NB C_SE_NC C_BO_NA"),
        (58, "C_SC_TA C_DC_TA C_RC_TA C_SE_TA C_SE_TB C_SE_TC C_BO_TA"),
        (70, "M_EI_NA"),
        (81, "S_CH_NA S_RP_NA S_AR_NA S_KR_NA S_KS_NA S_KC_NA S_ER_NA"),
        (90, "S_US_NA S_UQ_NA S_UR_NA S_UK_NA S_UA_NA S_UC_NA"),
        (100, "C_IC_NA C_CI_NA C_RD_NA C_CS_NA"),
        (105, "C_RP_NA"),
        (107, "C_TS_TA"),
        (110, "P_ME_NA P_ME_NB P_ME_NC P_AC_NA"),
        (120, "F_FR_NA F_SR_NA F_SC_NA F_LS_NA F_AF_NA F_SG_NA F_DR_TA F_SC_NB"),
    )
    for n, name in enumerate(names.split(" "))
}
CAUSES: Final = {
    first + n: name
    for first, names in (
        (1, "Per/Cyc Back Spont Init Req Act ActCon Deact DeactCon ActTerm Retrem Retloc File Auth Seskey Usrkey"),
        (20, "Inrogen " + " ".join(f"Inro{n}" for n in range(1, 17))),
        (37, "Reqcogen Reqco1 Reqco2 Reqco3 Reqco4"),
        (44, "UkTypeId UkCauseTx UkComAdrASDU UkIOA"),
    )
    for n, name in enumerate(names.split(" "))
}
IN_SEQUENCE: Final = 0x80
TEST, NEGATIVE, CAUSE = 0x80, 0x40, 0x3F


@over_tcp(PORT)
class Iec104:
    """Start byte, length, control field; what is before a start byte is skipped."""

    def __init__(self) -> None:
        self.row = -1

    def size(self, _: Stream, data: bytes | bytearray, at: int) -> int:
        start = at
        while True:
            start = data.find(START, start)
            if start < 0 or start + 1 >= len(data):
                return MORE
            if data[start + 1] >= SHORTEST:
                return start + 2 + data[start + 1] - at
            start += 1

    def dissect(self, c: Context, stream: Stream, data: bytes, at: int, end: int) -> None:
        c.protocol = "IEC 60870-5-104"
        if self.row != c.index:
            self.row = c.index
            c.write("")
        start = data.find(START, at)
        while start >= 0 and data[start + 1] < SHORTEST:
            start = data.find(START, start + 1)
        if start < 0:
            raise IndexError
        skipped = f"<ERR prefix {start - at} bytes> " if start > at else ""
        way = "->" if stream.source_port == PORT else "<-"
        unit(c, data[:end], start + 2, f"{skipped}{way} ")


def unit(c: Context, data: bytes, at: int, before: str) -> None:
    first, second = unpack_from("<HH", data, at)
    if not first & 1:
        c.add(f"{before}I ({first >> 1},{second >> 1}) ", " | ")
        c.protocol = "IEC 60870-5 ASDU"
        service(c, data, at + SHORTEST)
    elif first & 2:
        c.add(f"{before}U ({CONTROLS.get(first & 0xFF) or '<ERR>'}) ", " | ")
    else:
        c.add(f"{before}S ({second >> 1}) ", " | ")


def service(c: Context, data: bytes, at: int) -> None:
    kind, count, cause, station = unpack_from("<BBBxH", data, at)
    address = int.from_bytes(data[at + 6 : at + 9], "little")
    if not count & ~IN_SEQUENCE or len(data) < at + 9:
        raise Malformed
    why = CAUSES.get(cause & CAUSE) or f" <CauseTx={cause & CAUSE}>"
    flags = ("_NEGA" if cause & NEGATIVE else "") + ("_TEST" if cause & TEST else "")
    c.append(f"ASDU={station} {TYPES.get(kind) or f'<TypeId={kind}>'} {why + flags:<7} IOA")
    if count == 1:
        c.append(f"={address}")
    elif count & IN_SEQUENCE:
        count &= ~IN_SEQUENCE
        c.append(f"[{count}]={address}-{address + count - 1}")
    else:
        c.append(f"[{count}]={address},...")
