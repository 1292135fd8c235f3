//! Any bytes as a log of logins in each form: what is taken is in the store, and taken again it changes
//! nothing.
#![no_main]

use sessionlog::import::{self, CSV_COLUMNS, ImportError, Observer, Rejection, SoFar, Summary};
use sessionlog::{Query, Store};
use std::io;

/// Whether each text of a rejection is a part of the input, where it stands in one piece.
struct Texts<'b> {
    input: &'b [u8],
    place: u64,
}

impl Observer for Texts<'_> {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        assert!(rejection.place >= self.place);
        self.place = rejection.place;
        let text = rejection.text.as_deref().unwrap_or_default();
        if !text.contains('\u{fffd}') {
            let is_part = |part: &[u8]| part.starts_with(text.as_bytes());
            assert!((0..=self.input.len()).any(|from| is_part(&self.input[from..])));
        }
        Ok(())
    }

    fn wants_text(&self) -> bool {
        true
    }

    fn advanced(&mut self, _: SoFar) -> io::Result<()> {
        Ok(())
    }
}

type Import = fn(&Store, &[u8], &mut Texts<'_>) -> Result<Summary, ImportError>;

const IMPORTS: [Import; 4] = [
    |store, bytes, texts| import::jsonl(store, bytes, texts),
    |store, bytes, texts| import::csv(store, bytes, texts),
    |store, bytes, texts| {
        let table = [CSV_COLUMNS.join(",").as_bytes(), b"\n", bytes].concat();
        import::csv(store, &table[..], texts)
    },
    |store, bytes, texts| import::wtmp(store, bytes, "host", texts),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((form, bytes)) = bytes.split_first() else {
        return;
    };
    let import = IMPORTS[usize::from(*form) % IMPORTS.len()];
    let store = Store::in_memory().unwrap();
    let texts = || Texts {
        input: bytes,
        place: 0,
    };
    let Ok(taken) = import(&store, bytes, &mut texts()) else {
        return;
    };
    assert_eq!(store.count(&Query::all()).unwrap(), taken.accepted);
    let again = import(&store, bytes, &mut texts()).unwrap();
    assert_eq!((again.accepted, again.rejected), (0, taken.rejected));
    assert!(store.verify(|_| ()).unwrap().is_sound());
});
