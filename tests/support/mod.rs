//! What tests and the fuzzer share: operations drawn from bytes, a model of a store that is a plain
//! `Vec`, a world that runs both side by side, and a storage that fails.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a part of a test crate, of which each user needs another part"
)]

mod bytes;
pub mod faulty;
pub mod files;
mod model;
pub mod random;
mod world;

pub use world::run;
