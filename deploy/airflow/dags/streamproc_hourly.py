"""An example: load every hour, build the models on what was loaded, tell when it gets stale.

It needs dbt beside Airflow, in an environment of its own; dbt takes its project from its own
variables, ``DBT_PROJECT_DIR`` and ``DBT_PROFILES_DIR``. Nothing here is asked for while the file is
parsed: a scheduler without the connection can still list the DAG.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, chain

from streamproc_airflow.operators import StreamprocFreshnessOperator, StreamprocLoadOperator
from streamproc_airflow.sensor import LoadedUpToSensor

with DAG(
    dag_id="streamproc_hourly",
    description="Load events into the warehouse, build dbt's models, check freshness.",
    # Five minutes past, for what was received before the hour: by then it is on the loader topic,
    # and the one load brings it all in.
    schedule="5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # one load brings in all that the hours missed
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["streamproc"],
) as dag:
    load = StreamprocLoadOperator(task_id="load", limit=timedelta(minutes=50))
    loaded = LoadedUpToSensor(
        task_id="loaded",
        up_to="{{ data_interval_end.subtract(minutes=5) }}",
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(minutes=50),
    )
    build = BashOperator(task_id="build", bash_command="dbt build")
    fresh = StreamprocFreshnessOperator(task_id="fresh", max_lag=timedelta(hours=2))

    chain(load, loaded, build, fresh)
