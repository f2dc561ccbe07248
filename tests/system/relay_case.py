"""Requests that are no call through both ways over real sockets: MESSAGE, OPTIONS, PUBLISH, SUBSCRIBE and its NOTIFY."""
import re
import socket
import time

from tests.system.hiding_case import HEADERS, WORDS
from tests.system.runner import case
from tools.labkit.network import address

GATE = {"access": ("192.0.2.1", 5060), "core": ("198.51.100.1", 5060)}


def field(message, name):
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def inside(value):
    return value[value.index("<") + 1:value.index(">")]


class Peer:
    """One user agent of either side; every field that it may fill names its own side."""

    def __init__(self, context, side):
        self.side, self.word = side, WORDS[side][0]
        self.host = address(side, 10)
        self.socket = context.lab.network.sides[side].socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, 5060))
        self.heard, self.count = [], 0
        self.headers = HEADERS.format(X=self.word, x=self.word.lower(), n=WORDS[side][1], a=self.host).replace("\n", "\r\n")

    def close(self):
        self.socket.close()

    def request(self, method, uri, to, call=None, cseq=1, extra="", body="", source=""):
        self.count += 1
        word = self.word.lower()
        call = call or f"{word}-call-{self.count}@pbx.{word}.example"
        source = source or f"<sip:100@pbx.{word}.example>;tag={word}-tag-{self.count}"
        text = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:5060;rport;branch=z9hG4bK{word}{self.count}{method}\r\n"
                f"Max-Forwards: 70\r\nFrom: {source}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:100@{self.host}:5060>\r\n{self.headers}{extra}Content-Length: {len(body)}\r\n\r\n{body}")
        self.socket.sendto(text.encode(), GATE[self.side])
        return text

    def answer(self, request, status, extra=""):
        word = self.word.lower()
        to = field(request, "To")
        if ";tag=" not in to:
            to += f";tag={word}-answer"
        text = (f"SIP/2.0 {status} {self.word}\r\nVia: {field(request, 'Via')}\r\nFrom: {field(request, 'From')}\r\nTo: {to}\r\n"
                f"Call-ID: {field(request, 'Call-ID')}\r\nCSeq: {field(request, 'CSeq')}\r\n"
                f"Contact: <sip:there@{self.host}:5060>\r\n{self.headers}{extra}Content-Length: 0\r\n\r\n")
        self.socket.sendto(text.encode(), GATE[self.side])

    def receive(self, start, seconds=3.0):
        """The next message that begins so; what is repeated meanwhile is kept for the search."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = self.socket.recv(65535).decode()
            except TimeoutError:
                break
            self.heard.append(message)
            if message.startswith(start):
                return message
        return ""


def one_way(context, here, there):
    uri, to = f"sip:4711@{GATE[here.side][0]}", f"<sip:4711@{GATE[here.side][0]}>"
    for method, extra, body in (("MESSAGE", "Content-Type: text/plain\r\n", "Good morning"), ("OPTIONS", "", ""),
                                ("PUBLISH", "Event: presence\r\nSIP-If-Match: e7\r\nContent-Type: text/plain\r\n", "open")):
        here.request(method, uri, to, extra=extra, body=body)
        request = there.receive(method)
        context.expect(request.endswith("\r\n\r\n" + body), f"{method} from {here.side} arrived as {request!r}")
        there.answer(request, 200, "SIP-ETag: e8\r\n")
        response = here.receive("SIP/2.0 200")
        context.expect(response != "", f"no answer to {method} from {here.side}")
        if method == "PUBLISH":
            context.expect(field(request, "SIP-If-Match") == "e7" and field(response, "SIP-ETag") == "e8", "entity tags")

    first = here.request("SUBSCRIBE", uri, to, extra="Event: presence\r\nExpires: 600\r\n")
    request = there.receive("SUBSCRIBE")
    there.answer(request, 202, "Expires: 600\r\n")
    response = here.receive("SIP/2.0 202")
    context.expect(context.counters("control")["live-subscriptions"] == 1, "no subscription is live")
    for number, state in ((1, "active;expires=599"), (2, "terminated;reason=noresource")):
        there.request("NOTIFY", inside(field(request, "Contact")), field(request, "From"), field(request, "Call-ID"), number,
                      f"Event: presence\r\nSubscription-State: {state}\r\n",
                      source=f"{field(request, 'To')};tag={there.word.lower()}-answer")
        notify = here.receive("NOTIFY")
        context.expect(field(notify, "Subscription-State") == state, f"NOTIFY arrived as {notify!r}")
        context.expect(field(notify, "Call-ID") == field(first, "Call-ID") and field(notify, "To") == field(first, "From")
                       and field(notify, "From") == field(response, "To"), "NOTIFY is of another dialog")
        here.answer(notify, 200)
        context.expect(there.receive("SIP/2.0 200") != "", "no answer to NOTIFY")


@case()
def requests_that_are_no_call(context):
    peers = {side: Peer(context, side) for side in ("access", "core")}
    try:
        one_way(context, peers["access"], peers["core"])
        one_way(context, peers["core"], peers["access"])
    finally:
        for peer in peers.values():
            peer.close()
    for side, peer in peers.items():
        other = "core" if side == "access" else "access"
        word, number = WORDS[other]
        marks = (word.lower(), f"10.{number}.", "198.51.100." if other == "core" else "192.0.2.")
        for message in peer.heard:
            for mark in marks:
                context.expect(mark not in message.lower(), f"{side} saw {mark!r} in {message!r}")
    counters = context.counters("control")
    for name in ("live-requests", "live-subscriptions"):
        context.expect(counters[name] == 0, f"{name} is {counters[name]}")
    context.expect(all(len(peer.heard) >= 12 for peer in peers.values()), "too few messages to search")
