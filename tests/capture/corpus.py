"""Make captures of real programs' traffic in a lab: `python tests/capture/corpus.py DIRECTORY [NAME…]`.

The programs are Debian's; the node `outside` has the servers, `host` the clients. Each script in corpus/clients becomes
one file, `mixed.pcap` all of them at once. The share of rows that are equal to tshark's is measured on these
(words/compare.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from nslab import Lab
from nslab.sandbox.door import Node, Process

SCRIPTS: Final = Path(__file__).with_suffix("")
SERVERS: Final = sorted((SCRIPTS / "servers").glob("*.sh"))  # in the order of their numbers
CLIENTS: Final = {script.stem: script for script in sorted((SCRIPTS / "clients").glob("*.sh"))}
MIXED: Final = "mixed"
ROUNDS: Final = 2  # of all clients, for `mixed`
LONGEST: Final = 240.0  # seconds that a script may take

PROGRAMS: Final = {
    "outside": (
        "python3 nginx bind9 dnsmasq openssh-server openssh-sftp-server iperf3 openssl netcat-openbsd tftpd-hpa snmpd"
        " telnetd inetutils-inetd rsync chrony vsftpd postfix mosquitto avahi-daemon dbus dovecot-imapd dovecot-pop3d"
        " redis-server isc-dhcp-server ethtool python3-websockets"
    ),
    "host": (
        "python3 dnsutils iputils-ping iputils-arping traceroute openssh-client iperf3 openssl netcat-openbsd udhcpc"
        " isc-dhcp-client tftp-hpa snmp telnet rsync wget ntpdate nmap mosquitto-clients avahi-daemon avahi-utils curl"
        " bsdutils lftp swaks sshpass ethtool redis-tools libnss-mdns dbus python3-websockets"
    ),
}


def furnish(lab: Lab) -> None:
    """Install and start the programs; the cables carry what a wire would: no segments of 64 KiB."""
    for node, packages in PROGRAMS.items():
        lab[node].run(f"apt-get update -q && apt-get install -q -y --no-install-recommends {packages}", timeout=300)
    for node in lab.nodes():
        lab[node].run("for i in /sys/class/net/*; do ethtool -K ${i##*/} tso off gso off gro off; done", check=False)
    for script in SERVERS:
        lab["outside"].run(script.read_text(), timeout=60)
    lab["host"].run((SCRIPTS / "clients.sh").read_text(), check=False)


def capture(node: Node, file: Path, interface: str = "eth0") -> Process:
    """Start tcpdump in a node and return when it listens."""
    reading, writing = os.pipe()
    with file.open("wb") as out:
        command = ["tcpdump", "-U", "-B", "32768", "-i", interface, "-w", "-"]
        tcpdump = node.spawn(command, places={1: out.fileno(), 2: writing})
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        said.readline()
    return tcpdump


def stop(tcpdump: Process) -> None:
    """End a capture when what is on its way has come: tcpdump looks once a second."""
    tcpdump.node.run("sleep 1.3")
    tcpdump.signal(2)
    tcpdump.wait(5)


def run(node: Node, name: str) -> None:
    """Run a client's script, or all at the same time. What is only to be seen needs no success."""
    if name != MIXED:
        node.run(CLIENTS[name].read_text(), check=False, timeout=LONGEST)
        return
    for _ in range(ROUNDS):
        for process in [node.spawn(["bash", "-c", script.read_text()]) for script in CLIENTS.values()]:
            process.wait(LONGEST)


def main(directory: Path, names: list[str]) -> None:
    """Write a capture for each of these clients, or for all of them and all together."""
    directory.mkdir(parents=True, exist_ok=True)
    with Lab.up(f"corpus-{os.getpid()}", owner=os.getpid(), tell=print) as lab:
        furnish(lab)
        for name in names or [*CLIENTS, MIXED]:
            tcpdump = capture(lab["host"], directory / f"{name}.pcap")
            run(lab["host"], name)
            stop(tcpdump)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
