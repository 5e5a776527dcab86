from collections.abc import Mapping
from typing import Any

from capyd.config import Settings
from capyd.daemon.reload import Reload


def _settings(**sections: Mapping[str, Any]) -> Settings:
    return Settings.model_validate({"cluster": {"id": "cls_test"}, **sections})


def test_what_can_be_taken_is_and_the_rest_is_named_until_the_restart() -> None:
    seen: list[Settings] = []
    reload = Reload(_settings(), {"logs": seen.append, "spares.target": seen.append})
    changed = _settings(logs={"level": "debug", "format": "console"}, jobs={"max_attempts": 2})
    done = reload.take(changed)
    assert done.taken == ("logs.format", "logs.level")
    assert done.wait_for_restart == ("jobs.max_attempts",)
    assert seen == [changed]
    again = reload.take(changed)
    assert again.taken == ()
    assert again.wait_for_restart == ("jobs.max_attempts",)


def test_nothing_changed_means_nothing_is_done() -> None:
    seen: list[Settings] = []
    done = Reload(_settings(), {"logs": seen.append}).take(_settings())
    assert (done.taken, done.wait_for_restart, seen) == ((), (), [])


def test_a_plan_that_is_changed_is_named() -> None:
    plan = {"max_connections": 5, "storage_gib": 1, "statement_timeout": "1s", "idle_transaction_timeout": "1s"}
    done = Reload(_settings(), {}).take(_settings(plans={"small": plan}))
    assert done.wait_for_restart == ("plans",)
