"""Peers that we did not write: telephones of baresip, with and without a proxy of Kamailio, over each transport."""
import contextlib
import time

from tests.system.kamailio import Kamailio
from tests.system.runner import case
from tests.system.support import record_after
from tests.system.transport_case import trunks, with_tls
from tools.labkit.audio_calls import SBC
from tools.labkit.baresip import Baresip
from tools.labkit.network import address
from tools.labkit.sip_text import PORTS

TONES = {"access": 440, "core": 1000}
NUMBER = "4930123456"
PAUSE = 0.3  # in which audio would have been heard


class Telephones:
    """One on each side, and what may happen between them. `proxies`: with Kamailio before each, by these transports."""

    def __init__(self, context, caller, proxies, **transports):
        self.context = context
        self.proxies = proxies
        self.folder = context.folder / f"{caller}-{'-'.join(transports.values())}{'-proxies' if proxies else ''}"
        self.started = contextlib.ExitStack()
        context.keep(self)
        self.transports = transports
        self.sides = (caller, "core" if caller == "access" else "access")
        self.calling, self.called = (self._start(side, user) for side, user in zip(self.sides, ("caller", NUMBER)))

    def _start(self, side, user):
        space, host, gate = self.context.lab.network.sides[side], address(side, 10), SBC[side]
        transport, port = self.transports[side], PORTS[self.transports[side]]
        if self.proxies:
            proxy, host = host, address(side, 11)
            self._keep(Kamailio(space, self.folder, side, proxy, gate, host, transport))
            gate, transport, port = proxy, "udp", 5060
        return self._keep(Baresip(space, self.folder, f"{side}-{user}", user, host, transport, f"{gate}:{port}", side,
                                  TONES[side]))

    def _keep(self, process):
        self.started.callback(process.close)
        return process

    def close(self):
        """Repeatable."""
        self.started.close()

    def ring(self):
        self.before = len(self.context.records())
        self.calling.tell("dial", f"sip:{NUMBER}@{SBC[self.sides[0]]}")
        self.called.wait_for("CALL_INCOMING")
        self.calling.wait_for("CALL_RINGING")

    def answer(self):
        self.called.tell("accept")
        for phone in (self.called, self.calling):
            phone.wait_for("CALL_ESTABLISHED")

    def expect_tones(self):
        """Each hears the other's tone and nothing else."""
        for phone, side in ((self.calling, self.sides[1]), (self.called, self.sides[0])):
            self.context.wait(lambda phone=phone, side=side: phone.heard(TONES.values()) == TONES[side], 5,
                              f"{phone.name} does not hear the tone of {side}")

    def forwarded(self):
        """RTP packets that went on, by the realm that they came from."""
        flows = self.context.product.show("flows")["flows"]
        return {flow["realm"]: flow["forwarded"] for flow in flows if flow["component"] == "rtp"}

    def expect_hold(self):
        """The other speaks no more, until the call is resumed. (What a telephone hears afterwards it does not write down.)"""
        speaking = self.sides[1]

        def spoken():
            before = self.forwarded()[speaking]
            time.sleep(PAUSE)
            return self.forwarded()[speaking] - before

        self.calling.tell("hold")
        self.context.wait(lambda: spoken() == 0, 5, f"{self.called.name} speaks although the call is held")
        self.calling.tell("resume")
        self.context.wait(lambda: spoken() > 5, 5, f"{self.called.name} does not speak after the call was resumed")

    def finish(self, who, ended_by, code):
        """That one hangs up, the other hears of it; the record says so, and by what transports it went."""
        who.tell("hangup")
        (self.called if who is self.calling else self.calling).wait_for("CALL_CLOSED")
        record = record_after(self.context, self.before)
        legs = [record.get(leg, {}).get("transport") for leg in ("caller", "callee")]
        context_says = (record.get("ended-by"), record.get("code"), *legs)
        wanted = (ended_by, code, *(self.transports[side] for side in self.sides))
        self.context.expect(context_says == wanted, f"the record says {context_says}, expected {wanted}")


def every_kind_of_call(context, caller="access", proxies=False, **transports):
    """Answered, held and resumed, hung up by each; cancelled; refused."""
    phones = Telephones(context, caller, proxies, **transports)
    phones.ring()
    phones.answer()
    phones.expect_tones()
    phones.expect_hold()
    phones.finish(phones.called, "callee", 200)
    phones.ring()
    phones.answer()
    phones.finish(phones.calling, "caller", 200)
    phones.ring()
    phones.finish(phones.calling, "caller", 487)
    phones.ring()
    phones.finish(phones.called, "callee", 486)
    phones.close()


def settings(**transports):
    """Calls go to a side by its transport."""
    return with_tls(trunks(**transports))


@case(settings(core="tls"))
def telephones_over_tls(context):
    every_kind_of_call(context, access="tls", core="tls")


@case(settings(core="tcp"))
def telephones_over_udp_and_tcp(context):
    every_kind_of_call(context, access="udp", core="tcp")


@case(settings(core="tls"))
def telephones_behind_proxies_over_tcp_and_tls(context):
    every_kind_of_call(context, proxies=True, access="tcp", core="tls")


# Each pair, called from each side, with proxies and without them.
for callee, caller in (("core", "access"), ("access", "core")):
    for to in PORTS:
        def all_pairs(context, caller=caller, callee=callee, to=to):
            for transport in PORTS:
                for proxies in (False, True):
                    every_kind_of_call(context, caller, proxies, **{caller: transport, callee: to})
        all_pairs.__name__ = f"telephones_of_{caller}_call_over_{to}"
        case(settings(**{callee: to}), long=True)(all_pairs)
