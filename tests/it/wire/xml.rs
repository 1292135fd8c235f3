//! XML and SOAP: bytes of .NET's serializer and of the original's clients.

use super::{captured, captured_responses, entry, refused_member, response, text};
use crate::at;
use sessionlog::wire::{
    ErrorResponse, Format, ServerErrorDetails, UserClientSessionLog,
    UserClientSessionLogRequest as Request, UserClientSessionLogResponse as Response, WireError,
};

pub(super) const MESSAGES: &str =
    "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions";
const BASE: &str = "http://schemas.servicestack.net/types";

/// A document with these members.
pub(super) fn document(members: &str) -> String {
    format!(
        "<UserClientSessionLogRequest xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:b=\"{BASE}\" xmlns=\"{MESSAGES}\">{members}</UserClientSessionLogRequest>"
    )
}

pub(super) fn read(members: &str) -> Result<Request, WireError> {
    Request::read(Format::Xml, document(members).as_bytes())
}

/// Answers that only the serializer was asked to write.
fn serialized_responses() -> Vec<(&'static str, Response)> {
    let ended = |start, end| UserClientSessionLog {
        session_start: Some(at(start)),
        session_end: Some(at(end)),
        ..entry()
    };
    let named = |user: &str, client: Option<&str>| UserClientSessionLog {
        user: Some(user.into()),
        client_refer_uid: client.map(Into::into),
        ..entry()
    };
    let failure = |description: Option<&str>, messages: Option<Vec<String>>| Response {
        result: "Failure".into(),
        records_per_page: 0,
        server_error_details: Some(ServerErrorDetails {
            code: "InvalidRequest".into(),
            description: description.map(Into::into),
            additional_messages: messages,
        }),
        ..response(Vec::new())
    };
    let one = "2015-06-01T08:00:00Z";
    vec![
        ("defaults", Response::default()),
        (
            "closed-utc",
            response(vec![ended(one, "2015-06-01T08:45:30Z")]),
        ),
        ("open-nil-end", response(vec![entry()])),
        (
            "empty-page",
            Response {
                total_page_count: 1,
                ..response(Vec::new())
            },
        ),
        (
            "fractions",
            response(vec![
                ended("2015-06-01T08:00:00.0000001Z", "2015-06-01T08:00:00.12Z"),
                ended("2015-06-01T08:00:00.5Z", "2015-06-01T08:00:00.1234567Z"),
            ]),
        ),
        (
            "escapes",
            response(vec![
                named("<a & \"b\"> 'c' \t]]>", Some("")),
                named("line1\nline2\r\nendé日😀", None),
            ]),
        ),
        (
            "error",
            failure(
                Some("RecordsPerPage must not be negative"),
                Some(vec!["RecordsPerPage=-1".into()]),
            ),
        ),
        (
            "error-nil-messages",
            Response {
                log_entries: None,
                ..failure(None, None)
            },
        ),
    ]
}

#[test]
fn responses_are_written_as_the_serializer_writes_them() {
    let of_host = captured_responses().into_iter();
    let of_host = of_host.map(|(name, response)| (format!("ss-text/{name}.xml"), response));
    let of_serializer = serialized_responses().into_iter();
    let of_serializer =
        of_serializer.map(|(name, response)| (format!("dcs-emit/response-{name}.xml"), response));
    for (name, response) in of_host.chain(of_serializer) {
        let bytes = captured(&name);
        let expected = text(&bytes)
            // It makes a line end of CR and LF, and so loses the CR.
            .replace("line2\n", "line2&#xD;\n")
            // The original's host writes an empty string as one tag, and so do we.
            .replace(
                "<d2p1:ClientReferUid></d2p1:ClientReferUid>",
                "<d2p1:ClientReferUid />",
            );
        let written = response.write(Format::Xml);
        assert_eq!(text(&written), expected, "{name}");
        assert_eq!(
            Response::read(Format::Xml, &written).unwrap(),
            response,
            "{name}"
        );
    }
}

#[test]
fn requests_are_written_as_the_serializer_writes_them() {
    let full = Request {
        user_refer_uid: Some("6f9619ff-8b86-d011-b42d-00c04fc964ff".parse().unwrap()),
        client_refer_uid: Some("PDA-01".into()),
        started_before: Some(at("2015-12-31T23:59:59.9999999Z")),
        started_after: Some(at("2015-01-01T00:00:00Z")),
        open_sessions_only: true,
        page_request_index: 1,
        records_per_page: 25,
        session_uid: Some("11111111-2222-3333-4444-555555555555".parse().unwrap()),
        device_serial_number: Some("SN1".into()),
        generated_at: Some(at("2015-06-01T08:30:00Z")),
    };
    for (name, request) in [
        ("request-full", full),
        ("request-defaults", Request::default()),
    ] {
        let bytes = captured(&format!("dcs-emit/{name}.xml"));
        // One bound has no zone there, and is one of UTC.
        let expected = text(&bytes).replace("59.9999999<", "59.9999999Z<");
        assert_eq!(text(&request.write(Format::Xml)), expected);
        assert_eq!(Request::read(Format::Xml, &bytes).unwrap(), request);
    }
}

