"""The PyPI client of the original walks every page of every filter, on both of its base paths.

The client looks members up as they are named in its classes, or in camel case, but the original
writes Pascal case: so the classes have the contract's names. Its own class for errors has not, so
that of an error it knows the status and the text, from the original as from us.
"""

import unittest
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import List, Optional

import sessions
from dataclasses_json import Undefined, dataclass_json
from servicestack import IReturn, JsonServiceClient, WebServiceException


def dto(cls):
    """A message."""
    return dataclass_json(undefined=Undefined.EXCLUDE)(dataclass(cls))


@dto
class UserClientSessionLog:
    ReferUid: Optional[str] = None
    SessionStart: Optional[datetime] = None
    SessionEnd: Optional[datetime] = None
    User: Optional[str] = None
    UserReferUid: Optional[str] = None
    ClientReferUid: Optional[str] = None


@dto
class Details:
    Code: Optional[str] = None
    Description: Optional[str] = None


@dto
class UserClientSessionLogResponse:
    LogEntries: List[UserClientSessionLog] = field(default_factory=list)
    PageIndex: int = 0
    TotalPageCount: int = 0
    RecordsPerPage: int = 0
    Result: Optional[str] = None
    ServerErrorDetails: Optional[Details] = None


@dto
class UserClientSessionLogRequest(IReturn[UserClientSessionLogResponse]):
    UserReferUid: Optional[str] = None
    ClientReferUid: Optional[str] = None
    StartedBefore: Optional[datetime] = None
    StartedAfter: Optional[datetime] = None
    OpenSessionsOnly: Optional[bool] = None
    PageRequestIndex: Optional[int] = None
    RecordsPerPage: Optional[int] = None


def request(query: dict, **members) -> UserClientSessionLogRequest:
    """A request with the filters of a query."""
    dates = {name: query.get(name) for name in ("StartedAfter", "StartedBefore")}
    after, before = (time and sessions.milliseconds(time) for time in dates.values())
    return UserClientSessionLogRequest(
        UserReferUid=query.get("UserReferUid"),
        ClientReferUid=query.get("ClientReferUid"),
        StartedAfter=after,
        StartedBefore=before,
        OpenSessionsOnly=query.get("OpenSessionsOnly"),
        **members,
    )


def in_utc(time: Optional[datetime]) -> Optional[datetime]:
    """The client gives instants without a zone, which are of UTC, and loses some microseconds."""
    if time is None:
        return None
    milliseconds = round(time.microsecond / 1_000)
    return time.replace(microsecond=milliseconds * 1_000, tzinfo=time.tzinfo or timezone.utc)


def seen(entry: UserClientSessionLog) -> tuple:
    """What the client made of an entry."""
    return (
        entry.ReferUid,
        in_utc(entry.SessionStart),
        in_utc(entry.SessionEnd),
        entry.User,
        entry.UserReferUid,
        entry.ClientReferUid,
    )


def expected(session: sessions.Session) -> tuple:
    """What it should be: dates have milliseconds."""
    return (
        session.refer_uid.replace("-", ""),
        sessions.milliseconds(session.session_start),
        session.session_end and sessions.milliseconds(session.session_end),
        session.user,
        session.user_refer_uid.replace("-", ""),
        session.client_refer_uid,
    )


class Client(unittest.TestCase):
    """Each test on both base paths."""

    @classmethod
    def setUpClass(cls):
        cls.sessions = sessions.load()
        cls.clients = {
            "/api": JsonServiceClient(sessions.URL),
            "/json/reply": JsonServiceClient(sessions.URL).set_base_path(""),
        }

    def test_every_page_of_every_filter_is_the_librarys(self):
        for path, client in self.clients.items():
            for query in sessions.queries(self.sessions):
                for index, size, count, rows in sessions.pages(self.sessions, query):
                    send = client.get if index % 2 else client.post
                    asked = request(query, PageRequestIndex=index, RecordsPerPage=size)
                    response = send(asked)
                    with self.subTest(path=path, query=query, page=index):
                        self.assertEqual(response.Result, "Success")
                        self.assertEqual(response.PageIndex, index)
                        self.assertEqual(response.RecordsPerPage, size)
                        self.assertEqual(response.TotalPageCount, count)
                        entries = [seen(entry) for entry in response.LogEntries]
                        self.assertEqual(entries, [expected(row) for row in rows])

    def test_every_verb_answers(self):
        for path, client in self.clients.items():
            for verb in ("get", "post", "put", "patch", "delete"):
                with self.subTest(path=path, verb=verb):
                    response = getattr(client, verb)(request({}, RecordsPerPage=3))
                    entries = [seen(entry) for entry in response.LogEntries]
                    self.assertEqual(entries, [expected(row) for row in self.sessions[:3]])

    def test_a_mistyped_filter_fills_the_clients_error(self):
        for path, client in self.clients.items():
            for verb in ("get", "post"):
                with self.subTest(path=path, verb=verb):
                    with self.assertRaises(WebServiceException) as raised:
                        getattr(client, verb)(request({"UserReferUid": "bogus"}))
                    error = raised.exception
                    self.assertEqual((error.status_code, error.status_description), (400, "Bad Request"))
                    status = error.inner_exception.response.json()["ResponseStatus"]
                    code = "SerializationException"
                    if verb == "get":
                        code = "RequestBindingException"
                    self.assertEqual(status["ErrorCode"], code)
                    self.assertIn('UserReferUid: "bogus" is not a guid', status["Message"])

    def test_an_invalid_request_is_a_failure_that_names_its_member(self):
        for path, client in self.clients.items():
            with self.subTest(path=path):
                response = client.post(request({}, PageRequestIndex=-1))
                self.assertEqual(response.Result, "Failure")
                details = response.ServerErrorDetails
                self.assertEqual(details.Description, "PageRequestIndex: -1 is negative")


if __name__ == "__main__":
    unittest.main()
