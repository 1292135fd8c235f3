//! Which service a path names (wire contract, section 3). Paths are compared without regard to
//! case, and repeated or trailing slashes count once, as the original's clients may rely on.

use super::negotiate::Wanted;
use crate::wire::{Format, OPERATION};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// `/userclientsession/log`, with the suffix that chooses the format.
    Log { suffix: Option<Wanted> },
    /// `/{format}/reply/UserClientSessionLogRequest` and its aliases.
    Reply { format: Wanted },
    /// `/soap11` or `/soap12`.
    Soap(Format),
    /// A known format and no known operation.
    UnknownOperation { format: Wanted },
    /// Nothing.
    Unknown,
}

const REPLIES: [&str; 4] = ["reply", "syncreply", "oneway", "asynconeway"];

impl Target {
    pub(super) fn of(path: &str) -> Self {
        let segments = path.split('/').map(decoded);
        let mut segments = segments.filter(|segment| !segment.is_empty());
        // Nothing has more than three.
        let mut next = || segments.next();
        let (first, second, third, fourth) = (next(), next(), next(), next());
        match (first.as_deref(), second.as_deref(), third.as_deref()) {
            (None, ..) => Self::Log {
                suffix: Some(Wanted::Html),
            },
            (Some(one), None, _) if is(one, "soap11") => Self::Soap(Format::Soap11),
            (Some(one), None, _) if is(one, "soap12") => Self::Soap(Format::Soap12),
            (Some(one), Some(log), None) if is(one, "userclientsession") => Self::of_log(log),
            (Some(one), Some(operation), None) if is(one, "api") => {
                Self::of_operation(Wanted::Format(Format::Json), operation)
            }
            (Some(format), Some(reply), operation)
                if REPLIES.iter().any(|known| is(reply, known)) =>
            {
                let operation = operation.filter(|_| fourth.is_none());
                match Wanted::of_name(format) {
                    Some(format) => Self::of_operation(format, operation.unwrap_or_default()),
                    None => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    fn of_log(segment: &str) -> Self {
        match segment.split_once('.') {
            None if is(segment, "log") => Self::Log { suffix: None },
            Some((log, suffix)) if is(log, "log") => match Wanted::of_name(suffix) {
                Some(suffix) => Self::Log {
                    suffix: Some(suffix),
                },
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn of_operation(format: Wanted, operation: &str) -> Self {
        match is(operation, OPERATION) {
            true => Self::Reply { format },
            false => Self::UnknownOperation { format },
        }
    }

    /// Whether there is something to be asked at all.
    pub(super) fn is_known(self) -> bool {
        !matches!(self, Self::Unknown | Self::UnknownOperation { .. })
    }

    /// What it is counted as.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log { .. } | Self::Reply { .. } => "query",
            Self::Soap(_) => "soap",
            Self::UnknownOperation { .. } | Self::Unknown => "unknown",
        }
    }

    /// The verbs that the target answers.
    pub(super) fn allow(self) -> &'static str {
        match self {
            Self::Soap(_) => "OPTIONS, POST",
            _ => "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        }
    }
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

fn is(segment: &str, known: &str) -> bool {
    segment.eq_ignore_ascii_case(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Wanted = Wanted::Format(Format::Json);
    const XML: Wanted = Wanted::Format(Format::Xml);

    #[test]
    fn the_route_has_any_case_and_any_slashes() {
        for path in [
            "/userclientsession/log",
            "/UserClientSession/Log",
            "/userclientsession/log/",
            "/userclientsession//log",
            "//userclientsession/log",
            "/userclientsession/lo%67",
        ] {
            assert_eq!(Target::of(path), Target::Log { suffix: None }, "{path}");
        }
    }

    #[test]
    fn suffixes_and_replies_name_formats() {
        let suffixed = |suffix| Target::Log {
            suffix: Some(suffix),
        };
        assert_eq!(Target::of("/userclientsession/log.json"), suffixed(JSON));
        assert_eq!(Target::of("/userclientsession/log.XML"), suffixed(XML));
        let html = suffixed(Wanted::Html);
        assert_eq!(Target::of("/userclientsession/log.html"), html);
        assert_eq!(Target::of("/"), html);
        for path in [
            "/json/reply/UserClientSessionLogRequest",
            "/JSON/SyncReply/userclientsessionlogrequest",
            "/json/oneway/UserClientSessionLogRequest",
            "/json/asynconeway/UserClientSessionLogRequest/",
            "/api/UserClientSessionLogRequest",
        ] {
            assert_eq!(Target::of(path), Target::Reply { format: JSON }, "{path}");
        }
    }

    #[test]
    fn the_rest_is_unknown() {
        for path in [
            "/nosuch",
            "/userclientsession",
            "/userclientsession/log/extra",
            "/userclientsession/log.bogus",
            "/userclientsession/log.soap11",
            "/userclientsession/log.json.xml",
            "/userclientsession/blog",
            "/bogus/reply/UserClientSessionLogRequest",
            "/xml/bogus/UserClientSessionLogRequest",
            "/soap11/reply/UserClientSessionLogRequest",
        ] {
            assert_eq!(Target::of(path), Target::Unknown, "{path}");
        }
        for path in [
            "/xml/reply",
            "/xml/reply/NoSuchOp",
            "/xml/reply/UserClientSessionLogRequest/extra",
        ] {
            let unknown = Target::UnknownOperation { format: XML };
            assert_eq!(Target::of(path), unknown, "{path}");
        }
    }
}
