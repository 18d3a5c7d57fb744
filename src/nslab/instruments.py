"""The lab with its instruments, as everybody outside `nslab.lab` knows it: capture, journey, picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nslab.lab import lab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nslab.capture.capture import Capture
    from nslab.draw.picture import Picture
    from nslab.journey.journey import Journey
    from nslab.sandbox.door import Command, Node


class Lab(lab.Lab):
    __doc__ = lab.Lab.__doc__

    def capture(self, *points: str, filter: str = "", **options: Any) -> Capture:
        """Return a capture at points `node:interface`, which `with` or `start` begins.

            with lab.capture("host:br0", "host:eth0", filter="icmp and host 8.8.8.8") as cap:
                lab["mycontainer"].run("ping -c1 8.8.8.8")
            cap.frame

        filter     in tcpdump's language
        snaplen    bytes of each packet that are kept (262144)
        ring_mb    MiB of the kernel's ring for each point (32): longer floods want more
        max_bytes  bytes that are kept in all (1 GiB)

        Raises UsageError for a point or a filter that is none.
        """
        from nslab.capture.capture import Capture

        return Capture(self, *points, filter=filter, **options)

    def journey(
        self,
        node: str | Node,
        command: Command,
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Journey:
        """Run a command in a node and follow its packet through the lab: every interface, every hook, where and why.

            journey = lab.journey("mycontainer", "ping -c1 8.8.8.8")
            journey.where            # Where(node='host', stage='the routing decision')
            journey.why.message      # 'host does not forward: net.ipv4.ip_forward is 0'
            journey.hops             # a DataFrame, one row per interface or hook
            journey.ladder()         # a picture

        timeout  seconds, after which the command is killed and LabError raised
        env      more variables for its environment

        The lab is left as it was. Raises MachineError when the kernel cannot log packets (nf_tables).
        """
        from nslab.draw import ladder
        from nslab.journey.journey import follow

        return follow(self, node, command, timeout=timeout, env=env, draw=ladder.draw)

    def draw(self) -> Picture:
        """Return a picture of the lab as it is now, from what its kernels tell: a notebook shows it.

            lab.draw()                       # nodes, interfaces, cables, routes, rewriting rules
            lab.draw().save("lab.svg")
            print(lab.draw())                # the same in words

        Raises LabError when the lab is gone.
        """
        from nslab.draw import topology
        from nslab.lab import state

        return topology.draw(state.read(self))
