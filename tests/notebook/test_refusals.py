"""What the kernel refuses in every lab: refused for real, and explained."""

from __future__ import annotations

import pytest

from nslab.notebook.refusals import explain

REFUSED = {
    "sudo dmesg": "the kernel's log is the whole machine's",
    "modprobe br_netfilter": "modules are the whole machine's",
    "sudo date -s 12:00": "the clock is the whole machine's",
    "sudo sysctl -w kernel.hostname=x": "kernel.* is the whole machine's",
    "echo x >/proc/sys/kernel/hostname": "kernel.* is the whole machine's",
    "systemctl start nginx": "no systemd runs in a lab",
    "mount -o loop disk.img /mnt": "loop devices are the whole machine's",
    "mkdir /sys/fs/cgroup/lab": "control groups are the whole machine's",
    "mknod /root/sda b 8 0": "only null, zero, full",
}


@pytest.mark.one_id
@pytest.mark.parametrize("command", REFUSED)
def test_what_the_kernel_refuses_is_explained(shared_lab, command):
    assert shared_lab["host"].run(command, check=False).returncode != 0
    assert REFUSED[command] in explain(command)


def test_what_a_lab_may_do_is_not_explained_away():
    for command in ("sysctl -w net.ipv4.ip_forward=1", "ip link add br0 type bridge", "mount -t proc proc /proc"):
        assert explain(command) == ""
