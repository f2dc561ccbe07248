"""What several cases need."""
import contextlib
import json
import os
import signal
import subprocess
import time

from tools.labkit import tls
from tools.labkit.audio_calls import AudioCalls
from tools.labkit.sip_text import PORTS

OURS = {"access": {"192.0.2.1", "192.0.2.2"}, "core": {"198.51.100.1", "198.51.100.2"}}
HOLD_EDGE = 2
EDGE = 10  # packets sent before the far leg is set up, or after it is gone, have nowhere to go


def expect_success(context, sipps):
    for sipp in sipps:
        context.expect(not sipp.running() and sipp.process.returncode == 0,
                       f"{sipp.name}: exit {sipp.process.poll()}, {sipp.counts().get('SuccessfulCall')} good and "
                       f"{sipp.counts().get('FailedCall')} failed calls; {sipp.error_text()}")


def audio_call(context, caller_scenario, callee_scenario, caller="access", talk_ms=2000, seconds=20, media=None,
               during=None, hushed=(), transports=None, families=None, hosts=None, **options):
    """One call from beginning to end; `during(calls)` runs once audio flows. The AudioCalls, stopped."""
    calls = context.keep(AudioCalls(context.lab, context.folder, caller=caller, seconds=30.0, media=media, hushed=hushed,
                                    transports=transports, families=families, hosts=hosts))
    endpoints = calls.place(caller_scenario, callee_scenario, talk_ms, **options)
    if during:
        calls.wait(lambda: any(stream.heard for streams in calls.streams.values() for stream in streams.values()), 5)
        during(calls)
    calls.wait_finished(seconds)
    expect_success(context, endpoints)
    calls.stop()
    return calls


def expect_audio(context, calls, at_least, count=1, edge=EDGE):
    """Both directions of each call: enough packets, none lost while both legs stood, every byte the sender's, and
    nothing heard that the other end has not sent; the same of RTCP."""
    reports = calls.reports()
    context.expect(len(reports) == 2 * count, f"{len(reports) // 2} calls had media on both legs, expected {count}")
    for name, report in reports:
        # What is on its way while a hold begins or ends is dropped by right: the gate has heard of it, the sender not.
        inner = [number for number in report.lost if edge <= number < report.sent - edge
                 and not any(at - HOLD_EDGE <= number < at + HOLD_EDGE for at in report.resumed)]
        context.expect(report.received >= at_least, f"{name}: {report.text()}; expected at least {at_least} received")
        context.expect(not inner and report.identical and not report.strange, f"{name}: {report.text()}; lost {inner[:10]}")
        margin = edge * report.interval
        rtcp = [at for at in report.rtcp_lost if all(abs(at - turn) > margin for turn in report.turns)]
        context.expect(not rtcp, f"{name}: {len(rtcp)} of {report.rtcp_received + len(report.rtcp_lost)} RTCP packets lost")
    for side, streams in calls.streams.items():
        for stream in streams.values():
            foreign = {source[0] for source in stream.heard_from} - OURS[side]
            context.expect(not foreign, f"{stream.name} heard RTP from {foreign}")


def sip_load(context, caller="access", progress=False, transport="udp", flags=(), **options):
    """A run of sip-load from one side to the other; what it says. rate=200, calls=1000, mix="basic=3,hold=1", ..."""
    callee = "core" if caller == "access" else "access"
    port = PORTS[transport]
    sides = {"access": (f"192.0.2.10:{port}", f"192.0.2.1:{port}"), "core": (f"198.51.100.10:{port}", f"198.51.100.1:{port}")}
    words = [context.build / "tests" / "sip-load",
             "--caller-network", context.lab.network.sides[caller].name, "--caller", sides[caller][0],
             "--callee-network", context.lab.network.sides[callee].name, "--callee", sides[callee][0],
             "--target", sides[caller][1], "--transport", transport, *flags]
    if transport == "tls":
        folder = tls.certificates()
        words += ["--certificate", folder / caller, "--callee-certificate", folder / callee, "--authorities", folder / "ca.pem"]
    words += [str(word) for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=None if progress else subprocess.PIPE, text=True)
    if not done.stdout:
        raise AssertionError(f"sip-load ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def record_after(context, before):
    """The record written since there were `before` of them; {} and a problem when none comes."""
    context.wait(lambda: len(context.records()) > before, 5, "no call record was written")
    records = context.records()
    return records[-1] if len(records) > before else {}


def kill(context, program):
    """kill -9; the pid that was."""
    pid = context.product.pid(program)
    context.killed.add(pid)
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_new_process(context, program, old, seconds):
    """Until another process of the program runs; how long that took."""
    start = time.monotonic()

    def replaced():
        found = context.product.pids(program)
        return bool(found) and old not in found

    context.wait(replaced, seconds, f"{program} was not started again")
    return time.monotonic() - start


@contextlib.contextmanager
def signalling_loss(lab, percent):
    """Drops SIP at both ends of both networks, each direction by itself."""
    rules = "".join(f'  chain {hook} {{ type filter hook {hook} device "eth0" priority 0; '
                    f"udp dport 5060 numgen random mod 100 < {percent} drop; }}\n" for hook in ("ingress", "egress"))
    for space in lab.network.sides.values():
        space.run("nft", "-f", "-", stdin=f"table netdev loss {{\n{rules}}}\n")
    try:
        yield
    finally:
        for space in lab.network.sides.values():
            space.run("nft", "delete", "table", "netdev", "loss", check=False)


def memory_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def running_counters(context):
    """The dataplane's, also while the control plane cannot be asked."""
    return {entry["name"]: entry["value"] for entry in context.product.show("counters").get("dataplane", [])}
