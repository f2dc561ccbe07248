"""Where the media is: on-link at an address of its own, behind a router, and through a flushed neighbour table."""
import time

from tests.system.runner import case
from tests.system.support import audio_call, expect_audio
from tools.labkit.network import FAR_HOST, ROUTER

GATEWAY = {"interfaces": {"access": {"gateway": ROUTER}}}


def flush_neighbours(context):
    def during(calls):
        for _ in range(3):
            calls.wait(lambda: False, 1.0)
            context.lab.network.sbc.ip("neigh", "flush", "all")
    return during


def lost_after_first_second(context, calls):
    context.expect(len(calls.reports()) == 2, "the call had no media on both legs")
    for name, report in calls.reports():
        start = min(calls.streams["access"][20000].sent[0], calls.streams["core"][20000].sent[0])
        late = [round(at - start, 2) for number, at in zip(report.lost, report.loss_times)
                if at - start > 1.0 and number < report.sent - 5]
        context.expect(not late, f"{name}: {report.text()}; lost {len(late)} after the first second, at {late[:10]}")
        context.expect(report.received > 150 and report.identical and not report.strange, f"{name}: {report.text()}")


@case()
def media_beside_the_signalling(context):
    """The audio is at .77 and .88, which the kernel has never spoken to."""
    sides = context.lab.network.sides
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=5000, during=flush_neighbours(context),
                       media={"access": (sides["access"], "192.0.2.77"), "core": (sides["core"], "198.51.100.88")})
    expect_audio(context, calls, 200)
    lost_after_first_second(context, calls)


@case(GATEWAY, fresh=True)
def media_behind_a_router(context):
    network = context.lab.network
    network.add_far()
    calls = audio_call(context, "uac_call", "uas_answer", talk_ms=5000, during=flush_neighbours(context),
                       media={"access": (network.far, FAR_HOST)})
    lost_after_first_second(context, calls)


@case()
def unknown_media_address_is_probed(context):
    """The callee alone speaks at first; its packets leave although nobody has ever resolved the caller's address."""
    context.lab.network.sbc.ip("neigh", "flush", "all")
    time.sleep(0.2)
    sides = context.lab.network.sides

    def probes():
        return context.product.show("dataplane")["next-hops"]["probes"]

    before = probes()

    def during(calls):
        calls.wait(lambda: False, 1.0)
        heard = len(calls.streams["access"][20000].heard)
        context.expect(heard > 40, f"the caller has heard {heard} packets in a second in which it sent none")
        context.expect(probes() > before, "the kernel was asked for no neighbour")
        calls.speak("access")

    calls = audio_call(context, "uac_call", "uas_early", talk_ms=2000, hushed=("access",), during=during,
                       media={"access": (sides["access"], "192.0.2.99"), "core": (sides["core"], "198.51.100.99")})
    expect_audio(context, calls, 80)
