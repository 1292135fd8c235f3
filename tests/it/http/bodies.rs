//! What is read of a request, and what is refused.

use super::{Answer, LOG, ask, get, options, post, request, router_of};
use crate::{log, router, store_of};
use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use sessionlog::SessionLog;
use sessionlog::http::HttpOptions;
use sessionlog::wire::{Format, UserClientSessionLogResponse as Response};
use std::pin::Pin;
use std::task::{Context, Poll};

const FORM: &str = "application/x-www-form-urlencoded";
const MESSAGE: &str =
    "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions";
const BASE: &str = "http://schemas.servicestack.net/types";

/// A session each of the clients `a` and `b`.
fn clients() -> Router {
    router_of(&store_of([1, 2].map(|number| SessionLog {
        client_refer_uid: ["a", "b"][number as usize - 1].into(),
        ..log(number, "2015-06-01T08:00:00Z", None)
    })))
}

/// The clients of the answered page.
fn answered(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let response = Response::read(answer.format().unwrap(), &answer.body).unwrap();
    let entries = response.log_entries.unwrap();
    entries
        .iter()
        .filter_map(|entry| entry.client_refer_uid.as_deref())
        .collect()
}

fn refused(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    let (error_code, message) = answer.error();
    assert_eq!(error_code, code);
    message
}

/// A request of one member in a format.
fn body(format: Format, member: &str, value: &str) -> String {
    let namespace = match member {
        "PageRequestIndex" | "RecordsPerPage" | "SessionUid" | "GeneratedAt" => BASE,
        _ => MESSAGE,
    };
    let xml = format!(
        "<UserClientSessionLogRequest xmlns=\"{MESSAGE}\"><{member} xmlns=\"{namespace}\">{value}\
         </{member}></UserClientSessionLogRequest>"
    );
    let envelope = |namespace: &str| {
        format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Body>{xml}</s:Body></s:Envelope>")
    };
    match format {
        Format::Json => format!("{{\"{member}\":\"{value}\"}}"),
        Format::Jsv => format!("{{{member}:{value}}}"),
        Format::Csv => format!("{member}\r\n{value}\r\n"),
        Format::Xml => xml,
        Format::Soap11 => envelope("http://schemas.xmlsoap.org/soap/envelope/"),
        Format::Soap12 => envelope("http://www.w3.org/2003/05/soap-envelope"),
    }
}

const MISTYPED: [(&str, &str); 8] = [
    ("UserReferUid", "bogus"),
    ("StartedBefore", "01/06/2015"),
    ("StartedAfter", "2015-06-01T24:00:00"),
    ("OpenSessionsOnly", "yes"),
    ("PageRequestIndex", "1.5"),
    ("RecordsPerPage", "2147483648"),
    ("SessionUid", "6f9619ff"),
    ("GeneratedAt", "now"),
];

#[test]
fn a_mistyped_filter_never_answers_everybody() {
    let router = clients();
    for (member, value) in MISTYPED {
        let is_named = |message: String| {
            let named = format!("{member}: {value:?}");
            assert!(message.contains(&named), "{message}");
        };
        for path in [
            LOG,
            "/userclientsession/log.xml",
            "/csv/reply/UserClientSessionLogRequest",
        ] {
            let query = format!("{path}?{member}={value}");
            is_named(refused(
                &get(&router, &query, &[]),
                400,
                "RequestBindingException",
            ));
            let form = post(&router, path, FORM, format!("{member}={value}"));
            is_named(refused(&form, 400, "RequestBindingException"));
        }
        for format in Format::NAMED {
            for path in [
                LOG,
                "/jsv/syncreply/UserClientSessionLogRequest",
                "/api/UserClientSessionLogRequest",
            ] {
                let answer = post(
                    &router,
                    path,
                    format.content_type(),
                    body(format, member, value),
                );
                is_named(refused(&answer, 400, "SerializationException"));
            }
        }
        for (path, format) in [("/soap11", Format::Soap11), ("/soap12", Format::Soap12)] {
            let answer = post(
                &router,
                path,
                format.content_type(),
                body(format, member, value),
            );
            assert_eq!(answer.status, 500);
            assert!(answer.text().contains("Fault>"));
            assert!(answer.text().contains(member), "{}", answer.text());
        }
    }
}

