//! JSON, JSV, CSV and forms: bytes of the original, and what each refuses.

use super::{TEXT_FORMATS, captured, captured_responses, entry, refused_member, response, text};
use crate::at;
use sessionlog::wire::{
    ErrorResponse, Format, UserClientSessionLog, UserClientSessionLogRequest as Request,
    UserClientSessionLogResponse as Response,
};

/// The captured CSV has the line ends of its platform; ours are CRLF.
fn in_our_lines(name: &str) -> String {
    let csv = String::from_utf8(captured(name)).unwrap();
    let (names, row) = csv.split_once('\n').unwrap();
    format!("{names}\r\n{}\r\n", row.strip_suffix('\n').unwrap())
}

fn expected(name: &str, format: Format) -> String {
    let name = format!("{name}.{}", format.name());
    match format {
        Format::Csv => in_our_lines(&name),
        _ => String::from_utf8(captured(&name)).unwrap(),
    }
}

#[test]
fn responses_are_written_as_the_original_writes_them() {
    for (name, response) in captured_responses() {
        for format in TEXT_FORMATS {
            let expected = expected(&format!("ss-text/{name}"), format);
            assert_eq!(text(&response.write(format)), expected, "{name} {format:?}");
        }
    }
}

#[test]
fn responses_of_the_original_read_as_what_they_say() {
    for (name, response) in captured_responses() {
        for format in TEXT_FORMATS {
            let bytes = captured(&format!("ss-text/{name}.{}", format.name()));
            assert_eq!(
                Response::read(format, &bytes).unwrap(),
                response,
                "{name} {format:?}"
            );
        }
    }
}

/// Instants of `dates.*`, in order; the last two have no zone there.
const DATES: [&str; 11] = [
    "2015-06-01T00:00:00Z",
    "2015-06-01T08:00:00Z",
    "2015-06-01T08:00:00.0000001Z",
    "2015-06-01T08:00:00.001Z",
    "2015-06-01T08:00:00.5Z",
    "2015-06-01T08:00:00.1234567Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "1969-12-31T23:59:59.9995Z",
    "2015-06-01T08:00:00Z",
    "2015-06-01T00:00:00Z",
];

fn of_dates() -> Response {
    let dated = |text: &&str| {
        let date = Some(at(text)).filter(|_| !text.starts_with("0001"));
        UserClientSessionLog {
            session_start: date,
            session_end: date,
            user: Some("u".into()),
            client_refer_uid: None,
            ..entry()
        }
    };
    response(DATES.iter().map(dated).collect())
}

#[test]
fn dates_are_written_as_the_original_writes_them_but_for_its_faults() {
    for format in TEXT_FORMATS {
        let expected = expected("ss-text/dates", format)
            // Its floating point makes the last millisecond one that no reader takes.
            .replace("Date(253402300800000)", "Date(253402300799999)")
            // It rounds the half millisecond before 1970 up; we round down.
            .replace("Date(0)", "Date(-1)")
            // It drops a fraction below the millisecond that stands alone; we keep all ticks.
            .replacen(
                "Start:2015-06-01T08:00:00Z,SessionEnd:2015-06-01T08:00:00Z",
                "@",
                1,
            )
            .replacen(
                "08:00:00Z,SessionEnd:2015-06-01T08:00:00Z",
                "08:00:00.0000001Z,SessionEnd:2015-06-01T08:00:00.0000001Z",
                1,
            )
            .replace(
                '@',
                "Start:2015-06-01T08:00:00Z,SessionEnd:2015-06-01T08:00:00Z",
            )
            // An instant without a zone is one of UTC, and is written so.
            .replace("08:00:00+00:00", "08:00:00Z");
        // The end of an open session is absent: the unset date is none.
        let unset = [
            r#","SessionEnd":"\/Date(-62135596800000)\/""#,
            ",SessionEnd:0001-01-01",
        ];
        let expected = unset
            .iter()
            .fold(expected, |text, end| text.replace(end, ""));
        assert_eq!(text(&of_dates().write(format)), expected, "{format:?}");
    }
}

#[test]
fn an_unset_end_reads_as_an_open_session_in_every_form() {
    for json in [
        r#"{"LogEntries":[{}]}"#,
        r#"{"LogEntries":[{"SessionEnd":null}]}"#,
        r#"{"LogEntries":[{"SessionEnd":""}]}"#,
        r#"{"LogEntries":[{"SessionEnd":"0001-01-01"}]}"#,
        r#"{"LogEntries":[{"SessionEnd":"\/Date(-62135596800000)\/"}]}"#,
    ] {
        let response = Response::read(Format::Json, json.as_bytes()).unwrap();
        assert_eq!(response.log_entries.unwrap()[0].session_end, None, "{json}");
    }
    let zero = br#"{"LogEntries":[{"SessionEnd":"0000-00-00"}]}"#;
    let error = refused_member(Response::read(Format::Json, zero), "SessionEnd");
    assert!(
        error
            .to_string()
            .starts_with("LogEntries.SessionEnd: \"0000-00-00\" is not")
    );
}

