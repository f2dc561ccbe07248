"""Kamailio as the proxy between the gate and a telephone."""
import os
import pathlib
import signal
import subprocess
import time

from tools.labkit import tls
from tools.labkit.command import LabError
from tools.labkit.sip_text import PORTS

TEMPLATE = pathlib.Path(__file__).with_name("kamailio_proxy.cfg")


class Kamailio:
    """At `address`; reaches the gate by this transport, and the telephone by UDP."""

    def __init__(self, namespace, folder, name, address, gate, telephone, transport):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        text = TEMPLATE.read_text()
        certificates = tls.certificates()
        for key, value in {"ADDRESS": address, "GATE": gate, "TELEPHONE": telephone, "PORT": PORTS[transport],
                           "TRANSPORT": transport, "CERTIFICATE": certificates / name,
                           "AUTHORITIES": certificates / "ca.pem"}.items():
            text = text.replace(f"@{key}@", str(value))
        config = self.folder / "kamailio.cfg"
        config.write_text(text)
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(
            namespace.command("kamailio", "-f", config, "-DD", "-E", "-m", 32, "-P", self.folder / "pid", "-Y", self.folder),
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self._wait_until_up(namespace, address)
        except LabError:
            self.close()
            raise

    def _wait_until_up(self, namespace, address):
        deadline = time.monotonic() + 10
        wanted = {f"{address}:5060", f"{address}:5061"}
        while True:
            listening = namespace.run("ss", "-Hltn").stdout
            if all(one in listening for one in wanted):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"Kamailio did not come up: {(self.folder / 'output').read_text(errors='replace')[-800:]}")
            time.sleep(0.05)

    def close(self):
        """Its processes are a group of their own."""
        for number, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
        self.output.close()
