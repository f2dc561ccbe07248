"""RTP endpoints in one process: each sends its own file as PCMU and keeps what it hears.

A `Stream` is one end of one stream, with its RTCP on the next port (a sender report a second, RFC 3550 §6.4.1).
The `Exchange` drives any number of them on one thread: everything it sends is numbered, so that loss, order,
delay and every byte can be told afterwards by comparing the two ends.
"""
import contextlib
import dataclasses
import heapq
import random
import selectors
import socket
import struct
import threading
import time

PAYLOAD = 160           # 20 ms of PCMU
INTERVAL = 0.020
PCMU = 0
SO_TIMESTAMPNS = 35
REPORT_SECONDS = 1.0
SENDER_REPORT = 200


def arrival(ancillary):
    """When the kernel took the packet in, on the monotonic clock: this process may have slept since."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= 16:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return time.monotonic() - (time.time() - seconds - nanoseconds / 1e9)
    return time.monotonic()


class Stream:
    def __init__(self, name, namespace, local, content, interval=INTERVAL):
        self.name = name
        self.local = local
        self.interval = interval
        self.chunks = [content[at:at + PAYLOAD] for at in range(0, len(content), PAYLOAD)]
        self.remote = None         # where to send; None: silent
        self.socket = self._open(namespace, local)
        self.rtcp_socket = self._open(namespace, (local[0], local[1] + 1))
        self.ssrc = random.getrandbits(32)
        self.first = random.getrandbits(15)
        self.sent = []             # time of each packet sent, in order
        self.resumed = []          # numbers of the packets that were the first after a silence
        self.heard = {}            # (SSRC, sequence number) -> (time, datagram), first arrival
        self.duplicates = 0
        self.foreign = 0           # datagrams that are not RTP
        self.heard_from = set()
        self.report_at = 0.0       # when the next sender report is due
        self.rtcp_sent = []        # time of each sender report
        self.rtcp_heard = []       # datagrams

    @staticmethod
    def _open(namespace, local):
        opened = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        opened.bind(local)
        opened.setblocking(False)
        return opened

    def datagram(self, number):
        return struct.pack("!BBHII", 0x80, PCMU | (0x80 if number == 0 else 0), (self.first + number) & 0xFFFF,
                           (number * PAYLOAD) & 0xFFFFFFFF, self.ssrc) + self.chunks[number]

    def report(self, number):
        """The sender report of that number: its NTP timestamp is the number, so that no two are alike."""
        return struct.pack("!BBHIIIIII", 0x80, SENDER_REPORT, 6, self.ssrc, number, 0, 0, number, 0)

    def send(self, now):
        number = len(self.sent)
        if self.remote is None or number >= len(self.chunks):
            return False
        with contextlib.suppress(OSError):  # what could not be sent counts as lost
            self.socket.sendto(self.datagram(number), self.remote)
        self.sent.append(now)
        if number == 0:
            self.report_at = now + REPORT_SECONDS
        if now >= self.report_at:
            self.report_at = now + REPORT_SECONDS
            with contextlib.suppress(OSError):
                self.rtcp_socket.sendto(self.report(len(self.rtcp_sent)), (self.remote[0], self.remote[1] + 1))
            self.rtcp_sent.append(now)
        return True

    def receive(self):
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self.rtcp_heard.append(self.rtcp_socket.recv(2048))
        while True:
            try:
                datagram, ancillary, _, source = self.socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if len(datagram) < 12 or datagram[0] >> 6 != 2:
                self.foreign += 1
                continue
            sequence, _, ssrc = struct.unpack("!HII", datagram[2:12])
            self.heard_from.add(source)
            if (ssrc, sequence) in self.heard:
                self.duplicates += 1
            else:
                self.heard[ssrc, sequence] = (arrival(ancillary), datagram)

    def close(self):
        self.socket.close()
        self.rtcp_socket.close()


@dataclasses.dataclass
class Report:
    """What one end heard of what the other sent."""
    sent: int
    received: int
    lost: list             # numbers of the packets that never came, counted from 0
    identical: bool        # every byte that came, of header and payload, is the byte that was sent
    strange: int           # packets that came twice, or that the other end never sent
    delay_p50_ms: float
    delay_max_ms: float
    jitter_ms: float       # RFC 3550 §6.4.1
    loss_times: list       # when the lost ones were sent
    resumed: list          # numbers of the packets before which the sender was silent (hold)
    rtcp_lost: list        # when the lost sender reports were sent
    rtcp_received: int     # sender reports, byte for byte
    turns: list            # when the sender began, fell silent, began again, ended
    interval: float

    def text(self):
        return (f"{self.sent} sent, {self.received} received, {len(self.lost)} lost, "
                f"{'byte for byte the file' if self.identical else 'BYTES DIFFER'}, "
                f"{f'{self.strange} STRANGE, ' if self.strange else ''}"
                f"delay {self.delay_p50_ms:.2f} ms (max {self.delay_max_ms:.1f}), jitter {self.jitter_ms:.2f} ms")


def compare(sender, receiver):
    lost, loss_times, delays, identical, jitter, previous = [], [], [], True, 0.0, None
    for number, sent_at in enumerate(sender.sent):
        arrived = receiver.heard.get((sender.ssrc, (sender.first + number) & 0xFFFF))
        if arrived is None:
            lost.append(number)
            loss_times.append(sent_at)
            continue
        at, datagram = arrived
        identical = identical and datagram == sender.datagram(number)
        delays.append(at - sent_at)
        if previous is not None:
            jitter += (abs(delays[-1] - previous) - jitter) / 16
        previous = delays[-1]
    ordered = sorted(delays) or [0.0]
    strange = receiver.duplicates + receiver.foreign + len(receiver.heard) - len(delays)
    reports = [sender.report(number) for number in range(len(sender.rtcp_sent))]
    strange += len(receiver.rtcp_heard) - len(set(reports) & set(receiver.rtcp_heard))
    silences = [at for number in sender.resumed for at in sender.sent[number - 1:number + 1]]
    turns = [*sender.sent[:1], *silences, *sender.sent[-1:]]
    rtcp_lost = [at for at, report in zip(sender.rtcp_sent, reports) if report not in receiver.rtcp_heard]
    return Report(len(sender.sent), len(delays), lost, identical and bool(delays), strange, ordered[len(ordered) // 2] * 1e3,
                  ordered[-1] * 1e3, jitter * 1e3, loss_times, sender.resumed, rtcp_lost,
                  len(reports) - len(rtcp_lost), turns, sender.interval)


class Exchange:
    """Sends and receives for all its streams until stopped."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._due = []      # heap of (when, tie, stream)
        self._count = 0
        self.running = True
        self.streams = []
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def add(self, stream):
        with self._lock:
            self.streams.append(stream)
            self._selector.register(stream.socket, selectors.EVENT_READ, stream)
            self._selector.register(stream.rtcp_socket, selectors.EVENT_READ, stream)
        return stream

    def start(self, stream, remote):
        """From now on `stream` sends to `remote`."""
        with self._lock:
            stream.remote = remote
            if stream.sent:
                stream.resumed.append(len(stream.sent))
            self._count += 1
            # Spread over the interval: two hundred streams must not send in the same instant.
            heapq.heappush(self._due, (time.monotonic() + random.random() * stream.interval, self._count, stream))

    def move(self, stream, remote):
        """Sends elsewhere from the next packet on; None: falls silent."""
        if stream.remote is None and remote is not None:
            self.start(stream, remote)
        else:
            with self._lock:
                stream.remote = remote

    def _drive(self):
        while self.running:
            now = time.monotonic()
            with self._lock:
                while self._due and self._due[0][0] <= now:
                    when, tie, stream = heapq.heappop(self._due)
                    if stream.send(time.monotonic()):
                        heapq.heappush(self._due, (when + stream.interval, tie, stream))
                wait = min(0.02, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.02
            for key, _ in self._selector.select(wait):
                key.data.receive()

    def stop(self, settle=0.3):
        """Everybody falls silent, what is on its way arrives, the sockets close."""
        with self._lock:
            for stream in self.streams:
                stream.remote = None
        time.sleep(settle)
        self.running = False
        self._thread.join()
        for stream in self.streams:
            stream.receive()
            self._selector.unregister(stream.socket)
            self._selector.unregister(stream.rtcp_socket)
            stream.close()
        self._selector.close()


def speech_like(seconds, seed):
    """PCMU that sounds like babble and is different for each seed; never two equal packets in a row."""
    return random.Random(seed).randbytes(int(seconds / INTERVAL) * PAYLOAD)
