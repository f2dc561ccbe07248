"""Keep-alives of RFC 5626: answered by CRLF and STUN, sent to trunks that answer."""
import socket
import struct

from tests.system.runner import case

COOKIE = 0x2112A442
TRANSACTION = b"sallyport---"


def binding(attributes=b""):
    return struct.pack("!HHI", 1, len(attributes), COOKIE) + TRANSACTION + attributes


def exchange(sock, datagram, seconds=2.0):
    """The answer, or b'' when none comes."""
    sock.settimeout(seconds)
    sock.sendto(datagram, ("192.0.2.1", 5060))
    try:
        return sock.recv(2048)
    except TimeoutError:
        return b""


def udp_socket(context, host, port):
    sock = context.keep(context.lab.network.sides["access"].socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.bind((host, port))
    return sock


@case()
def stun_on_a_sip_port_says_from_where_it_came(context):
    peer = udp_socket(context, "192.0.2.10", 40960)
    said = exchange(peer, binding())
    host = struct.unpack("!I", socket.inet_aton("192.0.2.10"))[0] ^ COOKIE
    expected = struct.pack("!HHI", 0x101, 12, COOKIE) + TRANSACTION + struct.pack(
        "!HHHHI", 0x20, 8, 1, 40960 ^ COOKIE >> 16, host)
    context.expect(said == expected, f"the answer is {said.hex()}, expected {expected.hex()}")
    refused = exchange(peer, binding(struct.pack("!HHI", 3, 4, 0)))
    context.expect(refused[:2] == b"\x01\x11", f"an unknown attribute got {refused.hex()}")
    stranger = udp_socket(context, "192.0.2.77", 5060)
    context.expect(exchange(stranger, binding(), 0.5) == b"", "a stranger got an answer")
    context.expect(exchange(peer, b"\0\0\0\0", 0.5) == b"", "four zeros got an answer")
    counters = context.counters("control")
    found = {name: counters[f"stun-{name}"] for name in ("answered", "refused", "strangers", "unusable")}
    context.expect(all(found.values()), f"counted: {found}")


@case()
def an_empty_line_twice_on_a_connection_gets_one(context):
    space = context.lab.network.sides["access"]
    peer = context.keep(space.socket(socket.AF_INET, socket.SOCK_STREAM))
    peer.bind(("192.0.2.10", 0))
    peer.settimeout(3)
    peer.connect(("192.0.2.1", 5060))
    peer.sendall(b"OPTIONS sip:gate SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKping\r\nMax-Forwards: 70\r\n"
                 b"From: <sip:a@192.0.2.10>;tag=1\r\nTo: <sip:gate>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n"
                 b"Content-Length: 0\r\n\r\n")
    context.expect(peer.recv(65536).startswith(b"SIP/2.0 "), "OPTIONS got no answer")
    peer.sendall(b"\r\n\r\n")
    said = peer.recv(16)
    context.expect(said == b"\r\n", f"a ping got {said}")
    before = context.counters("control")["streams-pings"]
    for _ in range(50):
        peer.sendall(b"\r\n\r\n")
    context.wait(lambda: context.counters("control")["streams-pings-unanswered"] > 0, 3, "a flood of pings got an answer each")
    context.expect(context.counters("control")["streams-pings"] <= before + 8, "too many answers")
