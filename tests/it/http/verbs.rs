//! Verbs, paths and formats.

use super::{LOG, ask, get, post, request, router_of};
use crate::{log, store_of};
use axum::Router;
use axum::body::Body;
use sessionlog::wire::{Format, UserClientSessionLogResponse as Response};

const REPLY: &str = "/json/reply/UserClientSessionLogRequest";
const QUERY_VERBS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

fn router() -> Router {
    router_of(&store_of([log(1, "2015-06-01T08:00:00Z", None)]))
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let router = router();
    for path in [
        LOG,
        REPLY,
        "/userclientsession/log.csv",
        "/userclientsession/log.html",
    ] {
        let whole = get(&router, path, &[]);
        let head = ask(&router, request("HEAD", path, &[], Body::empty()));
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(head.headers, whole.headers, "{path}");
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
    }
    let refused = ask(&router, request("HEAD", "/nosuch", &[], Body::empty()));
    assert_eq!((refused.status.as_u16(), refused.body.len()), (404, 0));
}

#[test]
fn every_verb_of_the_query_reads_and_none_writes() {
    let router = router();
    for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for path in [LOG, REPLY] {
            let answer = ask(&router, request(verb, path, &[], Body::empty()));
            assert_eq!(answer.status, 200, "{verb}");
            let response = Response::read(Format::Json, &answer.body).unwrap();
            assert_eq!(response.log_entries.unwrap().len(), 1);
        }
    }
}

