"""Media of third hosts beside a call: what is forwarded of it, what of the call goes to them, and what is counted."""
import time

from tests.system.attacker import Forger, Stranger, forged_report, forged_rtp
from tests.system.runner import case
from tests.system.support import OURS, audio_call, expect_audio, running_counters
from tools.labkit.network import address
from tools.labkit.rtp import INTERVAL, PAYLOAD

SIDES = ("access", "core")
SPRAY_RATE = 5 / INTERVAL  # five times that of the call, at each port
POOL = range(20000, 20008)
# One address and four pairs of ports for each side, so that all of them can be sprayed.
SMALL = {"system": {"max-calls": 4},
         "realms": {"access": {"media-addresses": ["192.0.2.2"], "media-ports": "20000-20007"},
                    "core": {"media-addresses": ["198.51.100.2"], "media-ports": "20000-20007"}}}


def latching(rule, **more):
    return {side: {"latching": rule, **more} for side in SIDES}


def flows_by_target(context):
    """{(address, port): flow} by where the gate receives."""
    return {(flow["local"].rsplit(":", 1)[0], int(flow["local"].rsplit(":", 1)[1])): flow
            for flow in context.product.show("flows")["flows"]}


def leg_of(calls, side):
    return next(leg for leg in calls.legs[side].values() if leg.own and leg.peer)


def targets(calls, side):
    """(RTP, RTCP) of the gate, as it has announced them to that side's endpoint."""
    host, port, _ = leg_of(calls, side).peer
    return (host, port), (host, port + 1)


def forged_after(calls, side, ahead):
    """The packet that the endpoint of that side will send `ahead` packets from now, with another content."""
    stream = calls.streams[side][leg_of(calls, side).own[1]]
    number = len(stream.sent) + ahead
    return forged_rtp(stream.first + number, stream.ssrc, number * PAYLOAD)


def forged_report_of(calls, side):
    return forged_report(calls.streams[side][leg_of(calls, side).own[1]].ssrc)


def in_batches(count, send):
    """A few at a time: this process has the call's own packets to send as well."""
    for number in range(count):
        send(number)
        if number % 20 == 19:
            time.sleep(0.004)


def growth(context, before):
    """Drop reasons that have grown."""
    after = running_counters(context)
    return {name.removeprefix("drop-"): after[name] - before[name] for name in after
            if name.startswith("drop-") and after[name] > before[name]}


def expect_nothing_through(context, strangers):
    for side, stranger in strangers.items():
        context.expect(not stranger.received(), f"{len(stranger.received())} datagrams were sent to the stranger at {side}")
        passed = stranger.passed(OURS[side])
        context.expect(not passed, f"{len(passed)} packets of strangers were forwarded to {side}: {passed[:1]}")


def during_call(context, attack, wait_latched=True):
    """A call; `attack(calls)` once all of its flows know their source. The growth of each drop reason in that time."""
    grown = {}

    def during(calls):
        def latched():
            flows = flows_by_target(context)
            return len(flows) == 4 and all("latched" in flow for flow in flows.values())
        if wait_latched:
            context.expect(calls.wait(latched, 5), "the flows do not learn their sources")
        before = running_counters(context)
        attack(calls)
        calls.wait(lambda: False, 0.2)
        grown.update(growth(context, before))

    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=4500, during=during)
    expect_audio(context, calls, 150)
    return grown


@case()
def injection_after_latching(context):
    """10,000 packets of third hosts on both sides, to RTP and RTCP, each guessed right."""
    strangers = {side: context.keep(Stranger(context, side)) for side in SIDES}

    def attack(calls):
        for side, stranger in strangers.items():
            rtp, rtcp = targets(calls, side)

            def both(number, side=side, stranger=stranger, rtp=rtp, rtcp=rtcp):
                stranger.send(rtp, forged_after(calls, side, number % 50))
                stranger.send(rtcp, forged_report_of(calls, side))
            in_batches(2500, both)

    grown = during_call(context, attack)
    sent = sum(stranger.sent for stranger in strangers.values())
    for stranger in strangers.values():
        stranger.stop()
    expect_nothing_through(context, strangers)
    print(f"     {sent} sent by strangers, counted {grown}", flush=True)
    context.expect(grown == {"source-foreign": 10000}, f"10000 were sent by strangers; counted: {grown}")


