"""tests/hostile/flood from one side of the lab, and the books of the dataplane: what came in and what became of it."""
import json
import os
import subprocess
import time

from tests.system.support import running_counters
from tools.labkit.network import ENDPOINT_DEVICE, address, port_device

# What never was a packet of the dataplane's, or is in `tap-in` already.
NOT_RECEIVED = ("from-kernel-frame", "from-kernel-queue")


class Flood:
    def __init__(self, context, side, seconds, rate=None, kinds=None, seed=1):
        ports = context.product.show("dataplane")["ports"]
        mac = next(port["mac"] for port in ports if port["interface"] == side)
        options = ["--rate", rate] if rate else []
        options += ["--kinds", ",".join(kinds)] if kinds else []
        # On the core that the dataplane's worker does not have, and behind all else that runs there.
        self.process = subprocess.Popen(
            context.lab.network.sides[side].command(
                "nice", "-n", 10, "taskset", "-c", min(os.sched_getaffinity(0)), context.build / "tests" / "flood", "--device", ENDPOINT_DEVICE,
                "--gate-mac", mac, "--gate", address(side, 1), "--media", address(side, 2), "--host", address(side, 66),
                "--ports", "20000-39999", "--seconds", seconds, "--seed", seed, *options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def result(self):
        """{"total": n, "seconds": s, "sent": {kind: n}, "refused": {kind: n}}"""
        return json.loads(self.process.communicate(timeout=60)[0])

    def close(self):
        if self.running():
            self.process.kill()
        self.process.communicate()


class Books:
    """Counters of one moment at which nothing moved."""

    def __init__(self, context):
        for _ in range(50):
            before = self._ports(context)
            self.drops = {name.removeprefix("drop-"): value for name, value in running_counters(context).items()
                          if name.startswith("drop-")}
            self.links = {side: self._link(context, side) for side in context.lab.network.sides}
            self.dataplane = context.product.show("dataplane")
            self.ports = self._ports(context)
            waiting = self.dataplane["next-hops"]["waiting-packets"]
            if before == self.ports and waiting == 0:
                return
            time.sleep(0.1)
        context.expect(False, "the dataplane's counters do not come to rest")

    @staticmethod
    def _ports(context):
        return {port["interface"]: {key: value for key, value in port.items() if isinstance(value, int)}
                for port in context.product.show("dataplane")["ports"]}

    @staticmethod
    def _link(context, side):
        shown = context.lab.network.sbc.ip("-j", "-s", "link", "show", port_device(side))
        return json.loads(shown.stdout)[0]["stats64"]["rx"]

    def port_sum(self, key):
        return sum(port[key] for port in self.ports.values())


def compare_books(context, before, after):
    """Every packet that came in has left, or is counted under a reason. The growth of each reason."""
    grown = {name: after.drops[name] - before.drops[name] for name in after.drops if after.drops[name] > before.drops[name]}
    moved = {key: after.port_sum(key) - before.port_sum(key) for key in ("rx-packets", "tx-packets", "tap-in", "tap-out")}
    dropped = sum(value for name, value in grown.items() if name not in NOT_RECEIVED)
    missing = moved["rx-packets"] + moved["tap-in"] - moved["tx-packets"] - moved["tap-out"] - dropped
    context.expect(missing == 0, f"{missing} packets are in no counter: {moved}, dropped {grown}")
    for side, link in after.links.items():
        # veth's own ring, in front of the port, drops what the port does not fetch in time.
        came = link["packets"] - link["dropped"] - before.links[side]["packets"] + before.links[side]["dropped"]
        taken = after.ports[side]["rx-packets"] - before.ports[side]["rx-packets"]
        context.expect(came == taken, f"{came} frames came to the port {side}, {taken} are counted")
    free = [books.dataplane["memory"]["mbufs-free"] for books in (before, after)]
    context.expect(abs(free[0] - free[1]) <= 64, f"free packet buffers: {free[0]} before, {free[1]} after")
    return grown
