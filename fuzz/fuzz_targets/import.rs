//! Any bytes as a log of logins in each form: what is taken is in the store, and taken again it changes
//! nothing.
#![no_main]

use sessionlog::import::{self, CSV_COLUMNS, ImportError, Summary};
use sessionlog::{Query, Store};

type Import = fn(&Store, &[u8]) -> Result<Summary, ImportError>;

const IMPORTS: [Import; 4] = [
    |store, bytes| import::jsonl(store, bytes, &mut ()),
    |store, bytes| import::csv(store, bytes, &mut ()),
    |store, bytes| {
        let table = [CSV_COLUMNS.join(",").as_bytes(), b"\n", bytes].concat();
        import::csv(store, &table[..], &mut ())
    },
    |store, bytes| import::wtmp(store, bytes, "host", &mut ()),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((form, bytes)) = bytes.split_first() else {
        return;
    };
    let import = IMPORTS[usize::from(*form) % IMPORTS.len()];
    let store = Store::in_memory().unwrap();
    let Ok(taken) = import(&store, bytes) else {
        return;
    };
    assert_eq!(store.count(&Query::all()).unwrap(), taken.accepted);
    let again = import(&store, bytes).unwrap();
    assert_eq!((again.accepted, again.rejected), (0, taken.rejected));
    assert!(store.verify(|_| ()).unwrap().is_sound());
});
