//! Every link of a page leads to what it promises.

use super::{between, browse, router_of, unescaped};
use crate::{at, store_of, uid};
use axum::Router;
use axum::http::{StatusCode, Uri};
use sessionlog::{PageRequest, Query, SessionLog, Store};
use std::collections::BTreeSet;

fn store() -> Store {
    store_of((0..60).map(|number: i64| SessionLog {
        refer_uid: uid(number as u128 + 1),
        user_refer_uid: uid(number as u128 % 3 + 1),
        user: format!("<user {}>", number % 3).into(),
        client_refer_uid: format!("PDA & \"{}\"?#%", number % 4).into(),
        session_start: at("2015-06-01T00:00:00Z") + chrono::TimeDelta::hours(number * 2),
        session_end: None,
    }))
}

/// The absolute path of a link on the page at `base`, as a browser resolves it.
fn resolve(base: &str, link: &str) -> String {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    let mut segments: Vec<&str> = base.split('?').next().unwrap().split('/').collect();
    segments.pop();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    if path.ends_with("./") {
        segments.push("");
    }
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{query}", segments.join("/"))
}

/// The addresses that a page links to, by the text that links to them.
fn links(base: &str, page: &str) -> Vec<(String, String)> {
    let anchors = between(page, "<a ", "</a>");
    let links = anchors.iter().filter_map(|anchor| {
        let link = unescaped(between(anchor, "href=\"", "\"")[0]);
        let text = anchor.split_once('>').unwrap().1.to_owned();
        (!link.starts_with('#')).then(|| (text, resolve(base, &link)))
    });
    links.collect()
}

fn link(router: &Router, base: &str, name: &str) -> String {
    let links = links(base, &browse(router, base).body);
    let found = links.into_iter().find(|(text, _)| text == name);
    found
        .unwrap_or_else(|| panic!("no link {name} at {base}"))
        .1
}

#[test]
fn every_link_of_every_page_is_answered() {
    let router = router_of(&store());
    let mut seen = BTreeSet::new();
    let mut next = vec![
        "/?RecordsPerPage=25".to_owned(),
        "/userclientsession/log/?RecordsPerPage=25&PageRequestIndex=1".to_owned(),
        "//userclientsession//log".to_owned(),
        "/metadata".to_owned(),
    ];
    while let Some(path) = next.pop() {
        if seen.len() > 150 || !seen.insert(path.clone()) {
            continue;
        }
        let answer = browse(&router, &path);
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(path.parse::<Uri>().is_ok(), "{path}");
        if answer.header("content-type").starts_with("text/html") {
            next.extend(links(&path, &answer.body).into_iter().map(|(_, link)| link));
        }
    }
    assert!(
        seen.iter()
            .any(|path| path.starts_with("/userclientsession/log.csv"))
    );
    assert!(seen.iter().any(|path| path.starts_with("/soap12/metadata")));
}

#[test]
fn pages_lead_to_the_pages_they_name() {
    let store = store();
    let router = router_of(&store);
    let ids = |index| {
        let page = store
            .page(&Query::all(), PageRequest::new(index, 25).unwrap())
            .unwrap();
        page.entries.into_iter().map(|entry| entry.refer_uid)
    };
    let mut path = "/?RecordsPerPage=25".to_owned();
    for (name, index) in [
        ("Next", 1),
        ("Next", 2),
        ("Previous", 1),
        ("Last", 2),
        ("First", 0),
    ] {
        path = link(&router, &path, name);
        let page = browse(&router, &path).body;
        assert!(page.contains(&format!("page {} of 3", index + 1)), "{path}");
        for id in ids(index) {
            assert!(page.contains(&id.to_string()), "{path}");
        }
    }
    let first = browse(&router, &path).body;
    assert!(!first.contains(">Previous</a>") && !first.contains(">First</a>"));
}

#[test]
fn a_name_leads_to_the_sessions_of_its_bearer_and_a_bar_to_its_day() {
    let router = router_of(&store());
    let base = "/?RecordsPerPage=25&PageRequestIndex=1";
    let total = |name: &str| {
        let page = browse(&router, &link(&router, base, name)).body;
        between(&page, "<dd>", "</dd>")[0].to_owned()
    };
    assert_eq!(total("<bdi>&lt;user 1&gt;</bdi>"), "20");
    assert_eq!(total("<bdi>PDA &amp; &quot;2&quot;?#%</bdi>"), "15");
    assert_eq!(total("2015-06-02"), "12");
}

#[test]
fn the_caller_is_carried_through_every_link() {
    let router = router_of(&store());
    let session = "6f9619ff8b86d011b42d00c04fc964ff";
    let base = format!("/?SessionUid={session}&RecordsPerPage=25");
    let page = browse(&router, &base).body;
    for (text, link) in links(&base, &page) {
        assert!(
            link.contains(&format!("SessionUid={session}")),
            "{text}: {link}"
        );
    }
    assert!(page.contains(&format!(
        "<input type=\"hidden\" name=\"SessionUid\" value=\"{session}\">"
    )));
}
