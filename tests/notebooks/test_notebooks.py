"""The four notebooks: what is stored in them, and that every parameter really changes the lab."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path

import nbformat
import papermill
import pytest

from nslab import Lab
from nslab.lab import images
from nslab.runbook import notebooks
from nslab.runbook.parameters import Parameters
from nslab.runbook.store import IGNORED, text

SECTIONS = notebooks.sections()
# The runbook's commands, section by section, as its user wrote them; where a notebook needs more, it comes behind them.
RUNBOOK = (
    """
    mkdir -p "./mycontainer"
    sudo apt update && sudo apt install debootstrap -y
    sudo debootstrap --arch amd64 bookworm "./mycontainer"
    sudo lsns -t net
    sudo ip netns add mycontainer
    sudo unshare --fork --pid --net=/var/run/netns/mycontainer --mount --uts --cgroup --ipc --root=./mycontainer bash
    """,
    """
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t devpts devpts /dev/pts -o gid=5,mode=620
    hostname mycontainer
    sudo lsns -t net
    sudo ip link add br0 type bridge
    sudo ip addr add 172.17.0.1/24 dev br0
    sudo ip link set dev br0 up
    sudo ip link add veth1 type veth peer name eth0 netns mycontainer
    sudo ip link set dev veth1 up
    sudo ip link set dev veth1 master br0
    ip addr add 172.17.0.100/24 dev eth0
    ip link set dev eth0 up
    ip link set lo up
    ip route add default via 172.17.0.1
    """,
    """
    ping
    sudo apt install tshark -y
    sudo tshark -D
    sudo tshark -i br0
    sudo tshark -i eth0
    sudo sysctl net.ipv4.ip_forward=1
    sudo tshark -i eth0
    sudo iptables --table nat -A POSTROUTING -s 172.17.0.0/24 ! -o br0 -j MASQUERADE
    sudo tshark -i eth0
    sudo tshark -i br0
    """,
    """
    cat > /etc/resolv.conf << EOF
    nameserver 8.8.8.8
    EOF
    apt update && apt install nginx -y
    /etc/init.d/nginx start
    sudo tshark -i eth0
    iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.100:80
    sudo tshark -i eth0
    """,
)

each_notebook = pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_there_is_one_notebook_for_each_section_of_the_runbook():
    assert [path.name for path in SECTIONS] == [
        "1-namespaces.ipynb",
        "2-container.ipynb",
        "3-inbound.ipynb",
        "4-outbound.ipynb",
    ]


@each_notebook
def test_it_declares_every_parameter_with_its_default(path):
    assert notebooks.declared(read(path)) == Parameters().as_dict()


@pytest.mark.parametrize(
    ("path", "commands"), list(zip(SECTIONS, RUNBOOK, strict=True)), ids=[path.stem for path in SECTIONS]
)
def test_its_cells_hold_the_runbooks_commands_in_their_order(path, commands):
    values = Parameters()
    known = values.as_dict() | {"gateway": values.gateway, "prefix": values.prefix}
    cells = re.sub(
        r"\$(\w+)", lambda found: str(known.get(found[1], found[0])), "\n".join(c.source for c in code(path))
    )
    lines = iter(cells.splitlines())
    for command in commands.strip().splitlines():
        assert any(line.startswith(command.strip()) for line in lines), f"missing, or out of order: {command.strip()}"


@each_notebook
def test_its_outputs_are_stored(path):
    cells = code(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("✓" in str(output) for output in cells[-1].outputs), "it ends with its checks"
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs if not _must_fail(cell))


@each_notebook
def test_nothing_of_the_machine_it_was_run_on_is_stored(path):
    stored = path.read_text()
    tool = shutil.which("mmdebstrap")
    assert tool is None or images.archive_host(Path(tool).read_text(errors="replace")) not in stored
    assert not re.search(r'"(execution|papermill|widgets|version)":', stored)
    assert str(Path.home()) not in stored.replace("/root/captures", "")
    assert str(Path(__file__).parents[2]) not in stored


@each_notebook
def test_it_is_stored_in_a_form_that_can_be_compared_line_by_line(path):
    assert path.read_text() == text(read(path)), "python -m nslab.runbook.store does it"


@each_notebook
def test_only_what_a_package_manager_or_a_race_decides_is_left_out_of_the_comparison(path):
    ignored = [cell for cell in code(path) if IGNORED in cell.metadata.get("tags", ())]
    assert len(ignored) <= 4


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return the four notebooks, run in order over one lab with other values for all parameters, and that lab."""
    directory = tmp_path_factory.mktemp("executed")
    environment = {"NSLAB_LAB": f"notebooks-{os.getpid()}", "NSLAB_OWNER": str(os.getpid())}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for path in SECTIONS:
            papermill.execute_notebook(
                path, directory / path.name, OTHER, progress_bar=False, execution_timeout=300, cwd=directory
            )
    lab = Lab.attach(environment["NSLAB_LAB"])
    yield lab, {path.stem: read(directory / path.name) for path in SECTIONS}
    lab.down()


