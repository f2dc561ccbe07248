"""TLS at the ends of the lab: certificates made for it, and socat to carry what a peer without TLS says."""
import pathlib
import subprocess
import time

from .network import LAST6, literal

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "lab-certificates"
LASTING_S = 5 * 86400
NAMES = {"gate": "gate.lab", "renewed": "gate.lab", "access": "pbx.lab", "core": "carrier.lab", "stranger": "stranger.lab"}


def openssl(*words):
    subprocess.run(["openssl", *[str(word) for word in words]], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make(folder, name, names, authority="ca", days=30):
    """NAME.pem and NAME.key by that authority."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", days,
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}",
            *(["-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key"] if authority else []),
            "-addext", "basicConstraints=critical," + ("CA:FALSE" if authority else "CA:TRUE"),
            *(["-addext", "subjectAltName=" + ",".join(names)] if names else []))


def certificates():
    """The folder, with ca.pem, and NAME.pem and NAME.key of each of NAMES; one of them by somebody else."""
    done = FOLDER / "done"
    wanted = " ".join(NAMES)
    if done.exists() and done.read_text() == wanted and time.time() - done.stat().st_mtime < LASTING_S:
        return FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    make(FOLDER, "ca", [], authority=None)
    make(FOLDER, "other-ca", [], authority=None)
    for name, domain in NAMES.items():
        make(FOLDER, name, [f"DNS:{domain}", f"URI:sip:{domain}"], "other-ca" if name == "stranger" else "ca")
    done.write_text(wanted)
    return FOLDER


def profile(name="gate", **more):
    folder = certificates()
    return {"certificates": [{"certificate": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}],
            "authorities": str(folder / "ca.pem"), **more}


def family(address):
    """What socat calls it."""
    return "ip6" if ":" in address else "ip4"


def near(address):
    """What a tunnel has on its clear side. Of IPv6 another address of the namespace: a connection from `address` to ::1 is
    not closed in an orderly way (Linux sends the last ACK to ::1 by lo alone, and `address` is of another device)."""
    return f"{address.rpartition(':')[0]}:{LAST6}" if ":" in address else "127.0.0.1"


class Tunnel:
    """socat in a namespace: from a listener to a peer, one of them by TLS, as many connections as come."""

    def __init__(self, namespace, listen, to):
        self.process = subprocess.Popen(namespace.command("socat", listen, to), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait(5)


def tls_server(namespace, address, port, to, name, verify=False):
    """TLS at address:port, in the clear to `to` of the same family, which sees near()."""
    folder = certificates()
    return Tunnel(namespace, f"OPENSSL-LISTEN:{port},pf={family(address)},bind={literal(address)},fork,reuseaddr,"
                             f"cert={folder}/{name}.pem,key={folder}/{name}.key,cafile={folder}/ca.pem,verify={int(verify)}",
                  f"TCP:{to},bind={literal(near(address))},nodelay")


def tls_client(namespace, port, to, name, bind):
    """In the clear at near(bind) and the port, TLS to `to` from the address `bind`."""
    folder = certificates()
    return Tunnel(namespace, f"TCP-LISTEN:{port},pf={family(bind)},bind={literal(near(bind))},fork,reuseaddr,nodelay",
                  f"OPENSSL:{to},bind={literal(bind)},cert={folder}/{name}.pem,key={folder}/{name}.key,"
                  f"cafile={folder}/ca.pem,verify=1,commonname=gate.lab")
