"""The tasks of the queue, and when they are due.

The queue delivers at least once: a job whose worker was killed is run again by another one. Each
job has the name of its snapshot and its deadline in it, so a second run waits for the snapshot of
the first, for the time that is left.
"""

import asyncio
import os
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

import attrs
import procrastinate
from procrastinate.jobs import Job

from civo_snapshots_async import CivoSnapshotsError, SnapshotSession, WaitTimeoutError

NIGHTLY_CRON = os.environ.get("NIGHTLY_CRON", "0 2 * * *")
# With seconds, as the sixth field: a worker's jobs are rescued soon after it is stalled.
RESCUE_CRON = "* * * * * */5"
TIME_FOR_A_NIGHT = timedelta(hours=3)
MAX_ATTEMPTS = 10

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", ""))
)


@attrs.frozen(kw_only=True)
class Worker:
    """What all jobs of a worker share."""

    session: SnapshotSession
    stalled_after: float


WORKER: ContextVar[Worker] = ContextVar("WORKER")


class RetryWhatMayHelp(procrastinate.BaseRetryStrategy):
    """Puts a job back that failed transiently, or whose worker stops."""

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> procrastinate.RetryDecision | None:
        """Return when to run the job again; `None` for never."""
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision(retry_in={"seconds": 0})
        may_help = (
            isinstance(exception, CivoSnapshotsError)
            # After the deadline it would fail again. A lost create is found by its name.
            and not isinstance(exception, WaitTimeoutError)
            and (exception.is_transient or exception.may_have_taken_effect)
        )
        if not may_help or job.attempts >= MAX_ATTEMPTS:
            return None

        return procrastinate.RetryDecision(retry_in={"seconds": 30})


@app.periodic(cron=NIGHTLY_CRON)
@app.task(name="tonight", retry=RetryWhatMayHelp())
async def tonight(timestamp: int) -> None:
    """Enqueue a job for each instance. One worker does it, whichever is first."""
    started_at = datetime.fromtimestamp(timestamp, UTC)
    for instance in await WORKER.get().session.list_instances():
        # The lock lets the jobs of one instance run one after the other.
        await back_up.configure(lock=instance.id).defer_async(
            instance_id=instance.id,
            name=f"nightly-{started_at:%Y-%m-%d}",
            deadline=(started_at + TIME_FOR_A_NIGHT).isoformat(),
        )


@app.task(name="back_up", retry=RetryWhatMayHelp())
async def back_up(instance_id: str, name: str, deadline: str) -> None:
    """Create the snapshot unless it exists, and wait until it is complete or the time is over."""
    session = WORKER.get().session
    snapshot = await session.ensure_snapshot(instance_id, name=name)
    wait = session.save_wait(instance_id, snapshot)
    await session.resume(attrs.evolve(wait, deadline=datetime.fromisoformat(deadline)))


@app.periodic(cron=RESCUE_CRON)
@app.task(name="rescue", queueing_lock="rescue")
async def rescue(timestamp: int) -> None:
    """Put back the jobs of workers whose heart has stopped."""
    del timestamp
    stalled = await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=WORKER.get().stalled_after
    )
    for job in stalled:
        await app.job_manager.retry_job(job)
