import os
import sys
import time

import pytest

from benchmarks.cost.zoo.isolation import isolated

GIB = 2**30

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX systems")


def of(work, *args, seconds=60.0, memory=64 * GIB):
    return list(isolated(work, *args, seconds=seconds, memory=memory))


def test_messages_arrive_in_order():
    assert of(range, 5) == [0, 1, 2, 3, 4]


def test_an_exception_is_the_last_message():
    (message,) = of(open, "/no such file")
    assert message.startswith("FileNotFoundError: ")


def test_work_that_takes_too_long_is_stopped():
    started = time.monotonic()
    assert of(time.sleep, 600, seconds=0.5) == ["stopped after 0 s"]
    assert time.monotonic() - started < 60


def test_memory_is_limited():
    assert of(bytes, 2 * GIB, memory=GIB) == ["MemoryError: "]


def test_a_process_that_dies_says_how():
    assert of(os._exit, 3) == ["ended with exit code 3"]
