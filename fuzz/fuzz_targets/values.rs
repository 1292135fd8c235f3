//! Any bytes as a stored value: decoded to what encodes to the same bytes, or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sessionlog::fuzzing::decode(bytes));
