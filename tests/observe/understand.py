"""Reads what a step has told as those read it who are told: `understand.py metrics|lineage FILE`.

Ends with an error when something would not be understood, and otherwise prints how much there was.
"""

import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

import attr
from openlineage.client import event_v2, facet_v2
from prometheus_client.parser import text_string_to_metric_families

# The classes of the facets in use, by their names in an event.
FACETS: dict[str, Any] = {
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "parent": facet_v2.parent_run.ParentRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "sql": facet_v2.sql_job.SQLJobFacet,
    "symlinks": facet_v2.symlinks_dataset.SymlinksDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
}


def made(kind: Any, value: Any) -> Any:
    """The value as an instance of the class that OpenLineage has for it, which refuses what it does not know."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return made(kind, value)
    if origin is list:
        return [made(arguments[0], item) for item in value]
    if not attr.has(kind):
        return value
    hints = typing.get_type_hints(kind)
    return kind(**{name: made(hints[name], field) for name, field in value.items()})


def facets(told: dict[str, Any]) -> dict[str, Any]:
    """Facets by their classes. Which class it is, the schema has to say too."""
    found = {}
    for name, facet in told.items():
        schema, producer = facet.pop("_schemaURL"), facet.pop("_producer")
        assert schema == FACETS[name]._get_schema(), f"{name}: {schema}"
        assert producer.startswith("urn:lakeward:"), producer
        found[name] = made(FACETS[name], facet)
    return found


def event(told: dict[str, Any]) -> event_v2.RunEvent:
    """One event."""
    assert told.pop("schemaURL") == event_v2.RunEvent._get_schema()
    run, job = told.pop("run"), told.pop("job")
    run = event_v2.Run(runId=run["runId"], facets=facets(run["facets"]))
    job = event_v2.Job(**{**job, "facets": facets(job["facets"])})
    kinds = {"inputs": event_v2.InputDataset, "outputs": event_v2.OutputDataset}
    datasets = {
        name: [
            kind(**{field: facets(value) if field.endswith("acets") else value for field, value in dataset.items()})
            for dataset in told.pop(name)
        ]
        for name, kind in kinds.items()
    }
    kind = event_v2.RunState[told.pop("eventType")]
    return event_v2.RunEvent(eventType=kind, run=run, job=job, **datasets, **told)


def metrics(text: str) -> int:
    """How many samples there are; each of a metric that has its help and its type."""
    families = list(text_string_to_metric_families(text))
    for family in families:
        assert family.type == "gauge" and family.documentation, family
        assert {sample.name for sample in family.samples} == {family.name}, family
        labelled = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(set(labelled)) == len(labelled), family
    return sum(len(family.samples) for family in families)


def main() -> None:
    what, path = sys.argv[1:]
    text = Path(path).read_text()
    if what == "metrics":
        print(metrics(text))
    else:
        print(len([event(json.loads(line)) for line in text.splitlines()]))


main()
