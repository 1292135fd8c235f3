//! What the log says of a request.

use super::bounds::broken;
use super::{LOG, get, post, router_of};
use crate::{log, store_of};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;

/// Where all of a log is kept.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn a_request_is_traced_by_method_route_and_status_and_by_nothing_personal() {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let path = format!("{LOG}?ClientReferUid=PDA-01&SessionUid=6f9619ff8b86d011b42d00c04fc964ff");
    let headers = [("Authorization", "Bearer very-secret-token")];
    // With one subscriber alone, what other tests log first, without any, is switched off for good.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    tracing::subscriber::with_default(subscriber, || {
        let store = store_of([log(1, "2015-06-01T08:00:00Z", None)]);
        assert_eq!(get(&router_of(&store), &path, &headers).status, 200);
    });
    let text = kept.text();
    assert!(text.contains("method=GET"), "{text}");
    assert!(text.contains("route=query"), "{text}");
    assert!(text.contains("status=200"), "{text}");
    for personal in ["PDA-01", "6f9619ff", "very-secret", "Ann"] {
        assert!(!text.contains(personal), "{text}");
    }
}

/// Of the whole process, since a store has threads of its own: also what other tests log.
#[test]
fn what_a_store_fails_with_is_logged_with_the_request_that_asked() {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (router, _folder) = broken();
    assert_eq!(get(&router, LOG, &[]).status, 500);
    let record = crate::cli::line(1, "2015-06-01T08:00:00Z", "");
    let answer = post(
        &router,
        "/userclientsession/import",
        "application/jsonl",
        record,
    );
    assert_eq!(answer.status, 500);
    let text = kept.text();
    let failures = text
        .lines()
        .filter(|line| line.contains("the store did not answer"));
    let failures: Vec<_> = failures.collect();
    for request in [
        "request{method=GET route=query}",
        "request{method=POST route=/userclientsession/import}",
    ] {
        assert!(failures.iter().any(|line| line.contains(request)), "{text}");
    }
    assert!(
        failures.iter().all(|line| line.contains(" request{")),
        "{text}"
    );
}
