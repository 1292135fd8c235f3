//! What a store promises, whatever engine keeps the sessions: each test is written once and run on
//! each of them, under the name of the promise.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    clippy::redundant_pub_crate,
    unreachable_pub
)]

mod batches;
mod bounds;
mod census;
#[cfg(target_os = "linux")]
#[path = "../support/cluster.rs"]
mod cluster;
#[cfg(target_os = "linux")]
mod clusters;
mod cursors;
mod ending;
mod engines;
mod model;
mod paging;
#[cfg(all(feature = "postgres", target_os = "linux"))]
mod postgres;
#[cfg(target_os = "linux")]
mod proxies;
#[cfg(target_os = "linux")]
#[path = "../support/proxy.rs"]
mod proxy;
mod records;
mod removal;
mod retention;
mod starting;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod times;
mod writing;
