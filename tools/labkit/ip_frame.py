"""IP packets in captured Ethernet frames, of both families."""
import dataclasses
import socket
import struct

IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
TCP, UDP, FRAGMENT = 6, 17, 44
OPTIONS = (0, 43, 60)  # hop by hop, routing, destination: headers that only stand before what is looked for


@dataclasses.dataclass
class Packet:
    source: str
    destination: str
    protocol: int
    data: bytes            # behind the IP header, without padding
    identity: int = 0      # of the datagram that it is a fragment of
    offset: int = 0        # in bytes
    more: bool = False     # fragments follow

    @property
    def fragment(self):
        return self.more or self.offset > 0


def parse_ipv4(ip):
    header = (ip[0] & 15) * 4
    total, identity, flags = struct.unpack("!HHH", ip[2:8])
    return Packet(socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]), ip[9], ip[header:total], identity,
                  (flags & 0x1FFF) * 8, bool(flags & 0x2000))


def parse_ipv6(ip):
    if len(ip) < 40:
        return None
    protocol, data = ip[6], ip[40:40 + struct.unpack("!H", ip[4:6])[0]]
    packet = Packet(*(socket.inet_ntop(socket.AF_INET6, ip[at:at + 16]) for at in (8, 24)), protocol, data)
    while packet.protocol in (*OPTIONS, FRAGMENT) and len(packet.data) >= 8:
        header, length = packet.data, 8
        if packet.protocol == FRAGMENT:
            flags, packet.identity = struct.unpack("!HI", header[2:8])
            packet.offset, packet.more = flags & 0xFFF8, bool(flags & 1)
        else:
            length = 8 * (header[1] + 1)
        packet.protocol, packet.data = header[0], header[length:]
        if packet.offset:
            break
    return packet


def parse(frame):
    """The packet in a frame, or None."""
    if len(frame) >= 34 and frame[12:14] == IPV4:
        return parse_ipv4(frame[14:])
    return parse_ipv6(frame[14:]) if frame[12:14] == IPV6 else None
