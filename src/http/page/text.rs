//! Values as people read them: numbers, instants, durations, and the names of strangers.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use maud::{Markup, Render, html};

/// `1,000,000`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One thing or many, counted: `1 session`, `2 sessions`.
pub(super) fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {one}{plural}", number(count))
}

/// An instant to the second, exact for machines.
pub(super) struct Instant(pub(super) DateTime<Utc>);

impl Render for Instant {
    fn render(&self) -> Markup {
        let exact = self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        html! {
            time datetime=(exact) title=(exact) { (self.0.format("%Y-%m-%d %H:%M:%S")) }
        }
    }
}

/// The value of a `datetime-local` input; `None` for an instant that such an input cannot hold,
/// because it lies between two milliseconds.
pub(super) fn local(at: DateTime<Utc>) -> Option<String> {
    let nanos = at.nanosecond();
    let format = match (nanos, at.second()) {
        (0, 0) => "%Y-%m-%dT%H:%M",
        (0, _) => "%Y-%m-%dT%H:%M:%S",
        _ if nanos.is_multiple_of(1_000_000) => "%Y-%m-%dT%H:%M:%S%.3f",
        _ => return None,
    };
    Some(at.format(format).to_string())
}

/// A span of time in its two largest units: `8 h 05 min`.
pub(super) fn duration(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {:02} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {:02} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {:02} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

/// A name as it is stored, apart from its surroundings: what could hide in it or turn the text
/// around it is shown as its code.
pub(super) struct Name<'a>(pub(super) &'a str);

impl Render for Name<'_> {
    fn render(&self) -> Markup {
        html! {
            @if self.0.is_empty() {
                span.none { "(empty)" }
            } @else {
                bdi { @for run in runs(self.0) { (run) } }
            }
        }
    }
}

/// Part of a name.
enum Run<'a> {
    Plain(&'a str),
    Hidden(char),
}

impl Render for Run<'_> {
    fn render(&self) -> Markup {
        match self {
            Self::Plain(text) => html! { (text) },
            Self::Hidden(character) => {
                let code = format!("U+{:04X}", u32::from(*character));
                html! { span.hidden-character { (code) } }
            }
        }
    }
}

/// A text in plain parts and hidden characters.
fn runs(text: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_hidden) {
        let (plain, hidden) = rest.split_at(at);
        if !plain.is_empty() {
            runs.push(Run::Plain(plain));
        }
        let mut characters = hidden.chars();
        runs.extend(characters.next().map(Run::Hidden));
        rest = characters.as_str();
    }
    if !rest.is_empty() {
        runs.push(Run::Plain(rest));
    }
    runs
}

/// Controls, what sets the direction of text, separators of lines, what has no width and joins
/// nothing, and what is no character at all.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
        || u32::from(character) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(1_000, "session"), "1,000 sessions");
    }

    #[test]
    fn durations_have_two_units() {
        let texts = [0, 59, 61, 3_600, 29_100, 90_000].map(|s| duration(TimeDelta::seconds(s)));
        let wanted = [
            "0 s",
            "59 s",
            "1 min 01 s",
            "1 h 00 min",
            "8 h 05 min",
            "1 d 01 h",
        ];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn an_input_holds_milliseconds_and_nothing_finer() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let local = |text| local(at(text));
        assert_eq!(
            local("2015-06-01T08:30:00Z").as_deref(),
            Some("2015-06-01T08:30")
        );
        assert_eq!(
            local("2015-06-01T08:30:01Z").as_deref(),
            Some("2015-06-01T08:30:01")
        );
        assert_eq!(
            local("2015-06-01T08:30:00.25Z").as_deref(),
            Some("2015-06-01T08:30:00.250")
        );
        assert_eq!(local("2015-06-01T08:30:00.0000001Z"), None);
    }

    #[test]
    fn what_hides_in_a_name_is_shown_and_what_is_markup_is_text() {
        let shown = Name("a\0\u{202E}<b>").render().into_string();
        let hidden = |code| format!("<span class=\"hidden-character\">{code}</span>");
        let (null, bidi) = (hidden("U+0000"), hidden("U+202E"));
        assert_eq!(shown, format!("<bdi>a{null}{bidi}&lt;b&gt;</bdi>"));
        assert!(Name("").render().into_string().contains("(empty)"));
    }
}
