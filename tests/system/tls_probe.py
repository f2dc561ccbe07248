"""A ClientHello with any versions and cipher suites, also those that no library offers any more, and what the server says to it."""
import os
import socket
import struct

ALERTS = {0: "close_notify", 10: "unexpected_message", 40: "handshake_failure", 47: "illegal_parameter", 50: "decode_error",
          70: "protocol_version", 71: "insufficient_security", 86: "inappropriate_fallback", 109: "missing_extension"}
VERSIONS = {"SSLv3": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
GROUPS = {"X25519": 29, "P-256": 23, "P-384": 24, "P-521": 25, "P-224": 21, "ffdhe2048": 256}

# By their numbers at IANA.
FAMILIES = {
    "NULL": [0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010],
    "anonymous": [0x0018, 0x001B, 0x0034, 0x003A, 0x006C, 0x006D, 0x00A6, 0x00A7, 0xC015, 0xC017, 0xC018, 0xC019],
    "EXPORT": [0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019],
    "RC4": [0x0004, 0x0005, 0x0018, 0xC002, 0xC007, 0xC00C, 0xC011],
    "DES, 3DES": [0x0009, 0x000A, 0x0012, 0x0013, 0x0015, 0x0016, 0xC003, 0xC008, 0xC00D, 0xC012],
    "CBC": [0x002F, 0x0033, 0x0035, 0x0039, 0x003C, 0x003D, 0x0041, 0x0067, 0x006B, 0x0084, 0xC004, 0xC005, 0xC009, 0xC00A,
            0xC00E, 0xC00F, 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028, 0xC073, 0xC076],
    "static RSA or DH": [0x009C, 0x009D, 0xC02D, 0xC02E, 0xC031, 0xC032, 0xC09C, 0xC09D],
    "DHE": [0x009E, 0x009F, 0x00A2, 0xCCAA, 0xC09E, 0xC09F],
    "CCM": [0xC0AC, 0xC0AD, 0xC0AE, 0xC0AF],
    "PSK": [0x008C, 0x00A8, 0x00AA, 0xCCAB, 0xCCAC, 0xC037],
}
GOOD_12 = {0xC02B: "ECDHE-ECDSA-AES128-GCM", 0xC02C: "ECDHE-ECDSA-AES256-GCM", 0xCCA9: "ECDHE-ECDSA-CHACHA20",
           0xC02F: "ECDHE-RSA-AES128-GCM", 0xC030: "ECDHE-RSA-AES256-GCM", 0xCCA8: "ECDHE-RSA-CHACHA20"}
GOOD_13 = {0x1301: "AES128-GCM", 0x1302: "AES256-GCM", 0x1303: "CHACHA20"}


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def extension(number, data):
    return struct.pack("!H", number) + vector(2, data)


def client_hello(version, ciphers, compression=(0,), groups=tuple(GROUPS.values()), scsv=False):
    numbers = b"".join(struct.pack("!H", number) for number in [*ciphers, *([0x00FF] if scsv else [])])
    curves = b"".join(struct.pack("!H", number) for number in groups)
    schemes = bytes.fromhex("0403050306030807080408050806040105010601")
    extensions = (extension(10, vector(2, curves)) + extension(11, vector(1, b"\0")) + extension(13, vector(2, schemes)) +
                  (b"" if scsv else extension(0xFF01, b"\0")))
    if version == VERSIONS["TLS 1.3"]:
        key = os.urandom(32)
        extensions += extension(43, vector(1, struct.pack("!H", version)))
        extensions += extension(51, vector(2, struct.pack("!H", GROUPS["X25519"]) + vector(2, key)) if GROUPS["X25519"] in groups
                                else vector(2, b""))
    written = min(version, VERSIONS["TLS 1.2"])
    body = (struct.pack("!H", written) + os.urandom(32) + vector(1, b"") + vector(2, numbers) +
            vector(1, bytes(compression)) + (vector(2, extensions) if version > VERSIONS["SSLv3"] else b""))
    return b"\x16" + struct.pack("!H", min(version, 0x0301)) + vector(2, b"\x01" + vector(3, body))


class Answer:
    """alert: its name; or version, cipher, compression and extensions of the ServerHello."""

    def __init__(self, record):
        self.alert = self.version = self.cipher = self.compression = None
        self.extensions = {}
        if not record:
            self.alert = "closed"
        elif record[0] == 21:
            self.alert = ALERTS.get(record[6], str(record[6]))
        elif record[0] == 22 and record[5] == 2:
            self._server_hello(record[9:])
        else:
            self.alert = f"record {record[:8].hex()}"

    def _server_hello(self, hello):
        at = 35 + hello[34]
        self.version = struct.unpack("!H", hello[:2])[0]
        self.cipher, self.compression = struct.unpack("!HB", hello[at:at + 3])
        at += 5
        while at + 4 <= len(hello):
            number, length = struct.unpack("!HH", hello[at:at + 4])
            self.extensions[number] = hello[at + 4:at + 4 + length]
            at += 4 + length
        if 43 in self.extensions:
            self.version = struct.unpack("!H", self.extensions[43])[0]

    def text(self):
        if self.alert:
            return f"refused: {self.alert}"
        return f"version {self.version:#06x}, cipher suite {self.cipher:#06x}"


def probe(space, source, hello, target=("192.0.2.1", 5061)):
    with space.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.bind((source, 0))
        sock.connect(target)
        sock.sendall(hello)
        record = b""
        try:
            while len(record) < 5 or len(record) < 5 + int.from_bytes(record[3:5], "big"):
                more = sock.recv(4096)
                if not more:
                    break
                record += more
        except ConnectionError:
            pass
        return Answer(record[:5 + int.from_bytes(record[3:5], "big")] if len(record) > 6 else b"")
