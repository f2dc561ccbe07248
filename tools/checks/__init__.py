"""The parts of tools/check. Each part has `run(context) -> list of problems`, one line each."""
