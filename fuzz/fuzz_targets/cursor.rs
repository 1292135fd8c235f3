//! Any text as a cursor: refused, or the cursor whose text it is, and readable with its query only.
#![no_main]

use sessionlog::{Cursor, ErrorKind, Query, Store};
use std::sync::LazyLock;

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let store = Store::in_memory().unwrap();
    for client in ["PDA-01", "PDA-02"] {
        store.start(uuid::Uuid::from_u128(7), "Ann", client).unwrap();
    }
    store
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(cursor) = text.parse::<Cursor>() else {
        return;
    };
    assert_eq!(cursor.to_string(), text);
    match STORE.page_after(&Query::all(), &cursor, 10) {
        Ok(page) => assert!(page.entries.len() <= 2),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
    }
});
