import pytest

from capyd.domain.rates import Rate


def test_a_burst_then_one_at_a_time_and_a_burst_again_after_a_rest() -> None:
    rate = Rate(per_minute=60, burst=3)
    assert [rate.take("a", 100.0) for _ in range(5)] == [0, 0, 0, 1, 1]
    assert rate.take("a", 100.5) == 0.5
    assert rate.take("a", 101.0) == 0
    assert rate.take("a", 101.0) == 1
    assert rate.take("b", 101.0) == 0
    assert [rate.take("a", 200.0) for _ in range(4)] == [0, 0, 0, 1]


def test_what_has_been_counts_and_never_shuts_out_for_long() -> None:
    rate = Rate(per_minute=60, burst=3)
    for _ in range(1000):
        assert rate.wait("a", 100.0) <= 1
        rate.count("a", 100.0)
    assert rate.wait("a", 101.0) == 0


def test_zero_is_no_limit() -> None:
    rate = Rate(per_minute=0, burst=1)
    assert {rate.take("a", 1.0) for _ in range(100)} == {0}


def test_a_flood_of_keys_costs_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capyd.domain.rates._REMEMBERED", 10)
    rate = Rate(per_minute=1, burst=1)
    for number in range(1000):
        rate.take(str(number), 1.0)
    assert rate.take("999", 1.0) > 0
    assert rate.take("0", 1.0) == 0
