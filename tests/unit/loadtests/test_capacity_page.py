"""The README's figure is that of the committed result."""

import msgspec
import pytest
from readmit_load.capacity_page import README, RESULT, in_words
from support.generated_text import GeneratedText


@pytest.mark.skipif(not RESULT.exists(), reason="no capacity was measured yet")
def test_the_readme_says_what_was_measured(generated: GeneratedText) -> None:
    """A figure that somebody typed is nobody's."""
    generated.part(README, "capacity", in_words(msgspec.json.decode(RESULT.read_bytes())))
