//! Any sequence of operations: the store answers as a plain `Vec` does.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::run(bytes));
