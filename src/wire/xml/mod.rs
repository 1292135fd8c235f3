//! XML as .NET's DataContractSerializer reads and writes it (wire contract, sections 2, 5 and 6).

mod encoding;
mod read;
pub(super) mod soap;
mod tag;
mod write;

pub(super) use read::read;
pub(super) use write::{error, request, response};

/// Whether XML 1.0 can hold a character (section 2.2).
fn is_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
