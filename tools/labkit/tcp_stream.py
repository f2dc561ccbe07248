"""SIP messages out of captured TCP segments: put in order by their sequence numbers, cut by Content-Length."""
import re
import struct

from . import ip_frame

SYN = 0x02
WORD = 1 << 32


class Direction:
    """The bytes of one direction of one connection."""

    def __init__(self):
        self.next = None   # sequence number of the next byte; None: nothing was seen yet
        self.early = {}    # sequence number -> bytes that came before their turn
        self.buffer = b""

    def take(self, sequence, flags, data):
        if flags & SYN:
            self.next, self.early, self.buffer = (sequence + 1) % WORD, {}, b""
            return
        if self.next is None:
            self.next = sequence
        if data:
            self.early[sequence] = data
        while True:
            ready = [at for at, part in self.early.items() if (self.next - at) % WORD <= len(part)]
            if not ready:
                return
            part = self.early.pop(ready[0])
            fresh = part[(self.next - ready[0]) % WORD:]
            self.buffer += fresh
            self.next = (self.next + len(fresh)) % WORD

    def messages(self):
        """Those that are whole by now; empty lines between them are left out."""
        found = []
        while True:
            self.buffer = self.buffer.lstrip(b"\r\n")
            head, separator, _ = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return found
            length = re.search(rb"^(?:content-length|l)[ \t]*:\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
            end = len(head) + len(separator) + (int(length[1]) if length else 0)
            if len(self.buffer) < end:
                return found
            found.append(self.buffer[:end])
            self.buffer = self.buffer[end:]


class Streams:
    def __init__(self):
        self._directions = {}

    def messages(self, frame):
        """(source, destination, [messages]) that a frame completes; None when it is no whole TCP segment."""
        packet = ip_frame.parse(frame)
        if not packet or packet.protocol != ip_frame.TCP or packet.fragment or len(packet.data) < 20:
            return None
        segment = packet.data
        source_port, destination_port, sequence = struct.unpack("!HHI", segment[:8])
        source = (packet.source, source_port)
        destination = (packet.destination, destination_port)
        direction = self._directions.setdefault((source, destination), Direction())
        direction.take(sequence, segment[13], segment[(segment[12] >> 4) * 4:])
        return source, destination, direction.messages()
