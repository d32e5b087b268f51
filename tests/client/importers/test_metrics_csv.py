"""Long tables of results: rows become evaluations, groups become slices, and what is wrong is named by line."""

from pathlib import Path

import pytest

from tests.client.importers.imports import dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess

TABLE = """\
version,suite,metric,group,value,n,stderr
4.1,fairness-suite@1.3,accuracy,,0.883,40000,
4.1,fairness-suite@1.3,selection_rate,age_group=65+,0.42,2600.0,0.0097
4.1,fairness-suite@1.3,selection_rate,age_group=18-64;sex=F,0.57,34000,
4.2,fairness-suite@1.3,accuracy,overall,8.94e-1,40000,nan
4.2,fairness-suite@1.3,false_positive_rate,age_group=65+,NaN,0,
"""


def slices(server: ServerProcess, ref: str) -> list[tuple[object, ...]]:
    return [
        (m["name"], m["value"], m["n"], {s["attribute"]: s["value"] for s in m["slice"]})
        for one in evaluations(server, ref)
        for m in one["metrics"]
    ]


def test_rows_become_evaluations_with_slices(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", TABLE)
    answer = imported(server, "metrics-csv", file, "--model", "csv-risk")
    assert answer["failed"] == 0
    assert slices(server, "model:csv-risk@4.1") == [
        ("accuracy", 0.883, 40000, {}),
        ("selection_rate", 0.42, 2600, {"age_group": "65+"}),
        ("selection_rate", 0.57, 34000, {"age_group": "18-64", "sex": "F"}),
    ]
    assert slices(server, "model:csv-risk@4.2") == [("accuracy", 0.894, 40000, {})]
    [one] = answer["imports"][0]["notPlaced"]
    assert one["reason"] == "false_positive_rate: no value (NaN), so nothing was measured."
    assert imported(server, "metrics-csv", file, "--model", "csv-risk")["created"] == 0


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("prefix", ["", "\ufeff", "sep={}\n", "\n\n"])
def test_delimiters_marks_and_spellings_of_columns(delimiter: str, prefix: str, tmp_path: Path) -> None:
    rows = (
        (" Metric", "VALUE", "Version", "suite", "Suite Version", "group:Sex", "group:age_group"),
        ("accuracy", "0.5", "model:m@1", "s", "2", "F", '"18, 19; |20"'),
        ("", "", "", "", "", "", ""),
    )
    text = prefix.format(delimiter) + "".join(delimiter.join(row) + "\r\n" for row in rows)
    result = dry("metrics-csv", write(tmp_path / "m.csv", text.encode()), "--format", "json")
    assert result.exit_code == 0, result.output
    assert "evaluation of model:m@1 by s 2: accuracy" in result.stdout


def test_what_makes_rows_one_evaluation(server: ServerProcess, tmp_path: Path) -> None:
    table = """\
version,suite,metric,value,data,evaluated_at,evaluator,n,clusters,stderr
csv-apart@1,s@1,accuracy,0.5,,2025-01-01T00:00:00+01:00,ada,100,10,0.05
csv-apart@1,s@1,f1,0.6,,2025-01-01T00:00:00+01:00,ada,,,
csv-apart@1,s@1,accuracy,0.7,,2025-01-02T00:00:00Z,ada,,,
"""
    imported(server, "metrics-csv", write(tmp_path / "m.csv", table))
    found = evaluations(server, "model:csv-apart@1")
    assert [(one["evaluatedAt"], len(one["metrics"])) for one in found] == [
        ("2024-12-31T23:00:00Z", 2),
        ("2025-01-02T00:00:00Z", 1),
    ]
    first = found[0]["metrics"][0]
    assert (first["n"], first["stderr"]) == (100, 0.05)


def test_model_is_for_all_rows_without_a_version(tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "metric,value,suite\naccuracy,0.5,s@1\n")
    assert "evaluation of model:m@1 by s 1" in dry("metrics-csv", file, "--model", "m@1").stdout
    assert "give --model NAME@VERSION" in refusal("metrics-csv", file)


def test_an_unknown_metric_is_defined_only_with_its_direction(tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "version,metric,value,suite\nm@1,dp_gap,0.5,s@1\nm@1,accuracy,0.5,s@1\n")
    result = dry("metrics-csv", file)
    assert "line 2  dp_gap is not a metric of the catalogue, and its direction is not given" in result.stdout
    mapping = write(tmp_path / "map.yaml", "metrics-csv: {dp_gap: {direction: lower_is_better, category: bias}}")
    result = dry("metrics-csv", file, "--mapping", mapping)
    assert "→ metric definition dp_gap: lower is better, bias, by the table of metrics" in result.stdout


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("accuracy_score", "accuracy"),
        ("mean_difference", "statistical_parity_difference"),
        ("disparate_impact", "disparate_impact"),
        ("recall_score", "recall"),
        ("average_abs_odds_difference", "average_abs_odds_difference"),
        ("consistency", "consistency"),
        ("share_of_drifted_columns", "share_of_drifted_columns"),
        ("F1Score()", "f1"),
        ("F1 score", "f1_score"),
        ("Balanced-Accuracy", "balanced_accuracy"),
        ("RocAuc", "roc_auc"),
    ],
)
def test_the_names_of_fairlearn_aif360_and_evidently(name: str, meant: str, tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", f"version,metric,value,suite\nm@1,{name},0.5,s@1\n")
    assert f"by s 1: {meant}" in dry("metrics-csv", file).stdout


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('4.1,s@1,accuracy,,"0,883",1,', '.csv:2: value: Expected a number, got "0,883": write a decimal point.'),
        ("4.1,s@1,accuracy,,12%,1,", "write a percentage as a fraction, 0.12 for 12%"),
        ("4.1,s@1,accuracy,,1e999,1,", "value: Expected a finite number, got 1e999."),
        ("4.1,s@1,accuracy,65+,0.8,1,", 'group: "65+" does not say of which attribute: write it as age_group=65+.'),
        ("4.1,s@1,accuracy,a=1;a=2,0.8,1,", "a is 1 and 2 in one group"),
        ("4.1,s@1,accuracy,,0.8,1.5,", "n: Expected a whole number ≥ 0, got 1.5."),
        ("4.1,s@1,accuracy,,0.8,1,-0.1", "stderr: Expected a number ≥ 0, got -0.1."),
        ("4.1,s@1,,,0.8,1,", "metric: The metric has no name."),
        ("4.1,,accuracy,,0.8,1,", "suite: The row has no suite"),
        ("4.1,s@a@b,accuracy,,0.8,1,", 'The version "a@b" of the suite contains "@"'),
        ("4.1,s@1,accuracy,,0.8,1,,9", "The row has 8 cells, and the header names 7 columns."),
        ("4.1,s@1,accuracy,,0.8", ".csv:2: The row has 5 cells, and the header names 7 columns."),
        ("4.1,s@1,accuracy,,8,1,", ".csv:2: value: accuracy is from 0 to 1, and 8 was given"),
        ("4.1,s@1,accuracy,,,x,", '.csv:2: n: Expected a number, got "x".'),
        (",s@1,accuracy,,0.8,1,", '.csv:2: version: The file names the model "m" and no version'),
        ("4.1,s@1,accuracy,,0.8,1,\n4.1,s@1,accuracy,,0.9,1,", ".csv:3: metric: Line 2 gives another value"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_imported(row: str, said: str, tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", f"version,suite,metric,group,value,n,stderr\n{row}\n")
    assert said in refusal("metrics-csv", file, "--model", "m")


def test_all_wrong_rows_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "version,suite,metric,value\nm@1,s@1,accuracy,x\nm@1,s@1,f1,0.5\nm@1,s@1,f1,y\n")
    result = dry("metrics-csv", file)
    assert result.exit_code == 1
    assert [line.split(":")[2] for line in result.stderr.splitlines() if "got" in line] == ["2", "4"]


def test_each_wrong_cell_of_each_row_is_named(tmp_path: Path) -> None:
    wrong = ["m@1,s@1,accuracy,65+,8,x,y", "m@1,s@1,accuracy", "m@1,s@1,unheard_of,,8,1,", ",s@1,f1,,0.5,1,"]
    wrong += [",s@1,recall,,0.5,1,", "m@1,,f1,,-1,1,", "m@1,s@1,f1,,0.5,1,", "m@1,s@1,f1,,0.5,1,,", 'm@1,s@1,f1,"a=b']
    table = "version,suite,metric,group,value,n,stderr\n" + "\n".join(wrong)
    result = dry("metrics-csv", write(tmp_path / "m.csv", table))
    assert result.exit_code == 1
    named = [line.split(".csv:")[1].split(": ")[:2] for line in result.stderr.splitlines() if ".csv:" in line]
    named = [[line, cell if " " not in cell else ""] for line, cell in named if line.isdigit()]
    assert named == [
        ["2", "value"], ["2", "n"], ["2", "stderr"], ["2", "group"], ["3", ""], ["5", "version"], ["6", "version"],
        ["7", "suite"], ["7", "value"], ["9", ""], ["10", ""],
    ]  # fmt: skip


def test_of_very_many_wrong_rows_the_number_is_named(tmp_path: Path) -> None:
    table = "version,suite,metric,value\n" + "m@1,s@1,accuracy,x\n" * 250
    said = dry("metrics-csv", write(tmp_path / "m.csv", table)).stderr
    assert ".csv:100: value: Expected a number" in said
    assert ".csv:101: 151 more cells or rows are wrong, up to line 251." in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The file is empty."),
        ("\n\n", "The file is empty."),
        ("a,b\n1,2\n", "The table has no column metric and no column value; it has a, b."),
        ("metric,value,colour\n", 'There is no column "colour"; a table may have metric, value'),
        ("metric,value,value\n", "The column value is there twice."),
        ('metric,value\n"x,1\n', "This is not valid CSV"),
        ("metric,value,version\naccuracy,0.5,m@1\n", ".csv:2: suite: The row has no suite"),
        (b"PK\x03\x04\x14\x00\xff", "This is a zip archive, such as a workbook of Excel, and not text"),
        (b"metric,value\n\xff", "Byte 0xff is not UTF-8"),
        ("metric,value\n", "nothing that could be registered"),
    ],
)
def test_what_is_no_table_is_refused(content: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in refusal("metrics-csv", write(tmp_path / "m.csv", content))


def test_a_table_that_pandas_melted(tmp_path: Path) -> None:
    file = write(
        tmp_path / "m.csv", ",model_version,suite,group:sex,variable,value,count\n0,m@1,s@1,F,accuracy,0.5,7\n"
    )
    assert "evaluation of model:m@1 by s 1: accuracy" in dry("metrics-csv", file).stdout


def test_the_same_row_twice_is_one_result(tmp_path: Path) -> None:
    row = "m@1,s@1,accuracy,0.5\n"
    result = dry("metrics-csv", write(tmp_path / "m.csv", f"version,suite,metric,value\n{row}{row}"))
    assert result.exit_code == 0
    assert result.stdout.count("evaluation of") == 1


def test_a_version_without_a_name_needs_one(tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "version,suite,metric,value\n4.1,s@1,accuracy,0.5\n")
    assert '"4.1" is a version without a name: write NAME@VERSION, or give --model NAME.' in refusal(
        "metrics-csv", file
    )
    assert "The version is 4.1, but --model names 4.2" in refusal("metrics-csv", file, "--model", "m@4.2")
