"""The DAGs as a person meets them: they load, they explain themselves, and none takes a publish for an effect."""

import ast
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from readmit_airflow.publishing import PublishCommand
from readmit_airflow.waiting import AwaitEffect

AIRFLOW = Path(__file__).parents[2]
SOURCES = sorted([*AIRFLOW.glob("dags/*.py"), *AIRFLOW.glob("plugins/**/*.py")])
BAG = DagBag(dag_folder=str(AIRFLOW / "dags"))
DAGS = sorted(BAG.dags.values(), key=lambda dag: dag.dag_id)
LONGEST_DAG_FILE = 110

each_dag = pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.dag_id)


def test_every_file_gives_its_dag_without_an_error():
    """A file that does not load takes its DAG away without a word in the run."""
    assert not BAG.import_errors
    assert [dag.dag_id for dag in DAGS] == [path.stem for path in sorted(AIRFLOW.glob("dags/*.py"))]


@each_dag
def test_a_dag_says_what_it_does_and_what_to_do_when_it_is_red(dag: DAG):
    """Whoever is woken at night never saw the project."""
    assert "### What it does" in dag.doc_md
    assert "### When it is red" in dag.doc_md
    assert dag.description
    assert "readmit" in dag.tags
    undocumented = [
        task.task_id for task in dag.tasks if not (task.doc_md or (task.python_callable.__doc__ or "").strip())
    ]
    assert not undocumented


@each_dag
def test_a_dag_has_an_owner_retries_and_an_end(dag: DAG):
    """A broker that restarts is no reason to be red, and nothing may hang for ever."""
    assert dag.dagrun_timeout
    assert {task.owner for task in dag.tasks} == {"readmit"}
    assert all(task.retries >= 1 and task.retry_delay for task in dag.tasks)
    assert all(task.execution_timeout for task in dag.tasks if isinstance(task, PublishCommand))


@each_dag
def test_every_field_of_a_form_is_typed_and_described(dag: DAG):
    """The form refuses what the system would refuse, before anything starts."""
    for name in dag.params:
        field = dag.params.get_param(name)
        assert field.schema.get("type") or field.schema.get("enum"), name
        assert field.description, name


@each_dag
def test_behind_every_publish_an_effect_is_awaited(dag: DAG):
    """That Kafka has a command says nothing about what became of it."""
    for task in dag.tasks:
        if isinstance(task, PublishCommand):
            following = task.get_direct_relatives(upstream=False)
            assert any(isinstance(after, AwaitEffect) for after in following), task.task_id


def test_the_pipeline_is_the_whole_way_in_its_order():
    """One graph shows what the system is for."""
    pipeline = BAG.dags["readmission_pipeline"]
    order = [task.task_id for task in pipeline.topological_sort()]
    way = ["prepare", "ingest.start", "ingest.train_rows", "clean", "train", "promote", "gate", "converge"]
    assert [task for task in order if task in way] == way
    assert set(order) - set(way) == {"ingest.validation_rows", "ingest.test_rows"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(AIRFLOW)))
def test_airflow_imports_no_package_of_the_project(path: Path):
    """Its pins and the project's do not fit into one environment; the border is messages and views."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    project = {"batch_producer", "ingestor", "trainer", "predictor"}
    assert not roots & project
    assert not {root for root in roots if root.startswith("readmit_")} - {"readmit_airflow"}


def test_a_dag_file_is_short():
    """Logic lives in the services, operators in the plugin."""
    assert not [
        path.name for path in AIRFLOW.glob("dags/*.py") if len(path.read_text().splitlines()) > LONGEST_DAG_FILE
    ]
