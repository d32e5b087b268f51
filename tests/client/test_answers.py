"""Answers in notebooks, as rows, and as frames and graphs of other packages."""

import builtins
import json
import sys
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent import Answer, Client
from descent.connection import Connection
from descent.errors import InvalidInput
from descent.tables import MissingPackage, rows, to_html
from tests.client import answers
from tests.client.registry import Registry

VERSIONS = {
    "totalCount": 250,
    "pageInfo": {"hasNextPage": False, "endCursor": None},
    "edges": [{"cursor": "c", "node": {"ref": f"model:m@{i}", "verdict": {"status": "GO"}}} for i in range(3)],
}
LINEAGE = {
    "complete": True,
    "totalCount": 3,
    "nodes": [
        {"ref": f"model:m@{i}", "kind": "MODEL_VERSION", "distance": i, "node": {"id": f"sha256:{i}"}} for i in range(3)
    ],
    "edges": [{"source": f"sha256:{i}", "target": f"sha256:{i + 1}", "role": "DERIVED_FROM"} for i in range(2)],
}


class Page(HTMLParser):
    """What a browser finds in a table: its tags, and the texts of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.attributes: list[Any] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


TEXTS = st.text(st.sampled_from("<>&\"'a /=scripton;\n")) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;", "</td></table>", "javascript:x"]
)


@given(st.lists(st.fixed_dictionaries({"a": TEXTS, "b": st.lists(TEXTS, max_size=2)}), max_size=5), TEXTS)
def test_no_text_of_an_answer_becomes_markup(given: list[dict[str, Any]], name: str) -> None:
    page = Page(to_html([{f"x{name}": row["a"], "b": row["b"]} for row in given], None))
    assert page.tags <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes == []
    assert page.cells == [cell for row in given for cell in (row["a"], json.dumps(row["b"]))]


def test_a_list_shows_what_is_there_and_how_many_there_are() -> None:
    def fetch(first: int, after: str | None) -> Any:
        raise AssertionError("a notebook that draws does not ask again")

    drawn = Connection(VERSIONS, fetch, None)._repr_html_()
    assert "3 of 250 rows" in drawn
    assert Page(drawn).cells[:3] == ["c", "model:m@0", "GO"]
    many = to_html([{"a": i} for i in range(1000)], None)
    assert len(Page(many).cells) == 100


def test_rows_are_flat_and_have_the_same_columns() -> None:
    given: list[dict[str, Any]] = [
        {"distance": 1, "node": {"ref": "a", "kind": "X"}},
        {"node": {"ref": "b", "who": {"name": "n"}}, "via": [1]},
    ]
    assert rows(given) == [
        {"distance": 1, "ref": "a", "kind": "X", "who.name": None, "via": None},
        {"distance": None, "ref": "b", "kind": None, "who.name": "n", "via": [1]},
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"modelVersions": VERSIONS}, [f"model:m@{i}" for i in range(3)]),
        ({"lineage": LINEAGE}, [f"model:m@{i}" for i in range(3)]),
        (LINEAGE, [f"model:m@{i}" for i in range(3)]),
        ({"serving": [{"ref": "a"}, {"ref": "b"}]}, ["a", "b"]),
        ({"entity": {"ref": "a", "edges": None}}, ["a"]),
        ({"entity": {"ref": "a"}}, ["a"]),
        (answers.VERSION, ["model:credit-risk@4.2"]),
    ],
)
def test_the_rows_of_an_answer_are_its_list_or_itself(answer: dict[str, Any], expected: list[str]) -> None:
    assert [row["ref"] for row in Answer(answer).rows()] == expected


@pytest.mark.parametrize("answer", [{}, {"a": []}, {"a": None}, {"a": {"edges": []}}, {"a": [1, 2]}])
def test_answers_without_rows_can_be_drawn(answer: dict[str, Any]) -> None:
    assert "<script" not in Answer(answer)._repr_html_()
    assert isinstance(Answer(answer).rows(), list)


def test_a_lineage_becomes_a_graph() -> None:
    graph = Answer({"lineage": LINEAGE}).to_networkx()
    assert networkx.shortest_path(graph, "model:m@0", "model:m@2") == [f"model:m@{i}" for i in range(3)]
    assert graph.nodes["model:m@1"] == {"kind": "MODEL_VERSION", "distance": 1}
    assert graph.edges["model:m@0", "model:m@1", "DERIVED_FROM"] == {"role": "DERIVED_FROM"}


def test_the_derivations_of_an_impact_become_a_graph(registry: Registry) -> None:
    registry.on("Impact", {"impact": answers.IMPACT})
    with Client(registry.url) as client:
        impact = client.impact([answers.US])
        graph = impact.to_networkx()
        assert "rows" in impact._repr_html_()
    steps = {
        (later["ref"], earlier["ref"])
        for edge in answers.IMPACT["affected"]["edges"]
        for earlier, later in zip(edge["via"], edge["via"][1:], strict=False)
    }
    assert set(networkx.DiGraph(graph).edges) == steps


def test_an_answer_without_derivations_is_no_graph() -> None:
    with pytest.raises(InvalidInput, match="no derivations"):
        Answer({"entity": answers.VERSION}).to_networkx()


@pytest.mark.parametrize("name", ["pandas", "polars", "networkx"])
def test_what_is_not_installed_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackage, match=f"{name} is not installed: `pip install {name}`"):
        getattr(Answer({"lineage": LINEAGE}), f"to_{name}")()


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_frames_are_made_of_the_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def frame(given: Any, **_options: Any) -> Any:
        made.append(given)

    package = ModuleType(name)
    monkeypatch.setattr(package, "DataFrame", frame, raising=False)
    monkeypatch.setitem(sys.modules, name, package)
    getattr(Answer({"a": [{"ref": "x", "list": [1]}, {"ref": "y"}]}), f"to_{name}")()
    lists = "[1]" if name == "polars" else [1]
    assert made[0] == [{"ref": "x", "list": lists}, {"ref": "y", "list": None}]


def test_nothing_of_these_is_imported_by_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def checked(name: str, *rest: Any, **named: Any) -> Any:
        assert name.partition(".")[0] not in {"pandas", "polars", "networkx"}
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", checked)
    Answer({"lineage": LINEAGE})._repr_html_()
    Answer({"lineage": LINEAGE}).rows()


def test_any_operation_can_be_asked(registry: Registry) -> None:
    registry.answers[None] = lambda variables: {
        "data": {"entity": {"ref": variables["of"]}},
        "extensions": {"warnings": ["It is old."]},
    }
    with Client(registry.url) as client:
        answer = client.query("query ($of: Ref!) { entity(ref: $of) { ref } }", of="model:m@1")
        assert answer == {"entity": {"ref": "model:m@1"}}
        assert answer.rows() == [{"ref": "model:m@1"}]
        assert client.warnings == ["It is old."]
