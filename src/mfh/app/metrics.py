"""What the server counts, as Prometheus reads it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mfh.app.guard import Counts
from mfh.app.store import Store
from mfh.app.work import Work

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(counts: Counts, work: Work, store: Store) -> str:
    """Return all metrics as text.

    Args:
        counts: of requests.
        work: the models' thread.
        store: of results.
    """
    by_status = {f'{{route="{route}",status="{status}"}}': n for (route, status), n in counts.requests.items()}
    lines = [
        *_metric("mfh_requests_total", "counter", "Requests answered.", by_status),
        *_metric("mfh_request_seconds_sum", "counter", "Seconds from request to answer, of all.", counts.seconds),
        *_metric("mfh_received_bytes_total", "counter", "Bytes of bodies received.", counts.received),
        *_metric("mfh_jobs_total", "counter", "Jobs ended on the models' thread.", work.done),
        *_metric("mfh_job_seconds_sum", "counter", "Seconds of these jobs.", work.seconds),
        *_metric("mfh_places_taken", "gauge", "Requests that run or wait.", work.held),
        *_metric("mfh_places", "gauge", "Requests that may.", work.queue + 1),
        *_metric("mfh_results", "gauge", "Results that are kept.", store.count),
        *_metric("mfh_results_bytes", "gauge", "Bytes of their files.", store.size),
    ]
    resident = resident_bytes()
    if resident is not None:
        lines += _metric("process_resident_memory_bytes", "gauge", "Memory of the process.", resident)
    return "\n".join(lines) + "\n"


def resident_bytes() -> int | None:
    """Return the memory of this process; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _metric(name: str, kind: str, about: str, values: int | float | Mapping[str, int]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in (values if isinstance(values, Mapping) else {"": values}).items():
        yield f"{name}{labels} {value:.15g}"
