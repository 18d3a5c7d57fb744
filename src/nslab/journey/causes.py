"""Why a packet stops: one entry per cause, with what proves it, what it says and what helps.

A proof looks at the place (`place.At`) and returns a Proof, or None. It claims nothing that it has not seen: where two
causes would look alike, there is a question that tells them apart, or no entry. Within a stage they stand in the
order in which the kernel looks, so that the first of two faults is the one that is named.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nslab.journey.place import At, Stage
from nslab.journey.proofs import answers, firewall, frames, neighbours, programs, routes, routing
from nslab.journey.proofs.proof import Proof

_SYSCTL: Final = "https://docs.kernel.org/networking/ip-sysctl.html"
_ROUTE: Final = "https://man7.org/linux/man-pages/man8/ip-route.8.html"
_LINK: Final = "https://man7.org/linux/man-pages/man8/ip-link.8.html"
_BRIDGE: Final = "https://man7.org/linux/man-pages/man8/bridge.8.html"
_NEIGH: Final = "https://man7.org/linux/man-pages/man8/ip-neighbour.8.html"
_RULE: Final = "https://man7.org/linux/man-pages/man8/ip-rule.8.html"
_IPTABLES: Final = "https://man7.org/linux/man-pages/man8/iptables-extensions.8.html"
_TC: Final = "https://man7.org/linux/man-pages/man8/tc.8.html"
_SENDING: Final = (Stage.NEVER_SENT, Stage.ROUTING)
_MAC: Final = (Stage.NEIGHBOUR,)


@dataclass(frozen=True)
class Cause:
    """One reason for which a packet stops."""

    code: str
    stages: tuple[Stage, ...]
    proof: Callable[[At], Proof | None]
    message: str
    remedy: str
    link: str


CAUSES: Final[tuple[Cause, ...]] = (
    # -- the answer has gone another way: whatever happened to it there is not the reason
    Cause(
        "bridge-without-address",
        tuple(Stage),
        answers.astray("bare"),
        "{at}:{inner} has no address, so {at} sends the answer to {source} out by {out}",
        "",
        _LINK,
    ),
    Cause(
        "wrong-netmask",
        tuple(Stage),
        answers.astray("narrow"),
        "{at}:{inner} has {own}, and {source} is not in it (it has {theirs}): {at} sends the answer out by {out}",
        "",
        _ROUTE,
    ),
    Cause(
        "bridge-port-missing",
        tuple(Stage),
        answers.astray("unplugged"),
        "{inner} of {at} is not in the bridge {out}, so nothing that {out} sends gets to {source}",
        "ip link set {inner} master {out}",
        _LINK,
    ),
    Cause(
        "answer-astray",
        tuple(Stage),
        answers.astray("astray"),
        "{at} sends the answer to {source} out by {out}, and it is behind {inner}",
        "",
        _ROUTE,
    ),
    Cause(
        "answer-past-the-router",
        (Stage.UNWANTED,),
        answers.past_the_router,
        "{node} takes no answer from {came}: it had asked {asked}. {router} has rewritten that, and the answer went by",
        "",
        _IPTABLES,
    ),
    # -- no route at all
    Cause(
        "no-interface",
        (Stage.NEVER_SENT,),
        routes.no_interface,
        "{node} has no interface but its loopback: no cable leads out of it",
        "",
        _LINK,
    ),
    Cause(
        "link-down",
        (Stage.NEVER_SENT,),
        routes.all_down,
        "{down} of {node} is down, so there is no route",
        "ip link set {down} up",
        _LINK,
    ),
    Cause(
        "link-down",
        _SENDING,
        routes.its_subnet_is_down,
        "{down} of {node} is down, so its routes are gone",
        "ip link set {down} up",
        _LINK,
    ),
    Cause(
        "link-down",
        (Stage.ROUTING,),
        routes.its_subnet_was_down,
        "{down} of {node} is down, so its routes are gone, and the packet was sent elsewhere",
        "ip link set {down} up",
        _LINK,
    ),
    Cause(
        "dad-failed",
        (Stage.NEVER_SENT, Stage.NEIGHBOUR, Stage.RECEIVING, Stage.ROUTING),
        neighbours.dad_there(failed=True),
        "{at}:{interface} may not use {address}: somebody else on the cable has it (duplicate address detection)",
        "",
        _SYSCTL,
    ),
    Cause(
        "dad-not-finished",
        (Stage.NEVER_SENT, Stage.NEIGHBOUR, Stage.RECEIVING, Stage.ROUTING),
        neighbours.dad_there(failed=False),
        "{at}:{interface} may not use {address} yet: duplicate address detection has not finished",
        "sleep 2",
        _SYSCTL,
    ),
    Cause(
        "narrow-source",
        (Stage.RECEIVING, Stage.ROUTING),
        neighbours.narrow_source,
        "{source} is valid on its own cable only, and no router takes it on: {sender} has no wider IPv6 address",
        "",
        _SYSCTL,
    ),
    Cause(
        "no-address",
        (Stage.NEVER_SENT,),
        routes.no_address,
        "{node} has no IPv{version} address, so it has no route",
        "",
        _ROUTE,
    ),
    # -- the routing decision, in the kernel's order
    Cause(
        "wrong-mac",
        (Stage.ROUTING,),
        frames.mac_of_another,
        "{sender} sends to {hop} with the MAC address {mac}, which is that of {whose}; it is {right}",
        "",
        _NEIGH,
    ),
    Cause(
        "martian-destination",
        (Stage.ROUTING,),
        routing.martian_destination,
        "{node} does not take packets for {target} from {interface}: loopback addresses are not routed",
        "sysctl net.ipv4.conf.{interface}.route_localnet=1",
        _SYSCTL,
    ),
    Cause(
        "duplicate-address",
        (Stage.ROUTING,),
        frames.duplicate,
        "two have the address {address}: {owners}",
        "",
        _NEIGH,
    ),
    Cause(
        "policy-routing",
        _SENDING,
        routes.policy,
        "a rule of policy routing in {node} refuses it: {rule}",
        "ip rule del pref {number}",
        _RULE,
    ),
    Cause("echo-ignored", (Stage.DELIVERED,), programs.echo_off, "{node} answers no ping: {setting} is 1", "", _SYSCTL),
    Cause(
        "stale-conntrack",
        (Stage.ROUTING, Stage.DELIVERED),
        answers.stale,
        "{router} knew this conversation before the NAT rule was there, and NAT is decided for the first packet only",
        "conntrack -F",
        _IPTABLES,
    ),
    Cause(
        "no-masquerade",
        (Stage.ROUTING, Stage.DELIVERED),
        answers.no_masquerade(rules=False),
        "nobody behind {router} knows {source}: it left by {out} as it was, and there is no MASQUERADE rule",
        "",
        _IPTABLES,
    ),
    Cause(
        "masquerade-matched-nothing",
        (Stage.ROUTING, Stage.DELIVERED),
        answers.no_masquerade(rules=True),
        "nobody behind {router} knows {source}: it left by {out} as it was, and the NAT rules matched no packet",
        "",
        _IPTABLES,
    ),
    Cause(
        "blackhole-route",
        _SENDING,
        routes.error_route("blackhole", errno.EINVAL),
        "{node} has a route that throws it away: {route}",
        "",
        _ROUTE,
    ),
    Cause(
        "prohibit-route",
        _SENDING,
        routes.error_route("prohibit", errno.EACCES),
        "{node} has a route that forbids it: {route}",
        "",
        _ROUTE,
    ),
    Cause(
        "unreachable-route",
        _SENDING,
        routes.error_route("unreachable", errno.EHOSTUNREACH),
        "{node} has a route that calls it unreachable: {route}",
        "",
        _ROUTE,
    ),
    Cause(
        "forwarding-off",
        (Stage.ROUTING,),
        routing.forwarding_off(everywhere=True),
        "{node} does not forward: net.ipv4.ip_forward is 0",
        "sysctl net.ipv4.ip_forward=1",
        _SYSCTL,
    ),
    Cause(
        "forwarding-off-interface",
        (Stage.ROUTING,),
        routing.forwarding_off(everywhere=False),
        "{node} does not forward what comes in by {interface}: net.ipv4.conf.{interface}.forwarding is 0",
        "sysctl net.ipv4.conf.{interface}.forwarding=1",
        _SYSCTL,
    ),
    Cause("no-route", _SENDING, routes.no_route, "{node} has no route to {target}", "", _ROUTE),
    *(
        Cause(
            f"{kind}-route",
            (Stage.DELIVERED,),
            answers.refused_back(kind, number),
            "{node} has a route that lets no answer back: {route}",
            "",
            _ROUTE,
        )
        for kind, number in (
            ("blackhole", errno.EINVAL),
            ("prohibit", errno.EACCES),
            ("unreachable", errno.EHOSTUNREACH),
        )
    ),
    Cause(
        "no-route-back",
        (Stage.ROUTING, Stage.DELIVERED),
        answers.no_route_back,
        "{node} has no route back to {target}",
        "",
        _ROUTE,
    ),
    Cause(
        "martian-source",
        (Stage.ROUTING,),
        routing.martian,
        "{node} takes no packet from {address}: {what}",
        "",
        _SYSCTL,
    ),
    Cause(
        "rp-filter",
        (Stage.ROUTING,),
        routing.rp_filter,
        "{at} takes no packet from {source} on {interface}: an answer would go {back} (rp_filter)",
        "",
        _SYSCTL,
    ),
    Cause(
        "forwarding-off-ipv6",
        (Stage.ROUTING,),
        routing.forwarding_off_6,
        "{node} does not forward IPv6: net.ipv6.conf.all.forwarding is 0",
        "sysctl net.ipv6.conf.all.forwarding=1",
        _SYSCTL,
    ),
    Cause(
        "ttl-exceeded",
        (Stage.ROUTING,),
        routing.ttl,
        "its ttl was {ttl} when it came to {node}: a router must take one away, and nothing is left",
        "",
        "https://www.rfc-editor.org/rfc/rfc1812",
    ),
    Cause(
        "fragmentation-needed",
        (Stage.ROUTING,),
        routing.too_big,
        "{length} bytes do not fit through {out}, which takes {mtu}, and the packet must not be fragmented",
        "",
        "https://www.rfc-editor.org/rfc/rfc1191",
    ),
    # -- firewalls
    Cause(
        "conntrack-full",
        (Stage.HOOK,),
        firewall.tracked_full,
        "{node} follows {limit} connections already, and takes no new one",
        "conntrack -F",
        _IPTABLES,
    ),
    Cause(
        "bridge-nf-call-iptables",
        (Stage.HOOK,),
        firewall.rule(reject=False, policy=True, bridged=True),
        "{node} has iptables look at what its bridge forwards, and {hook} dropped it: {rule}",
        "sysctl net.bridge.bridge-nf-call-iptables=0",
        _SYSCTL,
    ),
    Cause(
        "bridge-nf-call-iptables",
        (Stage.HOOK,),
        firewall.rule(reject=False, policy=False, bridged=True),
        "{node} has iptables look at what its bridge forwards, and {hook} dropped it: {rule}",
        "sysctl net.bridge.bridge-nf-call-iptables=0",
        _SYSCTL,
    ),
    Cause(
        "dropped-by-policy",
        (Stage.HOOK,),
        firewall.rule(reject=False, policy=True, bridged=False),
        "{hook} of {node} dropped it: {rule}",
        "",
        _IPTABLES,
    ),
    Cause(
        "dropped-by-rule",
        (Stage.HOOK,),
        firewall.rule(reject=False, policy=False, bridged=False),
        "a rule in {hook} of {node} dropped it: {rule}",
        "",
        _IPTABLES,
    ),
    Cause(
        "rejected-by-rule",
        (Stage.HOOK,),
        firewall.rule(reject=True, policy=False, bridged=False),
        "a rule in {hook} of {node} rejected it, and told the sender: {rule}",
        "",
        _IPTABLES,
    ),
    Cause(
        "dropped-at-ingress",
        (Stage.INGRESS_RULE,),
        firewall.any_rule,
        "a rule in the ingress hook of {device} dropped it: {rule}",
        "",
        "https://wiki.nftables.org",
    ),
    Cause(
        "dropped-at-egress",
        (Stage.EGRESS_RULE,),
        firewall.any_rule,
        "a rule in the egress hook of {device} dropped it: {rule}",
        "",
        "https://wiki.nftables.org",
    ),
    Cause(
        "dropped-by-bridge-rule",
        (Stage.BRIDGE_RULE,),
        firewall.any_rule,
        "a rule of the bridge's own tables in {node} dropped it: {rule}",
        "",
        "https://wiki.nftables.org",
    ),
    Cause(
        "tc-drop",
        (Stage.INGRESS,),
        frames.tc_ingress,
        "traffic control (tc) took it away as it came in by {device} of {node}",
        "",
        _TC,
    ),
    # -- it was delivered
    Cause(
        "duplicate-address",
        (Stage.DELIVERED,),
        frames.duplicate,
        "two have the address {address}: {owners}",
        "",
        _NEIGH,
    ),
    Cause(
        "listens-on-loopback",
        (Stage.DELIVERED,),
        programs.on_loopback,
        "{node} listens on {where} only, and that is reached from {node} itself only",
        "",
        "https://man7.org/linux/man-pages/man7/ip.7.html",
    ),
    Cause(
        "listens-elsewhere",
        (Stage.DELIVERED,),
        programs.elsewhere,
        "{node} listens on {where}, and not on {endpoint}",
        "",
        "https://man7.org/linux/man-pages/man7/ip.7.html",
    ),
    Cause(
        "dnat-wrong-port",
        (Stage.DELIVERED,),
        programs.dnat_port,
        "the DNAT rule sends it to {endpoint}, where nothing listens; {node} listens on {others}",
        "",
        _IPTABLES,
    ),
    Cause(
        "dnat-matched-nothing",
        (Stage.DELIVERED,),
        programs.dnat_silent,
        "nothing listens on {endpoint} in {node}, and the DNAT rule matched no packet: {rule}",
        "",
        _IPTABLES,
    ),
    Cause(
        "no-dnat",
        (Stage.DELIVERED,),
        programs.no_dnat,
        "nothing listens on {endpoint} in {node}, and no DNAT rule sends it on; {behind} behind it listens on {ready}",
        "",
        _IPTABLES,
    ),
    Cause(
        "nothing-listens",
        (Stage.DELIVERED,),
        programs.nothing_listens,
        "nothing listens on {endpoint} ({protocol}) in {node}",
        "",
        "https://man7.org/linux/man-pages/man8/ss.8.html",
    ),
    # -- the next hop's MAC address
    Cause(
        "bridge-port-missing",
        (*_MAC, Stage.BRIDGE_OUT, Stage.QUEUE),
        neighbours.no_port,
        "the bridge {bridge} of {node} has no port: no cable is plugged into it",
        "",
        _LINK,
    ),
    Cause(
        "bridge-port-missing",
        _MAC,
        neighbours.beside_the_bridge,
        "nobody answers “who has {target}?”: {interface} of {at} is not in the bridge {bridge}",
        "ip link set {interface} master {bridge}",
        _LINK,
    ),
    Cause(
        "no-carrier",
        (*_MAC, Stage.QUEUE),
        neighbours.no_carrier,
        "{interface} of {node} has no carrier: {end} is down",
        "",
        _LINK,
    ),
    Cause(
        "bridge-ports-down",
        (*_MAC, Stage.BRIDGE_OUT, Stage.QUEUE),
        neighbours.ports_dead,
        "no port of the bridge {bridge} of {node} is up: {ports}",
        "",
        _LINK,
    ),
    Cause(
        "bridge-down",
        _MAC,
        neighbours.bridge_down,
        "nobody answers “who has {target}?”: {at}:{interface} has that address, and is down",
        "",
        _LINK,
    ),
    Cause(
        "port-not-forwarding",
        _MAC,
        frames.stp_asked,
        "the bridge port {port} of {node} is {state}: {bridge} takes nothing from it yet",
        "",
        _BRIDGE,
    ),
    Cause(
        "port-not-forwarding",
        _MAC,
        neighbours.port_silent,
        "the bridge port {port} of {node} is {state}: it sends nothing yet",
        "",
        _BRIDGE,
    ),
    Cause(
        "dnat-wrong-address",
        _MAC,
        neighbours.dnat_address,
        "the DNAT rule sends it to {target}, and nobody has that address",
        "",
        _IPTABLES,
    ),
    Cause(
        "bridge-without-address",
        _MAC,
        neighbours.bridge_bare,
        "nobody has the gateway's address {gateway}: {at}:{bridge} has none",
        "",
        _LINK,
    ),
    Cause(
        "wrong-gateway",
        _MAC,
        neighbours.wrong_gateway,
        "nobody on the cable has the gateway's address {gateway}",
        "",
        _ROUTE,
    ),
    Cause(
        "nobody-answers-arp",
        _MAC,
        neighbours.nobody_answers(4),
        "nobody answers “who has {target}?”: nobody in the lab has that address",
        "",
        _NEIGH,
    ),
    Cause(
        "nobody-answers-nd",
        _MAC,
        neighbours.nobody_answers(6),
        "nobody answers the neighbour solicitation for {target}: nobody in the lab has that address",
        "",
        _NEIGH,
    ),
    Cause(
        "rp-filter",
        _MAC,
        neighbours.rp_filter_asked,
        "{at} does not answer {source} on {interface}: its own answer would go {back} (rp_filter)",
        "",
        _SYSCTL,
    ),
    Cause(
        "wrong-netmask",
        _MAC,
        neighbours.wrong_netmask,
        "{at}:{device} has {own} and takes {other} ({theirs}) for one on its own cable, which it is not",
        "",
        _ROUTE,
    ),
    *(
        Cause(
            code,
            _MAC,
            neighbours.far_away(version, gateway=gateway),
            "nobody answers “who has {target}?”: {owner} has that address, and is not on this cable",
            "",
            _ROUTE,
        )
        for code, version, gateway in (
            ("wrong-gateway", 4, True),
            ("wrong-gateway", 6, True),
            ("nobody-answers-arp", 4, False),
            ("nobody-answers-nd", 6, False),
        )
    ),
    # -- frames
    Cause(
        "bridge-port-missing",
        (Stage.RECEIVING,),
        frames.unplugged,
        "{interface} of {node} is not in the bridge {bridge}, which the packet is for",
        "ip link set {interface} master {bridge}",
        _LINK,
    ),
    Cause(
        "wrong-mac",
        (Stage.WIRE, Stage.RECEIVING, Stage.PORT, Stage.BRIDGE, Stage.BRIDGE_OUT),
        frames.wrong_mac,
        "{sender} sends to {hop} with the MAC address {mac}, which nobody has; it is {right}",
        "",
        _NEIGH,
    ),
    Cause(
        "bridge-down",
        (Stage.PORT,),
        frames.bridge_is_down,
        "{at}:{interface} is down, and takes nothing from its ports",
        "",
        _LINK,
    ),
    Cause(
        "port-not-forwarding",
        (Stage.PORT,),
        frames.stp,
        "the bridge port {port} of {node} is {state}: {bridge} takes nothing from it",
        "",
        _BRIDGE,
    ),
    Cause(
        "unknown-mac",
        (Stage.BRIDGE_OUT,),
        frames.unknown_mac,
        "the bridge {bridge} of {node} does not know the MAC address {mac}, and its ports get nothing that is unknown",
        "",
        _BRIDGE,
    ),
    Cause(
        "port-not-forwarding",
        (Stage.BRIDGE,),
        frames.stp_within,
        "the bridge port {port} of {node} is {state}: {what}",
        "",
        _BRIDGE,
    ),
    Cause(
        "link-down",
        (Stage.QUEUE,),
        frames.device_down,
        "{device} of {node} is down",
        "ip link set {device} up",
        _LINK,
    ),
    Cause("tc-drop", (Stage.QUEUE,), frames.tc_egress, "the queue {queue} of {device} in {node} took it away", "", _TC),
)
