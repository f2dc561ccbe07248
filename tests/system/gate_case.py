"""What the gate lets in, what it counts, and what a lab leaves behind."""
import contextlib
import os
import pathlib
import signal
import socket
import time

from tests.system.runner import case
from tests.system.support import audio_call, expect_audio
from tools.labkit.lab import Lab
from tools.labkit.sniffer import Sniffer

INVITE = ("INVITE sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {0}:5060;branch=z9hG4bKdenied\r\n"
          "From: <sip:a@{0}>;tag=1\r\nTo: <sip:1@192.0.2.1>\r\nCall-ID: denied\r\nCSeq: 1 {1}\r\n"
          "Contact: <sip:a@{0}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")


def ask(context, host, method, target=("192.0.2.1", 5060), seconds=1.0, payload=None):
    """The answer to one request from a host of the access network, or None."""
    sender = context.lab.network.sides["access"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.bind((host, 5060))
        sender.settimeout(seconds)
        text = payload or INVITE.replace("INVITE", method).format(host, method)
        if method == "OPTIONS":  # for the gate itself: one with a user is for somebody behind it
            text = text.replace("sip:1@", "sip:", 1)
        text = text.encode() if isinstance(text, str) else text
        sender.sendto(text, target)
        try:
            return sender.recv(4096).decode()
        except TimeoutError:
            return None


def total(context, process, word):
    return sum(value for name, value in context.counters(process).items() if word in name)


@case()
def options_is_answered(context):
    answer = ask(context, "192.0.2.10", "OPTIONS") or ""
    context.expect(answer.startswith("SIP/2.0 200"), f"OPTIONS was answered: {answer[:60]!r}")
    context.expect("Allow:" in answer and "192.0.2.10" in answer, f"no Allow in {answer!r}")


@case()
def denied_source_gets_silence(context):
    before = context.counters("control")
    answer = ask(context, "192.0.2.66", "INVITE")
    context.expect(answer is None, f"a stranger was answered: {answer}")
    time.sleep(0.2)
    grown = [name for name, value in context.counters("control").items()
             if value > before.get(name, 0) and ("unknown" in name or "denied" in name or "source" in name)]
    context.expect(grown, "no counter tells of the denied request")


@case()
def media_port_without_flow(context):
    """Counted, and never given to the kernel: no ICMP comes back."""
    before = context.counters("dataplane")
    sniffer = Sniffer(context.lab.network.sides["access"])
    context.finally_call(sniffer.stop)
    for _ in range(5):
        answer = ask(context, "192.0.2.10", "INVITE", target=("192.0.2.2", 30000), seconds=0.1, payload=b"\x80\0" + b"x" * 170)
        context.expect(answer is None, f"a port without a flow answered: {answer!r}")
    sniffer.stop()
    icmp = sum(frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_ICMP for _, frame in sniffer.frames)
    context.expect(icmp == 0, f"{icmp} ICMP packets came back")
    context.expect(len(sniffer.datagrams) == 5, f"{len(sniffer.datagrams)} datagrams captured of the 5 that were sent")
    grown = context.counters("dataplane")["drop-no-flow"] - before["drop-no-flow"]
    context.expect(grown == 5, f"5 packets to a port without a flow; drop-no-flow grew by {grown}")


@case()
def ports_count_what_passes(context):
    def ports():
        return {port["interface"]: port for port in context.product.show("dataplane")["ports"]}
    before = ports()
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=2000)
    expect_audio(context, calls, 80)
    after = ports()
    for name, report in calls.reports():
        for interface in ("access", "core"):
            for key in ("rx-packets", "tx-packets"):
                passed = after[interface][key] - before[interface][key]
                context.expect(passed >= report.received, f"{name}: port {interface} counts {passed} {key}")


@case(fresh=True)
def two_labs_side_by_side(context):
    second = Lab(context.lab.name + "b", context.build, lambda line: None)
    context.finally_call(second.down)
    second.up(context.lab.folder / "config.json")
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=1000)
    expect_audio(context, calls, 40)
    first, context.lab = context.lab, second
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=1000)
    context.lab = first
    expect_audio(context, calls, 40)
    second.down()
    leftovers(context, second)
    context.expect(first.product.condition() == "running", "the end of one lab has ended the other")


def leftovers(context, lab):
    context.expect(not lab.network.exists() and not lab.network.far.exists(), f"namespaces of {lab.name} are left")
    context.expect(not lab.folder.exists(), f"{lab.folder} is left")
    prefix = lab.product.dpdk_prefix()
    context.expect(not (pathlib.Path("/run/dpdk") / prefix).exists(), "a DPDK run folder is left")
    context.expect(not list(pathlib.Path("/dev/hugepages").glob(f"{prefix}*")), "huge-page files are left")
    here = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # one that ends meanwhile
            if entry.name.isdigit() and str(lab.folder) in (entry / "cmdline").read_text(errors="replace"):
                here.append(entry.name)
    context.expect(not here, f"processes {here} are left")


@case(no_lab=True)
def lab_comes_down_after_a_crash(context):
    lab = Lab(f"crash{os.getpid()}", context.build, lambda line: None)
    context.finally_call(lab.down)
    folders = set(os.listdir("/run/dpdk")) if os.path.isdir("/run/dpdk") else set()
    lab.up()
    for pid in lab.product.pids():
        os.kill(pid, signal.SIGKILL)
    lab.down()
    leftovers(context, lab)
    now = set(os.listdir("/run/dpdk")) if os.path.isdir("/run/dpdk") else set()
    context.expect(not [name for name in now - folders if lab.name in name], f"/run/dpdk has {now - folders} more")
    lab.down()


@case(no_lab=True)
def lab_comes_up_after_a_crash(context):
    """Without its manager a lab carries on, but `up` brings up a whole one."""
    lab = Lab(f"crash{os.getpid()}", context.build, lambda line: None)
    context.finally_call(lab.down)
    lab.up()
    before = lab.product.pids()
    lab.up()
    context.expect(lab.product.pids() == before, "`up` has replaced a lab that was up")
    os.kill(lab.product.pid("sallyport-manager"), signal.SIGKILL)
    lab.up()
    context.expect(lab.product.condition() == "running", f"after `up`: {lab.product.condition()}")
    context.expect(not set(before) & set(lab.product.pids()), "processes of the crashed lab run on")
    lab.down()
    leftovers(context, lab)
