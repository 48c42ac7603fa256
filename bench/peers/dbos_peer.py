"""Three trivial durable steps in DBOS Transact for Python, run by threads of one process, without HTTP.

Prints {"version", "callers", "per_second", "p50_ms"} of the number of threads it is fastest with. Argument: the URL of a database.
"""

import importlib.metadata
import json
import statistics
import sys
import threading
import time

from dbos import DBOS

CALLERS = (4, 16, 64)
WARM_UP = 2.0
MEASURED = 5.0


@DBOS.step()
def step(number: int) -> dict:
    return {"step": number}


@DBOS.workflow()
def three_steps() -> dict:
    for number in range(3):
        result = step(number)
    return result


def call(until: float, samples: list) -> None:
    while (begun := time.monotonic()) < until:
        three_steps()
        samples.append(time.monotonic() - begun)


def load(count: int, seconds: float) -> tuple:
    samples: list = []
    begun = time.monotonic()
    callers = [threading.Thread(target=call, args=(begun + seconds, samples)) for _ in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return samples, time.monotonic() - begun


def main() -> None:
    DBOS(
        config={
            "name": "peer",
            "system_database_url": sys.argv[1],
            "sys_db_pool_size": max(CALLERS),
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    load(max(CALLERS), WARM_UP)
    tried = []
    for callers in CALLERS:
        samples, took = load(callers, MEASURED)
        tried.append(
            {
                "version": importlib.metadata.version("dbos"),
                "callers": callers,
                "per_second": len(samples) / took,
                "p50_ms": statistics.median(samples) * 1000,
            }
        )
        print(tried[-1]["callers"], tried[-1]["per_second"], file=sys.stderr)
    DBOS.destroy()
    print(json.dumps(max(tried, key=lambda figures: figures["per_second"])))


main()
