"""Hostile networks: floods of what no honest host sends, at both ports, beside calls that go on and calls that begin."""
import os
import random

from tests.system.flood import Books, Flood, compare_books
from tests.system.processes_case import extra_call, standing_calls
from tests.system.runner import case
from tests.system.support import expect_audio, expect_success, memory_kib
from tools.labkit.network import ENDPOINT_DEVICE, port_device

SIDES = ("access", "core")
DAMAGED = ("frame-truncated", "vlan-stacked", "vlan-unknown", "ether-foreign", "ipv4-header", "ipv4-length",
           "ipv4-checksum", "ipv4-fragment", "udp-length", "no-flow")
KERNEL_BOUND = ("arp", "icmp", "other-udp", "fragments", "group")
KERNEL_RATES = ("kernel-rate", "kernel-rate-arp", "kernel-rate-icmp", "kernel-rate-fragment", "kernel-rate-group")
JUMBO_MTU = 3000


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def flooded(context, floods, seconds, lossless=True, patience=4):
    """Calls that stand and calls that begin while the floods run; the growth of each drop reason."""
    processes = context.product.pids()
    before, sizes = Books(context), {pid: (memory_kib(pid), descriptors(pid)) for pid in processes}
    calls, endpoints = standing_calls(context, 2, seconds + 6, 10, 0.02, more=1000)
    running = [context.keep(Flood(context, seconds=seconds, seed=random.getrandbits(32), **flood)) for flood in floods]
    took = []
    while any(flood.running() for flood in running) and None not in took:
        took.append(extra_call(context, 2 * patience))
        calls.pump()
    results = [flood.result() for flood in running]
    calls.wait(lambda: not endpoints[0].running(), seconds + 20)
    expect_success(context, endpoints[:1])
    endpoints[1].stop()
    context.nothing_left()
    calls.stop()
    rates = [f"{result['total'] / result['seconds'] / 1000:.0f}k/s" for result in results]
    lost = sum(len(report.lost) for _, report in calls.reports())
    sent = sum(report.sent for _, report in calls.reports())
    in_time = len(took) > 1 and all(time is not None and time < patience for time in took)
    context.expect(in_time, f"calls placed meanwhile took {took} s")
    if lossless:
        expect_audio(context, calls, int(seconds / 0.02), count=2)
    after = Books(context)
    grown = compare_books(context, before, after)
    shares = [1 - link["dropped"] / max(1, link["packets"]) for link in after.links.values()]
    print(f"     floods of {', '.join(rates)}, {min(shares):.2%} of it taken by the port; {lost} of {sent} RTP packets lost; "
          f"{len(took)} calls set up and ended in {max(filter(None, took), default=0):.2f} s at most", flush=True)
    print(f"     dropped: {grown}", flush=True)
    context.expect(context.product.pids() == processes, f"processes are {context.product.pids()}, were {processes}")
    for pid, (memory, files) in sizes.items():
        name = processes[pid]
        context.expect(memory_kib(pid) - memory < growth(context), f"{name} grew from {memory} to {memory_kib(pid)} KiB")
        context.expect(descriptors(pid) <= files + 2, f"{name} has {descriptors(pid)} descriptors, had {files}")
    return grown


def growth(context):
    return 400 << 10 if context.build.name == "asan" else 16 << 10


def expect_reasons(context, grown, reasons):
    missing = [reason for reason in reasons if not grown.get(reason)]
    context.expect(not missing, f"nothing was dropped for {missing}")


@case()
def flood_of_everything(context):
    """A rate at which a port of the lab loses nothing: the audio must not either."""
    grown = flooded(context, [{"side": side, "rate": 40_000} for side in SIDES], 4)
    expect_reasons(context, grown, DAMAGED)


@case()
def flood_of_what_the_kernel_gets(context):
    """Many times what the kernel is given, and rubbish at the SIP port within its rate: SIP has a budget of its own."""
    grown = flooded(context, [{"side": "access", "rate": 200_000, "kinds": KERNEL_BOUND},
                              {"side": "core", "rate": 8_000, "kinds": ("sip",)}], 4, lossless=False)
    expect_reasons(context, grown, KERNEL_RATES)
    context.expect("kernel-rate-sip" not in grown, f"SIP was dropped: {grown}")


@case(fresh=True)
def flood_of_jumbo_frames(context):
    """Longer than the port's MTU, where the wire brings them."""
    context.lab.network.sbc.ip("link", "set", port_device("access"), "mtu", JUMBO_MTU)
    context.lab.network.sides["access"].ip("link", "set", ENDPOINT_DEVICE, "mtu", JUMBO_MTU)
    flooded(context, [{"side": "access", "rate": 20_000, "kinds": ("jumbo", "media")}], 3)


@case(fresh=True, long=True)
def hostile_floods_as_fast_as_can_be(context):
    """Beyond what a veth pair carries: what it drops in front of the port takes calls' packets with it. Not to the SIP
    port, whose users share one budget."""
    kinds = (*KERNEL_BOUND, "garbage", "short", "cut", "lying-total", "lying-ihl", "checksum", "vlan",
              "vlan-stack", "foreign-mac", "bad-source", "media")
    grown = flooded(context, [{"side": side, "kinds": kinds} for side in SIDES], 30, lossless=False, patience=20)
    expect_reasons(context, grown, (*DAMAGED, *KERNEL_RATES))
