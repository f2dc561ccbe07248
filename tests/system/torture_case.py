"""RFC 4475 and RFC 5118 over real sockets: each message of tests/data/torture by UDP and by TCP, and what came of it.

Expectations are those of tests/data/torture/table.json. What happened goes into build/system/torture-messages/table.md,
section by section, whether it was as expected or not.
"""
import json
import pathlib
import re
import select
import socket
import time

from tests.system.runner import case

DATA = pathlib.Path(__file__).parents[1] / "data" / "torture"
GATE = {"access": ("192.0.2.1", 5060), "core": ("198.51.100.1", 5060)}
HOST = {"access": ("192.0.2.10", 5060), "core": ("198.51.100.10", 5060)}
# Calls to the access side go by TCP: there responses of the set arrive in a stream.
SETTINGS = {"realms": {"access": {"trust": "trusted"}}, "trunks": {"access-pbx": {"transport": "tcp"},
                                                                   "core-carrier": {"transport": "udp"}}}
ANSWER = 3.0   # for what is expected to come
SILENCE = 0.2  # for what is not
MORE = 0.01    # for what comes although all is there that was expected
ANSWERS = (486, 202)  # of the other side: to a call, to all else
CSEQ = rb"(?i)(\ncseq\s*:\s*\d+\s+)INVITE\b"
FIELDS = {b"@via@": b"Via", b"@from@": b"From", b"@to@": b"To", b"@call-id@": b"Call-ID", b"@cseq@": b"CSeq"}


