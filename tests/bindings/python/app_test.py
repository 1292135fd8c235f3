"""Runs the example app of either language as its user would, kills it, and holds it to what it has said.

Called as `app_test.py COMMAND...`, where COMMAND... starts the app, but for the directory of its store: for
example `python3 app.py`, or `java` with its options and `AppKt`. COMMAND must become the app itself, since
the process that it starts is killed and looked at in /proc. Exits with 0 if all is as it must be.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from datetime import datetime, timedelta, timezone

COMMAND = []
PATIENCE = 60  # seconds in which an answer must come
UNKNOWN = "00000000-0000-4000-8000-000000000000"


class App:
    """The running app. It is killed, without an end of its own, by `kill` and when a test is over."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [*COMMAND, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        greeting = self.read()
        match = re.fullmatch(r"(\d+) were left open and have ended, 0 start in the future", greeting)
        assert match, f"the app begins with {greeting!r}"
        self.left_open = int(match[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def write(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def read(self):
        impatience = threading.Timer(PATIENCE, self.process.kill)
        impatience.start()
        line = self.process.stdout.readline()
        impatience.cancel()
        assert line.endswith("\n"), f"the app ended, or said nothing for {PATIENCE} s, after {line!r}"
        return line[:-1]

    def ask(self, command):
        self.write(command)
        return self.read()

    def log_in(self, name):
        session = self.ask(f"in {name}")
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", session), f"in {name}: {session!r}"
        return session

    def log_out(self, session):
        answer = self.ask(f"out {session}")
        assert answer == f"out {session}", answer

    def list(self, size):
        """The sessions as (id, start, end or None, name), how many there are, and on how many pages."""
        sessions = []
        self.write(f"list {size}")
        while not (totals := re.fullmatch(r"(\d+) sessions on (\d+) pages", line := self.read())):
            assert not line.startswith("failed: "), line
            session, start, end, name = line.split(" ", 3)
            sessions.append((session, instant(start), None if end == "open" else instant(end), name))
        return sessions, int(totals[1]), int(totals[2])

    def quit(self):
        assert self.ask("quit") == "closed"
        assert self.process.wait(PATIENCE) == 0, f"the app ended with {self.process.returncode}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:  # a command that it did not read any more
            pass

    def files(self, directory):
        """The files under the directory that the process has open or mapped."""
        process = f"/proc/{self.process.pid}"
        paths = []
        for file in os.listdir(f"{process}/fd"):
            try:
                paths.append(os.readlink(f"{process}/fd/{file}"))
            except FileNotFoundError:  # closed since it was listed
                pass
        with open(f"{process}/maps", encoding="utf-8") as maps:
            paths += [line.rstrip("\n").split(maxsplit=5)[5] for line in maps if "/" in line]
        return sorted(path for path in paths if path == directory or path.startswith(directory + "/"))


def locks(directory):
    """The locks on files under the directory, by whichever process."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]
    inodes = {str(os.stat(path).st_ino): path for path in [directory, *paths]}
    with open("/proc/locks", encoding="ascii") as table:
        held = re.findall(r" \w+:\w+:(\d+) ", table.read())
    return [inodes[inode] for inode in held if inode in inodes]


def instant(text):
    return datetime.fromisoformat(text)


class AppTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.directory = os.path.join(os.path.realpath(folder.name), "store")

    def start(self):
        return self.enterContext(App(self.directory))

    def assert_failed(self, kind, answer):
        self.assertRegex(answer, f"^failed: {kind}: .")

    def test_a_day(self):
        app = self.start()
        self.assertEqual(app.left_open, 0)
        self.assertEqual(app.list(10), ([], 0, 0))
        before = datetime.now(timezone.utc)
        names = ["Ann", "Bob", "Zoë Müller", "Ann", "Деян", "李", "Bob"]
        ids = [app.log_in(name) for name in names]
        for session in ids[:4]:
            app.log_out(session)
        after = datetime.now(timezone.utc)
        self.assertEqual(app.ask("open"), "3 open")

        expected = list(zip(reversed(ids), reversed(names)))
        for size in (1, 2, 3, 7, 8, 10_000):
            sessions, records, pages = app.list(size)
            self.assertEqual([(session, name) for session, _, _, name in sessions], expected)
            self.assertEqual((records, pages), (7, -(-7 // size)))
        starts = [start for _, start, _, _ in sessions]
        self.assertEqual(starts, sorted(starts, reverse=True))
        tick = timedelta(microseconds=1)
        for session, start, end, _ in sessions:
            self.assertTrue(before - tick <= start <= after, f"{session} started at {start}")
            self.assertEqual(end is not None, session in ids[:4])
            self.assertTrue(end is None or start <= end <= after, f"{session} ended at {end}")

        late, same = "2100-01-01T00:00:00.123456Z", ids[5]
        answer = app.ask(f"out {ids[4]} 2001-01-01T00:00:00Z")
        self.assertRegex(answer, f"^out {ids[4]} at its start ")
        self.assertIn("2001-01-01T00:00:00", answer)
        self.assertEqual(app.ask(f"out {same} {late}"), f"out {same}")
        self.assertEqual(app.ask(f"out {same} {late}"), f"out {same}")
        ends = {session: (start, end) for session, start, end, _ in app.list(5)[0]}
        self.assertEqual(*ends[ids[4]])
        self.assertEqual(instant(answer.split()[5].rstrip(",")), ends[ids[4]][0])
        self.assertEqual(ends[same][1], instant(late))

        self.assert_failed("AlreadyEnded", app.ask(f"out {ids[0]}"))
        self.assert_failed("AlreadyEnded", app.ask(f"out {same} 2100-01-01T00:00:00Z"))
        self.assert_failed("NotFound", app.ask(f"out {UNKNOWN}"))
        for command in ("list 0", "list 10001"):
            self.assert_failed("InvalidInput", app.ask(command))
        for command in ("list x", "list -1", "list 4294967296", "open 1", "in", "out", "x"):
            self.assert_failed("Usage", app.ask(command))
        self.assertEqual(app.ask("open"), "1 open")
        self.assert_failed("Usage", app.ask("out x"))
        for time in ("noon", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00"):
            self.assert_failed("Usage", app.ask(f"out {UNKNOWN} {time}"))
        app.quit()

        app = self.start()
        self.assertEqual(app.left_open, 1)  # closed in order, but Bob was still logged in
        self.assertEqual(app.list(2)[1:], (7, 4))
        app.quit()

    def test_background(self):
        app = self.start()
        ids = [app.log_in(name) for name in ("Ann", "Bob")]
        self.assertTrue(app.files(self.directory), "no open file is seen, so that none could be found below")
        self.assertTrue(locks(self.directory), "no lock is seen, so that none could be found below")
        second = subprocess.run(
            [*COMMAND, self.directory], input="", capture_output=True, encoding="utf-8", timeout=PATIENCE
        )
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("failed: AlreadyOpen: ", second.stderr)

        for _ in range(3):
            self.assertEqual(app.ask("background"), "suspended")
            for command in ("in Eve", f"out {ids[0]}", "list 10", "open"):
                self.assert_failed("Suspended", app.ask(command))
            self.assertEqual(app.files(self.directory), [])
            self.assertEqual(locks(self.directory), [])
            self.assertEqual(app.ask("background"), "suspended")
            self.assertEqual(app.ask("foreground"), "resumed")
            self.assertTrue(locks(self.directory))
            self.assertEqual(app.ask("foreground"), "resumed")
            self.assertEqual(app.ask("open"), f"{len(ids)} open")
            ids.append(app.log_in("Cid"))
        for session in ids:
            app.log_out(session)

        # Another process may write meanwhile; as long as it has the store, the app cannot come back to it.
        self.assertEqual(app.ask("background"), "suspended")
        other = self.start()
        self.assertEqual(other.left_open, 0)
        ids.append(other.log_in("Dan"))
        self.assertRegex(app.ask("foreground"), "^failed: AlreadyOpen: .")
        self.assert_failed("Suspended", app.ask("open"))
        other.quit()
        self.assertEqual(app.ask("foreground"), "resumed")
        self.assertEqual([session for session, *_ in app.list(3)[0]], ids[::-1])
        self.assertEqual(app.ask("open"), "1 open")

        self.assertEqual(app.ask("background"), "suspended")
        app.kill()  # as a phone does with what is in the background
        app = self.start()
        self.assertEqual(app.left_open, 1)
        self.assertEqual(app.ask("background"), "suspended")
        app.quit()

    def test_kills(self):
        told = []  # the sessions whose ids were read, the oldest first
        untold = set()  # those that were found without that
        ends = {}
        for kill in range(10):
            app = self.start()
            self.assertEqual(app.left_open, 0)
            opened = []
            for login in range(kill // 2 + 1):
                opened.append(app.log_in(f"Ann {kill}-{login}"))
                told.append(opened[-1])
                if login % 3 == 1:
                    app.log_out(opened.pop(0))
            killed = datetime.now(timezone.utc)
            if kill % 2:
                app.write("in Eve")  # nobody reads the answer, so that this may be stored or not
            app.kill()

            app = self.start()
            sessions, total, _ = app.list(4)
            now = datetime.now(timezone.utc)
            self.assertEqual(app.ask("open"), "0 open")
            app.kill()
            ids = [session for session, *_ in reversed(sessions)]
            self.assertEqual(len(set(ids)), total, "a session is there twice, or missing")
            new = set(ids) - set(told) - untold
            self.assertLessEqual(len(new), kill % 2)
            untold |= new
            self.assertEqual([session for session in ids if session not in untold], told)
            self.assertEqual(app.left_open, len(opened) + len(new))
            for session, start, end, _ in sessions:
                self.assertIsNotNone(end, f"{session} is open")
                self.assertLessEqual(start, end)
                self.assertEqual(ends.setdefault(session, end), end, f"{session} has another end than before")
                if session in opened:
                    self.assertTrue(killed <= end <= now, f"{session}, open when killed at {killed}: {end}")

            app = self.start()
            self.assertEqual(app.left_open, 0, "a second start ends sessions")
            self.assertEqual(app.list(100)[0], sessions)
            app.quit()


if __name__ == "__main__":
    COMMAND = sys.argv[1:]
    if not COMMAND:
        sys.exit(f"usage: {sys.argv[0]} COMMAND...")
    unittest.main(argv=sys.argv[:1])
