"""While Postgres is restored, production differs in what it has to, and in nothing else."""

import copy

from support.k8s.manifests import Document, Manifests, label, labels_of, name_of

Read = dict[str, Manifests]
PAUSED = "autoscaling.keda.sh/paused-replicas"


def differing(read: Read) -> set[str]:
    """Name the documents that are in one of the two overlays alone, or not the same in both."""
    before = {label(each): each for each in read["production"].documents}
    after = {label(each): each for each in read["restore"].documents}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def databases(manifests: Manifests) -> tuple[Document, Document]:
    """Give where the restored cluster archives to, and where it is read from."""
    spec = manifests.one("Cluster", "postgres")["spec"]
    source = spec["bootstrap"]["recovery"]["source"]
    (read_from,) = (each["barmanObjectStore"] for each in spec["externalClusters"] if each["name"] == source)
    return spec["backup"]["barmanObjectStore"], read_from


def number(store: Document) -> int:
    """Give the number of a folder of backups."""
    return int(store["serverName"].removeprefix("postgres-"))


def test_a_restore_changes_postgres_and_who_writes_to_it_alone(read: Read) -> None:
    """What is changed by hand at night is forgotten in the morning."""
    stopped = {*(f"Deployment/{name}" for name in ("batch-producer", "trainer", "mlflow")), "Job/migrations"}
    assert differing(read) == {"Cluster/postgres", "ScheduledBackup/postgres-daily", "ScaledObject/ingestor", *stopped}


def test_the_same_cluster_comes_back(read: Read) -> None:
    """Its name, its logins and its settings are what everybody else was told."""
    before = copy.deepcopy(read["production"].one("Cluster", "postgres")["spec"])
    after = copy.deepcopy(read["restore"].one("Cluster", "postgres")["spec"])
    made, restored = before.pop("bootstrap")["initdb"], after.pop("bootstrap")["recovery"]
    del after["externalClusters"]
    assert before == after
    assert {key: made[key] for key in ("database", "owner", "secret")} == {
        key: restored[key] for key in ("database", "owner", "secret")
    }


def test_nobody_writes_to_postgres_before_it_is_back(read: Read) -> None:
    """What is written before Kafka's offsets are set back is taken for done."""
    manifests = read["restore"]
    paused = {
        scaler["spec"]["scaleTargetRef"]["name"]
        for scaler in manifests.of("ScaledObject")
        if scaler["metadata"].get("annotations", {}).get(PAUSED) == "0"
    }
    clients = [
        workload
        for workload in manifests.workloads()
        if {labels_of(workload).get("readmit/postgres"), labels_of(workload).get("readmit/pooler")} & {"client"}
    ]
    assert len(clients) == 6
    stopped = [each for each in clients if each["spec"].get("replicas") == 0 or each["spec"].get("suspend")]
    assert {name_of(each) for each in clients} == {name_of(each) for each in stopped} | paused


def test_a_restore_reads_what_production_wrote_last_and_writes_elsewhere(read: Read) -> None:
    """CloudNativePG refuses to archive into a folder with WAL in it; its number goes up by one with each restore."""
    written, read_from = databases(read["restore"])
    assert number(written) == number(read_from) + 1
    for key in ("destinationPath", "endpointURL", "s3Credentials"):
        assert written[key] == read_from[key]


def test_a_base_backup_follows_a_restore_at_once(read: Read) -> None:
    """WAL without a base backup under it restores nothing; the schedule is made anew when production comes back."""
    assert read["production"].one("ScheduledBackup", "postgres-daily")["spec"]["immediate"]
