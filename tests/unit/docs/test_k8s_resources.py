"""What Kubernetes is told of topics, logins and rights follows from where the rest of the project has it from."""

import json

import pytest
import yaml
from readmit_cli.stack.buckets import RIGHTS, policy_of
from readmit_cli.stack.credentials import DATABASE_LOGINS, DATABASE_OWNER, MLFLOW_LOGIN, MONITOR_LOGIN
from support.generated_text import ROOT, GeneratedText
from support.k8s import kafka_resources


def test_the_topics_of_production_are_those_of_the_contracts(generated: GeneratedText) -> None:
    """A topic that is missing there stops whoever writes it."""
    generated.file(kafka_resources.PRODUCTION / "kafka-topics.yaml", kafka_resources.topics())


def test_each_principal_may_do_in_kafka_what_the_contracts_say(generated: GeneratedText) -> None:
    """Less stops a service, more is a hole."""
    generated.file(kafka_resources.PRODUCTION / "kafka-users.yaml", kafka_resources.users())


def test_the_operators_prometheus_has_the_same_rules(generated: GeneratedText) -> None:
    """An alert that exists on laptops alone wakes nobody."""
    generated.file(kafka_resources.PRODUCTION / "prometheus-rules.yaml", kafka_resources.prometheus_rule())


@pytest.mark.parametrize(
    ("expr", "limited"),
    [
        ('up{job="s3"} == 0', 'up{job="s3", namespace="readmit"} == 0'),
        (
            "max by (kafka_group) (kafka_lag_sum) > 0 and readmit:lag:count",
            'max by (kafka_group) (kafka_lag_sum{namespace="readmit"}) > 0 and readmit:lag:count',
        ),
        ('rate(readmit_a_b{path="/v1/up"}[5m])', 'rate(readmit_a_b{path="/v1/up", namespace="readmit"}[5m])'),
        ('max({__name__=~"readmit_.+_failures"})', 'max({__name__=~"readmit_.+_failures", namespace="readmit"})'),
        ('label_replace(vector(0), "job", "up", "", "")', 'label_replace(vector(0), "job", "up", "", "")'),
        ("node_filesystem_size_bytes", "node_filesystem_size_bytes"),
    ],
)
def test_a_rule_of_production_asks_for_what_its_namespace_tells_alone(expr: str, limited: str) -> None:
    """Prometheus is everybody's there: another team's `up` must wake nobody here, and must not stand for ours."""
    assert kafka_resources.within_namespace(expr) == limited


def test_every_dashboard_and_every_rule_gets_into_the_cluster() -> None:
    """Kustomize takes no pattern, so that a new file has to be listed."""
    folder = ROOT / "observability"
    generators = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]
    listed = {name.rpartition("=")[2] for generator in generators for name in generator["files"]}
    patterns = ("exporters/*", "prometheus/rules/*", "grafana/dashboards/*", "grafana/provisioning/*/*")
    there = {str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern)}
    assert listed == there - {"exporters/airflow.yml"}  # Airflow stays outside


@pytest.mark.parametrize("user", RIGHTS)
def test_each_user_of_the_object_store_may_do_what_it_may_in_the_local_stack(
    generated: GeneratedText, user: str
) -> None:
    """Rights that were never tried are wrong."""
    path = ROOT / "k8s" / "components" / "minio" / f"policy-{user}.json"
    generated.file(path, json.dumps(policy_of(user), indent=1) + "\n")


def test_each_login_is_made() -> None:
    """A migration grants rights to all of them, and fails for want of one."""
    script = (ROOT / "k8s" / "components" / "postgres-single" / "make-databases.sh").read_text()
    made = {line.split()[1] for line in script.splitlines() if line.startswith("login ")}
    assert made == {*DATABASE_LOGINS, MLFLOW_LOGIN, MONITOR_LOGIN}
    made.remove(MONITOR_LOGIN)  # CloudNativePG has an exporter within
    resources = yaml.safe_load_all((kafka_resources.PRODUCTION / "postgres.yaml").read_text())
    cluster = next(each["spec"] for each in resources if each["kind"] == "Cluster")
    assert cluster["bootstrap"]["initdb"]["owner"] == DATABASE_OWNER
    assert {role["name"] for role in cluster["managed"]["roles"]} == made - {DATABASE_OWNER}
    entries = " ".join(cluster["postgresql"]["pg_hba"]).replace(",", " ").split()
    assert made <= set(entries)
