"""A control plane that means harm, at the dataplane's own socket as the control plane's own user.

The honest control plane is stopped (SIGSTOP) as long as tests/hostile/hostile_control attacks, so that it does not win
the session back; its calls stand meanwhile and their media flows. Then it is killed, and a fresh one has to find the
calls as they were, and nothing of the attacker's.
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess

from tests.system.processes_case import standing_calls
from tests.system.runner import case
from tests.system.support import (audio_call, expect_audio, expect_success, kill, memory_kib, running_counters,
                                  wait_new_process)

FEW_FLOWS = {"system": {"max-calls": 60}}  # so that the attacker can fill the table
# What the attacker's commands are refused for; each of it must have happened.
REASONS = ("bad-record", "unknown-realm", "foreign-address", "port-outside-pool", "already-installed", "no-such-flow",
           "stale-generation", "table-full", "staging-full", "bad-remote")
LOG_BYTES_PER_SECOND = 4096
# The quarantine of the address sanitizer keeps 256 MiB of what was freed.
GROWTH_KIB = {"asan": 400 << 10}
GROWTH_KIB_DEFAULT = 16 << 10


def start_attack(context, seconds, seed):
    """As the user that the control plane runs as, from where that user can reach the program."""
    status = pathlib.Path(f"/proc/{context.product.pid('sallyport-control')}/status").read_text()
    user, group = (int(line.split()[1]) for line in status.splitlines() if line.startswith(("Uid:", "Gid:")))
    program = shutil.copy(context.build / "tests" / "hostile_control", context.lab.folder)
    with open(context.folder / "attacker.err", "wb") as errors:
        return subprocess.Popen(
            context.product.namespace.command(
                "setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs", "nice", "-n", 10, program,
                "--socket", context.product.runtime / "dataplane.sock", "--seed", seed, "--seconds", seconds,
                "--in", "192.0.2.2", "--spare", "192.0.2.1", "--out", "198.51.100.2", "--in-remote", "192.0.2.77", "--out-remote", "198.51.100.77",
                "--ports", "20000-39999"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)


def end_attack(attack):
    if attack.poll() is None:
        os.killpg(attack.pid, signal.SIGKILL)
        attack.wait()


def attacked(context, seconds, count=2):
    seed = int(os.environ.get("SALLYPORT_HOSTILE_SEED", random.getrandbits(32)))
    print(f"     seed {seed} (SALLYPORT_HOSTILE_SEED repeats it)", flush=True)
    calls, endpoints = standing_calls(context, count, seconds + 9, 10, 0.02)
    flows = {flow["local"] for flow in context.product.show("flows")["flows"]}
    control, dataplane = context.product.pid("sallyport-control"), context.product.pid("sallyport-dataplane")
    before, log_before = running_counters(context), context.product.log.stat().st_size
    memory, sizes = context.product.show("dataplane")["memory"], [memory_kib(dataplane)]
    os.kill(control, signal.SIGSTOP)
    context.finally_call(signal_again, control)
    attack = start_attack(context, seconds, seed)
    context.finally_call(end_attack, attack)
    while attack.poll() is None and not context.problems:
        calls.wait(lambda: attack.poll() is not None, max(1, seconds / 20))
        sizes.append(memory_kib(dataplane))
        context.expect(context.product.answers("dataplane"), "the dataplane does not answer under attack")
    end_attack(attack)
    said = attack.stdout.read().strip()
    print(f"     attacker: {said}", flush=True)
    done = json.loads(said or "{}")
    context.expect(attack.returncode == 0 and done.get("breaches") == 0,
                   f"the attacker ended with {attack.returncode}: {said} {(context.folder / 'attacker.err').read_text()}")
    context.expect(done.get("attached", 0) >= seconds, f"the attacker was let in {done.get('attached')} times only")
    grown = {name: value - before.get(name, 0) for name, value in running_counters(context).items()}
    expect_refusals(context, grown, done)
    left = flows - {flow["local"] for flow in context.product.show("flows")["flows"]}
    total = context.product.show("flows")["total"]
    context.expect(not left or total > 500, f"flows of calls are gone: {left}")

    kill(context, "sallyport-control")
    wait_new_process(context, "sallyport-control", control, 5)
    context.wait(lambda: context.product.answers("calls"), 5, "the fresh control plane does not answer")
    context.wait(lambda: context.product.show("calls")["total"] == count, 5, "the standing calls were not taken back")
    context.wait(lambda: context.product.show("flows")["total"] == 4 * count, 5, "flows of the attacker are left")
    calls.wait_finished(40)
    expect_success(context, endpoints)
    calls.stop()
    expect_audio(context, calls, int(seconds / 0.02), count=count)
    fresh = audio_call(context, "uac_call", "uas_answer", talk_ms=2000)
    expect_audio(context, fresh, 80)

    sizes.append(memory_kib(dataplane))
    print(f"     dataplane's memory in MiB: {[size >> 10 for size in sizes]}", flush=True)
    context.expect(context.product.pids("sallyport-dataplane").keys() == {dataplane}, "the dataplane is another process")
    most = GROWTH_KIB.get(context.build.name, GROWTH_KIB_DEFAULT)
    context.expect(sizes[-1] - sizes[0] < most, f"the dataplane grew from {sizes[0]} to {sizes[-1]} KiB")
    written = context.product.log.stat().st_size - log_before
    context.expect(written < LOG_BYTES_PER_SECOND * (seconds + 30), f"the log grew by {written} bytes in {seconds} s")
    free = context.product.show("dataplane")["memory"]["mbufs-free"]
    context.expect(abs(free - memory["mbufs-free"]) < 64, f"free packet buffers: {memory['mbufs-free']} before, {free} after")


def signal_again(pid):
    """A process that was stopped could not even end."""
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def expect_refusals(context, grown, done):
    refusals = {name: grown[f"reject-{name}"] for name in REASONS}
    print(f"     refused: {refusals}; sessions {grown['sessions']}, broken {grown['sessions-broken']}, "
          f"commands {grown['commands']}", flush=True)
    missing = [name for name, value in refusals.items() if value == 0]
    context.expect(not missing, f"nothing was refused for {missing}")
    context.expect(grown["sessions-broken"] > 0, "no impossible cursor was noticed")
    context.expect(grown["transactions-refused"] > 0, "no transaction found the staging full")
    # What the attacker has read of it cannot be more than what was counted.
    context.expect(done.get("rejected", 0) <= sum(refusals.values()), f"{done.get('rejected')} refusals were told")


@case(FEW_FLOWS, fresh=True)
def hostile_control_plane(context):
    attacked(context, 6)


@case(FEW_FLOWS, fresh=True, long=True)
def hostile_control_plane_for_ten_minutes(context):
    attacked(context, 600)
