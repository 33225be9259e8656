"""Hold custom resources against the JSON schemas of their operators."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
from support.generated_text import ROOT
from support.k8s.manifests import Manifests, label

BUILT_IN = ("apps", "autoscaling", "batch", "policy", "networking.k8s.io", "rbac.authorization.k8s.io", "v1")


def folder() -> Path:
    """Give where the schemas are looked for: READMIT_CRD_SCHEMAS, else a folder beside the checkout."""
    return Path(os.environ.get("READMIT_CRD_SCHEMAS") or ROOT.parent / "shared" / "crd-schemas")


def custom_resources(manifests: Manifests) -> Iterator[tuple[dict[str, object], Path]]:
    """Give each custom resource with the file of its schema, `GROUP/kind_version.json`."""
    for document in manifests.documents:
        group, _, version = document["apiVersion"].rpartition("/")
        if (group or version) not in BUILT_IN:
            yield document, folder() / group / f"{document['kind'].lower()}_{version}.json"


def schema_faults(manifests: Manifests) -> Iterator[str]:
    """Yield what the operators would refuse; a kind without a schema counts as a fault."""
    for document, schema in custom_resources(manifests):
        if not schema.is_file():
            yield f"{label(document)}: no schema {schema}"
            continue
        # Go's patterns may set a flag in their middle, which JSON Schema does not know; nothing here depends on it.
        validator = jsonschema_rs.Draft7Validator(json.loads(schema.read_text().replace("(?i)", "")))
        for error in validator.iter_errors(document):
            yield f"{label(document)}: {'/'.join(map(str, error.instance_path))}: {error.message}"
