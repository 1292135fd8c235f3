//! An embedded session-log store.

#[cfg(feature = "cli")]
pub mod cli;
mod counted;
mod cursor;
mod error;
mod family;
mod format;
#[cfg(feature = "generate")]
pub mod generate;
#[cfg(feature = "import")]
pub mod import;
mod main_index;
mod names;
mod options;
mod query;
mod resolve;
mod session;
mod snapshot;
#[doc(hidden)]
pub mod storage;
mod store;
mod time;
mod view;

pub use cursor::{Cursor, CursorPage};
pub use error::{Error, ErrorKind, Refusal, Result};
pub use options::{Durability, IdSource, Options, RandomIds};
pub use query::{BucketCount, EndedOpen, Order, Page, PageRequest, Query, QueryBuilder};
pub use session::{Outcome, SessionLog, TEXT_BYTES_MAX};
pub use snapshot::{BucketCounts, SessionLogs, Snapshot};
pub use store::{Stats, Store};
pub use time::{Bucket, Clock, SystemClock};
