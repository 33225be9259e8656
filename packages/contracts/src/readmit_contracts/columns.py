"""Name the 50 columns of the encounter file, once.

Tables, the row validator, the prediction request and its documentation are generated from `COLUMNS`. The order is the
file's. No accepted value holds a comma, a quote, a backslash or a control character, so that a line is its fields
joined by commas, and the same bytes mean the same row to the validator and to Postgres `COPY`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

Kind = Literal["integer", "text"]

UNKNOWN = "?"
NOT_MEASURED = "None"
IDENTIFIER_MAX = 2_000_000_000  # fits a Postgres integer; the file's largest is 443,867,222

_ICD9 = r"\?|[0-9]{1,3}(\.[0-9]{1,2})?|V[0-9]{2}(\.[0-9]{1,2})?|E[0-9]{3}(\.[0-9])?"
_SPECIALTY = r"\?|[A-Za-z][A-Za-z&/-]{1,62}"
_DOSE = ("No", "Steady", "Up", "Down")
_AGE = tuple(f"[{low}-{low + 10})" for low in range(0, 100, 10))
_WEIGHT = (*(f"[{low}-{low + 25})" for low in range(0, 200, 25)), ">200")
_PAYER = ("BC", "CH", "CM", "CP", "DM", "FR", "HM", "MC", "MD", "MP", "OG", "OT", "PO", "SI", "SP", "UN", "WC")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the encounter file.

    An integer has `minimum` and `maximum`; a text has either `allowed` or `pattern`, which cover the markers in
    `missing` too. `allowed` is in ascending order when `ordered`.
    """

    name: str
    sql_name: str
    kind: Kind
    missing: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None
    ordered: bool = False
    unit: str | None = None
    description: str
    example: str
    in_request: bool = True

    @property
    def known(self) -> tuple[str, ...]:
        """The allowed values that are not markers of a missing one, in order; empty for integers and patterns."""
        return tuple(value for value in self.allowed or () if value not in self.missing)


def _integer(name: str, low: int, high: int, text: str, example: str, *, unit: str, request: bool = True) -> Column:
    return Column(
        name=name,
        sql_name=name,
        kind="integer",
        minimum=low,
        maximum=high,
        unit=unit,
        description=text,
        example=example,
        in_request=request,
    )


def _choice(
    name: str,
    values: tuple[str, ...],
    text: str,
    example: str,
    *,
    missing: str | None = None,
    sql_name: str | None = None,
    ordered: bool = False,
    unit: str | None = None,
    request: bool = True,
) -> Column:
    return Column(
        name=name,
        sql_name=sql_name or name,
        kind="text",
        missing=(missing,) if missing else (),
        allowed=(*values, missing) if missing else values,
        ordered=ordered,
        unit=unit,
        description=text,
        example=example,
        in_request=request,
    )


def _pattern(name: str, pattern: str, text: str, example: str) -> Column:
    return Column(
        name=name, sql_name=name, kind="text", missing=(UNKNOWN,), pattern=pattern, description=text, example=example
    )


def _drug(name: str, example: str = "No") -> Column:
    words = name.replace("-", " with ")
    return _choice(
        name,
        _DOSE,
        f"Whether {words} was prescribed during the stay, and whether its dose went up, went down or stayed.",
        example,
        sql_name=name.replace("-", "_"),
    )


