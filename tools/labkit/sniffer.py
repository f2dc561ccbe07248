"""What one side of the lab sees: every frame at a device, as it was on the wire.

Runs in a thread of the process that asks; it needs no program and leaves no file unless one is written.
`signalling=True` leaves RTP out in the kernel (a socket filter), for captures beside thousands of packets.
"""
import ctypes
import dataclasses
import socket
import struct
import threading
import time

from . import ip_frame, sip_text
from .tcp_stream import Streams

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
SIP_PORT = 5060

# tcpdump's language: UDP or TCP port 5060, or a later fragment of any such packet; of IPv6 any fragment.
SIGNALLING_FILTER = (
    (0x28, 0, 0, 12), (0x15, 9, 0, 0x0800),        # IPv4?
    (0x15, 0, 19, 0x86DD),                         # IPv6?
    (0x30, 0, 0, 20), (0x15, 16, 0, 44),           # a fragment: keep
    (0x15, 1, 0, 6), (0x15, 0, 15, 17),            # TCP or UDP?
    (0x28, 0, 0, 54), (0x15, 12, 0, SIP_PORT),     # source port
    (0x28, 0, 0, 56), (0x15, 10, 11, SIP_PORT),    # destination port
    (0x30, 0, 0, 23), (0x15, 1, 0, 6),             # TCP?
    (0x15, 0, 8, 17),                              # UDP?
    (0x28, 0, 0, 20), (0x45, 5, 0, 0x1FFF),        # a later fragment: keep
    (0xB1, 0, 0, 14),                              # x = length of the IP header
    (0x48, 0, 0, 14), (0x15, 2, 0, SIP_PORT),      # source port
    (0x48, 0, 0, 16), (0x15, 0, 1, SIP_PORT),      # destination port
    (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0),
)


@dataclasses.dataclass
class Datagram:
    at: float          # time.monotonic()
    source: tuple      # (address, port)
    destination: tuple
    payload: bytes


def parse_frame(at, frame, fragments):
    """A UDP datagram, or None. `fragments` keeps what has come of fragmented ones."""
    packet = ip_frame.parse(frame)
    if not packet or packet.protocol != ip_frame.UDP:
        return None
    source, destination, data = packet.source, packet.destination, packet.data
    if packet.fragment:
        key = (source, destination, packet.identity)
        parts = fragments.setdefault(key, {})
        parts[packet.offset] = (data, packet.more)
        joined, more = b"", True
        while len(joined) in parts and more:
            part, more = parts[len(joined)]
            joined += part
        if more:
            return None
        del fragments[key]
        data = joined
    if len(data) < 8:
        return None
    source_port, destination_port = struct.unpack("!HH", data[:4])
    return Datagram(at, (source, source_port), (destination, destination_port), data[8:])


class Sniffer:
    def __init__(self, namespace, device="eth0", signalling=False):
        self.frames = []     # (monotonic, bytes)
        self.datagrams = []  # of those, the UDP ones; and the SIP messages of streams, each as if it were one
        self._fragments = {}
        self._streams = Streams()
        self._lock = threading.Lock()
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        if signalling:
            self._attach_filter()
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: a burst must not be lost
        self._socket.bind((device, ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._running = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _attach_filter(self):
        code = b"".join(struct.pack("HBBI", *step) for step in SIGNALLING_FILTER)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(SIGNALLING_FILTER), ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def _read(self):
        while self._running:
            try:
                frame = self._socket.recv(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            at = time.monotonic()
            datagram = parse_frame(at, frame, self._fragments)
            segment = None if datagram else self._streams.messages(frame)
            with self._lock:
                self.frames.append((at, frame))
                if datagram:
                    self.datagrams.append(datagram)
                if segment:
                    source, destination, messages = segment
                    self.datagrams += [Datagram(at, source, destination, message) for message in messages]

    def messages(self):
        """SIP messages so far, in order."""
        return self.messages_from(0)[1]

    def messages_from(self, start):
        """(where to go on from next time, SIP messages since `start`)."""
        with self._lock:
            datagrams = self.datagrams[start:]
        return start + len(datagrams), [
            message for datagram in datagrams if SIP_PORT in (datagram.source[1], datagram.destination[1])
            for message in [sip_text.parse(datagram)] if message]

    def stop(self):
        if self._running:
            time.sleep(0.05)  # what is on its way
            self._running = False
            self._thread.join()
            self._socket.close()

    def write_pcap(self, path):
        base = time.time() - time.monotonic()
        with self._lock, open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, frame in self.frames:
                seconds = base + at
                file.write(struct.pack("<IIII", int(seconds), int(seconds % 1 * 1e6), len(frame), len(frame)) + frame)
