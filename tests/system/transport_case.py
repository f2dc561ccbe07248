"""Calls over each pair of transports, in each way that a call goes: SIPp signals, this process speaks."""
from tests.system.runner import case
from tests.system.support import audio_call, expect_audio, record_after
from tools.labkit import tls

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


def every_kind_of_call(context, access, core, caller="access"):
    """Answered, held and resumed, cancelled, refused, hung up by the callee."""
    transports = {"access": access, "core": core}
    before = len(context.records())
    calls = audio_call(context, "uac_call", "uas_answer", caller, talk_ms=1000, transports=transports)
    expect_audio(context, calls, 40)
    record = record_after(context, before)
    callee = "core" if caller == "access" else "access"
    told = tuple(record.get(leg, {}).get("transport") for leg in ("caller", "callee"))
    context.expect(told == (transports[caller], transports[callee]), f"the record tells of {told}, not of {transports}")
    expect_audio(context, audio_call(context, "uac_hold", "uas_held", caller, talk_ms=500, transports=transports), 40)
    audio_call(context, "uac_cancel", "uas_ring", caller, talk_ms=300, transports=transports)
    audio_call(context, "uac_rejected", "uas_reject", caller, caller_values={"STATUS": 486},
               callee_values={"STATUS": 486}, transports=transports)
    audio_call(context, "uac_stays", "uas_hangup", caller, talk_ms=500, transports=transports)


@case(trunks(core="tcp"))
def calls_from_tcp_to_tcp(context):
    every_kind_of_call(context, "tcp", "tcp")


@case(trunks(core="tcp"))
def calls_from_udp_to_tcp(context):
    every_kind_of_call(context, "udp", "tcp")


@case(trunks(core="udp"))
def calls_from_tcp_to_udp(context):
    every_kind_of_call(context, "tcp", "udp")


@case(trunks(access="tcp"))
def calls_from_core_udp_to_access_tcp(context):
    every_kind_of_call(context, "tcp", "udp", caller="core")


TLS = with_tls(trunks(core="tls"))


@case(TLS)
def calls_from_tls_to_tls(context):
    every_kind_of_call(context, "tls", "tls")


@case(TLS)
def calls_from_udp_to_tls(context):
    every_kind_of_call(context, "udp", "tls")


@case(with_tls(trunks(core="tcp")))
def calls_from_tls_to_tcp(context):
    every_kind_of_call(context, "tls", "tcp")


@case(with_tls(trunks(core="udp")))
def calls_from_tls_to_udp(context):
    every_kind_of_call(context, "tls", "udp")
