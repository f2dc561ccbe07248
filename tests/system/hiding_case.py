"""A hundred calls of all kinds, every header full of inner names; what one side sees holds nothing of the other."""
import re

from tests.system.runner import case
from tests.system.support import expect_success
from tools.labkit.audio_calls import AudioCalls
from tools.labkit.network import address

# {X} is the side's own word: what must not be found on the other side.
HEADERS = """User-Agent: {X}Phone/7.1 (build {x}-4711)
Server: {X}Server/2.0
Organization: {X} Telephony
P-Asserted-Identity: "Desk" <sip:desk@pbx.{x}.example>
P-Preferred-Identity: <sip:pref@pbx.{x}.example>
Remote-Party-ID: <sip:rpid@pbx.{x}.example>;party=calling
Diversion: <sip:diverted@vm.{x}.example>;reason=no-answer
History-Info: <sip:history@as.{x}.example>;index=1
Warning: 399 pbx.{x}.example "{X} says no"
Call-Info: <http://info.{x}.example/a.png>;purpose=icon
Alert-Info: <http://info.{x}.example/ring.wav>
Error-Info: <sip:error@{x}.example>
Reply-To: <sip:reply@{x}.example>
Refer-To: <sip:refer@{x}.example>
Record-Route: <sip:{a};lr;{x}=1>
X-{X}-Route: 10.{n}.0.1;node={x}-core-7
P-Charging-Vector: icid-value={x}77;icid-generated-at=10.{n}.0.2
P-Access-Network-Info: {X}-UTRAN; cell={x}99
Geolocation: <sip:place@{x}.example>
"""
ATTRIBUTES = """a=candidate:1 1 UDP 2130706431 10.{n}.0.9 40000 typ host
a=X-{x}-node:10.{n}.0.10
a=rtcp:40001 IN IP4 10.{n}.0.11
"""
WORDS = {"access": ("Innerleft", 71), "core": ("Innerright", 93)}


def inner(side):
    word, number = WORDS[side]
    fill = {"X": word, "x": word.lower(), "n": number, "a": address(side, 10)}
    return {"WHO": f"{word}-phone", "headers": HEADERS.format(**fill), "attributes": ATTRIBUTES.format(**fill)}


def forbidden(side, messages):
    """What must never be seen on the other side: words, addresses, and this side's Call-IDs and tags."""
    word, number = WORDS[side]
    network = "192.0.2." if side == "access" else "198.51.100."
    marks = {word.lower(), f"10.{number}.", network}
    for message in messages:
        marks.add(message.call_id.lower())
        for name in ("from", "to"):
            tag = re.search(r";tag=([^;\s]+)", message.header(name))
            if tag:
                marks.add(tag[1].lower())
        branch = re.search(r"branch=([^;\s,]+)", message.header("via"))
        if branch:
            marks.add(branch[1].lower())
    return marks - {""}


def run_kind(context, caller, scenarios, calls):
    callee = "core" if caller == "access" else "access"
    group = context.keep(AudioCalls(context.lab, context.folder, count=calls, seconds=0.1, caller=caller))
    endpoints = group.place(*scenarios, talk_ms=300, rate=20, caller_values=inner(caller), callee_values=inner(callee))
    group.wait_finished(30)
    group.stop()
    expect_success(context, endpoints)
    return group


@case({"system": {"no-answer-s": 5}})
def hiding(context):
    kinds = ((("uac_call", "uas_answer"), 20), (("uac_stays", "uas_hangup"), 10), (("uac_call", "uas_early"), 5),
             (("uac_cancel", "uas_ring"), 5), (("uac_rejected", "uas_reject"), 5), (("uac_hold", "uas_held"), 5))
    seen = {"access": [], "core": []}
    frames = {"access": [], "core": []}
    for caller in ("access", "core"):
        for scenarios, calls in kinds:
            group = run_kind(context, caller, scenarios, calls)
            for side, sniffer in group.sniffers.items():
                seen[side] += sniffer.messages()
                frames[side] += [datagram.payload for datagram in sniffer.datagrams]
    for side, other in (("access", "core"), ("core", "access")):
        context.expect(len(frames[side]) > 500, f"only {len(frames[side])} messages captured on {side}")
        own = [message for message in seen[other] if message.source[0].endswith(".10")]
        marks = sorted(forbidden(other, own))
        context.expect(len(marks) > 200, f"only {len(marks)} marks to look for: the test looks for too little")
        pattern = re.compile("|".join(re.escape(mark) for mark in marks).encode())
        leaks = {}
        for payload in frames[side]:
            found = pattern.search(payload.lower())
            if found:
                line = next(line for line in payload.split(b"\r\n") if found[0] in line.lower())
                leaks.setdefault(line[:120].decode("utf-8", "replace"), payload[:40])
        for line, message in list(leaks.items())[:8]:
            context.expect(False, f"{side} sees of {other}: `{line}` in {message!r}")
