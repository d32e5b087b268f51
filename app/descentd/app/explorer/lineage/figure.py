"""A selection as nodes and lines with their places: what the page, the picture and the overview are made of."""

from descentd.app.explorer.layout.cached import Drawings
from descentd.app.explorer.lineage.lines import lines_of
from descentd.app.explorer.lineage.nodes import draft, finished
from descentd.app.explorer.lineage.parts import MARKER, Figure, Seen


def figure(seen: Seen, drawings: Drawings) -> Figure:
    """Lay out what is seen."""
    folded = seen.folded
    places = sorted({*folded.singles, *folded.folds})
    numbers = {place: i for i, place in enumerate(places)}
    drafts = [draft(place, seen) for place in places]
    links = list(folded.between)
    ways = [(numbers[parent], numbers[child]) for parent, child in links]
    alone = [numbers[one] for one in (seen.selection.middle, seen.selection.end, seen.view.at) if one in numbers]
    drawing = drawings.draw([one.size for one in drafts], ways, seen.view.flow, alone)
    nodes = [finished(one, box, seen) for one, box in zip(drafts, drawing.boxes, strict=True)]
    frames = [frame.box for frame in drawing.frames]
    return Figure(
        nodes, lines_of(seen, drawing), frames, links, round(drawing.width, 1), round(drawing.height + MARKER / 2, 1)
    )
