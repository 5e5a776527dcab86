import asyncio

import pytest

from capyd.runtime.tasks import TaskEndedError, Tasks


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _fail() -> None:
    raise ValueError("broken")


async def test_the_first_to_end_is_told_with_what_it_failed_with() -> None:
    tasks = Tasks()
    tasks.start("steady", _for_ever())
    tasks.start("fragile", _fail())
    with pytest.raises(TaskEndedError, match="fragile") as ended:
        await tasks.wait()
    assert isinstance(ended.value.__cause__, ValueError)
    await tasks.stop()


async def test_stopping_cancels_all_the_latest_first() -> None:
    ended = []

    async def note(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    tasks = Tasks()
    for name in ("first", "second"):
        tasks.start(name, note(name))
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended == ["second", "first"]


async def test_a_task_that_takes_its_cancellation_for_a_failure_is_cancelled_again() -> None:
    begun = asyncio.Event()

    async def fails_when_cancelled() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("the server had gone, too") from None

    async def stubborn() -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fails_when_cancelled())
            except* ValueError:
                await asyncio.Event().wait()

    tasks = Tasks()
    tasks.start("stubborn", stubborn())
    await begun.wait()
    stopping = asyncio.create_task(tasks.stop())
    done, _ = await asyncio.wait({stopping}, timeout=10)
    assert done
