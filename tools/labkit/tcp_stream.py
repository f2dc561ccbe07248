"""SIP messages out of captured TCP segments: put in order by their sequence numbers, cut by Content-Length."""
import re
import socket
import struct

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
        """(source, destination, [messages]) that a frame completes; None when it is no IPv4 TCP segment."""
        if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return None
        at = 14 + (frame[14] & 15) * 4
        total = struct.unpack("!H", frame[16:18])[0]
        source_port, destination_port, sequence = struct.unpack("!HHI", frame[at:at + 8])
        source = (socket.inet_ntoa(frame[26:30]), source_port)
        destination = (socket.inet_ntoa(frame[30:34]), destination_port)
        direction = self._directions.setdefault((source, destination), Direction())
        direction.take(sequence, frame[at + 13], frame[at + (frame[at + 12] >> 4) * 4:14 + total])
        return source, destination, direction.messages()
