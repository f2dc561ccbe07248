"""The lab's network: namespaces access, core and sbc; one veth pair each to a DPDK port.

     access namespace                 sbc namespace                     core namespace
     eth0 192.0.2.10-250  --veth--  port-access | port-core  --veth--  eth0 198.51.100.10-250
          2001:db8:a::10-29                                                 2001:db8:b::10-29

The ports carry no address: the kernel of the sbc namespace sees only what the dataplane hands to the
exception TAPs, which the manager makes there. One queue each way, and no offload: a checksum that veth
leaves undone would reach the dataplane undone.
"""
from .namespace import Namespace

PREFIX = "sallyport"
SIDES = {"access": "192.0.2.", "core": "198.51.100."}
SIDES6 = {"access": "2001:db8:a::", "core": "2001:db8:b::"}
FIRST, LAST = 10, 250
LAST6 = 29  # each address of IPv6 is announced to its group
ENDPOINT_DEVICE = "eth0"
ROUTER = "192.0.2.254"
FAR_ROUTER, FAR_HOST = "203.0.113.1", "203.0.113.10"
OFFLOADS = ("tx", "rx", "tso", "gso", "gro")


def address(side, host, family=4):
    """address("access", 10) is 192.0.2.10, of family 6 2001:db8:a::10."""
    return f"{SIDES6[side] if family == 6 else SIDES[side]}{host}"


def literal(host):
    """As it stands before a port: [2001:db8:a::10]."""
    return f"[{host}]" if ":" in host else host


def port_device(side):
    return f"port-{side}"


def quieten(namespace, device):
    namespace.run("ethtool", "-K", device, *[word for name in OFFLOADS for word in (name, "off")])


class Network:
    def __init__(self, name):
        self.name = name
        self.sbc = Namespace(f"{PREFIX}-{name}-sbc")
        self.sides = {side: Namespace(f"{PREFIX}-{name}-{side}") for side in SIDES}

        # Behind a router on the access side; only where a case asks for it.
        self.far = Namespace(f"{PREFIX}-{name}-far")

    def namespaces(self):
        return {**self.sides, "sbc": self.sbc}

    def exists(self):
        return any(namespace.exists() for namespace in self.namespaces().values())

    def create(self):
        for namespace in self.namespaces().values():
            namespace.create()
        # The ports have no IPv6 of their own. That of the ends is quiet: the addresses that are set and no others, at once.
        self.sbc.run("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        for side, namespace in self.sides.items():
            namespace.run("sysctl", "-q", "-w", *(f"net.ipv6.conf.default.{name}=0" for name in
                                                  ("accept_dad", "accept_ra", "autoconf", "router_solicitations")))
            self.connect(side, namespace)

    def connect(self, side, namespace):
        port = port_device(side)
        self.sbc.ip("link", "add", port, "numtxqueues", 1, "numrxqueues", 1, "type", "veth", "peer", "name",
                    ENDPOINT_DEVICE, "numtxqueues", 1, "numrxqueues", 1, "netns", namespace.name)
        for place, device in ((self.sbc, port), (namespace, ENDPOINT_DEVICE)):
            quieten(place, device)
            place.ip("link", "set", device, "up")
        addresses = "".join(f"addr add {address(side, host)}/24 dev {ENDPOINT_DEVICE}\n"
                            for host in range(FIRST, LAST + 1))
        addresses += "".join(f"addr add {address(side, host, 6)}/64 dev {ENDPOINT_DEVICE} nodad\n"
                             for host in range(FIRST, LAST6 + 1))
        namespace.ip("-batch", "-", stdin=addresses)

    def add_far(self):
        """A network behind the access namespace, which becomes its router: FAR_HOST by way of ROUTER."""
        access = self.sides["access"]
        self.far.create()
        access.ip("link", "add", "far0", "type", "veth", "peer", "name", ENDPOINT_DEVICE, "netns", self.far.name)
        for place, device in ((access, "far0"), (self.far, ENDPOINT_DEVICE)):
            quieten(place, device)
            place.ip("link", "set", device, "up")
        access.ip("addr", "add", f"{ROUTER}/24", "dev", ENDPOINT_DEVICE)
        access.ip("addr", "add", f"{FAR_ROUTER}/24", "dev", "far0")
        access.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.far.ip("addr", "add", f"{FAR_HOST}/24", "dev", ENDPOINT_DEVICE)
        self.far.ip("route", "add", "default", "via", FAR_ROUTER)

    def remove(self):
        for namespace in (*self.namespaces().values(), self.far):
            namespace.remove()
