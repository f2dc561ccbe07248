"""Checks of what is not C++: the programs' libraries, scripts, links in the documentation."""
import py_compile
import re
import subprocess
import tempfile

from . import tree

NO_DPDK = ("sallyport-control", "sallyport-manager", "sallyport")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MENTION = re.compile(r"`((?:platform|media|dataplane|controlplane|tools|tests|docs)/[\w./-]+)`")


def programs(context):
    """No process but the dataplane links DPDK."""
    problems = []
    for name in NO_DPDK:
        path = context.build / "bin" / name
        if not path.exists():
            problems.append(f"{path}: not built")
            continue
        listed = subprocess.run(["ldd", path], capture_output=True, text=True)
        if listed.returncode != 0:
            problems.append(f"{path}: ldd: {listed.stderr.strip()}")
        problems += [f"{path}: links {line.split()[0]}: only the dataplane knows DPDK"
                     for line in listed.stdout.splitlines() if "librte_" in line]
    return problems


def first_line(path):
    with open(tree.ROOT / path, "rb") as file:
        return file.readline()


def scripts(_context):
    problems = []
    for path in tree.tracked():
        line = first_line(path)
        if path.endswith(".py") or (line.startswith(b"#!") and b"python3" in line):
            try:
                with tempfile.NamedTemporaryFile() as scratch:
                    py_compile.compile(str(tree.ROOT / path), cfile=scratch.name, doraise=True)
            except py_compile.PyCompileError as error:
                problems.append(f"{path}: {error.msg.strip()}")
        elif line.startswith(b"#!") and re.search(rb"\b(ba)?sh\b", line):
            shell = "bash" if b"bash" in line else "sh"
            result = subprocess.run([shell, "-n", path], cwd=tree.ROOT, capture_output=True, text=True)
            if result.returncode != 0:
                problems.append(f"{path}: {result.stderr.strip()}")
    return problems


def links(_context):
    """Links and paths that the documentation names lead somewhere."""
    problems = []
    for path in (name for name in tree.tracked() if name.endswith(".md")):
        content = tree.text(path)
        base = (tree.ROOT / path).parent
        for target in LINK.findall(content):
            if "://" not in target and not target.startswith("mailto:") and not (base / target).exists():
                problems.append(f"{path}: link to {target}, which does not exist")
        for target in MENTION.findall(content):
            if not list(tree.ROOT.glob(target.rstrip("/.") + "*")):
                problems.append(f"{path}: names {target}, which does not exist")
    return problems
