"""The PyPI client of the original walks every page of every filter, on both of its base paths."""

import unittest
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import List, Optional

import sessions
from dataclasses_json import LetterCase, Undefined, dataclass_json
from servicestack import IReturn, JsonServiceClient, WebServiceException


def dto(cls):
    """A message with camel-case members, as the client's code generator makes them."""
    return dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)(
        dataclass(cls)
    )


@dto
class UserClientSessionLog:
    refer_uid: Optional[str] = None
    session_start: Optional[datetime] = None
    session_end: Optional[datetime] = None
    user: Optional[str] = None
    user_refer_uid: Optional[str] = None
    client_refer_uid: Optional[str] = None


@dto
class ServerErrorDetails:
    code: Optional[str] = None
    description: Optional[str] = None


@dto
class UserClientSessionLogResponse:
    log_entries: List[UserClientSessionLog] = field(default_factory=list)
    page_index: int = 0
    total_page_count: int = 0
    records_per_page: int = 0
    result: Optional[str] = None
    server_error_details: Optional[ServerErrorDetails] = None


@dto
class UserClientSessionLogRequest(IReturn[UserClientSessionLogResponse]):
    user_refer_uid: Optional[str] = None
    client_refer_uid: Optional[str] = None
    started_before: Optional[datetime] = None
    started_after: Optional[datetime] = None
    open_sessions_only: Optional[bool] = None
    page_request_index: Optional[int] = None
    records_per_page: Optional[int] = None


def request(query: dict, **members) -> UserClientSessionLogRequest:
    """A request with the filters of a query."""
    dates = {name: query.get(name) for name in ("StartedAfter", "StartedBefore")}
    after, before = (time and sessions.milliseconds(time) for time in dates.values())
    return UserClientSessionLogRequest(
        user_refer_uid=query.get("UserReferUid"),
        client_refer_uid=query.get("ClientReferUid"),
        started_after=after,
        started_before=before,
        open_sessions_only=query.get("OpenSessionsOnly"),
        **members,
    )


def in_utc(time: Optional[datetime]) -> Optional[datetime]:
    """The client gives instants without a zone, which are of UTC."""
    return time and time.replace(tzinfo=time.tzinfo or timezone.utc)


def seen(entry: UserClientSessionLog) -> tuple:
    """What the client made of an entry."""
    return (
        entry.refer_uid,
        in_utc(entry.session_start),
        in_utc(entry.session_end),
        entry.user,
        entry.user_refer_uid,
        entry.client_refer_uid,
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
                    asked = request(query, page_request_index=index, records_per_page=size)
                    response = send(asked)
                    with self.subTest(path=path, query=query, page=index):
                        self.assertEqual(response.result, "Success")
                        self.assertEqual(response.page_index, index)
                        self.assertEqual(response.records_per_page, size)
                        self.assertEqual(response.total_page_count, count)
                        entries = [seen(entry) for entry in response.log_entries]
                        self.assertEqual(entries, [expected(row) for row in rows])

    def test_every_verb_answers(self):
        for path, client in self.clients.items():
            for verb in ("get", "post", "put", "patch", "delete"):
                with self.subTest(path=path, verb=verb):
                    response = getattr(client, verb)(request({}, records_per_page=3))
                    entries = [seen(entry) for entry in response.log_entries]
                    self.assertEqual(entries, [expected(row) for row in self.sessions[:3]])

    def test_a_mistyped_filter_fills_the_clients_error(self):
        for path, client in self.clients.items():
            for verb in ("get", "post"):
                with self.subTest(path=path, verb=verb):
                    with self.assertRaises(WebServiceException) as raised:
                        getattr(client, verb)(request({"UserReferUid": "bogus"}))
                    status = raised.exception.response_status
                    code = "SerializationException"
                    if verb == "get":
                        code = "RequestBindingException"
                    self.assertEqual(status.error_code, code)
                    self.assertIn('UserReferUid: "bogus" is not a guid', status.message)

    def test_an_invalid_request_is_a_failure_that_names_its_member(self):
        for path, client in self.clients.items():
            with self.subTest(path=path):
                response = client.post(request({}, page_request_index=-1))
                self.assertEqual(response.result, "Failure")
                details = response.server_error_details
                self.assertEqual(details.description, "PageRequestIndex: -1 is negative")


if __name__ == "__main__":
    unittest.main()
