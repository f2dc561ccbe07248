"""Certificates: shown, exchanged under calls, and kept when what comes instead cannot be used; peers that are others."""
import subprocess
import threading
import time

from tests.system.callee import Callee
from tests.system.runner import case
from tests.system.support import audio_call, expect_success, sip_load
from tests.system.tls_calls import place
from tests.system.transport_case import TRUNKS, trunks
from tools.labkit import tls
from tools.labkit.audio_calls import AudioCalls

INTERFACE = {"transports": ["udp", "tcp", "tls"], "tls-profile": "lab"}
RENEWED = trunks(core="tls") | {"tls-profiles": {"lab": tls.profile("renewed")},
                                "sip-interfaces": {"access": INTERFACE, "core": INTERFACE}}


def served(context):
    """Serial number of the certificate that a client is shown now."""
    space = context.lab.network.sides["access"]
    shown = subprocess.run(space.command("openssl", "s_client", "-connect", "192.0.2.1:5061", "-servername", "gate.lab"),
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown.stdout, capture_output=True,
                          text=True).stdout.strip()


@case(RENEWED)
def certificates_are_renewed_under_calls(context):
    folder = tls.certificates()
    calls = context.keep(AudioCalls(context.lab, context.folder, count=40, seconds=1.0,
                                    transports={"access": "tls", "core": "tls"}))
    endpoints = calls.place("uac_call", "uas_answer", 300, rate=10)
    seen = {served(context)}
    for _ in range(10):
        tls.make(folder, "renewed", ["DNS:gate.lab"])
        told = context.product.cli("reload", "certificates")
        context.expect(told.returncode == 0 and "CN=renewed" in told.stdout, f"reload said {told.stdout}{told.stderr}")
        seen.add(served(context))
    calls.wait_finished(30)
    expect_success(context, endpoints)
    calls.stop()
    context.expect(len(seen) == 11, f"{len(seen)} different certificates were served, expected 11")
    counters = context.counters("control")
    context.expect(counters["tls-handshakes"] > 11, f"{counters['tls-handshakes']} handshakes")
    context.expect(counters["tls-certificate-days-left"] in (29, 30), str(counters["tls-certificate-days-left"]))


@case(RENEWED)
def a_certificate_that_cannot_be_used_leaves_the_one_before(context):
    folder = tls.certificates()
    before = served(context)
    key = folder / "renewed.key"
    good = key.read_bytes()
    try:
        key.write_bytes((folder / "access.key").read_bytes())
        told = context.product.cli("reload", "certificates")
        context.expect(told.returncode == 1 and "the key is not the certificate's" in told.stdout,
                       f"reload ended with {told.returncode} and said {told.stdout}{told.stderr}")
        key.unlink()
        told = context.product.cli("reload", "certificates")
        context.expect(told.returncode == 1 and "renewed.key: No such file" in told.stdout, told.stdout + told.stderr)
        context.expect(served(context) == before, "another certificate is served")
        audio_call(context, "uac_call", "uas_answer", talk_ms=300, transports={"access": "tls", "core": "tls"})
    finally:
        key.write_bytes(good)
    told = context.product.cli("reload", "certificates")
    context.expect(told.returncode == 0, told.stdout + told.stderr)


STRANGER = trunks(core="tls") | {"tls-profiles": {"lab": tls.profile()},
                                 "sip-interfaces": {"access": INTERFACE, "core": INTERFACE}}
STRANGER["trunks"] = {TRUNKS["core"]: STRANGER["trunks"][TRUNKS["core"]] | {"tls": {"name": "somebody-else.lab"}}}


@case(STRANGER)
def a_peer_that_is_somebody_else_gets_no_call(context):
    calls = context.keep(AudioCalls(context.lab, context.folder, transports={"core": "tls"}))
    callee = calls.endpoint("core", "uas_answer")
    caller = calls.endpoint("access", "uac_rejected", values={"STATUS": 500}, options=("-s", "4930123456"))
    calls.wait(lambda: not caller.running(), 10)
    expect_success(context, [caller])
    context.expect(callee.counts().get("SuccessfulCall", 0) == 0, "the callee was called")
    context.expect(context.counters("control")["tls-wrong-peer"] > 0, "it was not counted")


class Renewals:
    """New certificates, evenly over some seconds, in a thread of their own."""

    def __init__(self, context, number, seconds):
        self.context, self.number, self.seconds = context, number, seconds
        self.seen, self.refused = set(), []
        self._over = threading.Event()
        self._before = context.counters("control")["tls-handshakes"]
        self._thread = threading.Thread(target=self._drive)
        self._thread.start()

    def _drive(self):
        begin = time.monotonic()
        for number in range(self.number):
            self._over.wait(max(0.0, begin + number * self.seconds / self.number - time.monotonic()))
            tls.make(tls.certificates(), "renewed", ["DNS:gate.lab"])
            told = self.context.product.cli("reload", "certificates")
            if told.returncode != 0:
                self.refused.append(told.stdout + told.stderr)
            self.seen.add(served(self.context))

    def close(self):
        self._over.set()
        self._thread.join()

    def judge(self):
        self.close()
        self.context.expect(not self.refused, f"reloads that failed: {self.refused[:2]}")
        self.context.expect(len(self.seen) == self.number,
                            f"{len(self.seen)} different certificates were served, expected {self.number}")
        handshakes = self.context.counters("control")["tls-handshakes"] - self._before
        return f"{len(self.seen)} certificates, {handshakes} handshakes"


@case(RENEWED | {"trunks": {}}, long=True)
def a_hundred_certificates_under_two_hundred_calls_a_second(context):
    """Half of the calls over 20 connections that outlive all changes, half over a new one each. None may be lost."""
    callee = context.keep(Callee(context.lab.network.sides["core"], "198.51.100.10", ring=0))
    renewals = context.keep(Renewals(context, 100, 60))
    placed = place(context, 12000, rate=200, shared=20, fresh=0.5)
    print(f"     {placed.ended} of 12000 calls, {renewals.judge()}, set up in {placed.percentile(.5) * 1000:.0f} ms at the median, "
          f"{placed.percentile(.99) * 1000:.0f} ms at the 99th percentile; {placed.late * 1000:.0f} ms late at most", flush=True)
    context.expect(placed.ended == 12000 and callee.count("ended") == 12000,
                   f"{placed.ended} of 12000 calls were good: {placed.problems[:5]}")
    context.expect(placed.late < 1.0, f"the caller was {placed.late:.1f} s late: the rate was not 200/s")


@case(RENEWED, long=True)
def a_hundred_certificates_with_tls_on_both_sides(context):
    """200 calls a second, each over a connection of its own that resumes a session where it can. None may be lost."""
    renewals = context.keep(Renewals(context, 100, 60))
    said = sip_load(context, transport="tls", flags=("--stream-per-call",), rate=200, calls=12000, hold_ms=100)
    print(f"     {said['ended']} of 12000 calls, {renewals.judge()}, {context.counters('control')['tls-resumed']} resumed", flush=True)
    context.expect(said["ended"] == 12000, f"of 12000 calls: {said}")
