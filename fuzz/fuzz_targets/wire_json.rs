//! Any bytes as a message in JSON.
#![no_main]

#[path = "../../tests/support/wire.rs"]
mod wire;

use sessionlog::wire::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::reads_or_refuses(Format::Json, bytes));
