//! An embedded session-log store: any page of any filter, first or last, with its exact total, in
//! microseconds at ten million sessions.
//!
//! A *session log* says who was logged in on which client device, from when, and until when: a
//! [`SessionLog`]. A [`Store`] keeps them, crash-safe, in a directory, and answers a [`Query`] (any
//! combination of user, client, open sessions only, started after, started before) by the
//! [`Page`], by [`Cursor`], by iteration, or in counts by hour, day or month, by user or by client.
//!
//! ```
//! use sessionlog::{PageRequest, Query, Store};
//! use uuid::Uuid;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("sessions");
//! let store = Store::create(&path)?;
//! let ann = Uuid::from_u128(0x11111111_2222_3333_4444_555555555555);
//!
//! let session = store.start(ann, "Ann", "PDA-01")?; // durable on return
//! let open = Query::builder().open_sessions_only(true).build()?;
//! assert_eq!(store.count(&open)?, 1);
//!
//! let logout = store.get(session)?.expect("just started").session_start + chrono::TimeDelta::hours(8);
//! store.end(session, logout)?;
//! assert_eq!(store.count(&open)?, 0);
//!
//! let of_ann = Query::builder().user_refer_uid(ann).build()?;
//! let page = store.page(&of_ann, PageRequest::new(0, 50)?)?;
//! assert_eq!(page.total_record_count, 1);
//! assert_eq!(page.entries[0].session_end, Some(logout));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it answers
//!
//! Every query is one contiguous range of exactly one ordered set, and every set is a B+-tree whose
//! inner nodes count the entries below them. The total is a difference of two ranks, and a page is
//! found by its position: nothing is counted, skipped or filtered. What is stored where, byte by
//! byte, is in `src/format.md`.
//!
//! # Features
//!
//! None is on by default, none changes what another offers.
//!
//! - `cli`: the command-line tool `sessionlog`, with all the others.
//! - `import`: reads session records from JSON lines, CSV and the login records of Linux.
//! - `wire`: the messages of the MobileConnect Application Server in XML, JSON, JSV, CSV, forms and
//!   SOAP.
//! - `async`: the store's calls for async code, whatever engine keeps the sessions.
//! - `postgres`: the same calls on PostgreSQL, and on Citus.
//! - `http`: a router that answers them, the operator's page, and imports.
//! - `uniffi`: the store for Kotlin, Swift and Python. `bindgen` adds the binary that generates their
//!   bindings.
//! - `generate`: realistic session logs from a seed, for demonstrations and benches.

mod census;
#[cfg(feature = "cli")]
pub mod cli;
mod combined;
mod counted;
mod cursor;
mod delta;
mod engine;
mod error;
mod family;
#[cfg(feature = "uniffi")]
pub mod ffi;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "generate")]
pub mod generate;
mod held;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "import")]
pub mod import;
mod life;
mod log;
mod main_index;
mod names;
mod options;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
mod resolve;
mod retention;
mod session;
mod shared;
mod snapshot;
#[doc(hidden)]
pub mod storage;
mod store;
#[cfg(feature = "async")]
pub mod stores;
mod time;
mod verify;
mod view;
#[cfg(feature = "wire")]
pub mod wire;

pub use census::{Busiest, ClientCount, UserCount};
pub use cursor::{Cursor, CursorPage};
pub use error::{EndBeforeStart, Error, ErrorKind, Refusal, Result};
pub use options::{Durability, IdSource, Merge, Options, RandomIds};
pub use query::{BucketCount, EndedOpen, Order, Page, PageRequest, Query, QueryBuilder};
pub use retention::{
    Compacted, Erased, Erasure, OpenSessions, Pruned, RetainedMax, Retention, RetentionStats,
    StaleEnd,
};
pub use session::{Outcome, SessionLog, TEXT_BYTES_MAX};
pub use shared::MergeStats;
pub use snapshot::{BucketCounts, SessionLogs, Snapshot};
pub use store::{Stats, Store};
pub use time::{Bucket, Clock, SystemClock};
pub use verify::{Progress, Salvaged, Verification};

#[cfg(feature = "uniffi")]
#[doc(hidden)]
pub use ffi::UniFfiTag;

/// The examples of the README, compiled and run.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../README.md")]
struct Readme;
