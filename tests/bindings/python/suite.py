"""The whole of the bindings from Python, beside the same suite in Kotlin.

The library and its module are beside each other on the path; a folder of compact names is the current
one. Each test is named for the promise it holds the bindings to.
"""

import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import sessionlog
from sessionlog import (
    Bucket,
    Options,
    Outcome,
    Query,
    Retention,
    SessionLog,
    SessionLogError,
    Store,
)

ANN = UUID(int=7)
BEN = UUID(int=8)
START = datetime(2026, 11, 1, 8, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SUITE = Path(__file__)


def uid(number):
    return UUID(int=number)


def log(number, start=START, end=None, user="Ann", user_refer_uid=ANN, client="PDA-01"):
    return SessionLog(
        refer_uid=uid(number),
        user_refer_uid=user_refer_uid,
        user=user,
        client_refer_uid=client,
        session_start=start,
        session_end=end,
    )


def ids(logs):
    return [log.refer_uid.int for log in logs]


def open_files(folder):
    """What this process has open below a folder, files that have no name any more too."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if path.startswith(str(folder.resolve())):
            found.append(path)
    return found


def locks(folder):
    """The locks that anybody has on files of a folder."""
    inodes = {f":{entry.stat().st_ino} " for entry in folder.iterdir()}
    rows = Path("/proc/locks").read_text().splitlines()
    return [row for row in rows if any(inode in row for inode in inodes)]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sessionlog-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=True)
        self.path = self.folder / "store"

    def store(self, options=None):
        return Store.create(str(self.path), options)

    def refused(self, kind, call, *arguments, member=None):
        with self.assertRaises(kind) as raised:
            call(*arguments)
        error = raised.exception
        self.assertEqual(error.member, member)
        self.assertTrue(error.detail)
        return error


class Api(Case):
    def test_sessions_are_started_ended_read_and_removed(self):
        store = self.store()
        before = datetime.now(timezone.utc)
        first = store.start(ANN, "Ann", "PDA-01")
        self.assertEqual(store.start_as(uid(1), BEN, "Ben", "PDA-02"), Outcome.ADDED)
        self.assertEqual(store.start_as(uid(1), BEN, "Ben", "PDA-02"), Outcome.ALREADY_THERE)
        self.assertEqual(store.append(log(2)), Outcome.ADDED)
        self.assertEqual(store.append(log(2, end=START + HOUR)), Outcome.ENDED)
        self.assertEqual(
            store.append_batch([log(3), log(2), log(3, end=START)]),
            [Outcome.ADDED, Outcome.ALREADY_THERE, Outcome.ENDED],
        )
        found = store.get(first)
        self.assertLessEqual(before, found.session_start)
        self.assertLessEqual(found.session_start, datetime.now(timezone.utc))
        self.assertIsNone(found.session_end)
        # The start that was read is the one that is stored.
        self.assertEqual(store.end(first, found.session_start), Outcome.ENDED)
        self.assertEqual(store.end(first, found.session_start), Outcome.ALREADY_THERE)
        self.assertEqual(store.count(Query(open_sessions_only=True)), 1)
        now = datetime.now(timezone.utc) + HOUR
        ended = store.end_open(Query(client_refer_uid="PDA-02"), now)
        self.assertEqual((ended.ended, ended.left_open), (1, 0))
        self.assertEqual(store.remove(uid(2)), log(2, end=START + HOUR))
        self.assertIsNone(store.get(uid(2)))
        store.flush()
        stats = store.stats()
        self.assertEqual((stats.session_count, stats.open_session_count), (3, 0))
        self.assertEqual((stats.user_count, stats.client_count, stats.format_version), (2, 2, 4))
        self.assertIsNone(stats.last_merge_error)
        store.close()

    def test_any_page_of_any_filter_has_its_exact_totals(self):
        store = self.store()
        logs = [
            log(n, START + n * HOUR, None if n % 3 else START + n * HOUR, user_refer_uid=uid(1 + n % 2), client=f"PDA-{n % 5}")
            for n in range(1, 501)
        ]
        store.append_batch(logs)
        filters = [
            ({}, lambda log: True),
            ({"user_refer_uid": uid(2)}, lambda log: log.user_refer_uid == uid(2)),
            ({"client_refer_uid": "PDA-3"}, lambda log: log.client_refer_uid == "PDA-3"),
            ({"open_sessions_only": True}, lambda log: log.session_end is None),
            ({"started_after": START + 100 * HOUR}, lambda log: log.session_start > START + 100 * HOUR),
            ({"started_before": START + 200 * HOUR}, lambda log: log.session_start < START + 200 * HOUR),
        ]
        for count in (1, 2, 6):
            for at in range(len(filters) - count + 1):
                chosen = filters[at : at + count]
                members = {name: value for filter, _ in chosen for name, value in filter.items()}
                expected = [log for log in logs if all(keeps(log) for _, keeps in chosen)]
                for newest_first in (False, True):
                    query = Query(newest_first=newest_first, **members)
                    answer = expected[::-1] if newest_first else expected
                    self.check(store, query, answer)

    def check(self, store, query, answer):
        pages = -(-len(answer) // 7)
        self.assertEqual(store.count(query), len(answer))
        for index in {0, pages // 2, max(pages - 1, 0), pages + 3}:
            page = store.page(query, index, 7)
            self.assertEqual(page.entries, answer[index * 7 : index * 7 + 7])
            self.assertEqual((page.total_record_count, page.total_page_count), (len(answer), pages))
            self.assertEqual((page.page_index, page.records_per_page), (index, 7))
        walked, cursor = [], None
        while True:
            page = store.page_after(query, 50, cursor)
            walked += page.entries
            cursor = page.next
            self.assertEqual(page.remaining_record_count, len(answer) - len(walked))
            if page.remaining_record_count == 0:
                break
        self.assertEqual(walked, answer)

    def test_a_snapshot_and_a_walk_stay_as_they_were(self):
        store = self.store()
        store.append_batch([log(n, START + n * HOUR) for n in range(1, 301)])
        snapshot = store.snapshot()
        walk = snapshot.walk(Query(newest_first=True))
        store.remove(uid(300))
        walked = []
        while some := walk.take(100):
            walked += ids(some)
        self.assertEqual(walked, list(range(300, 0, -1)))
        self.assertEqual(walk.take(100), [])
        self.assertEqual(snapshot.count(Query()), 300)
        self.assertEqual(snapshot.page(Query(), 2, 100).entries[-1].refer_uid, uid(300))
        self.assertEqual(snapshot.page_after(Query(), 1).entries, [log(1, START + HOUR)])
        self.assertIsNotNone(snapshot.get(uid(300)))
        self.assertIsNone(store.get(uid(300)))
        days = snapshot.count_by(Query(), Bucket.DAY)
        self.assertEqual(sum(day.count for day in days), 300)
        self.assertEqual(days[0].start, START.replace(hour=0))
        self.assertEqual([month.count for month in store.count_by(Query(), Bucket.MONTH)], [299])
        self.assertEqual(len(store.count_by(Query(), Bucket.HOUR)), 299)

    def test_a_store_is_kept_in_order(self):
        store = self.store()
        old = datetime(2020, 1, 1, tzinfo=timezone.utc)
        store.append_batch([log(n, old, old + HOUR if n % 2 else None) for n in range(1, 11)])
        store.append(log(11, user="Anna"))
        store.append(log(12, user_refer_uid=BEN, user="Ben", client="PDA-02"))
        pruned = store.prune(timedelta(days=365))
        self.assertEqual((pruned.removed, pruned.kept_open, pruned.oldest_left), (5, 5, old))
        pruned = store.prune(timedelta(days=365), remove_open=True)
        self.assertEqual((pruned.removed, pruned.kept_open, pruned.oldest_left), (5, 0, START))
        erased = store.erase_user(BEN, secure=True)
        self.assertEqual((erased.session_count, erased.user_name_count, erased.client_count), (1, 1, 1))
        self.assertTrue(erased.is_secure)
        compacted = store.compact()
        self.assertLessEqual(compacted.file_bytes, compacted.file_bytes_before)
        verification = store.verify()
        self.assertEqual((verification.session_count, verification.fault_count, verification.faults), (1, 0, []))
        backup, restored, salvaged = (str(self.folder / name) for name in ("backup", "restored", "salvaged"))
        self.assertEqual(store.backup(backup), 1)
        self.assertEqual(sessionlog.restore(backup, restored), 1)
        self.assertEqual(ids(Store.open(restored).page(Query(), 0, 10).entries), [11])
        store.close()
        found = sessionlog.salvage(str(self.path), salvaged)
        self.assertEqual((found.session_count, found.lost_session_count, found.fault_count), (1, 0, 0))

    def test_a_full_store_lets_the_oldest_go_that_has_ended_and_never_an_open_one(self):
        options = Options(retention=Retention(sessions_max=100, live_bytes_max=1_000_000))
        store = self.store(options)
        store.append(log(1))
        store.append_batch([log(n, START + n * HOUR, START + n * HOUR) for n in range(2, 101)])
        self.assertEqual(store.count(Query()), 100)
        store.append(log(101, START + 101 * HOUR))
        self.assertEqual(ids(store.page(Query(), 0, 3).entries), [1, 3, 4])
        self.assertIn("PDA-01", repr(store.page(Query(), 0, 1)))
        with store:
            pass
        self.refused(SessionLogError.Closed, store.count, Query())
        store = Store.open(str(self.path), options)
        self.assertEqual(store.count(Query()), 100)

    def test_what_was_left_open_is_ended_by_one_call_that_can_be_repeated(self):
        store = self.store()
        boot = START + 10 * HOUR
        store.append_batch([log(1), log(2, START, START + HOUR), log(3, boot + HOUR)])
        for ended in (1, 0):
            done = store.end_open_before(boot)
            self.assertEqual((done.ended, done.left_open), (ended, 0))
        self.assertEqual([store.get(uid(n)).session_end for n in (1, 2, 3)], [boot, START + HOUR, None])

    def test_options_are_taken(self):
        store = self.store(
            Options(
                eventual=True,
                cache_bytes=1 << 20,
                delta_sessions_max=50,
                snapshot_age_max=timedelta(seconds=0),
                retention=Retention(older_than=timedelta(days=1), remove_open=True),
            )
        )
        store.append(log(1, datetime(2020, 1, 1, tzinfo=timezone.utc)))
        self.assertEqual(store.count(Query()), 0)
        snapshot = store.snapshot()
        time.sleep(0.01)
        self.refused(SessionLogError.Expired, snapshot.count, Query())
        store.close()
        reader = Store.open(str(self.path), Options(read_only=True, check_on_open=True))
        self.refused(SessionLogError.InvalidInput, reader.append, log(2), member="read_only")
        reader.close()
        no_age = Options(retention=Retention(older_than=timedelta(0)))
        self.refused(SessionLogError.InvalidInput, Store.open, str(self.path), no_age, member="older_than")


class Errors(Case):
    def test_bad_input_names_the_member_and_the_value_and_nothing_is_stored(self):
        store = self.store()
        long = "n" * 1_025
        kind = SessionLogError.InvalidInput
        error = self.refused(kind, store.append, log(1, user=long), member="user")
        self.assertIn("1025 bytes", error.detail)
        self.assertEqual(str(error), error.detail)
        self.refused(kind, store.start, ANN, "Ann", "é" * 513, member="client_refer_uid")
        self.refused(kind, store.append, log(0), member="refer_uid")
        self.refused(kind, store.start, uid(0), "Ann", "PDA-01", member="user_refer_uid")
        self.refused(kind, store.count, Query(user_refer_uid=uid(0)), member="user_refer_uid")
        self.refused(kind, store.count, Query(started_after=START, started_before=START), member="started_after")
        for size in (0, 10_001):
            self.refused(kind, store.page, Query(), 0, size, member="records_per_page")
        self.refused(kind, store.page_after, Query(), 5, "elsewhere", member="cursor")
        self.refused(kind, store.prune, timedelta(0), member="older_than")
        error = self.refused(kind, store.append_batch, [log(1), log(2, user=long), log(0)])
        self.assertEqual([(refused.index, refused.member) for refused in error.refusals], [(1, "user"), (2, "refer_uid")])
        self.assertIn("1025 bytes", error.refusals[0].detail)
        self.assertEqual(store.count(Query()), 0)

    def test_an_end_before_its_start_tells_both_times(self):
        store = self.store()
        future = datetime(2199, 1, 1, tzinfo=timezone.utc)
        store.append(log(1, future))
        self.assertEqual(store.get(uid(1)).session_start, future)
        error = self.refused(SessionLogError.InvalidInput, store.end, uid(1), START, member="session_end")
        self.assertEqual((error.session_start, error.session_end), (future, START))
        self.assertEqual(store.end(uid(1), error.session_start), Outcome.ENDED)
        error = self.refused(SessionLogError.InvalidInput, store.append, log(0), member="refer_uid")
        self.assertEqual((error.session_start, error.session_end), (None, None))

    def test_every_kind_is_a_type_of_its_own(self):
        store = self.store()
        store.append_batch([log(1, end=START), log(2)])
        self.refused(SessionLogError.NotFound, store.end, uid(9), START, member="refer_uid")
        self.refused(SessionLogError.Conflict, store.append, log(1, user="Anna"), member="user")
        error = self.refused(SessionLogError.Conflict, store.append_batch, [log(1, user="Anna")])
        self.assertEqual(error.refusals[0].member, "user")
        self.refused(SessionLogError.AlreadyEnded, store.end, uid(1), START + HOUR, member="session_end")
        self.refused(SessionLogError.AlreadyOpen, Store.open, str(self.path))
        self.refused(SessionLogError.NotAStore, Store.open, str(self.folder / "nowhere"))
        nowhere = str(self.folder / "nowhere" / "file")
        error = self.refused(SessionLogError.Unavailable, store.export_jsonl, Query(), nowhere)
        self.assertIn("No such file", error.detail)
        snapshot = store.snapshot()
        store.suspend()
        self.refused(SessionLogError.Suspended, store.count, Query())
        self.refused(SessionLogError.Suspended, snapshot.count, Query())
        store.resume()
        self.refused(SessionLogError.Expired, snapshot.count, Query())
        store.close()
        self.refused(SessionLogError.Closed, store.count, Query())
        log_file = self.path / "log.0"
        whole = log_file.read_bytes()
        # The header's checksum is of the names of its table and row too; the version comes first.
        later = b"\x63" + whole[5:24]
        log_file.write_bytes(zlib.crc32(b"logidentity" + later).to_bytes(4, "little") + later + whole[24:])
        self.refused(SessionLogError.UnsupportedFormat, Store.open, str(self.path))
        log_file.write_bytes(b"\0" + whole[1:])
        self.refused(SessionLogError.Corrupted, Store.open, str(self.path))
        # A launch replaces nothing that it cannot read.
        self.refused(SessionLogError.Corrupted, Store.open_or_create, str(self.path))
        self.assertTrue(issubclass(SessionLogError.Corrupted, SessionLogError))

    def test_a_store_is_opened_or_made_and_never_replaced(self):
        for count in (1, 2, 3):
            store = Store.open_or_create(str(self.path))
            store.start(ANN, "Ann", "PDA-01")
            self.assertEqual(store.count(Query()), count)
            store.close()
        strange = self.folder / "strange"
        strange.mkdir()
        (strange / "file").write_text("not ours")
        self.refused(SessionLogError.InvalidInput, Store.open_or_create, str(strange))
        (self.path / "main.redb").unlink()
        self.refused(SessionLogError.Corrupted, Store.open_or_create, str(self.path))


class Values(Case):
    def test_hostile_strings_come_back_byte_for_byte(self):
        store = self.store()
        strings = [
            "",
            "\ufeffkai",
            "\u0301",
            "👩\u200d👩\u200d👧",
            "a\0b\x01\x1f\ufffe\uffff",
            "\U0010ffff",
            "<&\"'>]]>",
            "é" * 512,
            "n" * 1_024,
            "\u202eabc",
        ]
        for number, text in enumerate(strings, 1):
            store.append(log(number, user=text, client=text))
        for number, text in enumerate(strings, 1):
            found = store.get(uid(number))
            for back in (found.user, found.client_refer_uid):
                self.assertEqual(back.encode(), text.encode())
            self.assertEqual(store.count(Query(client_refer_uid=text)), 1)
        # What is no Unicode does not come to the store.
        with self.assertRaises(UnicodeEncodeError):
            store.append(log(99, user="\ud800"))
        self.assertIsNone(store.get(uid(99)))

    def test_times_are_exact_to_the_microsecond_and_floored_to_it(self):
        store = self.store()
        times = [
            datetime(1, 1, 1, microsecond=1, tzinfo=timezone.utc),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
            datetime(2026, 11, 1, 8, 0, 0, 123_457, tzinfo=timezone(timedelta(hours=5.5))),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        ]
        for number, time in enumerate(times, 1):
            store.append(log(number, time, time))
            found = store.get(uid(number))
            self.assertEqual((found.session_start, found.session_end), (time, time))
            self.assertEqual(found.session_start.utcoffset(), timedelta(0))
        # What another language has stored to the tick.
        row = {
            "refer_uid": str(uid(99)),
            "user_refer_uid": str(ANN),
            "user": "Ann",
            "client_refer_uid": "PDA-01",
            "session_start": "1950-06-01T00:00:00.1234567Z",
        }
        path = self.folder / "ticks.jsonl"
        path.write_text(json.dumps(row) + "\n")
        self.assertEqual(store.import_jsonl(str(path)).added, 1)
        self.assertEqual(store.get(uid(99)).session_start, datetime(1950, 6, 1, 0, 0, 0, 123_456, tzinfo=timezone.utc))
        # Its start, as it is read here, is the start.
        self.assertEqual(store.end(uid(99), store.get(uid(99)).session_start), Outcome.ENDED)
        with self.assertRaises(TypeError):
            store.append(log(100, datetime(2026, 1, 1)))

    def test_an_export_is_what_is_stored_and_can_be_imported_twice(self):
        store = self.store()
        store.append_batch([log(n, START + n * HOUR, None if n % 2 else START + n * HOUR) for n in range(1, 51)])
        path = str(self.folder / "out.jsonl")
        self.assertEqual(store.export_jsonl(Query(), path), 50)
        server = Store.create(str(self.folder / "server"))
        for added, already_there in ((50, 0), (0, 50)):
            done = server.import_jsonl(path)
            self.assertEqual((done.added, done.already_there, done.ended, done.rejected), (added, already_there, 0, 0))
        # The acknowledgement was lost; meanwhile one more started, and one that was exported ended.
        store.append(log(51, START + 51 * HOUR))
        store.end(uid(1), START + 2 * HOUR)
        store.export_jsonl(Query(), path)
        done = server.import_jsonl(path)
        self.assertEqual((done.added, done.already_there, done.ended), (1, 49, 1))
        pages = [one.page(Query(), 0, 100) for one in (store, server)]
        self.assertEqual(pages[0], pages[1])
        with open(path, "a") as file:
            file.write("no record\n")
        done = server.import_jsonl(path)
        self.assertEqual([(line.line, bool(line.reason)) for line in done.rejections], [(52, True)])
        self.assertEqual(os.listdir(self.folder).count("out.jsonl"), 1)
        self.refused(SessionLogError.Unavailable, server.import_jsonl, path + ".missing")


class Lives(Case):
    def test_threads_share_a_store(self):
        store = self.store()
        failures = []

        def work(number):
            try:
                for _ in range(50):
                    session = store.start(uid(number), f"User {number}", "PDA-01")
                    store.end(session, datetime.now(timezone.utc) + HOUR)
                    query = Query(user_refer_uid=uid(number))
                    assert store.page(query, 0, 100).total_record_count == store.count(query)
            except Exception as failure:  # noqa: BLE001
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(store.count(Query()), 400)
        self.assertEqual(store.verify().fault_count, 0)

    def test_what_is_not_let_go_of_is_collected(self):
        store = self.store()
        store.append_batch([log(n) for n in range(1, 101)])
        held = [store.snapshot() for _ in range(100)]
        self.assertEqual(store.stats().snapshot_count, 100)
        for _ in range(10_000):
            snapshot = store.snapshot()
            snapshot.walk(Query())
            store.page(Query(), 0, 100)
        del snapshot, held
        gc.collect()
        self.assertEqual(store.stats().snapshot_count, 0)
        # A store that nobody has is closed, and its lock is free.
        del store
        gc.collect()
        Store.open(str(self.path)).close()

    def test_a_suspended_store_has_no_lock_and_no_file_open(self):
        store = self.store()
        store.start(ANN, "Ann", "PDA-01")
        snapshot = store.snapshot()
        self.assertTrue(open_files(self.path))
        self.assertEqual(len(locks(self.path)), 1)
        store.suspend()
        store.suspend()
        self.assertEqual((open_files(self.path), locks(self.path)), ([], []))
        # As an extension of the app does, or the app in another process.
        other = Store.open(str(self.path))
        self.refused(SessionLogError.AlreadyOpen, store.resume)
        other.start(BEN, "Ben", "PDA-01")
        other.close()
        store.resume()
        store.resume()
        self.assertEqual(store.count(Query()), 2)
        store.close()
        self.assertEqual(open_files(self.path), [])
        self.assertIsNotNone(snapshot)

    def test_what_was_told_to_be_written_is_there_once_after_a_kill(self):
        told = {}
        for round in range(5):
            child = subprocess.Popen(
                [sys.executable, str(SUITE), "write", str(self.path), str(round)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(7 + 20 * round):
                refer_uid, state = child.stdout.readline().split()
                told[UUID(refer_uid)] = state
            child.send_signal(signal.SIGKILL)
            for line in child.stdout:
                refer_uid, state = line.split()
                told[UUID(refer_uid)] = state
            self.assertEqual(child.wait(), -signal.SIGKILL)
            child.stdout.close()
            store = Store.open(str(self.path))
            for refer_uid, state in told.items():
                found = store.get(refer_uid)
                self.assertIsNotNone(found)
                if state == "ended":
                    self.assertIsNotNone(found.session_end)
            rows = store.page(Query(), 0, 10_000).entries
            self.assertEqual(len({row.refer_uid for row in rows}), len(rows))
            # What was done but not told may be there too, one session at most a time.
            self.assertLessEqual(len(rows), len(told) + round + 1)
            self.assertEqual(store.verify().fault_count, 0)
            store.close()

    def test_bindings_refuse_a_library_that_was_not_made_of_the_same_sources(self):
        source = Path(sessionlog.__file__)
        library = source.parent / "libsessionlog.so"
        text = source.read_text()
        for found, other in [
            (r"(?m)^if interface_fingerprint\(\) != \d+", "if interface_fingerprint() != 1"),
            (r"(checksum_method_store_count\(\)) != \d+", r"\1 != 65536"),
        ]:
            changed, count = re.subn(found, other, text)
            self.assertEqual(count, 1)
            folder = self.folder / str(uuid4())
            folder.mkdir()
            (folder / "sessionlog.py").write_text(changed)
            (folder / library.name).symlink_to(library)
            loaded = subprocess.run(
                [sys.executable, "-c", "import sessionlog"], cwd=folder, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(folder)},
            )
            self.assertNotEqual(loaded.returncode, 0)
            self.assertRegex(loaded.stderr, "not made of the same sources|checksum mismatch")


def write(path, round):
    """Logs sessions until it is killed, and tells of each what it was told."""
    store = Store.open_or_create(path)
    while True:
        session = store.start(uid(1 + round), "Ann", "PDA-01")
        print(session, "started", flush=True)
        store.end(session, datetime.now(timezone.utc) + HOUR)
        print(session, "ended", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2], int(sys.argv[3]))
    unittest.main(verbosity=1)