#[test]
fn a_filter_filters_in_every_format_and_on_every_route() {
    let router = clients();
    assert_eq!(answered(&get(&router, LOG, &[])), "ab");
    for format in Format::NAMED {
        let wanted = || body(format, "ClientReferUid", "b");
        for path in [LOG, "/xml/reply/UserClientSessionLogRequest"] {
            let answer = post(&router, path, format.content_type(), wanted());
            assert_eq!(answered(&answer), "b", "{format:?}");
        }
        // On the path of a format the type can be left out.
        let path = format!("/{}/reply/UserClientSessionLogRequest", format.name());
        let answer = ask(&router, request("PUT", &path, &[], wanted()));
        assert_eq!(answered(&answer), "b", "{format:?}");
    }
    for (path, format) in [("/soap11", Format::Soap11), ("/SOAP12", Format::Soap12)] {
        let wanted = body(format, "ClientReferUid", "b");
        let answer = post(&router, path, "text/xml", wanted.clone());
        assert_eq!(answered(&answer), "b", "{format:?}");
        let answer = ask(&router, request("POST", path, &[], wanted));
        assert_eq!(answered(&answer), "b", "{format:?} without a type");
    }
}

#[test]
fn get_reads_no_body() {
    let headers = [
        ("content-type", "application/x-bogus"),
        ("content-encoding", "gzip"),
    ];
    let answer = ask(&clients(), request("GET", LOG, &headers, "garbage"));
    assert_eq!(answered(&answer), "ab");
}

#[test]
fn the_query_goes_over_a_body_and_a_form_over_the_query() {
    let router = clients();
    let path = format!("{LOG}?ClientReferUid=a");
    let json = r#"{"ClientReferUid":"b"}"#;
    assert_eq!(
        answered(&post(&router, &path, "application/json", json)),
        "a"
    );
    assert_eq!(
        answered(&post(&router, &path, FORM, "clientreferuid=b")),
        "b"
    );
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"clientReferUid\"\r\n\r\nb\r\n--x--\r\n";
    let answer = post(&router, &path, "multipart/form-data; boundary=x", multipart);
    assert_eq!(answered(&answer), "b");
    // What the body leaves open, the query sets.
    let path = format!("{LOG}?RecordsPerPage=1&ClientReferUid=b");
    assert_eq!(
        answered(&post(&router, &path, "application/json", "{}")),
        "b"
    );
}

#[test]
fn a_repeated_key_is_refused() {
    let router = clients();
    let twice = "ClientReferUid=a&clientreferuid=b";
    let message = refused(
        &get(&router, &format!("{LOG}?{twice}"), &[]),
        400,
        "RequestBindingException",
    );
    assert!(
        message.contains("ClientReferUid: it is given more than once"),
        "{message}"
    );
    refused(
        &post(&router, LOG, FORM, twice),
        400,
        "RequestBindingException",
    );
    let part = "--x\r\nContent-Disposition: form-data; name=\"ClientReferUid\"\r\n\r\nb\r\n";
    let parts = format!("{part}{part}--x--\r\n");
    let answer = post(&router, LOG, "multipart/form-data; boundary=x", parts);
    refused(&answer, 400, "RequestBindingException");
    let json = r#"{"ClientReferUid":"a","clientReferUid":"b"}"#;
    let answer = post(&router, LOG, "application/json", json);
    refused(&answer, 400, "SerializationException");
}

#[test]
fn a_body_that_cannot_be_read_is_never_ignored() {
    let router = clients();
    let json = r#"{"ClientReferUid":"b"}"#;
    for content_type in [
        "text/plain",
        "application/octet-stream",
        "application/vnd.x+json",
        "bogus",
        "a/b/c",
    ] {
        let message = refused(
            &post(&router, LOG, content_type, json),
            415,
            "UnsupportedMediaType",
        );
        assert!(message.starts_with("Content-Type: "), "{message}");
    }
    let untyped = ask(&router, request("POST", LOG, &[], json));
    refused(&untyped, 415, "UnsupportedMediaType");
    for encoding in ["gzip", "br", "identity, gzip"] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let message = refused(
            &ask(&router, request("POST", LOG, &headers, json)),
            415,
            "UnsupportedMediaType",
        );
        assert!(message.starts_with("Content-Encoding: "), "{message}");
    }
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "Identity"),
    ];
    assert_eq!(
        answered(&ask(&router, request("POST", LOG, &headers, json))),
        "b"
    );
    let twice = [headers[0], headers[1], ("content-encoding", "gzip")];
    let answer = ask(&router, request("POST", LOG, &twice, json));
    refused(&answer, 415, "UnsupportedMediaType");
    let soap = post(&router, "/soap11", "application/json", "{}");
    assert_eq!(soap.status, 415);
    assert!(soap.text().contains("<s:Fault>"));
}

#[test]
fn an_empty_body_of_any_type_asks_for_everything() {
    let router = clients();
    for content_type in ["text/plain", "application/json", "application/xml", FORM] {
        assert_eq!(
            answered(&post(&router, LOG, content_type, "")),
            "ab",
            "{content_type}"
        );
    }
}

