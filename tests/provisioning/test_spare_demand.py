"""How many spares are kept, by what was claimed."""

import pytest

from capyd.provisioning.spare_demand import SpareDemand


class Watch:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def claim(demand: SpareDemand, times: int) -> None:
    for _ in range(times):
        demand.claimed()


def test_without_claims_the_least_is_kept(watch: Watch) -> None:
    assert SpareDemand(least=8, most=32, clock=watch).target() == 8


def test_the_busiest_minute_is_kept_ahead_of_for_an_hour(watch: Watch) -> None:
    demand = SpareDemand(least=8, most=32, clock=watch)
    claim(demand, 12)
    watch.now += 30
    claim(demand, 8)
    assert (demand.target(), demand.claims_per_minute()) == (20, 20)
    watch.now += 300
    claim(demand, 3)
    assert (demand.target(), demand.claims_per_minute()) == (20, 3)
    watch.now += 3600 - 300
    assert (demand.target(), demand.claims_per_minute()) == (8, 0)


def test_claims_more_than_a_minute_apart_do_not_add_up(watch: Watch) -> None:
    demand = SpareDemand(least=2, most=32, clock=watch)
    for _ in range(10):
        claim(demand, 3)
        watch.now += 60
    assert demand.target() == 3


def test_never_more_than_the_most_unless_the_least_is(watch: Watch) -> None:
    demand = SpareDemand(least=8, most=32, clock=watch)
    claim(demand, 500)
    assert demand.target() == 32
    demand.least = 50
    assert demand.target() == 50


def test_none_is_kept_where_none_is_wanted(watch: Watch) -> None:
    demand = SpareDemand(least=0, most=32, clock=watch)
    claim(demand, 10)
    assert demand.target() == 0
    assert demand.claims_per_minute() == 10
