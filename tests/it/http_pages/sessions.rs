//! The operator's page: totals, filters, names of strangers, and what a browser may do with it.

use super::{between, browse, get, router_of, unescaped};
use crate::{at, log, store_of, uid};
use axum::http::StatusCode;
use sessionlog::{PageRequest, Query, SessionLog, Store};

const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "Ann\u{202E}gnp.exe\u{2066}",
    "nul\0bell\u{7}\u{9b}",
    "</title></textarea><svg onload=alert(1)>",
    "&lt;b&gt; &amp;",
];

/// A session an hour from 2015-06-01, every third of them open, of users 0 to 4.
fn store() -> Store {
    store_of((0..240).map(|number: i64| {
        let start = at("2015-06-01T00:00:00Z") + chrono::TimeDelta::hours(number);
        let end = (number % 3 > 0).then(|| start + chrono::TimeDelta::minutes(30));
        SessionLog {
            refer_uid: uid(number as u128 + 1),
            user_refer_uid: uid(number as u128 % 5 + 1),
            user: format!("user {}", number % 5).into(),
            client_refer_uid: format!("PDA-{}", number % 7).into(),
            session_start: start,
            session_end: end,
        }
    }))
}

fn rows(page: &str) -> usize {
    page.matches("data-label=\"Session id\"").count()
}

#[test]
fn the_totals_are_those_of_the_library() {
    let store = store();
    let router = router_of(&store);
    let query = Query::builder().user_refer_uid(uid(2)).build().unwrap();
    let page = store
        .page(&query, PageRequest::new(1, 25).unwrap())
        .unwrap();
    let user = uid(2).simple();
    let path =
        format!("/userclientsession/log?UserReferUid={user}&PageRequestIndex=1&RecordsPerPage=25");
    let answer = browse(&router, &path);
    assert_eq!(answer.status, StatusCode::OK);
    let range = format!(
        "Sessions 26–48 of {}, page 2 of {}",
        page.total_record_count, page.total_page_count
    );
    assert!(
        answer
            .body
            .contains(&format!("<h2 id=\"sessions-title\">{range}</h2>")),
        "{range}"
    );
    assert_eq!(rows(&answer.body), page.entries.len());
    for entry in &page.entries {
        assert!(answer.body.contains(&entry.refer_uid.to_string()));
    }
    let open = Query::builder()
        .user_refer_uid(uid(2))
        .open_sessions_only(true)
        .build()
        .unwrap();
    let figures = between(&answer.body, "<dd>", "</dd>");
    let open = store.count(&open).unwrap().to_string();
    assert_eq!(figures, ["48", open.as_str(), "2"]);
}

#[test]
fn an_invalid_filter_shows_what_is_wrong_and_no_sessions() {
    let router = router_of(&store());
    for (query, member, text) in [
        ("UserReferUid=bogus", "UserReferUid", "is not a guid"),
        ("StartedAfter=yesterday", "StartedAfter", "is not a date"),
        (
            "OpenSessionsOnly=perhaps",
            "OpenSessionsOnly",
            "is not true",
        ),
        (
            "RecordsPerPage=many",
            "RecordsPerPage",
            "is not a whole number",
        ),
        ("RecordsPerPage=-1", "RecordsPerPage", "negative"),
        (
            "StartedAfter=2015-06-02&StartedBefore=2015-06-01",
            "StartedAfter",
            "does not lie before",
        ),
        (
            "ClientReferUid=a&clientreferuid=b",
            "ClientReferUid",
            "more than once",
        ),
    ] {
        let answer = browse(&router, &format!("/userclientsession/log?{query}"));
        // What reads and is invalid is a failure inside an answer, as on the wire.
        let status = match ["negative", "does not lie before"].contains(&text) {
            true => StatusCode::OK,
            false => StatusCode::BAD_REQUEST,
        };
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(rows(&answer.body), 0, "{query}");
        assert!(!answer.body.contains("<svg"), "{query}");
        let alerts = between(&answer.body, "role=\"alert\">", "</div>");
        assert!(alerts[0].contains(text), "{query}: {}", alerts[0]);
        let field = between(&answer.body, &format!("id=\"{member}\""), ">")[0].to_owned();
        assert!(field.contains("aria-invalid=\"true\""), "{query}: {field}");
    }
}

#[test]
fn what_was_not_understood_is_shown_again() {
    let answer = browse(
        &router_of(&store()),
        "/?UserReferUid=%22%3E%3Cb%3E&StartedAfter=soon&RecordsPerPage=25&OpenSessionsOnly=1",
    );
    assert!(answer.body.contains("<option value=\"25\" selected>"));
    assert!(between(&answer.body, "id=\"OpenSessionsOnly\"", ">")[0].contains(" checked"));
    assert!(answer.body.contains("value=\"&quot;&gt;&lt;b&gt;\""));
    assert!(answer.body.contains("value=\"soon\""));
}

