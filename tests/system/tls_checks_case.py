"""What a scanner of TLS servers asks: versions, cipher suites, compression, renegotiation, tickets, early data, SNI, curves.

What was asked and what came is in build/system/CASE/checks.txt.
"""
import re
import subprocess

from tests.system.runner import case
from tests.system.tls_probe import FAMILIES, GOOD_12, GOOD_13, GROUPS, VERSIONS, client_hello, probe
from tools.labkit import tls

FOLDER = tls.FOLDER
PAIRS = tls.profile()["certificates"] + tls.profile("core")["certificates"]  # gate.lab and carrier.lab
INTERFACE = {"transports": ["udp", "tcp", "tls"], "tls-profile": "two"}
TWO = {"tls-profiles": {"two": tls.profile(clients="optional") | {"certificates": PAIRS}},
       "sip-interfaces": {"access": INTERFACE}}
SOURCE = "192.0.2.10"


class Checks:
    def __init__(self, context):
        self.context = context
        self.space = context.lab.network.sides["access"]
        self.log = open(context.folder / "checks.txt", "w", encoding="utf-8")
        context.keep(self.log)

    def expect(self, what, holds, came):
        self.log.write(f"{'ok  ' if holds else 'FAIL'} {what}: {came}\n")
        self.context.expect(holds, f"{what}: {came}")

    def probe(self, *arguments, **options):
        return probe(self.space, SOURCE, client_hello(*arguments, **options))

    def client(self, *options, said=""):
        """s_client's whole output."""
        done = subprocess.run(self.space.command("openssl", "s_client", "-connect", "192.0.2.1:5061", "-bind", f"{SOURCE}:0", *options),
                              input=said, capture_output=True, text=True, timeout=10)
        return done.stdout + done.stderr


@case(TWO)
def what_a_scanner_asks_of_tls(context):
    checks = Checks(context)
    everything = sorted({number for family in FAMILIES.values() for number in family} | set(GOOD_12))
    for name in ("SSLv3", "TLS 1.0", "TLS 1.1"):
        came = checks.probe(VERSIONS[name], everything)
        checks.expect(f"no {name}", came.alert is not None, came.text())
    for family, numbers in FAMILIES.items():
        came = checks.probe(VERSIONS["TLS 1.2"], numbers)
        checks.expect(f"no cipher suite of {family}", came.alert == "handshake_failure", came.text())
    for version, good, offered in (("TLS 1.2", GOOD_12, everything),
                                   ("TLS 1.3", GOOD_13, [*GOOD_13, 0x1304, 0x1305])):
        left, taken = list(offered), []
        while (came := checks.probe(VERSIONS[version], left)).alert is None and came.cipher in left:
            taken.append(came.cipher)
            left.remove(came.cipher)
            if came.version != VERSIONS[version]:
                break
        names = [good.get(number, hex(number)) for number in taken]
        wanted = {number for number, name in good.items() if "RSA" not in name}  # the keys are EC
        checks.expect(f"cipher suites of {version}", set(taken) == wanted, ", ".join(names))

    came = checks.probe(VERSIONS["TLS 1.2"], GOOD_12, compression=(1, 64, 0))
    checks.expect("no compression", came.compression == 0, f"method {came.compression}")
    came = checks.probe(VERSIONS["TLS 1.2"], GOOD_12, scsv=True)
    checks.expect("secure renegotiation is known (RFC 5746)", came.extensions.get(0xFF01) == b"\0", str(sorted(came.extensions)))
    for name, number in GROUPS.items():
        came = checks.probe(VERSIONS["TLS 1.3"], GOOD_13, groups=(number,))  # but for X25519 it asks for a share first
        wanted = name in ("X25519", "P-256", "P-384")
        checks.expect(f"{'' if wanted else 'no '}{name}", (came.alert is None) == wanted, came.text())

    said = checks.client("-tls1_2", said="R\n")
    line = next((line for line in said.splitlines() if "no renegotiation" in line), "")
    checks.expect("no renegotiation that a client begins", "RENEGOTIATING" in said and line, line or said[-300:])
    said = checks.client("-tls1_2")
    checks.expect("secure renegotiation, says s_client", "Secure Renegotiation IS supported" in said, "IS supported")

    session = context.folder / "session.pem"
    subprocess.run(checks.space.command("timeout", 0.5, "openssl", "s_client", "-connect", "192.0.2.1:5061", "-bind",
                                        f"{SOURCE}:0", "-tls1_3", "-sess_out", session, "-ign_eof"),
                   stdin=subprocess.DEVNULL, capture_output=True)
    said = subprocess.run(["openssl", "sess_id", "-in", session, "-noout", "-text"], capture_output=True, text=True).stdout
    early = re.search(r"Max Early Data: (\d+)", said)
    checks.expect("no early data", early is not None and early[1] == "0", early[0] if early else "no ticket came")
    hint = re.search(r"ticket lifetime hint: (\d+) ", said)
    checks.expect("tickets for an hour", hint is not None and int(hint[1]) <= 3600, hint[0] if hint else said[-200:])
    said = checks.client("-tls1_3", "-sess_in", session)
    key = re.search(r"Server Temp Key: .*", said)
    checks.expect("a resumed session has a key of its own (psk_dhe_ke)", "Reused, TLSv1.3" in said and key,
                  f"{'Reused' if 'Reused, ' in said else 'New'}, {key[0] if key else 'no key exchange'}")
    said = checks.client("-tls1_3", "-sess_in", session, "-allow_no_dhe_kex", "-early_data", "/dev/null")
    checks.expect("early data is not accepted", "Early data was accepted" not in said, "not accepted")

    said = checks.client("-status")
    line = next((line for line in said.splitlines() if "OCSP response" in line), "")
    checks.expect("no OCSP response is claimed", "no response sent" in line, line)
    for name, subject in (("carrier.lab", "CN = core"), ("gate.lab", "CN = gate"), ("somebody.else", "CN = gate"), (None, "CN = gate")):
        said = checks.client(*(["-servername", name] if name else ["-noservername"]))
        came = re.search(r"^subject=(.*)", said, re.MULTILINE)
        checks.expect(f"who names {name} is shown {subject}", came is not None and came[1].strip() == subject,
                      came[0] if came else said[-200:])
    said = checks.client("-CAfile", FOLDER / "ca.pem", "-verify_return_error", "-verify_hostname", "gate.lab", "-servername", "gate.lab")
    checks.expect("the chain verifies", "Verify return code: 0 (ok)" in said, "Verify return code: 0 (ok)")
