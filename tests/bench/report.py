"""What a benchmark hands back: figures, each with the values of its contestants round by round.

A ratio is ours divided by the reference's, taken within one round, so that what the host did to both cancels out.
What is shown of a series is its median, with the least and the greatest beside it.
"""
import dataclasses
import statistics

OURS = "sallyport"
LOWER, HIGHER = "lower", "higher"


@dataclasses.dataclass(frozen=True)
class Goal:
    """The median ratio against `reference`: at most `bound` where less is better, else at least.

    Without a reference (None) the bound is of our median itself, in the figure's unit.
    """
    reference: str | None
    bound: float


@dataclasses.dataclass(frozen=True)
class Spread:
    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))


class Figure:
    """One quantity. `goals` are alternatives: one that is met is enough, or with `every` all must be. No goals: nothing is
    judged."""

    def __init__(self, name, title, unit, better, goals=(), every=False):
        self.name = name
        self.title = title
        self.unit = unit
        self.better = better
        self.goals = tuple(goals)
        self.every = every
        self.values = {}  # contestant -> [a value per round, or None where it has none]

    def add(self, contestant, value):
        self.values.setdefault(contestant, []).append(None if value is None else float(value))

    def contestants(self):
        """Those with a value at all, ours first."""
        named = [name for name, values in self.values.items() if any(value is not None for value in values)]
        return sorted(named, key=lambda name: name != OURS)

    def references(self):
        return [name for name in self.contestants() if name != OURS]

    def spread(self, contestant):
        return Spread.of([value for value in self.values[contestant] if value is not None])

    def ratios(self, reference):
        """Round by round; a round in which either has no value gives none."""
        pairs = zip(self.values.get(OURS, []), self.values.get(reference, []))
        return [ours / theirs for ours, theirs in pairs if ours is not None and theirs]

    def met(self, goal):
        own = [value for value in self.values.get(OURS, []) if value is not None]
        judged = own if goal.reference is None else self.ratios(goal.reference)
        if not judged:
            return False
        median = statistics.median(judged)
        return median <= goal.bound if self.better == LOWER else median >= goal.bound

    def verdict(self):
        """None without a goal, else whether one of them is met (with `every`: all of them)."""
        if not self.goals:
            return None
        return (all if self.every else any)(self.met(goal) for goal in self.goals)

    def goal_text(self, goal):
        of = self.unit if goal.reference is None else f"× {goal.reference}"
        return f"{'≤' if self.better == LOWER else '≥'} {number(goal.bound)} {of}"

    def as_json(self):
        return {
            "figure": self.name, "title": self.title, "unit": self.unit, "better": self.better,
            "contestants": [{"name": name, **dataclasses.asdict(self.spread(name)), "rounds": self.values[name]}
                            for name in self.contestants()],
            "ratios": [{"reference": name, "ratio": spread.median, "spread": [spread.least, spread.greatest],
                        "rounds": ratios}
                       for name in self.references() if (ratios := self.ratios(name)) and (spread := Spread.of(ratios))],
            "goals": [{"reference": goal.reference, "bound": goal.bound, "text": self.goal_text(goal),
                       "met": self.met(goal)} for goal in self.goals],
            "verdict": {None: None, True: "met", False: "missed"}[self.verdict()],
        }


def number(value):
    """Three significant digits, never an exponent: 0.123, 4.56, 78.9, 1,234,000."""
    size = abs(value)
    if size >= 1000:
        digits = len(str(int(size))) - 3
        return f"{round(value, -digits):,.0f}"
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread_text(entry):
    return f"{number(entry['median'])} ({number(entry['least'])}-{number(entry['greatest'])})"


HEADINGS = ("figure", "unit", "Sallyport", "reference", "its figure", "ratio (spread)", "goal", "verdict")


def rows(record):
    """Of one benchmark's record (its JSON): a row per figure and reference."""
    for figure in record["figures"]:
        contestants = {entry["name"]: entry for entry in figure["contestants"]}
        ours = spread_text(contestants[OURS]) if OURS in contestants else "none"
        ratios = {entry["reference"]: entry for entry in figure["ratios"]}
        goals = {entry["reference"]: entry for entry in figure["goals"]}
        for position, reference in enumerate(sorted({*ratios, *goals}, key=[*goals, *ratios].index) or [None]):
            ratio, goal = ratios.get(reference), goals.get(reference)
            whose = reference or ("none" if goal is None else "")
            shown = f"{number(ratio['ratio'])} ({number(ratio['spread'][0])}-{number(ratio['spread'][1])})" if ratio else ""
            yield (figure["title"] if position == 0 else "", figure["unit"] if position == 0 else "",
                   ours if position == 0 else "", whose,
                   spread_text(contestants[reference]) if reference in contestants else "none" if whose else "", shown,
                   goal["text"] if goal else "", (figure["verdict"] or "") if position == 0 else "")


def text_table(record):
    """For a terminal."""
    table = [HEADINGS, *rows(record)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table)


def markdown_table(record):
    table = [HEADINGS, ("---",) * len(HEADINGS), *rows(record)]
    return "\n".join("| " + " | ".join(row) + " |" for row in table)
