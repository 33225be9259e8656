"""What is applied to a cluster is what the services, the contracts and the operators expect."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import in_ci
from support.k8s.checks import CHECKS, Check
from support.k8s.manifests import IN_PRODUCTION, OVERLAYS, TOOLS, Manifests
from support.k8s.network import EDGES
from support.k8s.schemas import custom_resources, folder, schema_faults

Say = Callable[[str], None]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_means_what_it_should(read: dict[str, Manifests], overlay: str, check: Check) -> None:
    """No API server is asked, so what it and the programs in the pods would refuse has to be found here."""
    assert not list(check(read[overlay]))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_own_schemas_accept_it(rendered: dict[str, Path], overlay: str) -> None:
    """An unknown field is ignored by some versions and refused by others."""
    command = [TOOLS / "kubernetes-validate", "--strict", "--quiet", "--no-warn", rendered[overlay]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("overlay", IN_PRODUCTION)
def test_the_operators_schemas_accept_their_resources(read: dict[str, Manifests], overlay: str, checked: Say) -> None:
    """An operator refuses an unknown field only once it is asked."""
    if not folder().is_dir():
        reason = f"no schemas at {folder()}; set READMIT_CRD_SCHEMAS to a folder of GROUP/kind_version.json"
        pytest.fail(reason) if in_ci() else pytest.skip(reason)
    assert not list(schema_faults(read[overlay]))
    checked(f"{overlay}: {len(list(custom_resources(read[overlay])))} custom resources by their schemas")


@pytest.mark.parametrize("overlay", ["local", "loadtest"])
def test_a_laptop_needs_no_operator(read: dict[str, Manifests], overlay: str) -> None:
    """A custom resource there could not even be applied."""
    assert not list(custom_resources(read[overlay]))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_there_is_something_to_check(read: dict[str, Manifests], overlay: str, checked: Say) -> None:
    """An overlay that renders to nothing has no faults either."""
    kinds = {"Deployment", "StatefulSet", "Job", "NetworkPolicy", "Service", "PodDisruptionBudget"}
    assert kinds <= {document["kind"] for document in read[overlay].documents}
    checked(f"{overlay}: {len(read[overlay].documents)} documents, {len(EDGES[overlay])} edges, {len(CHECKS)} policies")
