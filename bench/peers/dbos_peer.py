"""Three trivial durable steps in DBOS Transact for Python, run by 64 threads of one process, without HTTP.

Prints {"version", "per_second", "p50_ms"}. Argument: the URL of a database.
"""

import importlib.metadata
import json
import statistics
import sys
import threading
import time

from dbos import DBOS

CALLERS = 64
WARM_UP = 2.0
MEASURED = 10.0


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


def load(seconds: float) -> tuple:
    samples: list = []
    begun = time.monotonic()
    callers = [threading.Thread(target=call, args=(begun + seconds, samples)) for _ in range(CALLERS)]
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
            "sys_db_pool_size": CALLERS,
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    load(WARM_UP)
    samples, took = load(MEASURED)
    DBOS.destroy()
    figures = {
        "version": importlib.metadata.version("dbos"),
        "per_second": len(samples) / took,
        "p50_ms": statistics.median(samples) * 1000,
    }
    print(json.dumps(figures))


main()
