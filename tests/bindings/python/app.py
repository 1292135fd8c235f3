"""A time clock on a handset: people log in and out by commands on standard input.

It is an example of an app that logs sessions, from its opening to its end, with what comes between: the
process is killed, the app goes to the background, the clock is set back. Started as `app.py DIRECTORY`, it
says how many sessions a killed process had left open, and then answers one command a line:

    in NAME         logs in; the answer is the session's id, once it is durable
    out ID [TIME]   logs out, now or at a time such as 2026-11-28T17:30:00Z
    list SIZE       all sessions, the newest first, read in pages of SIZE; then the totals
    open            how many sessions are open
    background      the app is about to be suspended
    foreground      it is back
    quit            closes the store

A command that fails is answered with `failed: KIND: DETAIL`.
"""

import sys
from datetime import datetime, timezone
from uuid import NAMESPACE_OID, uuid5, UUID

from sessionlog import Options, Query, Retention, SessionLogError, Store

CLIENT = "CLOCK-01"  # what this handset calls itself in the log


def now():
    return datetime.now(timezone.utc)


def log_in(store, name):
    # An app with accounts has ids of its users; here one is made of the name, always the same.
    return store.start(uuid5(NAMESPACE_OID, name), name, CLIENT)


def log_out(store, session, at):
    try:
        store.end(session, at)
        return f"out {session}"
    except SessionLogError.InvalidInput as early:
        start = early.session_start
        if start is None:  # something else was wrong
            raise
        # The clock was set back since the login. To end at the start is a decision of this app.
        store.end(session, start)
        return f"out {session} at its start {start.isoformat()}, since {at.isoformat()} is before it"


def list_all(store, size):
    """Every session and then the totals, a line each. Nobody else writes while it goes through the pages."""
    index = 0
    while True:
        page = store.page(Query(newest_first=True), index, size)
        for log in page.entries:
            end = log.session_end.isoformat() if log.session_end else "open"
            yield f"{log.refer_uid} {log.session_start.isoformat()} {end} {log.user}"
        index += 1
        if index >= page.total_page_count:
            break
    yield f"{page.total_record_count} sessions on {page.total_page_count} pages"


def parse_time(text):
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return time


def answers(store, command, arguments):
    """The lines that answer a command."""
    match command, arguments.split():
        case "in", [_, *_]:
            yield log_in(store, arguments)
        case "out", [session]:
            yield log_out(store, UUID(session), now())
        case "out", [session, time]:
            yield log_out(store, UUID(session), parse_time(time))
        case "list", [size]:
            yield from list_all(store, int(size))
        case "open", []:
            yield f"{store.count(Query(open_sessions_only=True))} open"
        case "background", []:
            store.suspend()  # from here on the app holds no file and no lock
            yield "suspended"
        case "foreground", []:
            store.resume()
            yield "resumed"
        case _:
            raise ValueError(f"no such command: {command} {arguments}".rstrip())


def failure(error):
    return f"failed: {type(error).__name__}: {error.detail}"


def run(store):
    left = store.end_open_before(now())  # those that start later, by a wrong clock, stay open
    print(f"{left.ended} were left open and have ended, {left.left_open} start in the future", flush=True)
    for line in sys.stdin:
        command, _, arguments = line.strip().partition(" ")
        if command == "quit":
            break
        try:
            for answer in answers(store, command, arguments):
                print(answer, flush=True)
        except SessionLogError as error:
            print(failure(error), flush=True)
        except ValueError as error:  # an argument that is no id, number or time
            print(f"failed: Usage: {error}", flush=True)
    store.close()
    print("closed", flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: app.py DIRECTORY")
    try:
        # The oldest sessions that have ended make room for new ones.
        run(Store.open_or_create(sys.argv[1], Options(retention=Retention(sessions_max=10_000))))
    except SessionLogError as error:
        sys.exit(failure(error))


if __name__ == "__main__":
    main()