/// The user names of `string-escapes.*`, in order.
const STRINGS: [&str; 18] = [
    "",
    "a,b",
    "a\"b",
    "{x}",
    "[y]",
    "a:b",
    "a\nb",
    "a\r\nb",
    "a\tb",
    "/slash\\back",
    "é日😀",
    "\u{1}",
    "'q'",
    " lead",
    "true",
    "null",
    "<&>",
    "\u{2028}",
];

#[test]
fn strings_are_written_as_the_original_writes_them() {
    let named = |name: &&str| UserClientSessionLog {
        user: Some((*name).into()),
        client_refer_uid: None,
        ..entry()
    };
    let response = response(STRINGS.iter().map(named).collect());
    for format in TEXT_FORMATS {
        let mut expected = expected("ss-text/string-escapes", format);
        // White space around tokens is skipped by our reader, so names that have it are quoted;
        // the original reads both.
        let quote = if format == Format::Csv { "\"\"" } else { "\"" };
        expected = expected.replace("User: lead,", &format!("User:{quote} lead{quote},"));
        assert_eq!(text(&response.write(format)), expected, "{format:?}");
        assert_eq!(
            Response::read(format, &response.write(format)).unwrap(),
            response
        );
        // The original's own bytes read the same, but for the white space.
        let bytes = captured(&format!("ss-text/string-escapes.{}", format.name()));
        let users = Response::read(format, &bytes).unwrap().log_entries.unwrap();
        for (read, name) in users.iter().zip(STRINGS) {
            let read = read.user.as_deref().unwrap_or_default();
            assert_eq!(read.trim_matches(' '), name.trim_matches(' '), "{format:?}");
        }
    }
}

#[test]
fn the_documented_samples_read_and_are_written_the_same() {
    let request = Request {
        client_refer_uid: Some("String".into()),
        device_serial_number: Some("String".into()),
        ..Request::default()
    };
    for format in TEXT_FORMATS {
        let sample = captured(&format!("pages/{0}-request.{0}", format.name()));
        assert_eq!(
            Request::read(format, &sample).unwrap(),
            request,
            "{format:?}"
        );
    }
    let json = captured("pages/json-request.json");
    assert_eq!(text(&request.write(Format::Json)), text(&json));
    let csv = in_our_lines("pages/csv-request.csv");
    assert_eq!(text(&request.write(Format::Csv)), csv);

    let responses = TEXT_FORMATS.map(|format| {
        let sample = captured(&format!("pages/{0}-response.{0}", format.name()));
        Response::read(format, &sample).unwrap()
    });
    let details = responses[0].server_error_details.clone().unwrap();
    assert_eq!(details.code, "ClientDataSubmissionFailure");
    assert_eq!(details.additional_messages, Some(vec!["String".to_owned()]));
    assert_eq!(responses[0].log_entries.as_ref().unwrap().len(), 1);
    assert!(responses.iter().all(|response| *response == responses[0]));
}

#[test]
fn errors_are_written_as_the_original_writes_them() {
    let error = ErrorResponse::new("RequestBindingException", "Unable to bind request");
    for (format, bytes) in [
        (
            Format::Json,
            r#"{"ResponseStatus":{"ErrorCode":"RequestBindingException","Message":"Unable to bind request"}}"#,
        ),
        (
            Format::Jsv,
            "{ResponseStatus:{ErrorCode:RequestBindingException,Message:Unable to bind request}}",
        ),
        (
            Format::Csv,
            "ResponseStatus\r\n\"{ErrorCode:RequestBindingException,Message:Unable to bind request}\"\r\n",
        ),
    ] {
        assert_eq!(text(&error.write(format)), bytes);
        assert_eq!(
            ErrorResponse::read(format, bytes.as_bytes()).unwrap(),
            error
        );
    }
}

