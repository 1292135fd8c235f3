"""The original's XML serializer reads our XML and is read by us; SOAP, as plain envelopes.

SESSIONLOG_ORACLE is the compiled mono/DcsOracle.cs.
"""

import os
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import sessions

MESSAGES = "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions"
ENTRIES = "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.DomainModel.Sessions"
BASE = "http://schemas.servicestack.net/types"
SOAP = {
    "soap11": ("http://schemas.xmlsoap.org/soap/envelope/", "text/xml; charset=utf-8"),
    "soap12": ("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml; charset=utf-8"),
}
#: The serializer starts anew for each answer, so only so many pages of a query are read.
PAGES_OF_A_QUERY = 12


def oracle(*arguments: str, stdin: bytes = b"") -> bytes:
    """What the original's serializer does."""
    command = ["mono", os.environ["SESSIONLOG_ORACLE"], *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def post(path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    """The status and body of an answer."""
    headers = {"Content-Type": content_type}
    request = urllib.request.Request(sessions.URL + path, body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def in_xml(text: str) -> str:
    """What XML can hold of a text: all else is U+FFFD."""

    def held(character: str) -> bool:
        return character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff")

    return "".join(c if held(c) else "\ufffd" for c in text)


def quoted(text: str) -> str:
    """As the oracle prints strings."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{text}'"


def line(session: sessions.Session) -> str:
    """As the oracle prints an entry."""

    def date(time: str | None) -> str:
        return f"{time}/Utc" if time else "null"

    user, client = (quoted(in_xml(text)) for text in (session.user, session.client_refer_uid))
    return (
        f"- {session.refer_uid} {date(session.session_start)} {date(session.session_end)}"
        f" {user} {session.user_refer_uid} {client}"
    )


class DataContractSerializer(unittest.TestCase):
    """.NET's, in Mono."""

    @classmethod
    def setUpClass(cls):
        cls.sessions = sessions.load()

    def test_it_reads_every_page_with_every_member(self):
        for query in sessions.queries(self.sessions):
            for index, size, count, rows in sessions.pages(self.sessions, query):
                if PAGES_OF_A_QUERY <= index < count - 1:
                    continue
                members = query | {"PageRequestIndex": index, "RecordsPerPage": size}
                url = f"{sessions.URL}/userclientsession/log.xml?{urllib.parse.urlencode(members)}"
                with urllib.request.urlopen(url) as answer:
                    read = oracle("read-response", stdin=answer.read()).decode()
                with self.subTest(query=query, page=index):
                    lines = read.rstrip("\n").split("\n")
                    self.assertEqual(lines[1:4], ["Result=Success", "Server='srv-1'", "Error=null"])
                    self.assertEqual(lines[4], f"PageIndex={index}")
                    self.assertEqual(lines[5], f"RecordsPerPage={size}")
                    self.assertEqual(lines[6], f"TotalPageCount={count}")
                    self.assertEqual(lines[7], f"LogEntries={len(rows)}")
                    self.assertEqual(lines[8:], [line(row) for row in rows])

    def test_it_reads_a_failure(self):
        url = f"{sessions.URL}/userclientsession/log.xml?RecordsPerPage=-1"
        with urllib.request.urlopen(url) as answer:
            read = oracle("read-response", stdin=answer.read()).decode().split("\n")
        self.assertEqual(read[1], "Result=Failure")
        self.assertEqual(read[3], "Error=InvalidRequest|'RecordsPerPage: -1 is negative'|")

    def test_what_it_writes_is_read(self):
        for name in ("request-defaults", "request-full"):
            body = oracle("emit", name)
            status, answer = post(
                "/xml/reply/UserClientSessionLogRequest", body, "application/xml"
            )
            self.assertEqual(status, 200, answer)
            response = ElementTree.fromstring(answer)
            size = {"request-defaults": "100", "request-full": "25"}[name]
            self.assertEqual(response.find(f"{{{BASE}}}RecordsPerPage").text, size)


class Soap(unittest.TestCase):
    """Plain envelopes, read by another XML parser."""

    @classmethod
    def setUpClass(cls):
        cls.sessions = sessions.load()

    def ask(self, version: str, message: str) -> tuple[int, ElementTree.Element]:
        """The status and the first element of the answer's body."""
        namespace, content_type = SOAP[version]
        envelope = (
            f'<e:Envelope xmlns:e="{namespace}"><e:Header><a:To xmlns:a="urn:a" '
            f'e:mustUnderstand="1">x</a:To></e:Header><e:Body>{message}</e:Body></e:Envelope>'
        )
        status, answer = post(f"/{version}", envelope.encode(), content_type)
        return status, ElementTree.fromstring(answer).find(f"{{{namespace}}}Body")[0]

    def test_a_page_in_an_envelope(self):
        expected = [session.refer_uid for session in self.sessions[7:14]]
        message = (
            f'<UserClientSessionLogRequest xmlns="{MESSAGES}">'
            f'<PageRequestIndex xmlns="{BASE}">1</PageRequestIndex>'
            f'<RecordsPerPage xmlns="{BASE}">7</RecordsPerPage>'
            "</UserClientSessionLogRequest>"
        )
        for version in SOAP:
            with self.subTest(version=version):
                status, response = self.ask(version, message)
                self.assertEqual(status, 200)
                self.assertEqual(response.tag, f"{{{MESSAGES}}}UserClientSessionLogResponse")
                ids = [uid.text for uid in response.iter(f"{{{ENTRIES}}}ReferUid")]
                self.assertEqual(ids, expected)

    def test_a_mistyped_value_is_a_fault_of_the_client(self):
        message = (
            f'<UserClientSessionLogRequest xmlns="{MESSAGES}">'
            "<UserReferUid>bogus</UserReferUid></UserClientSessionLogRequest>"
        )
        for version, (namespace, _) in SOAP.items():
            with self.subTest(version=version):
                status, fault = self.ask(version, message)
                self.assertEqual(status, 500)
                self.assertEqual(fault.tag, f"{{{namespace}}}Fault")
                self.assertIn("UserReferUid", "".join(fault.itertext()))


if __name__ == "__main__":
    unittest.main()
