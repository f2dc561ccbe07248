"""Just enough of SIP and SDP to look at a capture with; the product's parser is not involved."""
import dataclasses
import re

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "k": "supported", "s": "subject", "e": "content-encoding"}

PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}  # RFC 3261 §19.1.2


@dataclasses.dataclass
class Message:
    at: float
    source: tuple
    destination: tuple
    first_line: str
    headers: list      # (lower-case name, value), in order
    body: str

    def header(self, name, default=""):
        return next((value for key, value in self.headers if key == name), default)

    @property
    def is_request(self):
        return not self.first_line.startswith("SIP/2.0 ")

    @property
    def method(self):
        """Of the request, also for a response (from its CSeq)."""
        return self.first_line.split()[0] if self.is_request else (self.header("cseq").split() or ["?"])[-1]

    @property
    def status(self):
        return None if self.is_request else int(self.first_line.split()[1])

    @property
    def call_id(self):
        return self.header("call-id")

    def media(self):
        """(address, port, direction) of the first audio stream, or None."""
        audio = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        connection = re.findall(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        if not audio or not connection:
            return None
        direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", self.body, re.MULTILINE)
        return connection[-1], int(audio[1]), direction[1] if direction else "sendrecv"


def parse(datagram):
    head, separator, body = datagram.payload.partition(b"\r\n\r\n")
    if not separator:
        return None
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    if "SIP/2.0" not in lines[0]:
        return None
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.append((COMPACT.get(name, name), value.strip()))
    return Message(datagram.at, datagram.source, datagram.destination, lines[0], headers,
                   body.decode("utf-8", "replace").replace("\r\n", "\n"))
