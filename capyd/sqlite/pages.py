"""Cuts a page out of rows that were asked for with one more than the page holds."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from capyd.domain.paging import Page, PageRequest, next_page_token

Item = TypeVar("Item")


def to_page(rows: list[sqlite3.Row], page: PageRequest, from_row: Callable[[sqlite3.Row], Item]) -> Page[Item]:
    """The page; its token is empty when the row too many did not come. Rows have `created_at` and `id`."""
    shown = rows[: page.size]
    more = len(rows) > page.size
    token = next_page_token(shown[-1]["created_at"], shown[-1]["id"]) if more else ""
    return Page([from_row(row) for row in shown], token)
