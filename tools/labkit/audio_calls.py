"""Calls placed by SIPp with audio from this process, at the addresses that the signalling names.

SIPp's Nth call on a side announces port base+4*(N-1); a stream waits at each. What the other party announced
is read from the wire, as a phone would learn it: each leg by its Call-ID. The legs of one call are paired by
the caller's user part, since nothing else passes a border that hides.
"""
import pathlib
import re
import time

from . import ladder, rtp, tls
from .network import address, literal
from .sipp import PORT, Sipp
from .sniffer import Sniffer

BASE_PORT = 20000
SENDS = ("sendrecv", "sendonly")
HEARS = ("sendrecv", "recvonly")
SBC = {"access": "192.0.2.1", "core": "198.51.100.1"}
SBC6 = {"access": "2001:db8:a::1", "core": "2001:db8:b::1"}


class Leg:
    """One side of one call, as seen on the wire there."""

    def __init__(self, call_id, user):
        self.call_id = call_id
        self.user = user
        self.own = None     # (address, port, direction) that the endpoint announced last
        self.peer = None    # what the SBC announced to it last
        self.sending = None


class AudioCalls:
    def __init__(self, lab, folder, count=1, seconds=3.0, interval=rtp.INTERVAL, caller="access", full_capture=False,
                 contents=None, media=None, hushed=(), transports=None, families=None, hosts=None):
        """media: {side: (namespace, address)} where the audio of a side is, if not with its signalling.
        hushed: sides that send nothing until speak(). transports: {side: "tcp"} where it is not udp. families: {side: 6}
        where signalling is not IPv4. hosts: {side: 11} where the endpoint is not host 10."""
        self.lab = lab
        self.folder = pathlib.Path(folder)
        self.count = count
        self.caller = caller
        self.callee = "core" if caller == "access" else "access"
        self.spaces = lab.network.sides
        self.exchange = rtp.Exchange()
        self.families = families or {}
        self.hosts = hosts or {}
        self.media = {side: (space, address(side, self.hosts.get(side, 10))) for side, space in self.spaces.items()}
        self.media |= media or {}
        self.read = dict.fromkeys(self.spaces, 0)
        self.legs = {side: {} for side in self.spaces}  # Call-ID -> Leg
        self.streams = {side: {} for side in self.spaces}  # port -> Stream
        self.sipps = []
        self.hushed = set(hushed)
        self.transports = transports or {}
        # What goes by TLS is read where the peer says it in the clear, to its tunnel.
        self.sniffers = {side: Sniffer(space, "lo" if self.transport(side) == "tls" else "eth0", not full_capture)
                         for side, space in self.spaces.items()}
        self.tunnels = [self._tunnel(side) for side in self.spaces if self.transport(side) == "tls"]
        length = seconds * rtp.INTERVAL / interval
        for side, (space, host) in self.media.items():
            for number in range(count):
                port = BASE_PORT + 4 * number
                content = contents[side] if contents else rtp.speech_like(length, f"{side}{number}")
                stream = rtp.Stream(f"{side}:{port}", space, (host, port), content, interval)
                self.streams[side][port] = self.exchange.add(stream)

    def transport(self, side):
        return self.transports.get(side, "udp")

    def family(self, side):
        return self.families.get(side, 4)

    def host(self, side):
        """Where the endpoint of a side signals from."""
        return address(side, self.hosts.get(side, 10), self.family(side))

    def gate(self, side):
        return (SBC6 if self.family(side) == 6 else SBC)[side]

    def _tunnel(self, side):
        space, host = self.spaces[side], self.host(side)
        if side == self.caller:
            return tls.tls_client(space, PORT, f"{literal(self.gate(side))}:5061", side, host)
        return tls.tls_server(space, host, 5061, f"{literal(host)}:{PORT}", side)

    def endpoint(self, side, scenario, calls=None, rate=10, options=(), values=None):
        """SIPp on one side; the caller's is told where the SBC is."""
        remote = self.gate(side) if side == self.caller else None
        if remote and self.transport(side) == "tls":
            remote = tls.near(self.host(side))
        sipp = Sipp(self.spaces[side], scenario, self.host(side), self.folder, calls or self.count, rate, remote,
                    options=options, values=values, media_port=BASE_PORT, audio=self.media[side][1],
                    transport=self.transport(side))
        self.sipps.append(sipp)
        return sipp

    def place(self, caller_scenario, callee_scenario, talk_ms, rate=10, caller_values=None, callee_values=None,
              callee_calls=None, number="4930123456"):
        """Callee first, then the caller; (caller's SIPp, callee's SIPp)."""
        callee = self.endpoint(self.callee, callee_scenario, callee_calls, values=callee_values, options=("-d", talk_ms))
        time.sleep(0.3)  # SIPp has no way to say that its socket is open
        caller = self.endpoint(self.caller, caller_scenario, rate=rate, values=caller_values,
                               options=("-d", talk_ms, "-s", number))
        return caller, callee

    def pump(self):
        """Takes in what the wire has shown since the last time, and starts or pauses the streams by it."""
        for side, sniffer in self.sniffers.items():
            messages = sniffer.messages_from(self.read[side])
            self.read[side], found = messages
            for message in found:
                self._learn(side, message)

    def _learn(self, side, message):
        own_address = self.host(side)
        user = re.search(r"sips?:([^@;>]+)@", message.header("from"))
        leg = self.legs[side].setdefault(message.call_id, Leg(message.call_id, user[1] if user else ""))
        if message.is_request and message.method == "BYE" and leg.own:
            # What is sent from here on belongs to no call.
            leg.own = (*leg.own[:2], "inactive")
            leg.sending = None
            stream = self.streams[side].get(leg.own[1])
            if stream:
                self.exchange.move(stream, None)
            return
        media = message.media()
        if not media:
            return
        if message.source[0] == own_address:
            leg.own = media
        else:
            leg.peer = media
        self._start_or_pause(side, leg)

    def _start_or_pause(self, side, leg):
        if leg.own and leg.peer:
            stream = self.streams[side].get(leg.own[1])
            sends = leg.own[2] in SENDS and leg.peer[2] in HEARS and side not in self.hushed
            wanted = leg.peer[:2] if sends else None
            if stream and wanted != leg.sending:
                leg.sending = wanted
                self.exchange.move(stream, wanted)

    def speak(self, side):
        self.hushed.discard(side)
        for leg in self.legs[side].values():
            self._start_or_pause(side, leg)

    def wait(self, condition, seconds):
        """Pumps until the condition holds; False when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            self.pump()
            if condition():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)

    def wait_finished(self, seconds):
        return self.wait(lambda: not any(sipp.running() for sipp in self.sipps), seconds)

    def pairs(self):
        """[(caller side's stream, callee side's stream)] of the calls that had media on both legs."""
        by_user = {}
        for leg in self.legs[self.callee].values():
            if leg.own and leg.own[1] in self.streams[self.callee]:
                by_user.setdefault(leg.user, leg)
        found = []
        for leg in self.legs[self.caller].values():
            other = by_user.get(leg.user)
            if leg.own and other and leg.own[1] in self.streams[self.caller]:
                found.append((self.streams[self.caller][leg.own[1]], self.streams[self.callee][other.own[1]]))
        return found

    def reports(self):
        """[(name, Report)], two for each pair: what each end heard."""
        return [(f"{sender.name} -> {receiver.name}", rtp.compare(sender, receiver))
                for pair in self.pairs() for sender, receiver in (pair, pair[::-1])]

    def stop(self):
        for sipp in self.sipps:
            sipp.stop()
        self.pump()
        self.exchange.stop()
        number = 1 + len(list(self.folder.glob("ladder*.txt")))
        for side, sniffer in self.sniffers.items():
            sniffer.stop()
            sniffer.write_pcap(self.folder / f"{side}{number}.pcap")
        names = {self.host(side): side for side in self.spaces}
        (self.folder / f"ladder{number}.txt").write_text(
            "\n".join(ladder.lines(self.sniffers.values(), names, {self.gate(side) for side in self.spaces})) + "\n")

    def close(self):
        """Repeatable; for `finally`."""
        if self.exchange.running:
            self.stop()
        for tunnel in self.tunnels:
            tunnel.close()
        self.tunnels = []
