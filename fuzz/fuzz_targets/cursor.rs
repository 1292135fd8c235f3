//! Any text as a cursor: refused, or the cursor whose text it is, and readable with its query only.
#![no_main]

use sessionlog::{Cursor, ErrorKind, Query, Store};
use std::sync::LazyLock;

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let store = Store::in_memory().unwrap();
    for client in ["PDA-01", "PDA-02"] {
        store
            .start(uuid::Uuid::from_u128(7), "Ann", client)
            .unwrap();
    }
    store
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    check(&framed(bytes));
});

/// The bytes as the place within a cursor of the query, under a right checksum.
fn framed(place: &[u8]) -> String {
    let start = Cursor::start(&Query::all()).to_string();
    // Before the place come a version and a fingerprint of 17 bytes, behind it a checksum.
    let mut body: Vec<u8> = (0..34)
        .step_by(2)
        .map(|at| u8::from_str_radix(&start[at..at + 2], 16).unwrap())
        .collect();
    body.extend_from_slice(place);
    body.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    body.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(text: &str) {
    let Ok(cursor) = text.parse::<Cursor>() else {
        return;
    };
    assert_eq!(cursor.to_string(), text);
    match STORE.page_after(&Query::all(), &cursor, 10) {
        Ok(page) => assert!(page.entries.len() as u64 + page.remaining_record_count <= 2),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
    }
}