#[test]
fn options_tells_the_verbs() {
    let router = router();
    for (path, allow) in [
        (LOG, QUERY_VERBS),
        ("/userclientsession/log?format=bogus", QUERY_VERBS),
        ("/api/UserClientSessionLogRequest", QUERY_VERBS),
        ("/soap12", "OPTIONS, POST"),
    ] {
        let answer = ask(&router, request("OPTIONS", path, &[], Body::empty()));
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("allow"), allow);
        assert!(answer.body.is_empty());
    }
    for path in ["/nosuch", "/json/reply/NoSuchOp"] {
        let answer = ask(&router, request("OPTIONS", path, &[], Body::empty()));
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn other_verbs_are_refused_with_those_that_there_are() {
    let router = router();
    for (verb, path, allow) in [
        ("TRACE", LOG, QUERY_VERBS),
        ("PROPFIND", REPLY, QUERY_VERBS),
        ("get", LOG, QUERY_VERBS),
        ("GET", "/soap11", "OPTIONS, POST"),
        ("HEAD", "/soap12", "OPTIONS, POST"),
        ("PUT", "/soap12", "OPTIONS, POST"),
    ] {
        let answer = ask(&router, request(verb, path, &[], Body::empty()));
        assert_eq!(answer.status, 405, "{verb} {path}");
        assert_eq!(answer.header("allow"), allow);
    }
    let fault = get(&router, "/soap11", &[]);
    assert_eq!(fault.format(), Some(Format::Soap11));
    assert!(fault.text().contains("<s:Fault>"), "{}", fault.text());
}

#[test]
fn every_route_answers_in_its_format() {
    let router = router();
    for (path, content_type) in [
        ("/userclientsession/log.xml", "application/xml"),
        ("/userclientsession/log.Csv/", "text/csv"),
        ("/userclientsession/log?FORMAT=Jsv", "application/jsv"),
        ("/userclientsession/log?format=text/jsv", "text/jsv"),
        ("/userclientsession/log.jsv?format=xml", "application/jsv"),
        (
            "/xml/reply/UserClientSessionLogRequest?format=csv",
            "text/csv",
        ),
        (
            "/XML/SyncReply/userclientsessionlogrequest",
            "application/xml",
        ),
        ("/csv/asynconeway/UserClientSessionLogRequest", "text/csv"),
        (
            "/api/UserClientSessionLogRequest",
            "application/json; charset=utf-8",
        ),
    ] {
        let answer = get(&router, path, &[("accept", "application/xml;q=0.5")]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        let response = Response::read(answer.format().unwrap(), &answer.body).unwrap();
        assert_eq!(response.log_entries.unwrap().len(), 1);
        let disposition = match content_type {
            "text/csv" => "attachment;filename=UserClientSessionLogRequest.csv",
            _ => "",
        };
        assert_eq!(answer.header("content-disposition"), disposition, "{path}");
    }
}

#[test]
fn what_is_not_there_is_404_in_the_negotiated_format() {
    let router = router();
    for (path, accept, content_type) in [
        ("/nosuch", "application/xml", "application/xml"),
        ("/nosuch?format=csv", "*/*", "text/csv"),
        ("/nosuch", "text/jsv", "text/jsv"),
        ("/nosuch?callback=f", "*/*", "application/javascript"),
        ("/jsv/reply/NoSuchOp", "*/*", "application/jsv"),
        (
            "/api/NoSuchOp",
            "application/xml",
            "application/json; charset=utf-8",
        ),
        ("/nosuch", "text/html", "text/html; charset=utf-8"),
    ] {
        let answer = get(&router, path, &[("accept", accept)]);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        if answer.format().is_some() {
            assert_eq!(answer.error().0, "NotFound");
        }
    }
}

#[test]
fn a_format_that_is_none_or_two_is_refused() {
    let router = router();
    for (query, problem) in [
        ("format=bogus", "format: \"bogus\" is not"),
        ("format=soap11", "format: \"soap11\" is not"),
        (
            "format=json&Format=xml",
            "format: it is given more than once",
        ),
        (
            "callback=a&callback=b",
            "callback: it is given more than once",
        ),
    ] {
        let answer = get(&router, &format!("{LOG}?{query}"), &[]);
        assert_eq!(answer.status, 400);
        let (code, message) = answer.error();
        assert_eq!(code, "BadRequest");
        assert!(message.starts_with(problem), "{message}");
    }
}

#[test]
fn soap_does_not_look_at_the_query_string() {
    let body = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
        <UserClientSessionLogRequest xmlns=\"http://schemas.datacontract.org/2004/07/\
        Spirit.Server.Common.Message.Sessions\"/></s:Body></s:Envelope>";
    let path = "/Soap11?format=bogus&callback=f&RecordsPerPage=x";
    let answer = post(&router(), path, "text/xml", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.format(), Some(Format::Soap11));
}

#[test]
fn mounted_below_a_path_it_is_the_same_service() {
    let mounted = Router::new().nest_service("/of/sessions", router());
    for path in [LOG, REPLY, "/userclientsession/log.csv?RecordsPerPage=1"] {
        let there = get(&mounted, &format!("/of/sessions{path}"), &[]);
        let here = get(&router(), path, &[]);
        assert_eq!(there.status, 200, "{path}");
        assert_eq!(there.headers, here.headers);
        assert_eq!(there.text(), here.text());
    }
    assert_eq!(get(&mounted, LOG, &[]).status, 404);
    let unknown = get(&mounted, "/of/sessions/nosuch", &[]);
    assert_eq!(unknown.error().0, "NotFound");
}

mod jsonp {
    use super::{LOG, get, router};
    use crate::http::{options, router_of};
    use crate::{log, store_of};
    use axum::http::HeaderValue;
    use sessionlog::SessionLog;
    use sessionlog::http::HttpOptions;

    #[test]
    fn a_callback_is_called_with_the_json() {
        let router = router();
        let json = get(&router, LOG, &[]);
        for name in ["f", "_", "$.cb", "a.b.c", &"x".repeat(64)] {
            let answer = get(&router, &format!("{LOG}?callback={name}"), &[]);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), "application/javascript");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.text(), format!("{name}({})", json.text()));
        }
        // An empty one is none.
        assert_eq!(
            get(&router, &format!("{LOG}?callback="), &[]).text(),
            json.text()
        );
    }

    #[test]
    fn what_is_no_name_is_not_echoed_as_a_script() {
        let router = router();
        let long = "x".repeat(65);
        for name in [
            "alert(1)//",
            "1a",
            ".a",
            "a-b",
            "a%20b",
            "%C3%A9",
            "a[0]",
            "a;b",
            &long,
        ] {
            let answer = get(&router, &format!("{LOG}?callback={name}"), &[]);
            assert_eq!(answer.status, 400, "{name}");
            assert_eq!(
                answer.header("content-type"),
                "application/json; charset=utf-8"
            );
            assert!(answer.error().1.starts_with("callback: it is not a name"));
        }
    }

    #[test]
    fn a_callback_goes_with_json_only_and_says_so_in_the_other_format() {
        let router = router();
        for (format, content_type) in [
            ("xml", "application/xml"),
            ("csv", "text/csv"),
            ("jsv", "application/jsv"),
        ] {
            let answer = get(&router, &format!("{LOG}.{format}?callback=f"), &[]);
            assert_eq!(answer.status, 400);
            assert_eq!(answer.header("content-type"), content_type);
            assert_eq!(answer.error().1, "callback: it goes with JSON only");
        }
    }

    #[test]
    fn pages_of_other_sites_load_no_answers_as_scripts_unless_all_may_read_them() {
        let path = format!("{LOG}?callback=f");
        for (site, status) in [("cross-site", 403), ("same-site", 200), ("none", 200)] {
            let answer = get(&router(), &path, &[("Sec-Fetch-Site", site)]);
            assert_eq!(answer.status, status, "{site}");
        }
        let options = HttpOptions {
            cors_origins: vec![HeaderValue::from_static("*")],
            ..options()
        };
        let open = crate::router(store_of([]), options);
        let answer = get(&open, &path, &[("Sec-Fetch-Site", "cross-site")]);
        assert_eq!(answer.status, 200);
    }

    #[test]
    fn errors_are_passed_to_the_callback_as_well() {
        let answer = get(
            &router(),
            &format!("{LOG}?callback=f&RecordsPerPage=x"),
            &[],
        );
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("content-type"), "application/javascript");
        assert!(answer.text().starts_with("f({\"ResponseStatus\""));
        assert!(answer.text().contains("RecordsPerPage"));
    }

    #[test]
    fn line_ends_of_old_javascript_are_escaped() {
        let named = SessionLog {
            user: "a\u{2028}b\u{2029}c".into(),
            ..log(1, "2015-06-01T08:00:00Z", None)
        };
        let answer = get(
            &router_of(&store_of([named])),
            &format!("{LOG}?callback=f"),
            &[],
        );
        assert!(
            answer.text().contains("a\\u2028b\\u2029c"),
            "{}",
            answer.text()
        );
    }
}
