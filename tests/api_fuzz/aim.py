"""Aims every other invented request at what there is, and notes how each was answered.

Loaded by schemathesis (SCHEMATHESIS_HOOKS): an id out of all whole numbers would never be one of
a row, nor an interval one that is recorded.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import defaultdict
from datetime import timedelta
from itertools import count
from pathlib import Path

import schemathesis

from tests.api_fuzz.fill import CAMERAS, DOWNLOADS

# As factories.BEGIN, which needs Django to be set up.
DAY, FOOTAGE_BEGIN, FOOTAGE = "2023-03-10", timedelta(hours=10, minutes=20), 600
COUNTERS = defaultdict(count)
ANSWERS = Path(os.environ["TESTS_API_ANSWERS"])


@schemathesis.hook
def before_call(context, case, kwargs):
    spare_own_session(case)
    label = f"{case.method} {case.operation.path}"
    number = next(COUNTERS[label])
    if number % 2 == 0:
        # Each operation begins elsewhere: what one has deleted or cancelled another still finds.
        seed = zlib.crc32(label.encode()) + number // 2
        aim_at_row(case, seed)
        aim_at_footage(case.body, seed)
        aim_at_footage(case.query, seed)


@schemathesis.hook
def after_call(context, case, response):
    with ANSWERS.open("a") as answers:
        answers.write(json.dumps([case.method, case.operation.path, response.status_code]) + "\n")


def spare_own_session(case):
    """Name no session that was read from the list: it is the one that asks, and would be ended."""
    parameters = case.path_parameters
    if isinstance(parameters, dict) and isinstance(parameters.get("session_id"), str):
        parameters["session_id"] = parameters["session_id"][::-1]


def aim_at_row(case, seed):
    """Ask for one of the rows there are, or were."""
    if isinstance(case.path_parameters, dict) and "id" in case.path_parameters:
        rows = CAMERAS if "/cameras" in case.operation.path else DOWNLOADS
        case.path_parameters["id"] = seed % rows + 1


def aim_at_footage(asked, seed):
    """Ask for a part of what is recorded; what is said of the rest stays invented."""
    if isinstance(asked, dict) and "from" in asked and "to" in asked:
        begin = seed % (FOOTAGE - 2)
        asked["from"], asked["to"] = instant(begin), instant(begin + 1 + seed % (FOOTAGE - begin))
    if isinstance(asked, dict) and "ids" in asked:
        asked["ids"] = [seed % CAMERAS + 1]


def instant(second):
    return f"{DAY}T{str(FOOTAGE_BEGIN + timedelta(seconds=second)).zfill(8)}Z"
