"""Hosts of the lab's networks that are no party to a call: they send what they like, and tell what reached them."""
import random
import socket
import struct
import threading
import time

from tools.labkit.network import ENDPOINT_DEVICE, address
from tools.labkit.rtp import PAYLOAD
from tools.labkit.sniffer import Sniffer

HOST = 66
PORT = 7078
MARK = b"\xa5INJECTED\x5a"  # in every packet of an attacker, and in no other


def forged_rtp(sequence, ssrc, timestamp, payload_type=0):
    body = (MARK + random.randbytes(PAYLOAD))[:PAYLOAD]
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + body


def forged_report(ssrc):
    """A sender report whose next block is an APP packet with the mark (RFC 3550 §6.7)."""
    body = MARK + bytes(-len(MARK) % 4)
    application = struct.pack("!BBHI4s", 0x80, 204, 2 + len(body) // 4, ssrc, b"EVIL") + body
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, random.getrandbits(32), 0, 0, 0, 0) + application


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_frame(macs, source, target, payload):
    """An Ethernet frame with any source; macs: (source, destination) as bytes."""
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    sum_of_udp = checksum(ends + struct.pack("!HH", 17, len(udp)) + udp) or 0xFFFF
    udp = udp[:6] + struct.pack("!H", sum_of_udp) + udp[8:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + ends
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return macs[1] + macs[0] + b"\x08\x00" + header + udp


def gate_mac(context, side):
    ports = context.product.show("dataplane")["ports"]
    return bytes.fromhex(next(port["mac"] for port in ports if port["interface"] == side).replace(":", ""))


class Forger:
    """Sends frames as if from anybody, from the namespace of one side."""

    def __init__(self, context, side):
        self.macs = (b"\x02\x00\x00\x00\x00\x66", gate_mac(context, side))
        self._socket = context.lab.network.sides[side].socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((ENDPOINT_DEVICE, 0))
        self.close = self._socket.close

    def send(self, source, target, payload):
        self._socket.send(udp_frame(self.macs, source, target, payload))


class Stranger:
    """A third host of one side, with a socket of its own and a watch over what the gate sends into this network."""

    def __init__(self, context, side):
        space = context.lab.network.sides[side]
        self.address = address(side, HOST)
        self.sent = 0
        self.sniffer = Sniffer(space)
        self._socket = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, PORT))
        self._spraying = None

    def send(self, target, payload):
        self._socket.sendto(payload, target)
        self.sent += 1

    def spray(self, targets, packets_per_second):
        """RTP to each of the targets at that rate, until close()."""
        self._spraying = True
        self._thread = threading.Thread(target=self._spray, args=(targets, 1 / packets_per_second), daemon=True)
        self._thread.start()

    def _spray(self, targets, pause):
        ssrc, number, due = random.getrandbits(32), 0, time.monotonic()
        while self._spraying:
            for target in targets:
                self.send(target, forged_rtp(number, ssrc, number * PAYLOAD))
            number += 1
            due += pause
            time.sleep(max(0.0, due - time.monotonic()))

    def stop(self):
        if self._spraying:
            self._spraying = False
            self._thread.join()
        self.sniffer.stop()

    close = stop

    def received(self):
        """Datagrams that came to our address. What is our own neighbour's business (ARP) is none."""
        return [datagram for datagram in self.sniffer.datagrams if datagram.destination[0] == self.address]

    def passed(self, gate):
        """Marked datagrams that the gate has sent into this network: another side's attacker got through."""
        return [datagram for datagram in self.sniffer.datagrams
                if datagram.source[0] in gate and MARK in datagram.payload]