COLUMNS: tuple[Column, ...] = (
    _integer(
        "encounter_id",
        1,
        IDENTIFIER_MAX,
        "Identifies the hospital stay; unique in the store.",
        "2278392",
        unit="identifier",
        request=False,
    ),
    _integer(
        "patient_nbr",
        1,
        IDENTIFIER_MAX,
        "Identifies the patient, who may have several stays; rows are split by it.",
        "8222157",
        unit="identifier",
        request=False,
    ),
    _choice(
        "race",
        ("AfricanAmerican", "Asian", "Caucasian", "Hispanic", "Other"),
        "Race as recorded by the hospital.",
        "Caucasian",
        missing=UNKNOWN,
    ),
    _choice("gender", ("Female", "Male"), "Gender as recorded by the hospital.", "Female", missing="Unknown/Invalid"),
    _choice("age", _AGE, "Age at admission, as a bracket of ten years.", "[70-80)", ordered=True, unit="years"),
    _choice(
        "weight",
        _WEIGHT,
        "Body weight, as a bracket of 25 pounds; seldom recorded.",
        UNKNOWN,
        missing=UNKNOWN,
        ordered=True,
        unit="pounds",
    ),
    _integer("admission_type_id", 1, 8, "Code of the kind of admission, such as 1 emergency.", "1", unit="code"),
    _integer("discharge_disposition_id", 1, 30, "Code of where the patient went, such as 1 home.", "1", unit="code"),
    _integer(
        "admission_source_id", 1, 26, "Code of where the patient came from, such as 7 emergency room.", "7", unit="code"
    ),
    _integer("time_in_hospital", 1, 14, "Days between admission and discharge.", "4", unit="days"),
    _choice("payer_code", _PAYER, "Code of who pays, such as MC for Medicare.", "MC", missing=UNKNOWN),
    _pattern("medical_specialty", _SPECIALTY, "Specialty of the admitting physician.", "InternalMedicine"),
    _integer("num_lab_procedures", 0, 200, "Laboratory tests done during the stay.", "43", unit="tests"),
    _integer(
        "num_procedures", 0, 20, "Procedures other than laboratory tests during the stay.", "1", unit="procedures"
    ),
    _integer("num_medications", 0, 150, "Distinct medications given during the stay.", "16", unit="medications"),
    _integer("number_outpatient", 0, 200, "Outpatient visits in the year before the stay.", "0", unit="visits"),
    _integer("number_emergency", 0, 200, "Emergency visits in the year before the stay.", "0", unit="visits"),
    _integer("number_inpatient", 0, 200, "Inpatient stays in the year before the stay.", "1", unit="visits"),
    _pattern("diag_1", _ICD9, "Primary diagnosis as an ICD-9 code.", "250.83"),
    _pattern("diag_2", _ICD9, "Secondary diagnosis as an ICD-9 code.", "401"),
    _pattern("diag_3", _ICD9, "Additional secondary diagnosis as an ICD-9 code.", "V27"),
    _integer("number_diagnoses", 1, 20, "Diagnoses entered for the stay.", "7", unit="diagnoses"),
    _choice(
        "max_glu_serum",
        ("Norm", ">200", ">300"),
        "Range of the highest glucose serum test; None when it was not measured.",
        NOT_MEASURED,
        missing=NOT_MEASURED,
        ordered=True,
        unit="mg/dL",
    ),
    _choice(
        "A1Cresult",
        ("Norm", ">7", ">8"),
        "Range of the haemoglobin A1c test; None when it was not measured.",
        ">8",
        missing=NOT_MEASURED,
        sql_name="a1c_result",
        ordered=True,
        unit="percent",
    ),
    _drug("metformin", "Steady"),
    _drug("repaglinide"),
    _drug("nateglinide"),
    _drug("chlorpropamide"),
    _drug("glimepiride"),
    _drug("acetohexamide"),
    _drug("glipizide"),
    _drug("glyburide"),
    _drug("tolbutamide"),
    _drug("pioglitazone"),
    _drug("rosiglitazone"),
    _drug("acarbose"),
    _drug("miglitol"),
    _drug("troglitazone"),
    _drug("tolazamide"),
    _drug("examide"),
    _drug("citoglipton"),
    _drug("insulin", "Up"),
    _drug("glyburide-metformin"),
    _drug("glipizide-metformin"),
    _drug("glimepiride-pioglitazone"),
    _drug("metformin-rosiglitazone"),
    _drug("metformin-pioglitazone"),
    _choice("change", ("Ch", "No"), "Whether the diabetes medication was changed (Ch) or not (No).", "Ch"),
    _choice(
        "diabetesMed", ("Yes", "No"), "Whether any diabetes medication was prescribed.", "Yes", sql_name="diabetes_med"
    ),
    _choice(
        "readmitted",
        ("<30", ">30", "NO"),
        "The label: readmitted within 30 days, later, or with no record of it.",
        "NO",
        request=False,
    ),
)

FILE_HEADER: str = ",".join(column.name for column in COLUMNS)

_BY_NAME: Mapping[str, Column] = MappingProxyType({column.name: column for column in COLUMNS})


def column(name: str) -> Column:
    """Return the column of that name in the file; raises KeyError for any other name."""
    return _BY_NAME[name]
