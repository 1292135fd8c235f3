//! Any bytes as a message in XML, bare and in envelopes.
#![no_main]

#[path = "../../tests/support/wire.rs"]
mod wire;

use sessionlog::wire::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Xml, Format::Soap11, Format::Soap12] {
        wire::reads_or_refuses(format, bytes);
    }
});
