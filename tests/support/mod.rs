//! What the model test and the fuzzer share: operations drawn from bytes, a model of a store that
//! is a plain `Vec`, and a world that runs both side by side.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a part of a test crate, of which each user needs another part"
)]

mod bytes;
mod model;
mod world;

pub use world::run;
