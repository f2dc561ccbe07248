"""Calls from each of {UDP, TCP, TLS} x {IPv4, IPv6} to each, in each way that a call goes: SIPp signals, this process
speaks. Audio is IPv4 whatever the signalling is."""
import itertools

from tests.system.runner import case
from tests.system.support import audio_call, expect_audio, record_after
from tools.labkit import tls
from tools.labkit.network import address, literal

TRUNKS = {"access": "access-pbx", "core": "core-carrier"}


def trunks(**transports):
    """Settings: calls to a side go by this transport."""
    settings = {"system": {"no-answer-s": 5}, "trunks": {}}
    for side, transport in transports.items():
        settings["trunks"][TRUNKS[side]] = {"transport": transport}
        if transport == "tls":
            peer = {"access": "192.0.2.10:5061", "core": "198.51.100.10:5061"}[side]
            settings["trunks"][TRUNKS[side]] |= {"peers": [peer], "tls": {"name": tls.NAMES[side]}}
    return settings


def with_tls(settings):
    """The same, with TLS at both sip-interfaces."""
    interface = {"transports": ["udp", "tcp", "tls"], "tls-profile": "lab"}
    return settings | {"tls-profiles": {"lab": tls.profile(clients="optional")},
                       "sip-interfaces": {"access": interface, "core": interface}}


# One lab for all: a trunk for each kind on each side, with a host of its own, and the called number says which it is.
KINDS = [(transport, family) for transport in ("udp", "tcp", "tls") for family in (4, 6)]
HOSTS = {"udp": 11, "tcp": 12, "tls": 13}
NUMBERS = {kind: f"{kind[1]}{HOSTS[kind[0]]}" for kind in KINDS}


def named(kind):
    return f"{kind[0]}{kind[1]}"


def each_kind():
    interface = {"transports": ["udp", "tcp", "tls"], "tls-profile": "lab"}
    settings = {"system": {"no-answer-s": 5}, "tls-profiles": {"lab": tls.profile(clients="optional")}, "trunks": {},
                "sip-interfaces": {name: interface for name in ("access", "access6", "core", "core6")}, "routes": []}
    for (side, other), kind in itertools.product((("access", "core"), ("core", "access")), KINDS):
        transport, family = kind
        peer = f"{literal(address(side, HOSTS[transport], family))}:{5061 if transport == 'tls' else 5060}"
        trunk = {"sip-interface": side if family == 4 else f"{side}6", "transport": transport, "peers": [peer]}
        if transport == "tls":
            trunk["tls"] = {"name": tls.NAMES[side]}
        settings["trunks"][f"{side}-{named(kind)}"] = trunk
        settings["routes"].append({"name": f"to-{side}-{named(kind)}", "from": {"realm": other},
                                   "match": {"called-prefix": NUMBERS[kind]}, "to": {"trunk": f"{side}-{named(kind)}"}})
    return settings


def expect_kinds(context, record, kinds, caller):
    """The record tells the transport and the address of each leg."""
    for leg, kind in zip(("caller", "callee"), kinds):
        side = caller if leg == "caller" else {"access": "core", "core": "access"}[caller]
        host = literal(address(side, HOSTS[kind[0]], kind[1]))
        told = record.get(leg, {})
        context.expect(told.get("transport") == kind[0] and told.get("peer", "").startswith(f"{host}:"),
                       f"the record says of the {leg} {told.get('transport')} {told.get('peer')}, not {kind[0]} {host}")


def every_way_of_a_call(context, kinds, caller):
    """Held and resumed and ended by the caller, cancelled, ended by the callee."""
    callee = {"access": "core", "core": "access"}[caller]
    place = {"transports": {caller: kinds[0][0], callee: kinds[1][0]},
             "families": {caller: kinds[0][1], callee: kinds[1][1]},
             "hosts": {caller: HOSTS[kinds[0][0]], callee: HOSTS[kinds[1][0]]}, "number": NUMBERS[kinds[1]] + "4930"}
    before = len(context.records())
    expect_audio(context, audio_call(context, "uac_hold", "uas_held", caller, talk_ms=300, **place), 20)
    expect_kinds(context, record_after(context, before), kinds, caller)
    audio_call(context, "uac_cancel", "uas_ring", caller, talk_ms=100, **place)
    expect_audio(context, audio_call(context, "uac_stays", "uas_hangup", caller, talk_ms=300, **place), 8)


# Each kind once on either side; every pair in the long suite.
QUICK = dict(zip(KINDS, KINDS[3:] + KINDS[:3]))
EACH_KIND = each_kind()


def make_case(kinds, caller):
    def calls(context):
        every_way_of_a_call(context, kinds, caller)
    calls.__name__ = f"calls_from_{named(kinds[0])}_to_{named(kinds[1])}"
    case(EACH_KIND, long=QUICK[kinds[0]] != kinds[1])(calls)


for number, pair in enumerate(itertools.product(KINDS, KINDS)):
    make_case(pair, ("access", "core")[number % 2])
