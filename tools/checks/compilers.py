"""Checks that run a compiler or a formatter over the tree: lone headers, format, clang-tidy."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess

from . import tree

FORMAT = "clang-format-19"
TIDY = "clang-tidy-19"


class Verdicts:
    """Remembers what passed, by the digest of all that the verdict rests on."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def passed(self, key):
        return (self.folder / key).exists()

    def remember(self, key):
        (self.folder / key).touch()


def parallel(jobs, work, label):
    """work(job) -> problems, in as many threads as there are cores; says how far it is."""
    problems, done = [], 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(work, jobs):
            problems += found
            done += 1
            if done % 20 == 0:
                print(f"  {label}: {done} of {len(jobs)}", flush=True)
    return problems


def run_command(command, stdin=None):
    return subprocess.run(command, cwd=tree.ROOT, input=stdin, text=True, capture_output=True)


def tail(result, lines=12):
    return "\n    ".join((result.stdout + result.stderr).strip().splitlines()[:lines])


def uses_dpdk(path):
    return any(header.startswith("rte_") for name in tree.closure(path) for header in tree.includes(name)[1])


def headers(context):
    """Every header compiles alone, with the flags of the build."""
    verdicts = Verdicts(context.cache / "headers")

    def work(path):
        flags = context.flags + (context.dpdk_flags if uses_dpdk(path) else [])
        key = tree.digest(path, flags)
        if verdicts.passed(key):
            return []
        result = run_command(["g++", *flags, "-fsyntax-only", "-x", "c++", "-"], f'#include "{path}"\n')
        if result.returncode == 0:
            verdicts.remember(key)
            return []
        return [f"{path}: does not compile alone:\n    {tail(result)}"]

    return parallel(tree.code((".h",)), work, "headers")


def formatting(_context):
    files = tree.code()
    result = run_command([FORMAT, "--dry-run", "-Werror", *files])
    if result.returncode == 0:
        return []
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", result.stderr, re.MULTILINE)))
    if not wrong:
        return [f"{FORMAT} failed:\n    {tail(result)}"]
    return [f"{path}: not formatted; run {FORMAT} -i {path}" for path in wrong]


def tidy(context):
    """clang-tidy over the product's sources; the set of checks is .clang-tidy."""
    verdicts = Verdicts(context.cache / "tidy")
    database = json.loads((tree.ROOT / "compile_commands.json").read_text())
    commands = {entry["file"]: entry["arguments"] for entry in database}
    chosen = (tree.ROOT / ".clang-tidy").read_text()
    sources = [path for path in tree.code((".cc",)) if not path.startswith("tests/")]
    missing = [f"{path}: not in compile_commands.json: no Makefile folder builds it" for path in sources if path not in commands]

    def work(path):
        key = tree.digest(path, commands[path], chosen)
        if verdicts.passed(key):
            return []
        result = run_command([TIDY, "-p", ".", "--quiet", "--warnings-as-errors=*", path])
        if result.returncode == 0:
            verdicts.remember(key)
            return []
        lines = [line for line in result.stdout.splitlines() if re.search(r": (warning|error):", line)]
        return lines or [f"{path}: {TIDY} failed:\n    {tail(result)}"]

    found = parallel([path for path in sources if path in commands], work, "clang-tidy")
    return missing + sorted(set(found))  # a header's warning is seen by each source that includes it