OTHER = {
    "name": "box",
    "bridge": "lan7",
    "subnet": "192.168.40.0/22",
    "address": "192.168.42.9",
    "target": "10.0.2.2",
    "host_port": 9090,
    "container_port": 8008,
    "pings": 2,
}


@pytest.mark.one_id
def test_every_parameter_changes_the_lab(executed):
    lab, notes = executed[0], executed[0].notes()
    host, box = lab["host"], lab["box"]
    assert (notes["done"], notes["parameters"]) == (4, OTHER)
    assert box.run("hostname").stdout == "box\n"
    assert "192.168.42.9/22" in box.run("ip -br -4 addr show eth0").stdout
    assert "default via 192.168.40.1" in box.run("ip route").stdout
    assert "192.168.40.1/22" in host.run("ip -br -4 addr show lan7").stdout
    assert "mycontainer" not in host.run("ls /root /run/netns").stdout
    assert "br0" not in host.run("ip link").stdout
    rules = host.run("iptables-save -t nat").stdout
    assert "-A POSTROUTING -s 192.168.40.0/22 ! -o lan7 -j MASQUERADE" in rules
    assert "--dport 9090 -j DNAT --to-destination 192.168.42.9:8008" in rules
    page = ["curl", "-s", "--max-time", "5", "http://10.0.2.15:9090/"]
    assert "Welcome to nginx!" in lab["outside"].run(page).stdout


@pytest.mark.one_id
def test_the_captures_hold_the_packets_that_the_prose_talks_of(executed):
    host = executed[0]["host"]

    def seen(name: str, fields: str) -> list[str]:
        command = f"tshark -r captures/{name}.pcapng -T fields " + " ".join(f"-e {field}" for field in fields.split())
        return str(host.run(command, cwd="/root").stdout).splitlines()

    icmp = "ip.src ip.dst icmp.type"
    request, inside = "192.168.42.9\t10.0.2.2\t8", "10.0.2.2\t192.168.42.9\t0"
    assert seen("3-bridge", icmp) == [request] * 2
    assert seen("3-eth0-forwarding", icmp) == [request] * 2
    assert seen("3-eth0-nat", icmp) == ["10.0.2.15\t10.0.2.2\t8", "10.0.2.2\t10.0.2.15\t0"] * 2
    assert seen("3-bridge-nat", icmp) == [request, inside] * 2
    flags = seen("4-refused", "ip.src tcp.dstport tcp.flags.reset")
    assert flags[0] == "10.0.2.3\t9090\t0"
    assert flags[1].startswith("10.0.2.15")
    assert flags[1].endswith("\t1")
    assert "10.0.2.3\t10.0.2.15\t9090" in seen("4-eth0", "ip.src ip.dst tcp.dstport")


def shown(notebook: nbformat.NotebookNode, name: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.id == name]
    return "".join(output.get("text") or output.data["text/plain"] for output in cell.outputs)


@pytest.mark.one_id
def test_the_tables_show_both_sides_of_the_host(executed):
    before, forwarding, translated = (
        shown(executed[1]["3-inbound"], f"both-{step}") for step in ("before", "forwarding", "nat")
    )
    assert (before.count("host:lan7 "), before.count("host:eth0 ")) == (2, 0)
    assert (forwarding.count("host:lan7 "), forwarding.count("host:eth0 ")) == (2, 2)
    assert forwarding.count("no response found!") == 4
    assert re.search(r"host:eth0 +10\.0\.2\.15 → 10\.0\.2\.2 .*request.*\(reply in \d\)", translated)
    assert re.search(r"host:lan7 +10\.0\.2\.2 → 192\.168\.42\.9 .*reply.*\(request in \d\)", translated)
    published = shown(executed[1]["4-outbound"], "both")
    assert re.search(r"host:eth0 +10\.0\.2\.3 → 10\.0\.2\.15 .*→ 9090 \[SYN\]", published)
    assert re.search(r"host:lan7 +10\.0\.2\.3 → 192\.168\.42\.9 .*→ 8008 \[SYN\]", published)


@pytest.mark.one_id
def test_the_journeys_say_where_and_why(executed):
    inbound, outbound = executed[1]["3-inbound"], executed[1]["4-outbound"]
    assert "net.ipv4.ip_forward is 0" in shown(inbound, "why-before")
    assert "there is no MASQUERADE rule" in shown(inbound, "why-forwarding")
    assert "✓ delivered and answered" in shown(inbound, "way-nat")
    assert "nothing listens on 10.0.2.15:9090 in host" in shown(outbound, "refused-why")
    assert "✓ delivered and answered" in shown(outbound, "both-ladder")


@pytest.mark.one_id
def test_nothing_that_a_section_has_left_in_the_background_goes_on(executed):
    lab = executed[0]
    assert lab["box"].run("pgrep -x ping", check=False).stdout == ""
    assert lab["outside"].run("pgrep -f http", check=False).stdout == ""


def _must_fail(cell: nbformat.NotebookNode) -> bool:
    return "--expect" in cell.source.split("\n")[0]


def test_the_parameters_cell_is_plain_python():
    for path in SECTIONS:
        (cell,) = [cell for cell in code(path) if "parameters" in cell.metadata.get("tags", ())]
        ast.parse(cell.source)
