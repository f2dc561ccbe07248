"""IPv6 through the gate: neighbours, fragments, who is answered, and floods of what is no signalling."""
import contextlib
import socket
import struct
import time

from tests.system.attacker import gate_mac
from tests.system.runner import case
from tools.labkit.audio_calls import SBC6
from tools.labkit.network import ENDPOINT_DEVICE, address

GATE = SBC6["access"]
PBX, STRANGER = address("access", 10, 6), address("access", 29, 6)
OPTIONS = ("OPTIONS sip:[{1}] SIP/2.0\r\nVia: SIP/2.0/UDP [{0}]:5060;branch=z9hG4bK{2};rport\r\nFrom: <sip:a@[{0}]>;tag=1\r\n"
           "To: <sip:[{1}]>\r\nCall-ID: six{2}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nSubject: {3}\r\nContent-Length: 0\r\n\r\n")
FRAGMENT, ICMP6, UDP = 44, 58, 17
OUR_GROUP, ALL_NODES = b"\x33\x33\xff\0\0\1", b"\x33\x33\0\0\0\1"


class Asker:
    """A host of the access network that asks with OPTIONS; a socket of one host must not take another's answers."""

    def __init__(self, context, host):
        self.host = host
        self.asked = 0
        self.socket = context.keep(context.lab.network.sides["access"].socket(socket.AF_INET6, socket.SOCK_DGRAM))
        self.socket.bind((host, 5060))

    def ask(self, seconds=1.0, subject="", target=(GATE, 5060)):
        """The answer's text, or None."""
        self.asked += 1
        self.socket.settimeout(seconds)
        branch = f"{self.host.rpartition(':')[2]}n{self.asked}"
        self.socket.sendto(OPTIONS.format(self.host, GATE, branch, subject).encode(), target)
        with contextlib.suppress(TimeoutError):
            return self.socket.recv(65535).decode()
        return None


@case()
def ipv6_is_answered_as_ipv4_is(context):
    access = context.lab.network.sides["access"]
    ping = access.run("ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", GATE, check=False)
    context.expect("2 received" in ping.stdout, f"ping said {ping.stdout}")
    pbx = Asker(context, PBX)
    answer = pbx.ask() or ""
    context.expect(answer.startswith("SIP/2.0 200"), f"OPTIONS was answered: {answer[:60]!r}")
    via = f"Via: SIP/2.0/UDP [{PBX}]:5060;branch=z9hG4bK10n1;received={PBX};rport=5060\r\n"
    context.expect(via in answer, f"no {via!r} in {answer!r}")
    context.expect((pbx.ask(subject="x" * 4000) or "").startswith("SIP/2.0 200"), "a request in fragments had no answer")
    context.expect(Asker(context, STRANGER).ask(seconds=0.3) is None, "a stranger was answered")
    # Both ends look for the other anew.
    for space, device in ((context.lab.network.sbc, "access"), (access, ENDPOINT_DEVICE)):
        space.ip("-6", "neigh", "flush", "dev", device)
    context.expect(pbx.ask() is not None, "no answer once the neighbours were forgotten")
    # What the kernel has for neighbour discovery is nobody's to call.
    links = [entry["local"] for link in context.lab.network.sbc.ip_json("-6", "addr", "show", "dev", "access")
             for entry in link["addr_info"] if entry["scope"] == "link"]
    context.expect(len(links) == 1, f"link-local addresses of the interface: {links}")
    scope = access.ip_json("link", "show", "dev", ENDPOINT_DEVICE)[0]["ifindex"]
    with contextlib.suppress(ConnectionRefusedError):
        answer = pbx.ask(seconds=0.3, target=(links[0], 5060, 0, scope))
        context.expect(answer is None, f"the link-local address answered {answer!r}")


def frame(mac, protocol, payload, hops=64, source=STRANGER, target=GATE):
    return (mac + b"\2\0\0\0\0\x29\x86\xdd" + struct.pack("!IHBB", 0x60000000, len(payload), protocol, hops)
            + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + payload)


def flood_frames(mac):
    """One of each kind that is no signalling; their checksums do not matter before the kernel."""
    gate = socket.inet_pton(socket.AF_INET6, GATE)
    solicitation = struct.pack("!BBHI", 135, 0, 0, 0) + gate
    return [frame(OUR_GROUP, ICMP6, solicitation, 255, target="ff02::1:ff00:1"),
            frame(mac, ICMP6, struct.pack("!BBHI", 136, 0, 0, 0x60000000) + gate, 255),
            frame(mac, ICMP6, struct.pack("!BBHHH", 128, 0, 0, 1, 1) + b"x" * 32),
            frame(mac, FRAGMENT, struct.pack("!BBHI", UDP, 0, 1, 7) + b"x" * 64),
            frame(ALL_NODES, UDP, struct.pack("!HHHH", 5353, 5353, 40, 0) + b"x" * 32, target="ff02::1"),
            frame(mac, UDP, struct.pack("!HHHH", 9, 9, 40, 0) + b"x" * 32),
            frame(mac, 253, b"x" * 32)]


@case()
def ipv6_floods_leave_sip_its_budget(context):
    pbx = Asker(context, PBX)
    context.expect(pbx.ask() is not None, "no answer before the flood")
    frames = flood_frames(gate_mac(context, "access"))
    before = context.counters("dataplane")
    sender = context.keep(context.lab.network.sides["access"].socket(socket.AF_PACKET, socket.SOCK_RAW))
    sender.bind((ENDPOINT_DEVICE, 0))
    answered, asked, end = 0, 0, time.monotonic() + 2.5
    while time.monotonic() < end:
        # In pieces that a port of the lab takes: what its ring has no room for says nothing of the gate.
        for _ in range(10):
            for each in frames * 30:
                with contextlib.suppress(OSError):
                    sender.send(each)
            time.sleep(0.002)
        asked += 1
        answered += any(pbx.ask(0.5) for _ in range(2))
    after = context.counters("dataplane")
    grown = {name: after[name] - before.get(name, 0) for name in after if name.startswith("drop-kernel-rate")}
    context.expect(asked > 5 and answered == asked, f"{answered} of {asked} requests were answered; dropped: {grown}")
    missing = [name for name in ("", "-neighbour", "-icmp", "-fragment", "-group") if not grown["drop-kernel-rate" + name]]
    context.expect(not missing, f"nothing was dropped of {missing}: {grown}")
    context.expect(grown["drop-kernel-rate-sip"] == 0, f"SIP was dropped: {grown}")