#[test]
fn names_of_strangers_are_text_and_what_hides_in_them_is_shown() {
    let logs = HOSTILE.iter().enumerate().map(|(number, name)| SessionLog {
        refer_uid: uid(number as u128 + 1),
        user: (*name).into(),
        client_refer_uid: (*name).into(),
        ..log(0, "2015-06-01T08:00:00Z", None)
    });
    let store = store_of(logs);
    let router = router_of(&store);
    let mut pages = vec![browse(&router, "/").body];
    for name in HOSTILE {
        let client: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let page = browse(
            &router,
            &format!("/userclientsession/log.html?ClientReferUid={client}"),
        );
        assert_eq!(rows(&page.body), 1, "{name:?}");
        pages.push(page.body);
        pages.push(
            browse(
                &router,
                &format!("/userclientsession/log?UserReferUid={client}"),
            )
            .body,
        );
    }
    for page in pages {
        for markup in ["<script", "<img", "<svg onload", "<b>", "<textarea"] {
            assert!(!page.contains(markup), "{markup}");
        }
        // No attribute ends early: all of them are quoted, and hold no quote.
        let tags = between(&page, "<", ">");
        assert!(tags.iter().all(|tag| tag.matches('"').count() % 2 == 0));
        let cells = between(&page, "<bdi>", "</bdi>").concat();
        assert!(!cells.contains(['\0', '\u{7}', '\u{9b}', '\u{202E}', '\u{2066}']));
    }
    let page = browse(&router, "/").body;
    assert!(page.contains("<span class=\"hidden-character\">U+202E</span>"));
    assert!(unescaped(&page).contains("<script>alert(1)</script></bdi>"));
}

#[test]
fn a_page_may_load_its_style_and_do_nothing_else() {
    let router = router_of(&store());
    for path in [
        "/",
        "/metadata",
        "/xml/metadata?op=UserClientSessionLogRequest",
        "/nothing/here",
    ] {
        let answer = browse(&router, path);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{path}: {policy}"
        );
        for rule in [
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        for forbidden in [
            "<script",
            "<style",
            " style=",
            "javascript:",
            " onclick",
            " onload",
        ] {
            assert!(!answer.body.contains(forbidden), "{path}: {forbidden}");
        }
    }
    let style = get(&router, "/style.css");
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(!style.body.contains("url(") && !style.body.contains("@import"));
}

#[test]
fn a_form_can_be_used_by_keyboard_and_ear() {
    let page = browse(&router_of(&store()), "/").body;
    let inputs: Vec<&str> = between(&page, "<input ", ">");
    let fields = inputs.iter().filter(|input| !input.contains("hidden"));
    for id in fields.map(|input| between(input, "id=\"", "\"")[0]) {
        assert!(page.contains(&format!("<label for=\"{id}\">")), "{id}");
    }
    assert!(page.contains("<a class=\"skip\" href=\"#content\">"));
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(page.matches("<h1>").count(), 1);
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption>").count()
    );
    assert!(page.matches("<th ").all(|_| true) && !page.contains("<th>"));
}

#[test]
fn a_bound_finer_than_an_input_can_say_stays_what_it_is() {
    let page = browse(
        &router_of(&store()),
        "/?StartedAfter=2015-06-01T23:59:59.9999999Z",
    )
    .body;
    let field = between(&page, "id=\"StartedAfter\"", ">")[0];
    assert!(
        field.contains("type=\"text\"") && field.contains("2015-06-01T23:59:59.9999999Z"),
        "{field}"
    );
    let page = browse(&router_of(&store()), "/?StartedAfter=2015-06-02T08:00").body;
    let field = between(&page, "id=\"StartedAfter\"", ">")[0];
    assert!(
        field.contains("type=\"datetime-local\"") && field.contains("\"2015-06-02T08:00\""),
        "{field}"
    );
}

#[test]
fn a_page_past_the_end_says_so_and_has_true_totals() {
    let page = browse(
        &router_of(&store()),
        "/?PageRequestIndex=9&RecordsPerPage=100",
    )
    .body;
    assert!(page.contains("Page 10 lies past the end: there are 3 pages."));
    assert_eq!(rows(&page), 0);
    let none = browse(&router_of(&store()), "/?ClientReferUid=nobody").body;
    assert!(none.contains("No session matches this filter."));
}

#[test]
fn the_chart_counts_every_session_and_stays_small() {
    let store = store();
    let router = router_of(&store);
    let counts = |path: &str| -> Vec<u64> {
        let page = browse(&router, path).body;
        let table = between(&page, "<table class=\"counts\">", "</table>")[0].to_owned();
        let cells = between(&table, "<td class=\"number\">", "</td>");
        cells.iter().map(|cell| cell.parse().unwrap()).collect()
    };
    assert_eq!(counts("/"), [24; 10]);
    assert_eq!(counts("/?StartedBefore=2015-06-02T12:00"), [1; 36]);
    store
        .append(log(900, "0001-01-02T00:00:00Z", None))
        .unwrap();
    store
        .append(log(901, "9999-12-31T23:59:59Z", None))
        .unwrap();
    let months = counts("/");
    assert_eq!(months.len(), 60);
    assert_eq!(months.iter().sum::<u64>(), 1);
    assert!(
        browse(&router, "/")
            .body
            .contains("Older sessions match, too.")
    );
}
