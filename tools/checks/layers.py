"""The include table: tools/layers.txt says which folder may include which."""
import pathlib

from . import tree

TABLE = "tools/layers.txt"
SYSTEM_FOLDERS = ("arpa", "asm", "linux", "net", "netinet", "netpacket", "sys")
# What POSIX and Linux keep outside of a folder.
SYSTEM_HEADERS = {f"{name}.h" for name in (
    "dirent dlfcn endian errno fcntl fnmatch getopt glob grp ifaddrs limits netdb poll pthread pwd sched signal spawn "
    "stdlib syslog termios time unistd").split()}


class Table:
    def __init__(self, lines):
        self.allowed = {}       # folder -> set of folders it may include
        self.third_party = {}   # header prefix -> folders that may include it
        self.problems = []
        for number, line in enumerate(lines, 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            left, colon, right = line.partition(":")
            left = left.strip()
            if not colon:
                self.problems.append(f"{TABLE}:{number}: expected `folder: folders`, found `{line}`")
            elif left.startswith("<"):
                self.third_party[left[1:]] = set(right.split())
            elif left in self.allowed:
                self.problems.append(f"{TABLE}:{number}: {left} stands twice")
            else:
                self.allowed[left] = set(right.split())
        for folder, targets in self.allowed.items():
            for target in sorted(targets - self.allowed.keys()):
                self.problems.append(f"{TABLE}: {folder} may include {target}, which has no line of its own")

    def cycle(self):
        """A chain of folders that leads back to its start, or None."""
        done, path = set(), []

        def visit(folder):
            if folder in path:
                return path[path.index(folder):] + [folder]
            if folder in done:
                return None
            path.append(folder)
            for target in sorted(self.allowed.get(folder, ())):
                found = visit(target)
                if found:
                    return found
            path.pop()
            done.add(folder)
            return None

        for folder in sorted(self.allowed):
            found = visit(folder)
            if found:
                return found
        return None


def folder_of(path):
    return str(pathlib.PurePosixPath(path).parent)


def is_system(header):
    """Of the C++ library, the C library or the kernel; only the first has names without folder and suffix."""
    folder, slash, _ = header.partition("/")
    return folder in SYSTEM_FOLDERS if slash else "." not in header or header in SYSTEM_HEADERS


def check_file(table, path):
    folder = folder_of(path)
    free = path.startswith("tests/")  # tests may include everything
    if not free and folder not in table.allowed:
        return [f"{path}: folder {folder} is not in {TABLE}; add it with the folders it may include"]
    problems = []
    quoted, angled = tree.includes(path)
    for header in quoted:
        target = folder_of(header)
        if not (tree.ROOT / header).is_file():
            problems.append(f'{path}: "{header}" is no file; include by path from the root')
        elif not free and target.startswith("tests"):
            problems.append(f'{path}: "{header}": the product does not include tests')
        elif not free and target != folder and target not in table.allowed[folder]:
            problems.append(f'{path}: "{header}": {folder} may not include {target} ({TABLE})')
    for header in angled if not free else ():
        prefix = next((prefix for prefix in table.third_party if header.startswith(prefix)), None)
        if prefix is None:
            if not is_system(header):
                problems.append(f"{path}: <{header}>: neither std nor system; give it a line in {TABLE}")
        elif folder not in table.third_party[prefix]:
            allowed = ", ".join(sorted(table.third_party[prefix]))
            problems.append(f"{path}: <{header}>: only {allowed} may include {prefix}* ({TABLE})")
    return problems


def run(_context=None):
    table = Table((tree.ROOT / TABLE).read_text().splitlines())
    problems = list(table.problems)
    cycle = table.cycle()
    if cycle:
        problems.append(f"{TABLE}: cycle: {' -> '.join(cycle)}")
    for path in tree.code():
        problems += check_file(table, path)
    return problems