#[test]
fn dates_are_written_as_the_serializer_writes_them_but_for_missing_zones() {
    for name in [
        "ss-text/dates",
        "dcs-emit/response-min-max",
        "dcs-emit/response-unspecified",
    ] {
        let bytes = captured(&format!("{name}.xml"));
        let read = Response::read(Format::Xml, &bytes).unwrap();
        let written = read.write(Format::Xml);
        let unset = "<d2p1:SessionEnd>0001-01-01T00:00:00Z</d2p1:SessionEnd>";
        let expected = text(&bytes)
            // An instant without a zone is one of UTC, and is written so.
            .replace("08:00:00</", "08:00:00Z</")
            .replace("08:45:30</", "08:45:30Z</")
            .replace("2015-06-01T00:00:00</", "2015-06-01T00:00:00Z</")
            .replace("59.9999999</", "59.9999999Z</")
            // The end of an open session is nil; the unset date is none, and has no zone.
            .replace(unset, "<d2p1:SessionEnd i:nil=\"true\" />")
            .replace("0001-01-01T00:00:00Z", "0001-01-01T00:00:00");
        assert_eq!(text(&written), expected, "{name}");
    }
}

#[test]
fn strings_are_written_as_the_serializer_writes_them() {
    let bytes = captured("ss-text/string-escapes.xml");
    let read = Response::read(Format::Json, &captured("ss-text/string-escapes.json")).unwrap();
    let expected = text(&bytes)
        // It writes CR raw, where a reader loses it, and a character that XML cannot hold.
        .replace('\r', "&#xD;")
        .replace("&#x1;", "\u{fffd}");
    assert_eq!(text(&read.write(Format::Xml)), expected);
}

#[test]
fn the_documented_samples_read_in_xml_and_soap() {
    let request = Request {
        client_refer_uid: Some("String".into()),
        device_serial_number: Some("String".into()),
        ..Request::default()
    };
    let of_json = Response::read(Format::Json, &captured("pages/json-response.json")).unwrap();
    for format in [Format::Xml, Format::Soap11, Format::Soap12] {
        let sample = captured(&format!("pages/{}-request.xml", format.name()));
        assert_eq!(
            Request::read(format, &sample).unwrap(),
            request,
            "{format:?}"
        );
        let sample = captured(&format!("pages/{}-response.xml", format.name()));
        assert_eq!(
            Response::read(format, &sample).unwrap(),
            of_json,
            "{format:?}"
        );
    }
}

#[test]
fn empty_and_nil_members_set_nothing() {
    let members = [
        "UserReferUid",
        "ClientReferUid",
        "StartedAfter",
        "OpenSessionsOnly",
    ];
    let base = [
        "SessionUid",
        "GeneratedAt",
        "RecordsPerPage",
        "DeviceSerialNumber",
    ];
    for inside in ["/>", " i:nil=\"true\" />", " i:nil=\"1\"/>"] {
        let own: String = members.map(|name| format!("<{name}{inside}")).concat();
        let of_base: String = base.map(|name| format!("<b:{name}{inside}")).concat();
        assert_eq!(read(&(own + &of_base)).unwrap(), Request::default());
    }
    for file in ["nil-root", "empty"] {
        let request = Request::read(Format::Xml, &captured(&format!("dcs-read/{file}.xml")));
        assert_eq!(request.unwrap(), Request::default());
    }
}

#[test]
fn a_member_that_cannot_be_meant_is_refused_and_named() {
    for (members, member) in [
        (
            "<ClientReferUid>a</ClientReferUid><ClientReferUid>b</ClientReferUid>",
            "ClientReferUid",
        ),
        (
            "<ClientReferUid i:nil=\"true\">a</ClientReferUid>",
            "ClientReferUid",
        ),
        (
            "<ClientReferUid><b>a</b></ClientReferUid>",
            "ClientReferUid",
        ),
        ("<UserReferUid>bogus</UserReferUid>", "UserReferUid"),
        ("<StartedAfter>2015-06</StartedAfter>", "StartedAfter"),
        ("<StartedAfter>/Date(0)/</StartedAfter>", "StartedAfter"),
        (
            "<StartedBefore>9999-12-31T23:59:59-05:00</StartedBefore>",
            "StartedBefore",
        ),
        (
            "<OpenSessionsOnly>True</OpenSessionsOnly>",
            "OpenSessionsOnly",
        ),
        ("<b:RecordsPerPage>1.0</b:RecordsPerPage>", "RecordsPerPage"),
    ] {
        refused_member(read(members), member);
    }
}

#[test]
fn errors_are_written_as_the_original_writes_them_in_xml() {
    let error = ErrorResponse::new("RequestBindingException", "Unable to bind request");
    let expected = "<ErrorResponse xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
        xmlns=\"http://schemas.servicestack.net/types\"><ResponseStatus>\
        <ErrorCode>RequestBindingException</ErrorCode><Message>Unable to bind request</Message>\
        <StackTrace i:nil=\"true\" /><Errors i:nil=\"true\" /></ResponseStatus></ErrorResponse>";
    assert_eq!(text(&error.write(Format::Xml)), expected);
    assert_eq!(
        ErrorResponse::read(Format::Xml, expected.as_bytes()).unwrap(),
        error
    );
}

#[test]
fn a_request_has_so_many_elements_and_a_response_as_many_as_a_page_needs() {
    let many = |count: usize| document(&"<a/>".repeat(count));
    assert!(Request::read(Format::Xml, many(999).as_bytes()).is_ok());
    let error = Request::read(Format::Xml, many(1_000).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("too many elements"), "{error}");
    let page = response(vec![entry(); 10_000]);
    assert_eq!(
        Response::read(Format::Xml, &page.write(Format::Xml)).unwrap(),
        page
    );
}
