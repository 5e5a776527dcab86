from datetime import timedelta

import pytest

from capyd.domain.storage import measuring_interval, next_level


@pytest.mark.parametrize(
    ("sizes", "levels"),
    [
        ([0, 79, 80, 94, 95, 99, 100, 130], [0, 0, 80, 80, 95, 95, 100, 100]),
        # To and fro is told of once; five points lower it is over.
        ([80, 79, 76, 75, 81], [80, 80, 80, 80, 80]),
        ([80, 74, 80], [80, 0, 80]),
        ([100, 96, 94, 89, 70], [100, 100, 80, 80, 0]),
    ],
)
def test_levels(sizes: list[int], levels: list[int]) -> None:
    level, found = 0, []
    for size in sizes:
        level = next_level(size, 100, level)
        found.append(level)
    assert found == levels


def test_the_busy_and_the_full_are_measured_more_often() -> None:
    intervals = [
        measuring_interval(size, 100, is_busy=is_busy)
        for size, is_busy in ((90, True), (1, True), (90, False), (1, False))
    ]
    assert intervals == sorted(intervals)
    assert intervals[0] == timedelta(seconds=10)
