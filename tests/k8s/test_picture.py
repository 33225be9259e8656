"""The pictures of the deployment show what is deployed."""

import pytest
from support.generated_text import ROOT, GeneratedText
from support.k8s.manifests import Manifests
from support.k8s.picture import drawn


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_the_picture_is_of_the_rendered_overlay(
    read: dict[str, Manifests], generated: GeneratedText, overlay: str
) -> None:
    """A picture drawn by hand is soon one of something else."""
    generated.file(ROOT / "docs" / "images" / f"deployment-{overlay}.dot", drawn(read[overlay]))
