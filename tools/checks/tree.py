"""What is in the tree: sources, headers, who includes what."""
import functools
import hashlib
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("platform", "media", "dataplane", "controlplane", "tools", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def tracked():
    """Files that belong to the tree: known to git, or new and not ignored; paths relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    return sorted(path for path in set(listed) if (ROOT / path).is_file())


def code(suffixes=(".h", ".cc")):
    return [path for path in tracked() if path.endswith(suffixes) and path.split("/")[0] in CODE_FOLDERS]


@functools.cache
def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


@functools.cache
def includes(path):
    """(quoted includes, angle-bracket includes) of one file."""
    quoted, angled = [], []
    for match in INCLUDE.finditer(text(path)):
        (quoted if match[1] else angled).append(match[1] or match[2])
    return quoted, angled


@functools.cache
def closure(path):
    """The file and every file of the tree that it includes, directly or not."""
    seen, todo = set(), [path]
    while todo:
        current = todo.pop()
        if current in seen or not (ROOT / current).is_file():
            continue
        seen.add(current)
        todo.extend(includes(current)[0])
    return frozenset(seen)


def digest(path, *extra):
    """Changes when the file, what it includes, or `extra` changes: the key of a cached verdict."""
    summary = hashlib.sha256()
    for part in extra:
        summary.update(repr(part).encode())
    for name in sorted(closure(path)):
        summary.update(name.encode() + b"\0" + text(name).encode())
    return summary.hexdigest()
