"""Calls over TLS from the access side, at a steady rate, each over a connection of its own or all over a few; how long each
took to be set up: from its first byte (the handshake's, if it has one) to the 200."""
import asyncio
import dataclasses
import re
import ssl
import time

from tools.labkit import tls

DESCRIPTION = ("v=0\r\no=- {1} 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
               "a=rtpmap:0 PCMU/8000\r\n")
CONTENT_LENGTH = re.compile(rb"^content-length: *(\d+)", re.MULTILINE | re.IGNORECASE)


@dataclasses.dataclass
class Result:
    setup: list = dataclasses.field(default_factory=list)  # seconds, of those that were answered
    ended: int = 0
    late: float = 0.0  # how much later than planned a call began, at most
    problems: list = dataclasses.field(default_factory=list)

    def percentile(self, share):
        ordered = sorted(self.setup)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


class Connection:
    """One that shows our certificate; messages go to the call that they belong to."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.waiting = {}  # Call-ID -> queue
        self.task = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, space, source, target, context):
        sock = space.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, target)
        return cls(*await asyncio.open_connection(sock=sock, ssl=context, server_hostname="gate.lab"))

    async def _read(self):
        try:
            while True:
                head = (await self.reader.readuntil(b"\r\n\r\n")).lstrip(b"\r\n")
                length = CONTENT_LENGTH.search(head)
                if length and int(length[1]):
                    await self.reader.readexactly(int(length[1]))
                call_id = re.search(rb"^call-id: *(\S+)", head, re.MULTILINE | re.IGNORECASE)
                queue = self.waiting.get(call_id[1].decode()) if call_id else None
                if queue:
                    queue.put_nowait(head.decode(errors="replace"))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            for queue in self.waiting.values():
                queue.put_nowait("")

    def close(self):
        self.task.cancel()
        self.writer.close()


def request(method, number, branch, to, uri, source, body=""):
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS {source}:5061;branch=z9hG4bK{branch}-{number};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:caller@{source}>;tag=t{number}\r\nTo: {to}\r\nCall-ID: tls-call-{number}\r\n"
            f"CSeq: {2 if method == 'BYE' else 1} {method}\r\nContact: <sip:caller@{source}:5061;transport=tls>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}").encode()


async def final(queue, method, patience):
    """The final response to the method; the text ends with the connection."""
    while True:
        text = await asyncio.wait_for(queue.get(), patience)
        if not text:
            raise ConnectionError("the connection ended")
        status = int(text.split(" ", 2)[1]) if text.startswith("SIP/2.0 ") else 0
        if status >= 200 and re.search(rf"^cseq: *\d+ {method}\r", text, re.MULTILINE | re.IGNORECASE):
            return status, text


async def call(connection, number, source, began, result, hold, patience):
    call_id = f"tls-call-{number}"
    queue = connection.waiting[call_id] = asyncio.Queue()
    try:
        uri, to = "sip:4930123456@192.0.2.1", "<sip:4930123456@192.0.2.1>"
        connection.writer.write(request("INVITE", number, "i", to, uri, source, DESCRIPTION.format(source, number)))
        status, text = await final(queue, "INVITE", patience)
        if status != 200:
            raise ConnectionError(text.splitlines()[0])
        result.setup.append(time.monotonic() - began)
        to = re.search(r"^to: *(.*?)\r", text, re.MULTILINE | re.IGNORECASE)[1]
        uri = re.search(r"^contact: *<(.*?)>", text, re.MULTILINE | re.IGNORECASE)[1]
        connection.writer.write(request("ACK", number, "a", to, uri, source))
        await asyncio.sleep(hold)
        connection.writer.write(request("BYE", number, "b", to, uri, source))
        status, text = await final(queue, "BYE", patience)
        if status != 200:
            raise ConnectionError(text.splitlines()[0])
        result.ended += 1
    finally:
        del connection.waiting[call_id]


def place(context, count, rate, shared=0, fresh=1.0, source="192.0.2.10", hold=0.1, patience=20.0):
    """`count` calls at that rate: this share of them over a connection of its own, the others over `shared` that stay."""
    folder = tls.certificates()
    ours = ssl.create_default_context(cafile=folder / "ca.pem")
    ours.load_cert_chain(folder / "access.pem", folder / "access.key")
    space, target = context.lab.network.sides["access"], ("192.0.2.1", 5061)
    result = Result()
    old = {number for number in range(count) if int(number * fresh) == int((number + 1) * fresh)}

    async def one(number, connections):
        began = time.monotonic()
        connection = None
        try:
            connection = connections[number % shared] if number in old else await asyncio.wait_for(
                Connection.open(space, source, target, ours), patience)
            await call(connection, number, source, began, result, hold, patience)
        except (OSError, asyncio.TimeoutError) as error:
            result.problems.append(f"call {number}: {type(error).__name__} {error}")
        finally:
            if connection and number not in old:
                connection.close()

    async def everything():
        connections = [await Connection.open(space, source, target, ours) for _ in range(shared)]
        begin, tasks = time.monotonic(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            result.late = max(result.late, time.monotonic() - begin - number / rate)
            tasks.append(asyncio.ensure_future(one(number, connections)))
        await asyncio.gather(*tasks)
        for connection in connections:
            connection.close()

    asyncio.run(everything())
    return result
