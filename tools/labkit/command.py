"""Running commands with errors that say what failed."""
import subprocess


class LabError(Exception):
    """One line that says what is wrong, where, and what to do."""


def run(*command, stdin=None, check=True, timeout=60):
    """Runs a command to its end; its output as text."""
    words = [str(word) for word in command]
    try:
        result = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=timeout)
    except FileNotFoundError:
        raise LabError(f"{words[0]} is not installed; run `make deps`") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(words)}` did not end within {timeout} s") from None
    if check and result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise LabError(f"`{' '.join(words)}` failed ({result.returncode}): {said[-1] if said else 'no output'}")
    return result
