"""Certificates: shown, exchanged under calls, and kept when what comes instead cannot be used; peers that are others."""
import subprocess

from tests.system.runner import case
from tests.system.support import audio_call, expect_success
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


def tls_refuses(context, *options):
    """Whether a handshake with these options of s_client comes to nothing."""
    space = context.lab.network.sides["access"]
    tried = subprocess.run(space.command("openssl", "s_client", "-connect", "192.0.2.1:5061", *options),
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return "Cipher is (NONE)" in tried.stdout or tried.returncode != 0


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


@case(RENEWED)
def old_protocols_and_weak_ciphers_are_refused(context):
    for options in (["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
                    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
                    ["-tls1_2", "-cipher", "NULL:aNULL:@SECLEVEL=0"]):
        context.expect(tls_refuses(context, *options), f"a handshake with {options} was done")
    for options in (["-tls1_2"], ["-tls1_3"]):
        context.expect(not tls_refuses(context, *options), f"no handshake with {options}")


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
