"""Naming a model by what people type."""

import pytest
from readmit_cli.exit_codes import ExitCode
from readmit_cli.failures import CommandFailed
from readmit_cli.models import model_names
from support.answers import FakeViews
from support.status_rows import MODEL_ID, champion, model


class Views:
    """The views of a few models."""

    def __init__(self, *models, served=None) -> None:
        self._models = models
        self._served = served

    async def champion(self, name):
        """Return the champion, if any."""
        return self._served

    async def models_beginning(self, beginning):
        """Return the models whose id begins so."""
        return [one for one in self._models if one.model_id.startswith(beginning)]

    async def model_of_version(self, name, version):
        """Return the model of this version."""
        return next((one for one in self._models if one.version == version), None)


FIRST = model(model_id="1234" + "a" * 60, version="1")
SECOND = model(model_id="12f4" + "b" * 60, version="1234")
UNREGISTERED = model(model_id="12f4" + "c" * 60, version=None)
VIEWS = Views(FIRST, SECOND, UNREGISTERED, served=champion(model_id=SECOND.model_id))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", FIRST),
        (" 1234A", FIRST),
        ("champion", SECOND),
        ("12f4b", SECOND),
        (SECOND.model_id, SECOND),
        ("12f4c", UNREGISTERED),
    ],
)
async def test_a_model_is_found_by_version_by_id_or_as_the_champion(text, found):
    """An id may be shortened to a beginning that is its own."""
    assert await model_names.find(text, VIEWS, model="readmission") == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("12f4", "means version 1234 12f4bbbbbbbb and 12f4cccccccc"),
        ("1234", "means version 1 1234aaaaaaaa and version 1234 12f4bbbbbbbb"),
        ("12f", "takes 4 characters"),
        ("2", "no readmission model 2"),
        ("ffff", "no readmission model ffff"),
        ("0001", "no readmission model"),
        ("", "no readmission model"),
    ],
)
async def test_what_names_no_model_or_several_is_refused_with_what_it_could_mean(text, why):
    """Promoting the wrong model is worse than asking again."""
    with pytest.raises(CommandFailed, match=why) as caught:
        await model_names.find(text, VIEWS, model="readmission")
    assert caught.value.code is ExitCode.USAGE


async def test_before_the_first_promotion_there_is_no_champion_to_name():
    """It is said, with what to do."""
    with pytest.raises(CommandFailed, match="No readmission model serves yet"):
        await model_names.find("champion", FakeViews(), model="readmission")


def test_a_model_is_called_by_its_version_and_the_beginning_of_its_id():
    """MLflow's version is what people know, the id is what is exact."""
    assert model_names.named(model()) == f"version 7 {MODEL_ID[:12]}"
    assert model_names.named(model(version=None)) == MODEL_ID[:12]
