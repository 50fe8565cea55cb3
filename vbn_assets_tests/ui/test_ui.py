"""The web UI in a real browser, used as a scientist would: find a session, ask for it, see what it is."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from vbn_assets.warehouse.publish import unpublished
from vbn_assets_tests.golden import golden
from vbn_assets_tests.ui.conftest import ARTEFACTS, CHROMIUM, Deployment

SESSION, OTHER = "1100000102", "1100000104"
"""Both have another file in 0.5.0; only the first one is asked for."""
SESSIONS = {SESSION, "1100000103", OTHER}
GROUPS = ("vbn_releases", "vbn_mirror", "vbn_tables", "vbn_warehouse")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: `apt-get install chromium` on Debian and Ubuntu")
def test_a_session_is_asked_for_by_a_click_and_kept_up_to_date(
    deployment: Deployment, page: Page, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    deployment.wait("both releases are made and published", lambda: _settled(deployment))
    assert deployment.releases("release_files", "0.4.0") == ["0.4.0"]
    assert deployment.partitions("session_nwb") == SESSIONS
    see_the_groups(page)
    see_what_the_release_changed(page)

    materialise(page, SESSION)
    deployment.wait("the session is made", lambda: _made(deployment, "0.4.0"))
    show_tags(page)
    see_the_session(page, "0.4.0", sample_files["0.4.0", "ecephys_session", SESSION])
    # The session's file is the one of 0.3.0, which has the golden.
    see_the_trials(page, "0.4.0", golden("0.3.0", "trials", int(SESSION)).num_rows)

    deployment.s3.publish_next()
    deployment.wait("the session is made again", lambda: _made(deployment, "0.5.0"))
    deployment.wait("and published", lambda: _settled(deployment))
    see_the_session(page, "0.5.0", sample_files["0.5.0", "ecephys_session", SESSION])
    see_the_trials(page, "0.5.0", golden("0.5.0", "trials", int(SESSION)).num_rows)
    see_that_nobody_asked_for(page, OTHER)
    assert deployment.releases("session_nwb", OTHER) == []
    assert not list((deployment.data / "mirror").rglob(f"*{OTHER}*")), "nothing of the other session is downloaded"
    assert deployment.releases("session_nwb", SESSION) == ["0.5.0", "0.4.0"], "made once for each of its files"

    see_that_all_is_well(deployment, page)
    see_the_graph(page)


def _settled(deployment: Deployment) -> bool:
    """The warehouse shows all that was made, and nothing is under way."""
    return unpublished(deployment.settings) is None and deployment.idle()


def _made(deployment: Deployment, release: str) -> bool:
    """The session's file, and what the automation makes of it."""
    return all(deployment.releases(table, SESSION)[:1] == [release] for table in ("session_nwb", "trials"))


def see_the_groups(page: Page) -> None:
    page.goto("/asset-groups")
    for name in GROUPS:
        expect(_node(page, name)).to_be_visible()
    expect(page.get_by_text("fetching statuses")).to_have_count(0)
    _keep(page, "1-groups")


def see_the_graph(page: Page) -> None:
    page.set_viewport_size({"width": 1300, "height": 3200})
    page.goto("/asset-groups")
    expect(_node(page, "vbn_tables")).to_be_visible()
    page.keyboard.press("Alt+e")  # the graph's own key: expand all groups
    page.get_by_role("button", name="zoom_out").click(click_count=3, delay=100)  # fitted is only its width
    for name in ("manifest", "published_session", "session_nwb", "units", "trials", "release_files", "warehouse"):
        expect(_node(page, name)).to_be_visible()
    page.wait_for_load_state("networkidle")
    _keep(page, "11-graph")


def see_what_the_release_changed(page: Page) -> None:
    page.goto("/assets/vbn/manifest?view=partitions&partition=0.4.0")
    metadata = _metadata(page)
    assert metadata["previous_release"] == "0.3.0"
    assert "ecephys_session\t1\t0\t1\t1\t0" in metadata["changes_from_the_release_before"]
    _keep(page, "2-manifest")


def materialise(page: Page, session: str) -> None:
    page.goto("/assets/vbn/session_nwb?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Select a partition").click()
    page.get_by_title(session).last.click()
    page.keyboard.press("Escape")
    _keep(page, "3-materialise")
    dialog.get_by_role("button", name="Launch").click()
    expect(dialog).to_be_hidden()


def show_tags(page: Page) -> None:
    """From now on: the browser remembers it."""
    page.goto(f"/assets/vbn/session_nwb?view=partitions&partition={SESSION}")
    page.get_by_text(re.compile("Show tags")).click()


def see_the_session(page: Page, release: str, file: Path) -> None:
    page.goto(f"/assets/vbn/session_nwb?view=partitions&partition={SESSION}")
    metadata = _metadata(page)
    assert metadata["release"] == release
    assert metadata["bytes"] == str(file.stat().st_size)
    assert metadata["s3_key"].endswith(f"/{SESSION}/ecephys_session_{SESSION}.nwb")
    expect(page.get_by_text(blake2b(file.read_bytes()).hexdigest()).first).to_be_visible()
    _keep(page, f"4-session-{release}")


def see_the_trials(page: Page, release: str, rows: int) -> None:
    page.goto(f"/assets/vbn/trials?view=partitions&partition={SESSION}")
    metadata = _metadata(page)
    _keep(page, f"5-trials-{release}")
    assert metadata["release"] == release
    assert metadata["dagster/partition_row_count"] == str(rows)


def see_that_nobody_asked_for(page: Page, session: str) -> None:
    page.goto(f"/assets/vbn/session_nwb?view=partitions&partition={session}")
    expect(page.get_by_text("No metadata entries")).to_be_visible()
    _keep(page, "6-not-asked-for")


def see_that_all_is_well(deployment: Deployment, page: Page) -> None:
    health = deployment.dagster.ask("{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }")
    daemons = health["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert [daemon["daemonType"] for daemon in daemons if not daemon["healthy"]] == []
    assert {status for _, status in deployment.runs()} == {"SUCCESS"}
    for name, path in {
        "7-runs": "/runs",
        "8-release-sensor": "/locations/vbn_assets/sensors/vbn_release_sensor",
        "9-checks": "/assets/vbn/session_nwb?view=checks",
        "10-warehouse": "/assets/vbn/warehouse",
    }.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        _keep(page, name)
    page.goto("/assets/vbn/session_nwb?view=checks")
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(2)


def _node(page: Page, name: str) -> Locator:
    return page.locator("foreignObject").get_by_text(name, exact=True).first


def _metadata(page: Page) -> dict[str, str]:
    """The metadata table of the partition that is shown."""
    expect(page.get_by_text("release", exact=True)).to_be_visible()
    rows = page.locator("tr", has=page.locator("> td:nth-child(2)"))
    return {row.locator("> td").nth(0).inner_text(): row.locator("> td").nth(1).inner_text() for row in rows.all()}


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(500)  # fades
    page.screenshot(path=ARTEFACTS / f"{name}.png")
