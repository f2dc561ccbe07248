"""Many calls at a time, without audio."""
from tests.system.runner import case
from tests.system.support import sip_load

MANY = {"system": {"huge-pages": "off"}, "realms": {
    side: {"media-addresses": [f"{net}{host}" for host in (1, 2, 3, 4)], "media-ports": "10000-65535"}
    for side, net in (("access", "192.0.2."), ("core", "198.51.100."))}}


@case(MANY)
def every_packet_buffer_is_used(context):
    """More packets than the pool has buffers: each of them has its turn, and none may be lost to the port's driver."""
    before = context.product.show("dataplane")["memory"]
    said = sip_load(context, rate=1200, calls=6000)
    context.expect(said["ended"] == 6000, f"of 6000 calls: {said}")
    packets = sum(port["rx-packets"] for port in context.product.show("dataplane")["ports"])
    context.expect(packets > before["mbufs"], f"{packets} packets through {before['mbufs']} buffers prove nothing")
    context.expect(said["retransmitted"] < 60, f"{said['retransmitted']} retransmissions: packets were lost")
