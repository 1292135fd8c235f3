//! Any sequence of operations while any calls of the storage fail: nothing is lost or there in part.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::run_with_faults(bytes));
