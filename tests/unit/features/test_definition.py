import pytest
from readmit_contracts.columns import COLUMNS
from readmit_features import FEATURE_NAMES, FEATURE_VERSION, FEATURES, SUPPORTED_VERSIONS
from readmit_features.definition import DRUGS, SOURCES


def test_feature_names_are_unique() -> None:
    """The name is what a person sees in an explanation, and LightGBM refuses a repeated one."""
    assert len(set(FEATURE_NAMES)) == len(FEATURES)


def test_no_feature_comes_from_an_id_or_the_label() -> None:
    """Ids stand for time and place, and the label is what is asked for."""
    assert not {"encounter_id", "patient_nbr", "readmitted"} & set(SOURCES)


def test_every_source_is_a_field_of_the_request() -> None:
    """A feature whose source a caller cannot send could never be served."""
    assert set(SOURCES) <= {column.sql_name for column in COLUMNS if column.in_request}


def test_every_field_of_the_request_counts_but_the_two_constant_drugs() -> None:
    """A column left out by oversight would be sent, checked and ignored."""
    fields = {column.sql_name for column in COLUMNS if column.in_request}
    assert fields - set(SOURCES) == {"examide", "citoglipton"}


def test_the_drugs_are_those_of_the_columns() -> None:
    """The counts of drugs must see every drug that varies."""
    doses = {column.sql_name for column in COLUMNS if column.allowed == ("No", "Steady", "Up", "Down")}
    assert set(DRUGS) == doses - {"examide", "citoglipton"}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_has_a_number_or_one_column_with_a_vocabulary(feature) -> None:
    """Codes of two columns do not add up to anything."""
    assert (feature.kind == "categorical") == (feature.number is None)
    assert feature.number is not None or len(feature.columns) == 1


def test_the_current_version_is_supported() -> None:
    """What this release trains it must also be able to serve."""
    assert FEATURE_VERSION in SUPPORTED_VERSIONS
