//! Text for people: names that cannot disturb the terminal, numbers, times.

use chrono::{DateTime, TimeDelta, Utc};
use std::borrow::Cow;
use std::time::Duration;

/// `text` with every character that would move the cursor, colour the terminal or turn the
/// direction of writing shown by its number: names come from anywhere.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_disturbing) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_disturbing(character) {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

fn is_disturbing(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// [`plain`], cut to so many characters.
pub(super) fn short(text: &str, characters: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= characters {
        return text.into_owned();
    }
    let kept = text.chars().take(characters.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// A number with a comma between each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 session`, `2 sessions`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// A time in UTC, to the second.
pub(super) fn second(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long a session lasted, in its two largest units, of which a year has 365 days.
pub(super) fn lasted(length: TimeDelta) -> String {
    let (years, days) = (length.num_days() / 365, length.num_days() % 365);
    let (hours, minutes) = (length.num_hours() % 24, length.num_minutes() % 60);
    match (years, days, hours, minutes) {
        (0, 0, 0, 0) => format!("{}s", length.num_seconds()),
        (0, 0, 0, _) => format!("{minutes}m {:02}s", length.num_seconds() % 60),
        (0, 0, _, _) => format!("{hours}h {minutes:02}m"),
        (0, _, _, _) => format!("{days}d {hours:02}h"),
        _ => format!("{}y {days}d", grouped(years.unsigned_abs())),
    }
}

/// How long a call took.
pub(super) fn took(time: Duration) -> String {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    match micros {
        0..10_000 => format!("{} µs", grouped(micros)),
        10_000..10_000_000 => format!("{} ms", grouped(micros / 1_000)),
        _ => format!("{} s", grouped(micros / 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_disturb_the_terminal() {
        assert_eq!(
            plain("DOMAIN\\Zoë \"O'Hara\" 王"),
            "DOMAIN\\Zoë \"O'Hara\" 王"
        );
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}"), "a\\u{1b}[31m\\nb\\u{202e}");
    }

    #[test]
    fn long_names_are_cut_where_there_is_no_room() {
        assert_eq!(short("PDA-01", 6), "PDA-01");
        assert_eq!(short("PDA-012", 6), "PDA-0…");
    }

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn lengths_are_told_in_their_two_largest_units() {
        for (seconds, text) in [
            (9, "9s"),
            (69, "1m 09s"),
            (3_661, "1h 01m"),
            (90_000, "1d 01h"),
            (364 * 86_400, "364d 00h"),
            (367 * 86_400, "1y 2d"),
            (1_000 * 365 * 86_400, "1,000y 0d"),
        ] {
            assert_eq!(lasted(TimeDelta::seconds(seconds)), text);
        }
    }
}