#[test]
fn a_mistyped_value_is_refused_and_named_in_every_format() {
    for (member, value) in [
        ("UserReferUid", "bogus"),
        ("StartedAfter", "2015-13-01"),
        ("StartedBefore", "yesterday"),
        ("OpenSessionsOnly", "yes"),
        ("PageRequestIndex", "1.5"),
        ("RecordsPerPage", "2147483648"),
        ("SessionUid", "0"),
        ("GeneratedAt", "now"),
    ] {
        for (format, body) in [
            (Format::Json, format!(r#"{{"{member}":"{value}"}}"#)),
            (Format::Jsv, format!("{{{member}:{value}}}")),
            (Format::Csv, format!("{member}\r\n{value}\r\n")),
        ] {
            let error = refused_member(Request::read(format, body.as_bytes()), member);
            assert_eq!(error.error_code(), "SerializationException");
            assert!(error.to_string().contains(value), "{error}");
        }
        let error = refused_member(Request::read_form(&format!("{member}={value}")), member);
        assert_eq!(error.error_code(), "RequestBindingException");
        assert!(error.to_string().starts_with("Unable to bind request: "));
    }
}

#[test]
fn a_member_given_twice_is_refused_in_every_format() {
    for (format, body) in [
        (
            Format::Json,
            r#"{"ClientReferUid":"a","clientReferUid":"b"}"#,
        ),
        (Format::Jsv, "{ClientReferUid:a,ClientReferUid:a}"),
        (Format::Csv, "ClientReferUid,ClientReferUid\r\na,a\r\n"),
    ] {
        refused_member(Request::read(format, body.as_bytes()), "ClientReferUid");
    }
    refused_member(
        Request::read_form("RecordsPerPage=1&recordsperpage=1"),
        "RecordsPerPage",
    );
    // What is ignored may be there as often as it likes.
    let body = br#"{"PagingEnabled":"bogus","PagingEnabled":[],"Bogus":{},"Bogus":[[]]}"#;
    assert_eq!(
        Request::read(Format::Json, body).unwrap(),
        Request::default()
    );
}

#[test]
fn text_that_is_no_document_is_refused() {
    for body in [
        r#"{"ClientReferUid":"a","RecordsPerPage":"#,
        r#"{"ClientReferUid":"a"#,
        r#"{"ClientReferUid":"a"}junk"#,
        r#"{"ClientReferUid":"a",}"#,
        "{'ClientReferUid':'a'}",
        "{ClientReferUid:a}",
        r#"{"OpenSessionsOnly":True}"#,
        r#"{"ClientReferUid":"\ud83d"}"#,
        "[1,2]",
        "\"x\"",
        "null",
        "hello",
    ] {
        let error = Request::read(Format::Json, body.as_bytes()).unwrap_err();
        assert_eq!(error.error_code(), "SerializationException", "{body}");
    }
    for body in [
        "{ClientReferUid:a",
        "{ClientReferUid:\"a}",
        "{ClientReferUid:a}junk",
        "{ClientReferUid:a,}",
        "{ClientReferUid:a b\nc}",
        "{ClientReferUid:a\"b\"}",
        "{ClientReferUid:\"a\"b}",
        "{ClientReferUid:a{b}}",
        "{ClientReferUid}",
        "{:a}",
        "{X:[{]},ClientReferUid:a}",
        "[a]",
        "hello",
    ] {
        assert!(
            Request::read(Format::Jsv, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    for body in [
        "ClientReferUid\r\n",
        "ClientReferUid\r\na\r\nb\r\n",
        "ClientReferUid,RecordsPerPage\r\na\r\n",
    ] {
        assert!(
            Request::read(Format::Csv, body.as_bytes()).is_err(),
            "{body}"
        );
    }
    for format in TEXT_FORMATS {
        assert!(Request::read(format, b"{\"ClientReferUid\":\"\xff\"}").is_err());
    }
    refused_member(Request::read_form("ClientReferUid=%ff"), "ClientReferUid");
}

#[test]
fn objects_and_lists_are_no_scalars() {
    for (format, body) in [
        (Format::Json, r#"{"ClientReferUid":{"a":1}}"#),
        (Format::Json, r#"{"ClientReferUid":["a"]}"#),
        (Format::Jsv, "{ClientReferUid:{a:1}}"),
        (Format::Jsv, "{ClientReferUid:[a]}"),
    ] {
        refused_member(Request::read(format, body.as_bytes()), "ClientReferUid");
    }
}

#[test]
fn names_have_any_case_and_unknown_ones_are_ignored() {
    let client = Request {
        client_refer_uid: Some("x".into()),
        records_per_page: 5,
        ..Request::default()
    };
    for (format, body) in [
        (
            Format::Json,
            r#"{"clientreferuid":"x","RECORDSPERPAGE":"5","Bogus":{"a":[1,{"b":2}]}}"#,
        ),
        (
            Format::Json,
            "\u{feff} {\"clientReferUid\" : \"x\",\n \"recordsPerPage\" : 5 } ",
        ),
        (
            Format::Jsv,
            "{clientreferuid:x,recordsperpage:5,Bogus:{a:[1,{b:\"}\"}]}}",
        ),
        (
            Format::Jsv,
            "{\n\tClientReferUid: x,\n\tRecordsPerPage: 5\n}",
        ),
        (Format::Jsv, "{\"ClientReferUid\":\"x\",RecordsPerPage:5}"),
        (
            Format::Csv,
            " clientreferuid,recordsperpage ,PagingEnabled\nx,5,y\n",
        ),
    ] {
        assert_eq!(
            Request::read(format, body.as_bytes()).unwrap(),
            client,
            "{body}"
        );
    }
    let snake = Request::read(Format::Json, br#"{"client_refer_uid":"x"}"#).unwrap();
    assert_eq!(snake, Request::default());
    let form = "?clientReferUid=x&recordsPerPage=5&format=json&callback=f";
    assert_eq!(
        Request::read_form(form.strip_prefix('?').unwrap()).unwrap(),
        client
    );
}

#[test]
fn a_table_that_is_not_quite_a_request_is_no_unfiltered_one() {
    for body in [
        "UserReferUid;OpenSessionsOnly\r\n6f9619ff-8b86-d011-b42d-00c04fc964ff;true\r\n",
        "UserReferUid\tOpenSessionsOnly\r\n6f9619ff-8b86-d011-b42d-00c04fc964ff\ttrue\r\n",
        "StartedAfter,UserReferId\r\n2015-01-01,6f9619ff-8b86-d011-b42d-00c04fc964ff\r\n",
        "ClientReferUid\r\n\"a",
        "ClientReferUid\r\n\"a\"zz\r\n",
        "ClientReferUid\r\n\"a\"\"\r\n",
    ] {
        let refused = Request::read(Format::Csv, body.as_bytes());
        assert!(refused.is_err(), "{body}: {refused:?}");
    }
    let quoted = "ClientReferUid,RecordsPerPage\r\n\"a\"\",\r\nb\",\"5\"\r\n";
    let request = Request::read(Format::Csv, quoted.as_bytes()).unwrap();
    assert_eq!(request.client_refer_uid.as_deref(), Some("a\",\r\nb"));
}

#[test]
fn space_around_a_name_makes_no_other_member_of_it() {
    let json = Request::read(Format::Json, br#"{"RecordsPerPage ":5}"#).unwrap();
    let form = Request::read_form("+RecordsPerPage=5").unwrap();
    assert_eq!((json.records_per_page, form.records_per_page), (5, 5));
}

#[test]
fn empty_forms_set_nothing() {
    let members = [
        "UserReferUid",
        "ClientReferUid",
        "StartedBefore",
        "StartedAfter",
        "OpenSessionsOnly",
        "PageRequestIndex",
        "RecordsPerPage",
        "SessionUid",
        "DeviceSerialNumber",
        "GeneratedAt",
    ];
    for value in ["null", "\"\""] {
        let json = members
            .map(|member| format!("\"{member}\":{value}"))
            .join(",");
        let request = Request::read(Format::Json, format!("{{{json}}}").as_bytes());
        assert_eq!(request.unwrap(), Request::default());
    }
    let jsv = members.map(|member| format!("{member}:")).join(",");
    let request = Request::read(Format::Jsv, format!("{{{jsv}}}").as_bytes());
    assert_eq!(request.unwrap(), Request::default());
    let form = members.map(|member| format!("{member}=")).join("&");
    assert_eq!(Request::read_form(&form).unwrap(), Request::default());
    for format in TEXT_FORMATS {
        for body in ["", "\u{feff}", " \r\n"] {
            let request = Request::read(format, body.as_bytes());
            assert_eq!(request.unwrap(), Request::default());
        }
    }
}

#[test]
fn a_form_sets_what_it_says_and_leaves_the_rest() {
    let mut request = Request::read(
        Format::Json,
        br#"{"ClientReferUid":"a","RecordsPerPage":5}"#,
    )
    .unwrap();
    request
        .set_form("RecordsPerPage=9&ClientReferUid=")
        .unwrap();
    assert_eq!(request.records_per_page, 9);
    assert_eq!(request.client_refer_uid.as_deref(), Some("a"));
    request.set_form("ClientReferUid=a+b%20c%2B%26d").unwrap();
    assert_eq!(request.client_refer_uid.as_deref(), Some("a b c+&d"));
}

#[test]
fn numbers_keep_their_spelling_where_text_is_asked_for() {
    let request = Request::read(Format::Json, br#"{"ClientReferUid":5.50}"#).unwrap();
    assert_eq!(request.client_refer_uid.as_deref(), Some("5.50"));
}

#[test]
fn a_deep_document_costs_no_stack() {
    let deep = "[".repeat(200_000);
    for body in [
        format!("{{\"X\":{deep}"),
        format!("{{\"X\":{deep}{}}}", "]".repeat(200_000)),
    ] {
        let _ = Request::read(Format::Json, body.as_bytes());
        let _ = Request::read(Format::Jsv, body.replace('"', "").as_bytes());
    }
}
