"""A lab for what carries calls: Sallyport, or a peer in its place, over one and the same socket path.

The product's ports are net_null devices, so that the dataplane applies every flow command and carries no SIP; the veth
ends of the sbc namespace are joined to the exception TAPs by tc instead, with the TAPs' MAC. Whoever binds an address
of the TAPs there, our control plane or Kamailio, is reached by the same generator through the same devices.

     access eth0 --veth-- port-access ==tc== TAP access (192.0.2.1-9, 251-253)
     core   eth0 --veth-- port-core   ==tc== TAP core   (198.51.100.1-9, 251-253)

Signalling runs on DEVICE_CORE; the dataplane's worker and the generator on GENERATOR_CORE.
"""
import contextlib
import itertools
import json
import os
import tempfile

from tools.labkit import tls
from tools.labkit.command import LabError, run
from tools.labkit.lab import Lab
from tools.labkit.network import address, port_device
from tools.labkit.product import Product

GENERATOR_CORE, DEVICE_CORE = 0, 1
SIDES = ("access", "core")
HOSTS = (*range(1, 10), 251, 252, 253)  # of each side; the lab's endpoints have 10 to 250
OURS, PEER = 1, 3                       # whose signalling address is which host
ENDPOINT = 10
EVERYTHING = "1,6 0 0 4294967295"       # classic BPF: return all of it


SIP_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}


def configuration(max_calls, hosts=HOSTS, ports="10000-65535", transport="udp"):
    """Two trunks, a route each way, and as many media addresses and ports as given."""
    port = SIP_PORTS[transport]
    by_transport = {} if transport == "udp" else {"transports": [transport]} | (
        {"tls-profile": "gate"} if transport == "tls" else {})
    trunks = {"access": "access-pbx", "core": "core-carrier"}
    return {
        "interfaces": {side: {"port": f"net_null{number},no-rx=1", "address": f"{address(side, OURS)}/24"}
                       for number, side in enumerate(SIDES)},
        "realms": {side: {"interface": side, "media-addresses": [address(side, host) for host in hosts],
                          "trust": {"access": "untrusted", "core": "trusted"}[side], "media-ports": ports}
                   for side in SIDES},
        **({"tls-profiles": {"gate": tls.profile()}} if transport == "tls" else {}),
        "sip-interfaces": {side: {"realm": side, "address": address(side, OURS), "port": 5060, **by_transport}
                           for side in SIDES},
        "trunks": {trunks[side]: {"sip-interface": side, "peers": [f"{address(side, ENDPOINT)}:{port}"]}
                   for side in SIDES},
        "routes": [{"name": f"{here}-to-{there}", "from": {"trunk": trunks[here]}, "to": {"trunk": trunks[there]}}
                   for here, there in itertools.permutations(SIDES)],
        "system": {"max-calls": max_calls, "worker-cores": [GENERATOR_CORE], "doze-us": 5000},
    }


class ProductOnTmpfs(Product):
    """Its runtime folder is a tmpfs, as /run is on the appliance: calls.state on a disk has other pages, and more of them."""

    def start(self):
        self.runtime.mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "sallyport-bench", self.runtime)
        super().start()

    def remove_leftovers(self):
        super().remove_leftovers()
        if self.runtime.is_mount():
            run("umount", "--lazy", self.runtime, check=False)


class CallLab:
    """Up from `with` to its end. `restart` begins anew with the same configuration."""

    def __init__(self, build, config):
        if len(os.sched_getaffinity(0)) < 2:
            raise LabError("two cores are needed: one for the signalling under test, one for everything else")
        self.lab = Lab(f"bench-{os.getpid()}", build=build, say=lambda line: None)
        self.lab.product = ProductOnTmpfs(self.lab.network.sbc, self.lab.build, self.lab.folder)
        self.build = self.lab.build
        self.config = config

    @property
    def place(self):
        """The namespace of whoever carries the calls."""
        return self.lab.network.sbc

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.lab.down()
            raise
        return self

    def __exit__(self, *_):
        self.lab.down()

    def start(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.config, file)
            file.flush()
            self.lab.up(file.name)
        for side in SIDES:
            self.join(side)
        # Who closes a connection keeps its port for a minute, and there are 28,000: the callers' network lends them earlier.
        self.lab.network.sides["access"].run("sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1",
                                             "net.ipv4.ip_local_port_range=1024 65000")
        # A peer has one socket for both sides: what it sends into the core comes from the access side's address.
        self.lab.network.sides["core"].ip("route", "add", f"{address('access', 0)}/24", "via", address("core", OURS))
        for name in ("sallyport-manager", "sallyport-control"):
            bind_to_core(self.lab.product.pid(name), DEVICE_CORE)

    def restart(self):
        self.lab.down()
        self.start()

    def join(self, side):
        port = port_device(side)
        self.place.ip("link", "set", port, "address",
                      json.loads(self.place.ip("-j", "link", "show", side).stdout)[0]["address"])
        for device, other, direction in ((side, port, "egress"), (port, side, "ingress")):
            self.place.run("tc", "qdisc", "add", "dev", device, "clsact")
            self.place.run("tc", "filter", "add", "dev", device, direction, "protocol", "all", "prio", 1, "bpf",
                           "bytecode", EVERYTHING, "flowid", "1:1", "action", "mirred", direction, "redirect", "dev", other)

    def our_processes(self):
        """All of the product's."""
        found = self.lab.product.pids()
        if len(found) != 3:
            raise LabError(f"{len(found)} of Sallyport's 3 processes run: {self.lab.product.log_tail()}")
        return {name: pid for pid, name in found.items()}

    def load_words(self, host, transport="udp", *more):
        """The generator's command line up to what it shall do, against the element at this host of the access side."""
        network = self.lab.network
        port = SIP_PORTS[transport]
        if transport == "tls":
            folder = tls.certificates()
            more = ("--certificate", folder / "access", "--callee-certificate", folder / "core", "--authorities",
                    folder / "ca.pem", *more)
        return [self.build / "tests" / "sip-load", "--caller-network", network.sides["access"].name, "--callee-network",
                network.sides["core"].name, "--caller", f"{address('access', ENDPOINT)}:{port}", "--callee",
                f"{address('core', ENDPOINT)}:{port}", "--target", f"{address('access', host)}:{port}", "--core",
                str(GENERATOR_CORE), "--transport", transport, *more]


def bind_to_core(pid, core):
    """Every thread; what they start later inherits it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {core})
