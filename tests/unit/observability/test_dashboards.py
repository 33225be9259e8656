"""The dashboards are generated, and each panel says what it shows and in which unit."""

import re
from typing import Any

import pytest
from readmit_dashboards.every import rendered
from readmit_dashboards.queries import FOLDER, VariableUnknown, committed, panels_of, queries_of
from support.generated_text import ROOT, GeneratedText

BOARDS = committed()


def test_the_committed_dashboards_are_what_the_code_makes(generated: GeneratedText) -> None:
    """What was changed by hand would be lost with the next change of the code."""
    made = rendered()
    for name, text in made.items():
        generated.file(FOLDER / name, text)
    assert set(committed()) == set(made)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_panel_has_a_unit_a_description_and_queries_apart(board: dict[str, Any]) -> None:
    """A curve without a unit and a sentence means something to its author alone."""
    panels = list(panels_of(board))
    assert panels
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters, panel["title"]
        assert len(set(letters)) == len(letters), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_mean_is_that_of_a_time_and_not_of_a_process(board: dict[str, Any]) -> None:
    """After a month of quick ones, nobody would see that they have become slow."""
    assert not [query.expr for query in queries_of(board) if re.search(r"(?<!rate\()\breadmit_\w+_sum\b", query.expr)]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_no_two_panels_lie_on_each_other(board: dict[str, Any]) -> None:
    """Grafana would move one of them, each time another."""
    cells = [
        (x, y)
        for panel in board["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_leads_to_the_others_and_to_runbooks_that_exist(board: dict[str, Any]) -> None:
    """From a curve that is wrong it is one step to what to do."""
    assert [link["type"] for link in board["links"]] == ["dashboards", "link"]
    urls = [link["url"] for panel in panels_of(board) for link in panel.get("links") or ()] + [board["links"][1]["url"]]
    assert len(urls) > 1
    for url in urls:
        page = re.fullmatch(r"\$\{runbooks\}/([\w-]+\.md)", url)
        assert page
        assert (ROOT / "docs" / "runbooks" / page[1]).is_file()


def test_a_query_is_asked_as_grafana_asks_it_also_within_a_row() -> None:
    """A row that is folded up holds its panels within itself."""
    panel = {"type": "stat", "title": "x", "targets": [{"expr": 'rate(a{job=~"$job"}[$__rate_interval])'}]}
    board = {
        "title": "t",
        "templating": {"list": [{"name": "job", "allValue": ".*"}]},
        "panels": [{"type": "row", "panels": [panel]}],
    }
    assert [query.expr for query in queries_of(board)] == ['rate(a{job=~".*"}[1m])']
    board["templating"] = {"list": []}
    with pytest.raises(VariableUnknown):
        list(queries_of(board))
