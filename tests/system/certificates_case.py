"""Certificates: shown, exchanged under calls, and kept when what comes instead cannot be used; peers that are others."""
import subprocess
import threading
import time

from tests.system.callee import Callee
from tests.system.runner import case
from tests.system.support import audio_call, expect_success
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


def renewed_under_load(context, reloads, rate, seconds):
    """Half of the calls over 20 connections that outlive all changes, half over a new one each. 0 calls may be lost."""
    folder, count = tls.certificates(), int(rate * seconds)
    callee = context.keep(Callee(context.lab.network.sides["core"], "198.51.100.10", ring=0))
    seen, told, over = set(), [], threading.Event()

    def renew():
        begin = time.monotonic()
        for number in range(reloads):
            over.wait(max(0.0, begin + number * seconds / reloads - time.monotonic()))
            tls.make(folder, "renewed", ["DNS:gate.lab"])
            done = context.product.cli("reload", "certificates")
            if done.returncode != 0:
                told.append(done.stdout + done.stderr)
            seen.add(served(context))

    before = context.counters("control")
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        placed = place(context, count, rate, shared=20, fresh=0.5)
    finally:
        over.set()
        thread.join()
    after = context.counters("control")
    print(f"     {placed.ended} of {count} calls at {rate}/s, {len(seen)} certificates, {after['tls-handshakes'] - before['tls-handshakes']} "
          f"handshakes, set up in {placed.percentile(.5) * 1000:.0f} ms at the median, {placed.percentile(.99) * 1000:.0f} ms at the "
          f"99th percentile; {placed.late * 1000:.0f} ms late at most", flush=True)
    context.expect(not told, f"reloads that failed: {told[:2]}")
    context.expect(len(seen) == reloads, f"{len(seen)} different certificates were served, expected {reloads}")
    context.expect(placed.ended == count and callee.count("ended") == count,
                   f"{placed.ended} of {count} calls were good: {placed.problems[:5]}")
    context.expect(placed.late < 1.0, f"the caller was {placed.late:.1f} s late: the rate was not {rate}/s")


@case(RENEWED | {"trunks": {}}, long=True)
def a_hundred_certificates_under_two_hundred_calls_a_second(context):
    renewed_under_load(context, reloads=100, rate=200, seconds=60)