def field(message, name):
    """The first of this name in a message that the gate has written."""
    found = re.search(rb"^" + name + rb": ([^\r]*)\r$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else b""


def answer_to(request, status):
    lines = [b"SIP/2.0 %d Answer" % status]
    lines += [name + b": " + field(request, name) + (b";tag=other" if name == b"To" else b"")
              for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
    return b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n"


def ack_to(request):
    """Of a failure: the transaction is the request's (RFC 3261 §17.1.1.3); the rest of it does no harm."""
    return re.sub(CSEQ, rb"\1ACK", request.replace(b"INVITE ", b"ACK ", 1), count=1)


def messages_in(stream):
    """Whole messages at the front of what a stream of the gate's has brought; the rest."""
    found = []
    while True:
        head, separator, _ = stream.partition(b"\r\n\r\n")
        end = len(head) + 4 + int(field(head + b"\r\n", b"Content-Length") or 0)
        if not separator or len(stream) < end:
            return found, stream
        found.append(stream[:end])
        stream = stream[end:]


class Peers:
    """The hosts of both sides: a datagram socket each, and a stream that can be made anew."""

    def __init__(self, context):
        self.sides = context.lab.network.sides
        self.udp = {}
        for side, address in HOST.items():
            self.udp[side] = context.keep(self.sides[side].socket(socket.AF_INET, socket.SOCK_DGRAM))
            self.udp[side].bind(address)
        self.listener = context.keep(self.sides["access"].socket(socket.AF_INET, socket.SOCK_STREAM))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(HOST["access"])
        self.listener.listen()
        self.streams = {}  # socket -> bytes of a message that is not whole
        self.closed = set()
        self.connection = None

    def connect(self):
        stream = self.sides["access"].socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.settimeout(ANSWER)
        stream.connect(GATE["access"])
        self.streams[stream] = b""
        return stream

    def send(self, side, transport, data):
        if transport == "udp":
            self.udp[side].sendto(data, GATE[side])
            return
        if self.connection is None or self.connection in self.closed:
            self.connection = self.connect()
        self.connection.sendall(data)

    def receive(self, seconds):
        """[(side, socket, message)] of the next moment; [] for silence."""
        ready = select.select([*self.udp.values(), self.listener, *(set(self.streams) - self.closed)], [], [], seconds)[0]
        found = []
        for one in ready:
            if one is self.listener:
                self.streams[one.accept()[0]] = b""
            elif one in self.streams:
                data = one.recv(65536)
                if not data:
                    self.closed.add(one)
                whole, self.streams[one] = messages_in(self.streams[one] + data)
                found += [("access", one, message) for message in whole]
            else:
                side = next(name for name, each in self.udp.items() if each is one)
                found.append((side, one, one.recv(65536)))
        return found

    def reply(self, one, side, data):
        one.sendall(data) if one in self.streams else one.sendto(data, GATE[side])

    def drop_stream(self):
        if self.connection:
            self.connection.close()
            self.streams.pop(self.connection, None)
            self.connection = None

    def close(self):
        for stream in self.streams:
            stream.close()


class Trial:
    """One message and what comes of it."""

    def __init__(self, peers, row, transport):
        self.peers, self.row, self.transport = peers, row, transport
        self.expected = row.get("stream", row["udp"]) if transport == "tcp" else row["udp"]
        self.mark = f"-{transport}-".encode()
        self.bytes = (DATA / f"{row['name']}.sip").read_bytes()
        if transport == "tcp":
            self.bytes = self.bytes.replace(b"-udp-", b"-tcp-").replace(b"/UDP", b"/TCP", 1)
        self.to_sender, self.to_other, self.verdicts = [], [], []

    def run(self):
        if self.bytes.startswith(b"SIP/"):
            self.respond()
        else:
            self.request()
        return ", ".join(self.verdicts)

    def done(self):
        return len(self.verdicts) >= len(self.expected.split(", "))

    def request(self):
        peers = self.peers
        self.other = "core"
        quiet = self.expected in ("dropped", "waits")
        peers.send("access", self.transport, self.bytes)
        self.listen(SILENCE if quiet else ANSWER)
        if not self.verdicts:
            self.verdicts.append("waits" if self.transport == "tcp" and self.waits() else "dropped")
            peers.drop_stream()

    def listen(self, seconds):
        peers, end = self.peers, None
        deadline = time.monotonic() + seconds
        while (left := (end or deadline) - time.monotonic()) > 0:
            if self.transport == "tcp" and peers.connection in peers.closed:
                self.verdicts.append("closed")
                return
            for side, one, message in peers.receive(left):
                self.hear(side, one, message)
            if self.done() and not end:
                end = time.monotonic() + MORE

    def waits(self):
        """Is it answered as soon as all is there that its head promises?"""
        head, _, body = self.bytes.partition(b"\r\n\r\n")
        missing = int(field(head + b"\r\n", b"Content-Length") or 0) - len(body)
        if missing <= 0 or self.peers.connection in self.peers.closed:
            return False
        self.peers.send("access", self.transport, b"\n" * missing)
        self.listen(ANSWER)
        answered = bool(self.verdicts)
        self.verdicts.clear()
        return answered

    def hear(self, side, one, message):
        if side == "core":
            if not message.startswith((b"SIP/", b"ACK ")):
                self.to_other.append(message)
                self.peers.reply(one, side, answer_to(message, ANSWERS[0 if message.startswith(b"INVITE ") else 1]))
            return
        if not message.startswith(b"SIP/2.0 ") or not self.mine(message):
            return  # what an earlier one has left
        self.to_sender.append(message)
        status = int(message[8:11])
        if status < 200:
            return
        if re.search(CSEQ, message) and self.last_request().startswith(b"INVITE "):
            self.peers.send("access", self.transport, ack_to(self.last_request()))
        self.verdicts.append("forwarded" if self.to_other and status in ANSWERS else str(status))

    def mine(self, message):
        """Call-IDs, branches and tags of the set name its message."""
        names = re.findall(rb"[\w-]*" + self.mark, self.bytes)
        return not names or any(name in message for name in names)

    def last_request(self):
        """Of several in one stream that which has just been answered."""
        start = self.bytes.rfind(b"INVITE sip:")
        return self.bytes[start:] if start > 0 and self.transport == "tcp" else self.bytes

    # --- a response of the set: in the place of the answer to a call of ours
    def respond(self):
        self.other = "access" if self.transport == "udp" else "core"
        callee = "core" if self.transport == "udp" else "access"
        call = self.begin_call()
        self.peers.udp[self.other].sendto(call, GATE[self.other])
        invite = one = None
        deadline = time.monotonic() + ANSWER
        while not invite and (left := deadline - time.monotonic()) > 0:
            for side, each, message in self.peers.receive(left):
                if side == callee and message.startswith(b"INVITE "):
                    invite, one = message, each
        if not invite:
            self.verdicts.append("no call")
            return
        response = self.bytes
        for word, name in FIELDS.items():
            response = response.replace(word, field(invite, name))
        self.peers.reply(one, callee, response)
        heard = self.wait_for_caller(SILENCE if self.expected == "dropped" else ANSWER, call)
        self.verdicts.append("forwarded" if heard else "dropped")
        self.to_sender = heard
        self.peers.reply(one, callee, answer_to(invite, 486))
        if not [message for message in self.wait_for_caller(ANSWER, call) if message.startswith(b"SIP/2.0 486")]:
            self.verdicts.append("the call did not go on")
        self.peers.udp[self.other].sendto(ack_to(call), GATE[self.other])

    def begin_call(self):
        name = f"torture-{self.row['name']}-{self.transport}".encode()
        host = HOST[self.other][0].encode()
        sdp = b"v=0\r\no=- 1 1 IN IP4 %b\r\ns=-\r\nc=IN IP4 %b\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n" % (host, host)
        return (b"INVITE sip:lamp@lantern.example SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bK%b\r\nMax-Forwards: 70\r\n"
                b"From: <sip:rosa@quay.example>;tag=%b\r\nTo: <sip:lamp@lantern.example>\r\nCall-ID: %b\r\nCSeq: 1 INVITE\r\n"
                b"Contact: <sip:rosa@%b>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b"
                % (host, name, name, name, host, len(sdp), sdp))

    def wait_for_caller(self, seconds, call):
        """The responses beyond 100 that the caller gets; until the first of them."""
        found = []
        deadline = time.monotonic() + seconds
        while not found and (left := deadline - time.monotonic()) > 0:
            found += [message for side, _, message in self.peers.receive(left)
                      if side == self.other and message.startswith(b"SIP/2.0 ") and not message.startswith(b"SIP/2.0 100")
                      and field(message, b"Call-ID") == field(call, b"Call-ID")]
        return found

    def problems(self, got):
        if got != self.expected:
            yield f"expected {self.expected}, got {got}"
        if self.transport == "tcp" and self.expected != self.row["udp"] and not self.expected.startswith(self.row["udp"]):
            return
        request = not self.bytes.startswith(b"SIP/")
        other = b"".join(self.to_other if request else self.to_sender)
        for text in self.row.get("arrives", []):
            if text.encode() not in other:
                yield f"the other side does not get {text!r}"
        for text in self.row.get("never", []):
            if text.encode() in other:
                yield f"the other side gets {text!r}"
        if self.row.get("body") and not other.endswith(self.bytes[self.bytes.index(b"\r\n\r\n"):]):
            yield "the body does not arrive as it was"
        for text in self.row.get("answer", []):
            if text.encode().replace(b"-udp-", self.mark) not in b"".join(self.to_sender):
                yield f"the sender does not get {text!r}"


@case(SETTINGS)
def torture_messages(context):
    peers = context.keep(Peers(context))
    table = ["| section | message | the trap | expected | UDP | TCP |", "|---|---|---|---|---|---|"]
    for row in json.loads((DATA / "table.json").read_text(encoding="utf-8")):
        got = {}
        for transport in ("udp", "tcp"):
            trial = Trial(peers, row, transport)
            got[transport] = trial.run()
            for problem in trial.problems(got[transport]):
                context.expect(False, f"{row['section']} {row['name']} over {transport}: {problem}")
                got[transport] += " (!)"
        expected = row["udp"] + (f"; stream: {row['stream']}" if "stream" in row else "")
        table.append(f"| {row['section']} | {row['name']} | {row['what']} | {expected} | {got['udp']} | {got['tcp']} |")
    (context.folder / "table.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    context.nothing_left()
