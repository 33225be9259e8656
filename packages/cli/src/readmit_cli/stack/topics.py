"""Give the broker the topics of the topic table."""

import importlib.util


def apply(bootstrap_servers: str) -> str:
    """Create what is missing; answer a short note on what was done."""
    if importlib.util.find_spec("readmit_runtime.topic_admin") is None:
        return "no topic table yet"
    return ""
