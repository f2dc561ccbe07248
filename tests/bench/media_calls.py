"""Calls through the gate, set up for their media only: a caller in the access namespace and a callee in the core one, both
in this process. What each was told by the gate says where its audio goes."""
import re
import select
import socket
import time

from tools.labkit.command import LabError

CALLER, CALLEE = ("192.0.2.10", 5060), ("198.51.100.10", 5060)
GATE = ("192.0.2.1", 5060)
FIRST_PORT = 10_000  # of the audio at either end; every other one is RTCP's
IN_FLIGHT = 50
PATIENCE = 20.0


def audio_port(number):
    return FIRST_PORT + 2 * number


def description(address, port):
    return (f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n")


def headers(text, name):
    return re.findall(rf"^{name}: *(.*?)\r$", text, re.MULTILINE | re.IGNORECASE)


def message(first, lines, body=""):
    content = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([first, *lines, *content, f"Content-Length: {len(body)}", "", body]).encode()


def where_to(text):
    """ADDRESS:PORT of the audio that a description asks for."""
    address = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)[1]
    port = re.search(r"^m=audio (\d+)", text, re.MULTILINE)[1]
    return f"{address}:{port}"


class MediaCalls:
    def __init__(self, access, core):
        self.caller = access.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.callee = core.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end, address in ((self.caller, CALLER), (self.callee, CALLEE)):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            end.bind(address)
            end.setblocking(False)
        self.targets = {}  # call's number -> where the caller's audio goes

    def identity(self, number):
        return [f"From: <sip:caller{number}@{CALLER[0]}>;tag=caller{number}", f"Call-ID: media{number}@{CALLER[0]}",
                f"Contact: <sip:caller{number}@{CALLER[0]}:{CALLER[1]}>", "Max-Forwards: 70"]

    def via(self, branch):
        return f"Via: SIP/2.0/UDP {CALLER[0]}:{CALLER[1]};branch=z9hG4bK{branch}"

    def invite(self, number):
        self.caller.sendto(message(
            f"INVITE sip:{number}@{GATE[0]} SIP/2.0",
            [self.via(f"i{number}"), f"To: <sip:{number}@{GATE[0]}>", "CSeq: 1 INVITE", *self.identity(number)],
            description(CALLER[0], audio_port(number))), GATE)

    def answer(self, text, peer):
        """The callee takes every INVITE at once; ACK needs nothing."""
        if not text.startswith("INVITE "):
            return
        number = int(re.match(r"INVITE sip:(\d+)@", text)[1])
        copied = [f"{name}: {value}" for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
                  for value in headers(text, name)]
        self.callee.sendto(message(
            "SIP/2.0 200 OK", [*copied, f"To: {headers(text, 'To')[0]};tag=callee{number}",
                               f"Contact: <sip:callee@{CALLEE[0]}:{CALLEE[1]}>"],
            description(CALLEE[0], audio_port(number))), peer)

    def answered(self, text):
        status = int(text.split(" ", 2)[1])
        if status < 200:
            return
        number = int(re.search(r"media(\d+)@", headers(text, "Call-ID")[0])[1])
        if status != 200:
            raise LabError(f"the gate refused call {number}: {text.splitlines()[0]}")
        contact = re.search(r"<(.*?)>", headers(text, "Contact")[0])[1]
        self.caller.sendto(message(
            f"ACK {contact} SIP/2.0",
            [self.via(f"a{number}"), f"To: {headers(text, 'To')[0]}", "CSeq: 1 ACK", *self.identity(number),
             *[f"Route: {route}" for route in headers(text, "Record-Route")]]), GATE)
        self.targets[number] = where_to(text)

    def place(self, count):
        """[(source, destination) of the audio from the caller's side], one per call."""
        deadline = time.monotonic() + PATIENCE + count / 200
        started = 0
        resent = time.monotonic()
        while len(self.targets) < count:
            while started < count and started - len(self.targets) < IN_FLIGHT:
                self.invite(started)
                started += 1
            for end in select.select([self.caller, self.callee], [], [], 0.2)[0]:
                data, peer = end.recvfrom(65535)
                if end is self.callee:
                    self.answer(data.decode(), peer)
                else:
                    self.answered(data.decode())
            if time.monotonic() > resent + 0.5:  # as a phone does that has no answer
                resent = time.monotonic()
                for number in range(started):
                    if number not in self.targets:
                        self.invite(number)
            if time.monotonic() > deadline:
                raise LabError(f"only {len(self.targets)} of {count} calls could be set up")
        return [(f"{CALLER[0]}:{audio_port(number)}", self.targets[number]) for number in range(count)]

    def close(self):
        self.caller.close()
        self.callee.close()
