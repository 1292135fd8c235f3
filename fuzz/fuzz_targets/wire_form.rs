//! Any text as a query string.
#![no_main]

use sessionlog::wire::UserClientSessionLogRequest as Request;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(request) = Request::read_form(text) {
        assert_eq!(Request::read_form(&request.write_form()).unwrap(), request);
    }
});
