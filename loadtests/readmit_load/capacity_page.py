"""Put the capacity that was measured into the README, in words and as a picture."""

import re
import subprocess
from typing import Any

from readmit_load.locust_process import ROOT

README = ROOT / "loadtests" / "README.md"
RESULT = ROOT / "loadtests" / "results" / "capacity.json"
# MLflow's environment has matplotlib.
DRAW = (ROOT / ".local" / "mlflow" / "bin" / "python", ROOT / "loadtests" / "picture.py")
_PART = re.compile(r"(<!-- generated: capacity -->\n).*?(<!-- end -->)", re.DOTALL)
_LIMITED = {
    "slo": "what breaks above is a limit",
    "generator": "beyond it the generator is starved, so it is a lower bound",
    "most": "no more were asked for, so it is a lower bound",
}


def in_words(report: dict[str, Any]) -> str:
    """Return the figure of a report with what it rests on."""
    capacity, window, machine = report["capacity"], report["window"], report["circumstances"]
    counts = [each["users"] for each in capacity["repeats"]]
    seen, generator = window["endpoints"]["POST /v1/predict"], window["generator"]
    figure = (
        f"**{capacity['users']:,} users** of one request a second each ({len(counts)} searches: {min(counts):,} to "
        f"{max(counts):,}), {capacity['rate']:,.0f} requests/s; {_LIMITED[capacity['limited_by']]}{_above(capacity)}."
    )
    rests_on = (
        f"Predictions at that many users: p50 {seen['p50_ms']:g} ms, p95 {seen['p95_ms']:g} ms, p99 "
        f"{seen['p99_ms']:g} ms, {seen['failures']} failed. Predictors: {report['replicas']}, on the same "
        f"{machine['cores']} cores as the generator, whose busiest process took "
        f"{max(generator['cpu_shares'].values()):.0%} of a core; the machine was {generator['machine_share']:.0%} "
        f"busy, its load before {machine['load_before']:g}{_stolen(generator)}. Commit `{machine['commit']}`, "
        f"{machine['measured_at'][:10]}."
    )
    picture = "![Times of predictions by users, and where the limits break](results/capacity.png)"
    return "\n\n".join((figure, rests_on, picture))


def _stolen(generator: dict[str, Any]) -> str:
    """Say what the host took at that many users."""
    share = generator.get("stolen_share")
    return f"; its host took {share:.1%} of the cores" if share else ""


def _above(capacity: dict[str, Any]) -> str:
    """Say what the least number of users that did not hold has missed."""
    broke = [each for each in capacity["trials"] if not each["held"] and each["users"] > capacity["users"]]
    if not broke:
        return ""
    least = min(broke, key=lambda each: int(each["users"]))
    return f" ({least['users']:,} users: {least['void'] or least['misses'][0]})"


def publish(report: dict[str, Any]) -> None:
    """Write the README's part and the picture."""
    text = README.read_text()
    README.write_text(_PART.sub(lambda found: f"{found[1]}\n{in_words(report)}\n{found[2]}", text))
    subprocess.run([*DRAW, RESULT, RESULT.with_suffix(".png")], check=True)
