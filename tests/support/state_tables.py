"""Show a table of states as `docs/guarantees.md` has it."""

from readmit_contracts.states import Machine, NoChange, Refused
from readmit_runtime.markdown_table import markdown_table


def state_table(machine: Machine, absent: str) -> str:
    """Return the Markdown table; `absent` heads the column of what does not exist yet."""
    header = ("What happens", *(absent if state is None else state.value for state in machine.states))
    rows = [
        (event.value, *(_cell(machine.after(state, event)) for state in machine.states)) for event in machine.events
    ]
    return markdown_table(header, rows)


def _cell(outcome: object) -> str:
    if isinstance(outcome, NoChange):
        return "no change"
    if isinstance(outcome, Refused):
        return f"refused, `{outcome.reason}`"
    return f"**{outcome}**"
