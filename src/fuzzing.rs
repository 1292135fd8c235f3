//! What fuzz targets reach of the private decoders; compiled for them only.

use crate::counted::{self, Key, NodeReader, Tree};
use crate::delta::Delta;
use crate::error::{Error, Result};
use crate::format::dictionary::{ClientRow, IdRow, Identity, LevelsRow, MainState, NameRow, Row};
use crate::format::{Commit, Entry, LogRecord, unseal};
use crate::log;
use crate::main_index;
use crate::options::Options;
use crate::storage::Storage;
use uuid::Uuid;

/// Takes `bytes` for a stored value of every kind. Whatever is accepted must encode to no more than
/// it was decoded from, and to the same again.
pub fn decode(bytes: &[u8]) {
    let _ = unseal("nodes", b"key", bytes);
    let _ = LogRecord::read(bytes);
    let _ = LogRecord::any_that_knows(bytes, 1, 9);
    let _ = LogRecord::all_behind(bytes, 1);
    let _ = main_index::start_of(bytes, 7);
    row::<NameRow>(bytes);
    row::<ClientRow>(bytes);
    row::<IdRow>(bytes);
    row::<MainState>(bytes);
    row::<LevelsRow>(bytes);
    if let Ok(commit) = Commit::from_body(bytes) {
        let body = commit.to_body().unwrap_or_default();
        assert!(body.len() <= bytes.len());
        let mut delta = Delta::new(commit.ids);
        let _ = delta.apply([&commit]);
        assert_eq!(Commit::from_body(&body).ok(), Some(commit));
    }
    if let Ok(identity) = Identity::from_body(bytes) {
        assert_eq!(identity.to_body(), bytes);
    }
    for slot in bytes.as_chunks().0 {
        if let Ok(entry) = Entry::from_bytes(slot) {
            assert_eq!(entry.to_bytes(), *slot);
        }
    }
    nodes(bytes);
}

fn row<R: Row + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(row) = R::from_body(bytes) else {
        return;
    };
    // Integers may be written longer than they need; what we write is the shortest.
    let body = row.to_body().unwrap_or_default();
    assert!(body.len() <= bytes.len());
    assert_eq!(R::from_body(&body).ok().as_ref(), Some(&row));
}

/// A store of nodes in which every node has the same bytes.
struct Everywhere<'a>(&'a [u8]);

impl NodeReader for Everywhere<'_> {
    type Bytes<'a>
        = &'a [u8]
    where
        Self: 'a;

    fn node(&self, id: u64) -> Result<&[u8]> {
        let at = usize::try_from(id % 256).unwrap_or(0);
        let rest = self.0.get(at..);
        rest.ok_or_else(|| Error::corrupted("behind the end"))
    }
}

fn nodes(bytes: &[u8]) {
    let store = Everywhere(bytes);
    let Ok(tree) = Tree::new(&store, Some(bytes)) else {
        return;
    };
    let key = Key::new(1 << 63, 7);
    let _ = tree.rank(key);
    let _ = tree.count_at_most(7, &|_| 0);
    let _ = tree.get(key);
    let mut seen = 0;
    let _ = tree.visit(0..10_000, &mut |_| {
        seen += 1;
        Ok(())
    });
    assert!(seen <= 10_000);
    let _ = counted::slots_of(bytes);
    let _ = counted::visit_remains(&store, bytes, &mut |_| Ok(()));
}

/// A file of the log with these commits behind a watermark, each under a right checksum, whatever is
/// in it.
pub fn log_file(store_uid: Uuid, watermark: u64, bodies: &[&[u8]]) -> Vec<u8> {
    log::forged(Identity::new(store_uid), watermark, bodies)
}

/// Does to one row of the main index of a closed store what the bytes say, and puts a right checksum
/// on it.
///
/// # Errors
///
/// As opening the store.
pub fn forge_row(storage: &dyn Storage, bytes: &[u8]) -> Result<()> {
    main_index::forge_row(storage, Options::default().setup(), bytes)
}