#[test]
fn text_is_utf_8_and_xml_may_be_utf_16() {
    let router = clients();
    let json = r#"{"ClientReferUid":"b"}"#;
    for content_type in [
        "application/json; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "Application/JSON ; CharSet=us-ascii",
        "application/json;",
    ] {
        assert_eq!(
            answered(&post(&router, LOG, content_type, json)),
            "b",
            "{content_type}"
        );
    }
    for charset in ["iso-8859-1", "utf-16", "bogus"] {
        let content_type = format!("application/json; charset={charset}");
        let message = refused(
            &post(&router, LOG, &content_type, json),
            400,
            "SerializationException",
        );
        assert!(message.starts_with("Content-Type: "), "{message}");
    }
    let xml = body(Format::Xml, "ClientReferUid", "b");
    let utf_16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(xml.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        answered(&post(
            &router,
            LOG,
            "application/xml; charset=utf-16",
            utf_16
        )),
        "b"
    );
    for (content_type, code) in [
        ("application/json", "SerializationException"),
        ("application/xml", "SerializationException"),
        (FORM, "RequestBindingException"),
    ] {
        let answer = post(&router, LOG, content_type, b"ClientReferUid=\xff".to_vec());
        refused(&answer, 400, code);
    }
    refused(
        &get(&router, &format!("{LOG}?ClientReferUid=%ff"), &[]),
        400,
        "RequestBindingException",
    );
}

#[test]
fn a_multipart_form_that_is_none_is_refused() {
    let router = clients();
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", "no boundary"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut",
        ),
        // A filter whose name cannot be told.
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data\r\n\r\n7\r\n--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Type: text/plain\r\n\r\n7\r\n--x--\r\n",
        ),
        // All of it before the first boundary.
        (
            "multipart/form-data; boundary=y",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n7\r\n--x--\r\n--y--\r\n",
        ),
    ] {
        let message = refused(
            &post(&router, LOG, content_type, body),
            400,
            "RequestBindingException",
        );
        assert!(message.contains("multipart"), "{message}");
    }
}

/// A router that takes bodies of so many bytes.
fn taking(body_bytes_max: usize) -> Router {
    let options = HttpOptions {
        body_bytes_max,
        ..options()
    };
    router(store_of([log(1, "2015-06-01T08:00:00Z", None)]), options)
}

/// A body whose length is not known before.
fn streamed(text: &str) -> Body {
    let pieces: Vec<std::io::Result<Vec<u8>>> = text
        .as_bytes()
        .chunks(1_000)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

#[test]
fn a_body_over_the_bound_is_413() {
    let router = taking(20_000);
    let fits = format!("{{\"x\":\"{}\"}}", "x".repeat(20_000 - 8));
    let over = format!(" {fits}");
    assert_eq!(fits.len(), 20_000);
    assert_eq!(
        post(&router, LOG, "application/json", fits.clone()).status,
        200
    );
    assert_eq!(
        post(&router, LOG, "application/json", streamed(&fits)).status,
        200
    );
    for body in [Body::from(over.clone()), streamed(&over)] {
        let message = refused(
            &post(&router, LOG, "application/json", body),
            413,
            "RequestEntityTooLarge",
        );
        assert_eq!(message, "the body has more than 20000 bytes");
    }
    let soap = post(&router, "/soap12", "application/soap+xml", over);
    assert_eq!(soap.status, 413);
    assert!(soap.text().contains("s:Fault>"));
}

/// A body that says how long it is, and must not be read.
struct Unread;

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        panic!("the body was read");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(101)
    }
}

#[test]
fn what_is_too_large_by_its_length_is_refused_unread() {
    let answer = post(&taking(100), LOG, FORM, Body::new(Unread));
    refused(&answer, 413, "RequestEntityTooLarge");
}

#[test]
fn a_form_of_parts_has_the_bound_of_every_body() {
    let field = "x".repeat(3 << 20);
    let multipart =
        format!("--x\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{field}\r\n--x--\r\n");
    let content_type = "multipart/form-data; boundary=x";
    assert_eq!(
        post(&taking(4 << 20), LOG, content_type, multipart.clone()).status,
        200
    );
    let answer = post(&taking(2 << 20), LOG, content_type, multipart);
    refused(&answer, 413, "RequestEntityTooLarge");
}

#[test]
fn a_body_that_breaks_off_is_400() {
    let pieces = [Ok(b"{".to_vec()), Err(std::io::Error::other("gone"))];
    let broken = Body::from_stream(futures_util::stream::iter(pieces));
    let message = refused(
        &post(&clients(), LOG, "application/json", broken),
        400,
        "BadRequest",
    );
    assert_eq!(message, "the body is cut off");
}
