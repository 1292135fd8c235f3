//! Front: the store as an object of Kotlin, Swift and Python, by UniFFI.
//!
//! New types over the public API, checked where they come in. One call is one crossing of the boundary,
//! also where it answers a page of records. Times are ticks of 100 ns as the core has them, and become
//! each language's own instants (see [`Instant`]); ids become its own UUIDs. Every call blocks on the
//! storage, and may be made from many threads at once. A panic is an exception in the calling language,
//! not the end of the process.
//!
//! The bindings are generated from the built library, by `sessionlog-bindgen`: the README says how.
//! Bindings and a library that were not made of the same sources refuse each other when they are loaded.

mod error;
mod files;
mod options;
mod query;
mod records;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod values;

pub use error::{RefusedRecord, SessionLogError};
pub use files::{Imported, RejectedLine, restore, salvage};
pub use options::{Options, Retention};
pub use query::{Bucket, BucketCount, CursorPage, Page, Query};
pub use records::{
    Compacted, EndedOpen, Erased, Outcome, Pruned, Salvaged, SessionLog, Stats, Verification,
};
pub use snapshot::{Snapshot, Walk};
pub use store::Store;
pub use values::{Instant, Uuid};

uniffi::setup_scaffolding!();

/// The sources that decide what crosses the boundary, and how.
const SOURCES: [&[u8]; 9] = [
    include_bytes!("ffi.rs"),
    include_bytes!("ffi/error.rs"),
    include_bytes!("ffi/files.rs"),
    include_bytes!("ffi/options.rs"),
    include_bytes!("ffi/query.rs"),
    include_bytes!("ffi/records.rs"),
    include_bytes!("ffi/snapshot.rs"),
    include_bytes!("ffi/store.rs"),
    include_bytes!("ffi/values.rs"),
];

/// What is the same for bindings and a library that were made of the same sources, and hardly ever else.
///
/// UniFFI compares functions, and not what is in a record: one that has a member more is read past its
/// end.
pub const FINGERPRINT: u64 = fingerprint(&SOURCES);

/// FNV-1a, of 64 bits (RFC 9923).
const fn fingerprint(mut sources: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let [source, rest @ ..] = sources {
        let mut bytes = *source;
        while let [byte, rest @ ..] = bytes {
            hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
            bytes = rest;
        }
        sources = rest;
    }
    hash
}

/// Of the sources that this library was made of: compared when bindings are loaded.
#[uniffi::export]
pub fn interface_fingerprint() -> u64 {
    FINGERPRINT
}

#[cfg(test)]
mod interface {
    use super::*;

    #[test]
    fn a_panic_is_told_to_the_other_language_and_ends_nothing() {
        let mut status = uniffi::RustCallStatus::default();
        let answer: u64 = uniffi::rust_call(&mut status, || panic!("as no call of the store does"));
        assert_eq!(answer, 0);
        assert_eq!(status.code, uniffi::RustCallStatusCode::UnexpectedError);
    }

    #[test]
    fn the_fingerprint_is_fnv_1a_and_of_every_source() {
        // The vectors of the RFC, appendix C.
        assert_eq!(fingerprint(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(&[b"a"]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(&[b"foo", b"bar"]), 0x8594_4171_f739_67e8);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ffi");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().into_string().unwrap_or_default());
        let modules = names.filter(|name| {
            name.ends_with(".rs") && !["bindgen.rs", "tests.rs"].contains(&name.as_str())
        });
        assert_eq!(modules.count() + 1, SOURCES.len());
    }
}