def spoof(context, count=500):
    """As from the peer's own address, but from other ports than its own."""
    forgers = {side: context.keep(Forger(context, side)) for side in SIDES}

    def attack(calls):
        for side, forger in forgers.items():
            rtp, rtcp = targets(calls, side)

            def both(number, side=side, forger=forger, rtp=rtp, rtcp=rtcp):
                source = (address(side, 10), 10000 + number)
                forger.send(source, rtp, forged_after(calls, side, number % 50))
                forger.send(source, rtcp, forged_report_of(calls, side))
            in_batches(count, both)
    return attack


@case()
def injection_from_another_port_of_the_peer(context):
    grown = during_call(context, spoof(context))
    context.expect(grown == {"source-not-latched": 2000}, f"2000 were sent from other ports; counted: {grown}")


@case({"realms": latching("exact")})
def injection_from_another_port_where_one_is_allowed(context):
    grown = during_call(context, spoof(context), wait_latched=False)
    context.expect(grown == {"source-foreign": 2000}, f"2000 were sent from other ports; counted: {grown}")


@case(SMALL)
def injection_sprayed_from_before_the_call(context):
    """All media ports of both sides at five times a call's rate, from before the INVITE to after the BYE."""
    before = running_counters(context)
    strangers = {side: context.keep(Stranger(context, side)) for side in SIDES}
    for side, stranger in strangers.items():
        stranger.spray([(f"{address(side, 2)}", port) for port in POOL], SPRAY_RATE)
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=3000)
    for stranger in strangers.values():
        stranger.stop()
    time.sleep(0.1)
    grown = growth(context, before)
    sent = sum(stranger.sent for stranger in strangers.values())
    print(f"     {sent} sent by strangers, counted {grown}", flush=True)
    expect_audio(context, calls, 100)
    expect_nothing_through(context, strangers)
    heard = sum(report.sent for _, report in calls.reports())
    foreign, unknown = grown.get("source-foreign", 0), grown.get("no-flow", 0)
    # What the parties send before the far leg stands or after the end meets no flow either.
    context.expect(sent <= foreign + unknown <= sent + 60, f"{sent} were sent by strangers; counted: {grown}")
    context.expect(foreign >= 4 * heard, f"{heard} packets of the call, {foreign} of strangers at its ports")


@case({**SMALL, "realms": {side: {**SMALL["realms"][side], **latching("prefix", **{"latching-prefix": 24})[side]}
                           for side in SIDES}})
def injection_from_the_allowed_prefix(context):
    """A host of the prefix may be quicker than the peer; the peer's first packet from where it said ends that."""
    before = running_counters(context)
    strangers = {side: context.keep(Stranger(context, side)) for side in SIDES}
    for side, stranger in strangers.items():
        stranger.spray([(f"{address(side, 2)}", port) for port in POOL], SPRAY_RATE)
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=3000)
    for stranger in strangers.values():
        stranger.stop()
    grown = growth(context, before)
    began = {side: min(at for stream in calls.streams[side].values() for at in stream.sent) for side in SIDES}
    for side, other in (SIDES, SIDES[::-1]):
        report = next(report for name, report in calls.reports() if name.startswith(side))
        inner = [number for number in report.lost if 10 <= number < report.sent - 10]
        context.expect(report.received > 100 and not inner and report.identical,
                       f"from {side}: {report.text()}; lost {inner[:10]}")
        # 100 ms: what a worker, and this process, may need to see one packet.
        late = [d for d in strangers[other].passed(OURS[other]) if d.at > began[side] + 0.1
                and d.destination[1] % 2 == 0]
        context.expect(not late, f"{len(late)} packets of the stranger at {side} passed after its peer had spoken")
        stolen = [d for d in strangers[side].received() if d.at > began[side] + 0.1 and d.source[1] % 2 == 0]
        context.expect(not stolen, f"{len(stolen)} packets of the call went to the stranger at {side} after that")
    context.expect(grown.get("source-not-latched", 0) > 500, f"counted: {grown}")
    print(f"     {sum(s.sent for s in strangers.values())} sent, counted {grown}; forwarded before the peer spoke: "
          f"{[len(strangers[side].passed(OURS[side])) for side in SIDES]}", flush=True)
