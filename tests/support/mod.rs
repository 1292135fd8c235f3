//! What tests and the fuzzer share: operations drawn from bytes, a model of a store that is a plain
//! `Vec`, a world that runs both side by side, and a storage that fails.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a part of a test crate, of which each user needs another part"
)]

mod bytes;
mod checks;
mod doubt;
pub mod faulty;
pub mod files;
mod model;
mod outlives;
pub mod random;
pub mod settings;
mod sweeps;
mod upkeep;
mod world;

pub use bytes::{Bytes, Op, ops_of, workload};
pub use checks::check_all;
pub use model::{Model, Refused, start_of};
pub use outlives::{outlives, run_with_faults};
pub use world::{World, run};

/// Says this if the test that has it fails.
#[derive(Debug)]
pub struct OnPanic(pub String);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}
