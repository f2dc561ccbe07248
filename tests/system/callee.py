"""A callee that keeps to RFC 3261 when packets are lost. SIPp's does not: it takes an INVITE that comes again
after its 200 for an error and forgets the call. This one answers, repeats its 200 until the ACK, and keeps count."""
import heapq
import re
import socket
import threading
import time

from tools.labkit import sip_text
from tools.labkit.sniffer import Datagram

DESCRIPTION = ("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n"
               "a=rtpmap:0 PCMU/8000\r\n")


class CalleeCall:
    def __init__(self, number):
        self.number = number
        self.caller = ""
        self.answer = None       # the last response to the INVITE
        self.answered = False
        self.confirmed = False   # ACK has come
        self.ended = False       # BYE has come


class Callee:
    def __init__(self, namespace, address, t1=0.25, t2=1.0, ring=0.1):
        self.address = address
        self.t1, self.t2, self.ring = t1, t2, ring
        self.calls = {}          # Call-ID -> CalleeCall
        self.repeats = 0         # requests and responses that came or went more than once
        self._due = []           # (when, tie, what to do)
        self._ties = 0
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((address, 5060))
        self._running = True
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def close(self):
        if self._running:
            self._running = False
            self._thread.join()
            self._socket.close()

    def count(self, what):
        return sum(getattr(call, what) for call in list(self.calls.values()))

    def _later(self, seconds, action):
        self._ties += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._ties, action))

    def _drive(self):
        while self._running:
            wait = min(0.05, max(0.001, self._due[0][0] - time.monotonic())) if self._due else 0.05
            self._socket.settimeout(wait)
            try:
                payload, source = self._socket.recvfrom(65535)
            except TimeoutError:
                payload = None
            if payload:
                message = sip_text.parse(Datagram(time.monotonic(), source, (self.address, 5060), payload))
                if message and message.is_request:
                    self._request(message)
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()

    def _response(self, message, status, number, description=""):
        copied = "".join(f"{name.title()}: {value}\r\n" for name, value in message.headers
                         if name in ("via", "from", "call-id", "cseq", "record-route"))
        to = message.header("to")
        tag = "" if ";tag=" in to else f";tag=callee{number}"
        kind = "Content-Type: application/sdp\r\n" if description else ""
        return (message.source, f"SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\nContact: <sip:callee@{self.address}>\r\n"
                f"{kind}Content-Length: {len(description)}\r\n\r\n{description}".encode())

    def _send(self, response):
        self._socket.sendto(response[1], response[0])

    def _request(self, message):
        call = self.calls.get(message.call_id)
        if message.method == "INVITE":
            if call:
                self.repeats += 1
            else:
                call = self.calls[message.call_id] = CalleeCall(len(self.calls) + 1)
                call.caller = re.search(r"sips?:([^@;>]+)@", message.header("from"))[1]
                call.answer = self._response(message, "180 Ringing", call.number)
                self._later(self.ring, lambda: self._answer(call, message))
            self._send(call.answer)
        elif call is None:
            self._send(self._response(message, "481 Call/Transaction Does Not Exist", 0))
        elif message.method == "ACK":
            call.confirmed = True
        elif message.method == "BYE":
            self.repeats += call.ended
            call.ended = True
            self._send(self._response(message, "200 OK", call.number))

    def _answer(self, call, message):
        port = 20000 + 4 * (call.number % 5000)
        call.answer = self._response(message, "200 OK", call.number, DESCRIPTION.format(self.address, port))
        call.answered = True
        self._repeat(call, self.t1, time.monotonic() + 64 * self.t1)

    def _repeat(self, call, interval, until):
        """RFC 3261 §13.3.1.4: the 2xx goes out again until its ACK has come."""
        if call.confirmed or call.ended or time.monotonic() > until:
            return
        self._send(call.answer)
        self._later(interval, lambda: self._repeat(call, min(2 * interval, self.t2), until))
