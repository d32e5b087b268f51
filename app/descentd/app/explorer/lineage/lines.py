"""The lines of a figure: their paths, and what is written on them."""

from collections.abc import Sequence
from itertools import pairwise

from descentd.app.explorer.layout.drawing import Drawing, Flow
from descentd.app.explorer.layout.routes import Point, Points
from descentd.app.explorer.lineage.parts import Line, Seen
from descentd.app.explorer.lineage.shapes import short
from descentd.app.explorer.lineage.text import MARKS, relation_words, shift_text
from descentd.graph.model.kinds import Role
from descentd.queries.lineage.selection.links import Link
from descentd.queries.overview.shifts import Outcome, Shift


def lines_of(seen: Seen, drawing: Drawing) -> list[Line]:
    """Each line once: those into a frame stand for all of its members."""
    together: dict[int, list[tuple[int, int]]] = {}
    for ends, number in zip(seen.folded.between, drawing.line_of, strict=True):
        together.setdefault(number, []).append(ends)
    stems: set[tuple[Point, Point]] = set()
    return [_line(ends, seen, drawing.lines[number], stems) for number, ends in together.items() if number >= 0]


def _line(ends: Sequence[tuple[int, int]], seen: Seen, points: Points, stems: set[tuple[Point, Point]]) -> Line:
    words = seen.asked.words
    links = [link for pair in ends for link in seen.folded.between[pair]]
    pairs = dict.fromkeys((link.parent, link.child) for link in links)
    shifts = [seen.shifts.by_derivation[pair] for pair in pairs if pair in seen.shifts.by_derivation]
    marked, blamed = seen.blame(pairs)
    relation = relation_words(words, list(dict.fromkeys(one for link in links for one in link.relations)))
    shift = _summary(shifts, len(pairs), seen)
    parent, child = ends[0]
    says = [relation if len(pairs) == 1 else words["lineage.derivations"].format(n=f"{len(pairs):,}", how=relation)]
    if shifts and seen.shifts.metric is not None:
        meaning = f" ({words[f'lineage.outcome.{shifts[0].outcome}']})" if len(shifts) == 1 else ""
        says.append(f"{seen.shifts.metric.name} {shift}{meaning}")
    says += [blamed] if blamed else []
    says += [words["lineage.disclosed"]] if any(link.disclosed for link in links) else []
    style = _style(links, shifts) + marked
    titled = words["lineage.line_says"].format(parent=_called(parent, seen), child=_called(child, seen))
    start = _branch(points, stems) if "of-data" in style else 0
    return Line(
        parent,
        child,
        curve(points, seen.view.flow, start),
        " ".join(style),
        shift,
        relation,
        f"{titled}: {'; '.join(says)}",
        tuple(value for point in points[start:] for value in point),
    )


def _style(links: Sequence[Link], shifts: Sequence[Shift]) -> list[str]:
    style = []
    if any(shift.outcome is Outcome.WORSE for shift in shifts):
        style.append("worse")
    elif len(shifts) == 1:
        style.append(shifts[0].outcome.lower())
    roles = {link.role for link in links}
    style += ["generated"] if Role.GENERATED_BY in roles or any(link.disclosed for link in links) else []
    style += ["of-data"] if roles <= {Role.TRAINED_ON, Role.INCLUDES, Role.SAME_DATA} else []
    return style + (["same-data"] if roles == {Role.SAME_DATA} else [])


def _summary(shifts: Sequence[Shift], derivations: int, seen: Seen) -> str:
    if not shifts:
        return ""
    if derivations == 1:
        return shift_text(shifts[0])
    worse = sum(shift.outcome is Outcome.WORSE for shift in shifts)
    mark = MARKS[Outcome.WORSE if worse else Outcome.SAME]
    return f"{mark} {seen.asked.words['lineage.worse_of'].format(worse=f'{worse:,}', n=f'{len(shifts):,}')}"


def _called(place: int, seen: Seen) -> str:
    fold = seen.folded.folds.get(place)
    return f"{len(fold.members):,} × {fold.name}" if fold else seen.folded.singles[place].brief.ref


def _branch(points: Points, stems: set[tuple[Point, Point]]) -> int:
    """From which point on a line is its own: what runs along another of the same origin is drawn once."""
    steps = list(pairwise(points))
    own = next((i for i, step in enumerate(steps) if step not in stems), 0)
    stems.update(steps)
    return own - own % 2


def curve(points: Points, flow: Flow, start: int = 0) -> str:
    """The path of a line from a point on: curves between layers, straight within them."""
    (x, y), *rest = points[start:]
    parts = [f"M{short(x)} {short(y)}"]
    for i, (to_x, to_y) in enumerate(rest):
        if i % 2:
            parts.append(f"L{short(to_x)} {short(to_y)}")
        elif flow is Flow.RIGHT:
            half = short((x + to_x) / 2)
            parts.append(f"C{half} {short(y)} {half} {short(to_y)} {short(to_x)} {short(to_y)}")
        else:
            half = short((y + to_y) / 2)
            parts.append(f"C{short(x)} {half} {short(to_x)} {half} {short(to_x)} {short(to_y)}")
        x, y = to_x, to_y
    return "".join(parts)
