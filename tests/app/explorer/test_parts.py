"""What pages are put together from: numbers with intervals, tables as CSV, charts, moments, and nearness of names."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.explorer.catalogue import PAGES
from descentd.app.explorer.chart import HEIGHT, WIDTH, Dot, chart
from descentd.app.explorer.numbers import change, interval
from descentd.app.explorer.page import Asked
from descentd.app.explorer.past import as_of_given
from descentd.app.explorer.rendering import Rendering, beginning
from descentd.app.explorer.slices import slice_from, slice_text
from descentd.app.explorer.static import StaticFiles
from descentd.app.explorer.table import Cell, Column, Table
from descentd.app.explorer.words import Words
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.names import instant

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.627, 0.0076465, "0.627 ± 0.015"),
        (0.883, 0.0016, "0.883 ± 0.003"),
        (0.55, 0.0098, "0.550 ± 0.019"),
        (12.0, None, "12"),
        (0.1234567, None, "0.1235"),
        (1234.5, 100.0, "1234 ± 196"),
        (0.5, 0.0, "0.5"),
    ],
)
def test_an_interval_has_the_digits_that_are_known(value: float, error: float | None, shown: str) -> None:
    assert interval(value, error) == shown


@given(value=FINITE, error=st.none() | st.floats(0, 1e6))
def test_an_interval_of_anything_is_near_it(value: float, error: float | None) -> None:
    shown, _, half = interval(value, error).partition(" ± ")
    assert abs(float(shown) - value) <= max(1e-3 * abs(value), (error or 0.0)) + 1e-12
    if half:
        assert float(half) == pytest.approx(1.96 * (error or 0.0), rel=0.35)


@pytest.mark.parametrize(("delta", "shown"), [(0.13, "+0.13"), (-0.018, "−0.018"), (0.0, "0"), (1e-9, "+1e-09")])
def test_a_change_has_its_sign(delta: float, shown: str) -> None:
    assert change(delta, None) == shown


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_csv_is_read_as_it_was_written_and_never_a_formula(rows: list[list[str]]) -> None:
    table = Table("t", [Column("a"), Column("b")], [[Cell(text) for text in row] for row in rows])
    written = list(csv.reader(io.StringIO(table.csv(), newline="")))
    assert written[0] == ["a", "b"]
    for row, read in zip(rows, [line for line in written[1:] if line], strict=False):
        for text, cell in zip(row, read, strict=True):
            assert cell in {text, f"'{text}"}
    for line in written:
        for cell in line:
            if cell.startswith(("=", "+", "-", "@")):
                float(cell)


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5), st.integers(0, 5))
def test_parts_of_a_table_are_together_its_csv(rows: list[list[str]], at: int) -> None:
    columns = [Column("a", says=True), Column("b", number=True, estimate=True)]
    cells = [[Cell(first, value=first or None, note="n"), Cell(second)] for first, second in rows]
    whole, begin, rest = (Table("t", columns, part) for part in (cells, cells[:at], cells[at:]))
    assert whole.csv() == begin.csv() + rest.csv(headings=False)


@given(st.text("ab \n", max_size=40), st.integers(1, 30))
def test_a_text_is_whole_or_says_that_it_goes_on(text: str, most: int) -> None:
    shown = beginning(text, most)
    if len(text) <= most:
        assert shown == text
    else:
        assert shown.endswith(" …")
        assert text.startswith(shown[:-2])
        assert most // 2 <= len(shown) - 2 <= most


DOTS = st.lists(st.tuples(FINITE, st.none() | st.floats(0, 1e3)), min_size=1, max_size=30)


@given(dots=DOTS, limits=st.lists(FINITE, max_size=2))
def test_a_chart_keeps_to_its_frame_and_its_order(dots: list[tuple[float, float | None]], limits: list[float]) -> None:
    made = chart([Dot(place, value, half, f"m {place}") for place, (value, half) in enumerate(dots)], limits)
    assert all(0 <= x <= WIDTH and -0.2 <= y <= HEIGHT for x, y, *_ in made.points)
    assert all(-0.2 <= y <= HEIGHT for y in made.limits)
    above = sorted(range(len(dots)), key=lambda place: dots[place][0])
    heights = [made.points[place][1] for place in above]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2025-07-20", "2025-07-20T23:59:59.999999Z"),
        ("2025-07-20T10:30", "2025-07-20T10:30:59.999999Z"),
        ("2025-07-20T10:30:05", "2025-07-20T10:30:05Z"),
        ("2025-07-20T10:30:05+02:00", "2025-07-20T10:30:05+02:00"),
    ],
)
def test_a_moment_is_taken_as_people_write_it(given: str, meant: str) -> None:
    assert as_of_given(given) == meant
    assert instant(meant)


def test_sentences_lead_to_what_they_name() -> None:
    asked = Asked.__new__(Asked)
    object.__setattr__(asked, "query", {})
    said = asked.sentence("a <b> of model:x y@1 and dataset:d@2#p, retracted.", ["model:x y@1"])
    assert said == (
        'a &lt;b&gt; of <a href="/record/model:x%20y@1">x y 1</a> and '
        '<a href="/record/dataset:d@2%23p">d 2, p</a>, retracted.'
    )


def test_on_the_page_of_a_version_others_of_its_model_are_called_by_their_numbers() -> None:
    asked = Asked.__new__(Asked)
    object.__setattr__(asked, "query", {})
    said = asked.sentence(
        "from model:a/m@1.0 to model:a/m@1.1, beside model:b/m@2 and dataset:d@1#p", (), "model:a/m@1.1"
    )
    assert said == (
        'from <a href="/record/model:a/m@1.0" aria-label="a/m 1.0">1.0</a> '
        'to <a href="/record/model:a/m@1.1" aria-label="a/m 1.1">1.1</a>, '
        'beside <a href="/record/model:b/m@2">b/m 2</a> and <a href="/record/dataset:d@1%23p">d 1, p</a>'
    )


def test_every_template_can_be_read() -> None:
    rendering = Rendering(Words.of(), StaticFiles())
    assert len(rendering.templates()) > len(PAGES)
    for name in rendering.templates():
        rendering.environment.get_template(name)


def asked_by_nobody() -> Asked:
    """A request without a registry, for what needs none."""
    asked = Asked.__new__(Asked)
    object.__setattr__(asked, "query", {})
    object.__setattr__(asked, "words", Words.of())
    return asked


def test_the_colon_after_a_ref_is_no_part_of_its_link() -> None:
    said = asked_by_nobody().sentence("model:m@1: worse than dataset:d@2#p: all.")
    assert said == '<a href="/record/model:m@1">m 1</a>: worse than <a href="/record/dataset:d@2%23p">d 2, p</a>: all.'


WORD = st.text(st.sampled_from("aé ,;=%+&2C"), min_size=1, max_size=8).filter(lambda text: text.strip() == text)


@given(st.dictionaries(WORD, WORD, max_size=3).map(lambda held: tuple(sorted(held.items()))))
def test_a_slice_is_read_as_it_was_written(slice: tuple[tuple[str, str], ...]) -> None:
    assert slice_from(slice_text(slice)) == slice


def test_a_slice_is_written_as_on_the_command_line_and_read_as_addresses_had_it_once() -> None:
    both = (("age_group", "65+"), ("region", "EU"))
    assert slice_text(both) == "age_group=65+,region=EU"
    assert slice_from("age_group=65+;region=EU") == slice_from(" region=EU , age_group=65+") == both
    assert slice_from(slice_text(())) == ()


@pytest.mark.parametrize("text", ["", "age_group", "age_group=", "=65+", "age_group=65+,", "everybody,age_group=65+"])
def test_what_is_no_slice_says_how_one_is_written(text: str) -> None:
    with pytest.raises(InvalidInput, match="Expected attribute=value, several joined by commas, or everybody"):
        slice_from(text)
