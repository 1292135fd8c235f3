//! Metadata, the OpenAPI document, health and metrics: what they say is what is.

use super::{Answer, ask, between, browse, get, router_of, unescaped};
use crate::{log, store_of};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use sessionlog::wire::{
    Format, ServerErrorDetails, UserClientSessionLog, UserClientSessionLogRequest,
    UserClientSessionLogResponse,
};
use sessionlog::{Query, Store};
use std::collections::BTreeSet;

const OPERATION: &str = "UserClientSessionLogRequest";
const FORMATS: [Format; 6] = [
    Format::Xml,
    Format::Json,
    Format::Jsv,
    Format::Csv,
    Format::Soap11,
    Format::Soap12,
];

/// The request and the response that the page of a format shows, without their heads.
fn samples(router: &Router, format: Format) -> [String; 2] {
    let path = format!("/{}/metadata?op={OPERATION}", format.name());
    let page = browse(router, &path);
    assert_eq!(page.status, StatusCode::OK, "{path}");
    let shown = between(&page.body, "<pre tabindex=\"0\">", "</pre>");
    let body = |shown: &str| unescaped(shown).split_once("\n\n").unwrap().1.to_owned();
    [body(shown[0]), body(shown[1])]
}

#[test]
fn the_samples_are_what_the_readers_read_and_the_writers_write() {
    let router = router_of(&Store::in_memory().unwrap());
    let request = UserClientSessionLogRequest {
        client_refer_uid: Some("String".into()),
        device_serial_number: Some("String".into()),
        ..UserClientSessionLogRequest::default()
    };
    let entry = UserClientSessionLog {
        user: Some("String".into()),
        client_refer_uid: Some("String".into()),
        ..UserClientSessionLog::default()
    };
    for format in FORMATS {
        let [shown_request, shown_response] = samples(&router, format);
        let read = UserClientSessionLogRequest::read(format, shown_request.as_bytes()).unwrap();
        assert_eq!(read, request);
        let read = UserClientSessionLogResponse::read(format, shown_response.as_bytes()).unwrap();
        assert_eq!(read.log_entries, Some(vec![entry.clone()]));
        assert_eq!(
            read.server_error_details,
            Some(ServerErrorDetails {
                code: "ClientDataSubmissionFailure".into(),
                description: Some("String".into()),
                additional_messages: Some(vec!["String".into()]),
            })
        );
        let written = String::from_utf8(request.write(format)).unwrap();
        let joined: String = shown_request.lines().map(str::trim_start).collect();
        let is_csv = format == Format::Csv;
        let shown = if is_csv {
            shown_request.clone()
        } else {
            joined
        };
        assert_eq!(shown.trim_end(), written.trim_end(), "{format:?}");
    }
}

#[test]
fn the_samples_are_those_that_the_original_shows() {
    let router = router_of(&Store::in_memory().unwrap());
    let joined = |text: &str| text.lines().map(str::trim_start).collect::<String>();
    for (format, ending) in [
        (Format::Xml, "xml"),
        (Format::Json, "json"),
        (Format::Csv, "csv"),
    ] {
        let shown = samples(&router, format);
        for (shown, message) in shown.iter().zip(["request", "response"]) {
            let file = format!("tests/data/wire/pages/{ending}-{message}.{ending}");
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let original = std::fs::read_to_string(path).unwrap();
            assert_eq!(joined(shown), joined(&original), "{format:?}");
        }
    }
}

#[test]
fn a_format_or_operation_that_there_is_not_has_no_metadata() {
    let router = router_of(&Store::in_memory().unwrap());
    for path in [
        format!("/yaml/metadata?op={OPERATION}"),
        "/xml/metadata?op=NoSuchRequest".to_owned(),
        "/html/metadata".to_owned(),
    ] {
        assert_eq!(get(&router, &path).status, StatusCode::NOT_FOUND, "{path}");
        let page = browse(&router, &path);
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    }
    assert_eq!(
        get(&router, "/SOAP11/metadata?OP=userclientsessionlogrequest").status,
        StatusCode::OK
    );
}

fn document(router: &Router) -> Value {
    serde_json::from_str(&get(router, "/openapi.json").body).unwrap()
}

fn send(router: &Router, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    ask(router, request.body(Body::empty()).unwrap())
}

/// Addresses that the document has, each template filled in.
fn paths(document: &Value) -> Vec<(String, String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters");
            (
                path.clone(),
                path.replace("{format}", "json"),
                methods.cloned().collect(),
            )
        })
        .collect()
}

#[test]
fn the_document_has_exactly_the_methods_that_are_answered() {
    let router = router_of(&store_of([log(1, "2015-06-01T08:00:00Z", None)]));
    for (template, path, methods) in paths(&document(&router)) {
        for method in ["get", "post", "put", "delete", "patch", "trace"] {
            let answer = send(&router, &method.to_uppercase(), &path);
            let is_answered = answer.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{method} {template}");
            assert_eq!(is_answered, methods.contains(method), "{method} {template}");
            if !is_answered {
                assert!(
                    answer.header("allow").contains("GET")
                        || answer.header("allow").contains("POST")
                );
            }
        }
    }
}

