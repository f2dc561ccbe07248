"""Connections that are slow on purpose, by the thousand, from several addresses; how old each was when it was closed.

    ip netns exec NAME python3 -m tests.system.slow_peers --sources 192.0.2.100,... --bytes 6000 --half 1000 ...

Says one line of JSON: for each kind {"opened", "closed", "failed", "least", "most"}, ages in seconds from the moment at which
the bound of that kind begins to run. It ends when all are closed, or after --seconds.
"""
import argparse
import errno
import json
import resource
import select
import socket
import ssl
import time

STEP = 0.05
MESSAGE = ("OPTIONS sip:gate SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK{0}\r\nMax-Forwards: 70\r\n"
           "From: <sip:slow@192.0.2.10>;tag=1\r\nTo: <sip:gate>\r\nCall-ID: slow-{0}\r\nCSeq: 1 OPTIONS\r\nX: " + "x" * 900 +
           "\r\nContent-Length: 0\r\n\r\n")
# What each kind sends at once, what byte by byte, and whether its port is that of TLS.
BYTES, SECOND, PINGS, HELLO, HALF = "bytes", "second", "pings", "hello", "half"
KINDS = (BYTES, SECOND, PINGS, HELLO, HALF)


def client_hello():
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="gate.lab").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


class Peer:
    def __init__(self, kind, number, source, targets, hello):
        self.kind, self.age, self.failed, self.at = kind, None, False, 0
        text = MESSAGE.format(number).encode()
        self.first = {SECOND: text, HELLO: hello, HALF: hello[:20]}.get(kind, b"")
        self.slowly = {BYTES: text, SECOND: text, PINGS: b"\r\n" * 500}.get(kind, b"")
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.socket.bind((source, 0))
        result = self.socket.connect_ex(targets[kind in (HELLO, HALF)])
        if result not in (0, errno.EINPROGRESS):
            raise OSError(result, f"connect from {source}")
        self.connected = False
        self.began = self.due = None

    def tick(self, now):
        """Sends what is due."""
        if self.began is None:
            if self.first:
                self.socket.send(self.first)
            # Of the message that begins now, or of the connection.
            self.began = now
            self.due = now
        if self.slowly and now >= self.due and self.at < len(self.slowly):
            self.socket.send(self.slowly[self.at:self.at + 1])
            self.at += 1
            self.due += 1.0


def drive(options):
    targets = [(options.target, 5060), (options.target, 5061)]
    hello = client_hello()
    wanted = [kind for kind in KINDS for _ in range(getattr(options, kind))]
    wanted = [kind for offset in range(7) for kind in wanted[offset::7]]  # mixed
    poll, peers, living = select.epoll(), {}, set()
    begin = time.monotonic()
    made = 0

    def end(peer, now, failed):
        poll.unregister(peer.socket.fileno())
        peer.socket.close()
        living.discard(peer)
        peer.failed, peer.age = failed, None if failed or peer.began is None else now - peer.began

    everybody = []
    while time.monotonic() - begin < options.seconds and (made < len(wanted) or living):
        now = time.monotonic()
        while made < len(wanted) and made < (now - begin) * options.rate:
            peer = Peer(wanted[made], made, options.sources[made % len(options.sources)], targets, hello)
            made += 1
            everybody.append(peer)
            living.add(peer)
            peers[peer.socket.fileno()] = peer
            poll.register(peer.socket.fileno(), select.EPOLLOUT | select.EPOLLIN)
        for number, events in poll.poll(STEP, 2000):
            peer = peers[number]
            now = time.monotonic()
            try:
                if not peer.connected:
                    error = peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if error:
                        end(peer, now, True)
                        continue
                    peer.connected = True
                    poll.modify(number, select.EPOLLIN)
                    peer.tick(now)
                if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not peer.socket.recv(65536):
                    end(peer, now, False)
            except BlockingIOError:
                continue
            except ConnectionError:
                end(peer, now, False)
        now = time.monotonic()
        for peer in [peer for peer in living if peer.connected and peer.slowly and now >= peer.due]:
            try:
                peer.tick(now)
            except BlockingIOError:
                continue
            except ConnectionError:
                end(peer, now, False)
    said = {}
    for kind in KINDS:
        these = [peer for peer in everybody if peer.kind == kind]
        ages = [peer.age for peer in these if peer.age is not None]
        if these:
            said[kind] = {"opened": sum(peer.connected for peer in these), "closed": len(ages),
                          "failed": sum(peer.failed for peer in these),
                          "least": round(min(ages, default=0), 2), "most": round(max(ages, default=0), 2)}
    return said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="192.0.2.1")
    parser.add_argument("--sources", type=lambda text: text.split(","), required=True)
    parser.add_argument("--rate", type=float, default=1500, help="connections a second")
    parser.add_argument("--seconds", type=float, default=60)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(drive(options)))


if __name__ == "__main__":
    main()
