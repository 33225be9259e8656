"""What an overlay renders to, and the ways to look into it."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.generated_text import ROOT

TOOLS = ROOT / ".local" / "k8s" / "bin"
OVERLAYS = ("local", "loadtest", "production", "restore")
IN_PRODUCTION = ("production", "restore")
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Document = dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    """The documents of one overlay; a check yields a sentence for each fault that it finds in them."""

    overlay: str
    documents: list[Document]

    @property
    def production(self) -> bool:
        """Say whether operators stand beside it."""
        return self.overlay in IN_PRODUCTION

    def of(self, *kinds: str) -> Iterator[Document]:
        """Give the documents of these kinds."""
        return (document for document in self.documents if document["kind"] in kinds)

    def one(self, kind: str, name: str) -> Document:
        """Give a document by its name."""
        return next(document for document in self.of(kind) if name_of(document) == name)

    def names(self, *kinds: str) -> set[str]:
        """Give the names of all documents of these kinds."""
        return {name_of(document) for document in self.of(*kinds)}

    def workloads(self) -> Iterator[Document]:
        """Give everything that runs pods."""
        return self.of(*WORKLOADS)


def render(overlay: str, folder: Path) -> str:
    """Give what kustomize makes of an overlay, in a copy of the files, with secrets made up as on a laptop."""
    shutil.copytree(
        ROOT / "k8s", folder / "k8s", ignore=shutil.ignore_patterns("secrets", "key.env"), dirs_exist_ok=True
    )
    shutil.copytree(ROOT / "observability", folder / "observability", dirs_exist_ok=True)
    subprocess.run([folder / "k8s" / "overlays" / "local" / "make-secrets.sh"], check=True)
    (folder / "k8s" / "overlays" / "loadtest" / "key.env").write_text("key=made-up\n")
    command = [TOOLS / "kubectl", "kustomize", folder / "k8s" / "overlays" / overlay]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def parse(overlay: str, text: str) -> Manifests:
    """Take rendered text apart."""
    return Manifests(overlay, [document for document in yaml.load_all(text, yaml.CSafeLoader) if document])


def name_of(document: Document) -> str:
    """Give a document's name."""
    name: str = document["metadata"]["name"]
    return name


def label(document: Document) -> str:
    """Say which document is meant."""
    return f"{document['kind']}/{name_of(document)}"


def pod_of(workload: Document) -> Document:
    """Give a workload's pod template."""
    template: Document = workload["spec"]["template"]
    return template


def labels_of(workload: Document) -> dict[str, str]:
    """Give the labels of a workload's pods."""
    labels: dict[str, str] = pod_of(workload)["metadata"]["labels"]
    return labels


def containers(workload: Document) -> list[Document]:
    """Give all containers of a workload, those of the start included."""
    spec = pod_of(workload)["spec"]
    return [*spec["containers"], *spec.get("initContainers", [])]


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """Say whether plain labels match a selector of `matchLabels`."""
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