#[test]
fn every_address_that_is_answered_is_in_the_document() {
    let router = router_of(&Store::in_memory().unwrap());
    let known: BTreeSet<String> = paths(&document(&router))
        .into_iter()
        .map(|(_, path, _)| path)
        .collect();
    let words = [
        "",
        "metadata",
        "openapi.json",
        "healthz",
        "readyz",
        "metrics",
        "style.css",
        "soap11",
        "soap12",
        "favicon.ico",
        "json/metadata",
        "json/reply",
        "userclientsession",
        "userclientsession/log",
        "userclientsession/log.json",
        "userclientsession/log.xml",
        "userclientsession/log.csv",
        "userclientsession/log.jsv",
        "userclientsession/log.html",
        "userclientsession/log.yaml",
        "userclientsession/import",
        "userclientsession/export",
        "swagger",
        "api",
    ];
    let replies = [
        "json/reply",
        "json/syncreply",
        "json/oneway",
        "json/asynconeway",
        "api",
        "json/other",
    ];
    let operations = replies.map(|reply| format!("{reply}/{OPERATION}"));
    for path in words.map(str::to_owned).into_iter().chain(operations) {
        let path = format!("/{path}");
        let is_answered = ["GET", "POST"]
            .iter()
            .any(|method| send(&router, method, &path).status != StatusCode::NOT_FOUND);
        assert_eq!(is_answered, known.contains(&path), "{path}");
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let router = router_of(&Store::in_memory().unwrap());
    let body = get(&router, "/openapi.json").body;
    let document: Value = serde_json::from_str(&body).unwrap();
    let references = between(&body, "\"$ref\":\"#", "\"");
    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let operations = between(&body, "\"operationId\":\"", "\"");
    let different: BTreeSet<&str> = operations.iter().copied().collect();
    assert_eq!(different.len(), operations.len());
}

/// The value of a sample in Prometheus' text.
fn sample(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn what_was_asked_is_counted_and_what_is_stored_is_told() {
    let store = store_of([
        log(1, "2015-06-01T08:00:00Z", None),
        log(2, "2015-06-01T09:00:00Z", Some("2015-06-01T10:00:00Z")),
    ]);
    let router = router_of(&store);
    for path in [
        "/userclientsession/log.xml",
        "/xml/reply/UserClientSessionLogRequest",
        "/",
    ] {
        assert_eq!(get(&router, path).status, StatusCode::OK);
    }
    assert_eq!(
        get(&router, "/userclientsession/log.json?UserReferUid=bogus").status,
        StatusCode::BAD_REQUEST
    );
    for path in ["/no/such", "/other/path"] {
        assert_eq!(get(&router, path).status, StatusCode::NOT_FOUND);
    }
    let answer = get(&router, "/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    let metrics = answer.body;
    let requests = |route, format, status| {
        let labels = format!("{{format=\"{format}\",route=\"{route}\",status=\"{status}\"}}");
        sample(&metrics, &format!("sessionlog_http_requests_total{labels}"))
    };
    assert_eq!(requests("query", "xml", 200), 2);
    assert_eq!(requests("query", "html", 200), 1);
    assert_eq!(requests("query", "json", 400), 1);
    assert_eq!(requests("unknown", "json", 404), 2);
    assert_eq!(sample(&metrics, "sessionlog_pages_served_total"), 3);
    assert_eq!(
        sample(
            &metrics,
            "sessionlog_http_request_duration_seconds_count{route=\"query\"}"
        ),
        4
    );
    assert_eq!(sample(&metrics, "sessionlog_http_requests_in_flight"), 1);
    assert_eq!(sample(&metrics, "sessionlog_sessions"), 2);
    assert_eq!(sample(&metrics, "sessionlog_open_sessions"), 1);
    assert_eq!(
        sample(&metrics, "sessionlog_store_bytes"),
        store.stats().unwrap().file_bytes
    );
    assert_eq!(sample(&metrics, "sessionlog_store_readable"), 1);
}

#[test]
fn a_store_that_is_closed_is_not_ready_and_the_process_lives() {
    let store = Store::in_memory().unwrap();
    let router = router_of(&store);
    assert_eq!(get(&router, "/readyz").status, StatusCode::OK);
    store.close().unwrap();
    assert!(store.count(&Query::all()).is_err());
    assert_eq!(
        get(&router, "/readyz").status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(get(&router, "/healthz").status, StatusCode::OK);
    let metrics = get(&router, "/metrics").body;
    assert_eq!(sample(&metrics, "sessionlog_store_readable"), 0);
    let page = browse(&router, "/");
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.body.contains("the store did not answer"));
}
