"""The sessions that the server should have, and what it should answer about them."""

import itertools
import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone

URL = os.environ["SESSIONLOG_URL"]


@dataclass(frozen=True)
class Session:
    """One record; times are texts with all seven fraction digits, in the order of instants."""

    refer_uid: str
    user_refer_uid: str
    user: str
    client_refer_uid: str
    session_start: str
    session_end: str | None


def ticks(time: str) -> str:
    """The time with seven fraction digits."""
    seconds, _, fraction = time.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<7}"


def milliseconds(time: str) -> datetime:
    """The time as JSON has it."""
    return datetime.fromisoformat(ticks(time)[:-4]).replace(tzinfo=timezone.utc)


def load() -> list[Session]:
    """Every session, in the order of answers."""
    with open(os.environ["SESSIONLOG_RECORDS"], encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    for record in records:
        record["session_start"] = ticks(record["session_start"])
        end = record.get("session_end")
        record["session_end"] = ticks(end) if end else None
    return [Session(**record) for record in records]


def matches(session: Session, query: dict) -> bool:
    """Whether a session passes every filter of a query, by the contract's names."""
    after, before = query.get("StartedAfter"), query.get("StartedBefore")
    return (
        query.get("UserReferUid") in (None, session.user_refer_uid)
        and query.get("ClientReferUid") in (None, session.client_refer_uid)
        and not (query.get("OpenSessionsOnly") and session.session_end)
        and (after is None or session.session_start > ticks(after))
        and (before is None or session.session_start < ticks(before))
    )


def queries(sessions: list[Session]) -> list[dict]:
    """Every combination of filters; the bounds are whole milliseconds."""

    def at(part: float) -> Session:
        return sessions[int(len(sessions) * part)]

    def bound(part: float) -> str:
        return at(part).session_start[:-4] + "Z"

    choices = [
        [{}, {"UserReferUid": at(0.3).user_refer_uid}],
        [{}, {"ClientReferUid": at(0.3).client_refer_uid}],
        [{}, {"OpenSessionsOnly": True}],
        [{}, {"StartedAfter": bound(0.2)}],
        [{}, {"StartedBefore": bound(0.7)}],
    ]
    combinations = itertools.product(*choices)
    return [dict(itertools.chain(*(part.items() for part in parts))) for parts in combinations]


def pages(sessions: list[Session], query: dict):
    """Each page of a query, one past the end too: index, size, count of pages, sessions."""
    rows = [session for session in sessions if matches(session, query)]
    size = 1_000 if len(rows) > 1_000 else 7
    count = -(-len(rows) // size)
    for index in range(count + 1):
        yield index, size, count, rows[index * size : (index + 1) * size]
