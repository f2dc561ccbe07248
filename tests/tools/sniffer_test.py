import socket
import struct
import unittest

from tools.labkit import sip_text
from tools.labkit.sniffer import parse_frame
from tools.labkit.tcp_stream import Streams


def frame(payload, offset=0, more=False, identity=7):
    """Ethernet and IPv4 around `payload`, which is a UDP datagram or a part of one."""
    flags = (0x2000 if more else 0) | offset // 8
    return (b"\0" * 12 + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identity, flags, 64, 17, 0)
            + socket.inet_aton("192.0.2.10") + socket.inet_aton("192.0.2.1") + payload)


def udp(payload):
    return struct.pack("!HHHH", 5060, 5061, 8 + len(payload), 0) + payload


class Frames(unittest.TestCase):
    def test_datagram(self):
        found = parse_frame(1.0, frame(udp(b"hello")), {})
        self.assertEqual((found.source, found.destination, found.payload),
                         (("192.0.2.10", 5060), ("192.0.2.1", 5061), b"hello"))

    def test_ethernet_padding_is_left_out(self):
        self.assertEqual(parse_frame(1.0, frame(udp(b"hi")) + b"\0" * 18, {}).payload, b"hi")

    def test_fragments_in_any_order(self):
        whole, kept = udp(bytes(range(200))), {}
        first, second = frame(whole[:104], 0, True), frame(whole[104:], 104)
        self.assertIsNone(parse_frame(1.0, second, kept))
        self.assertEqual(parse_frame(1.0, first, kept).payload, bytes(range(200)))
        self.assertEqual(kept, {})

    def test_short_and_foreign_frames(self):
        self.assertIsNone(parse_frame(1.0, b"\0" * 20, {}))
        self.assertIsNone(parse_frame(1.0, b"\0" * 12 + b"\x08\x06" + b"\0" * 40, {}))


class FramesOfIpv6(unittest.TestCase):
    @staticmethod
    def frame(payload, protocol=17, before=b""):
        """`before`: extension headers, of which the first has that number."""
        return (b"\0" * 12 + b"\x86\xdd" + struct.pack("!IHBB", 0x60000000, len(before + payload), protocol, 64)
                + socket.inet_pton(socket.AF_INET6, "2001:db8::10") + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
                + before + payload)

    def test_datagram_without_its_padding(self):
        found = parse_frame(1.0, self.frame(udp(b"hello")) + b"\0" * 5, {})
        self.assertEqual((found.source, found.destination, found.payload),
                         (("2001:db8::10", 5060), ("2001:db8::1", 5061), b"hello"))

    def test_behind_options(self):
        self.assertEqual(parse_frame(1.0, self.frame(udp(b"hi"), 60, bytes([17, 0]) + b"\0" * 6), {}).payload, b"hi")

    def test_fragments_in_any_order(self):
        whole, kept = udp(bytes(range(200))), {}
        parts = [self.frame(whole[first:last], 44, struct.pack("!BBHI", 17, 0, first | more, 7))
                 for first, last, more in ((0, 104, 1), (104, 208, 0))]
        self.assertIsNone(parse_frame(1.0, parts[1], kept))
        self.assertEqual(parse_frame(1.0, parts[0], kept).payload, bytes(range(200)))
        self.assertEqual(kept, {})

    def test_stream(self):
        segment = struct.pack("!HHIIBBHHH", 5060, 40000, 1, 0, 0x50, 0x18, 0, 0, 0) + b"BYE sip:a SIP/2.0\r\n\r\n"
        source, destination, messages = Streams().messages(self.frame(segment, 6))
        self.assertEqual((source, destination), (("2001:db8::10", 5060), ("2001:db8::1", 40000)))
        self.assertEqual(messages, [b"BYE sip:a SIP/2.0\r\n\r\n"])

    def test_cut_ones(self):
        whole = self.frame(udp(b"hello"), 60, bytes([17, 0]) + b"\0" * 6)
        for length in range(len(whole) - len(udp(b"hello"))):
            self.assertIsNone(parse_frame(1.0, whole[:length], {}))
            self.assertIsNone(Streams().messages(whole[:length]))


class Messages(unittest.TestCase):
    def parse(self, text):
        return sip_text.parse(parse_frame(1.0, frame(udp(text.encode())), {}))

    def test_compact_and_folded_headers(self):
        message = self.parse("SIP/2.0 200 OK\r\ni: abc\r\nf: <sip:a@b>\r\n ;tag=1\r\nCSeq: 1 INVITE\r\n\r\n")
        self.assertEqual((message.call_id, message.header("from"), message.method, message.status),
                         ("abc", "<sip:a@b> ;tag=1", "INVITE", 200))

    def test_media_of_a_description(self):
        message = self.parse("INVITE sip:a SIP/2.0\r\n\r\nv=0\r\nc=IN IP4 192.0.2.10\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n")
        self.assertEqual(message.media(), ("192.0.2.10", 4000, "sendonly"))

    def test_what_is_no_sip(self):
        self.assertIsNone(self.parse("hello"))
