//! Which format the answer has (wire contract, section 4): the path's suffix, then `format=`, then
//! the path's format, then `Accept` by RFC 9110, section 12.5.1.

use super::target::Target;
use crate::wire::Format;
use axum::http::{HeaderMap, header};
use mediatype::{MediaTypeList, ReadParams};

/// What a client wants to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Format(Format),
    /// The operator's page.
    Html,
}

impl Wanted {
    /// By a short name in any case.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name.eq_ignore_ascii_case("html") {
            true => Some(Self::Html),
            false => Format::of_name(name).map(Self::Format),
        }
    }
}

/// A choice, and how its content type is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) wanted: Wanted,
    pub(super) content_type: &'static str,
}

impl Choice {
    pub(super) fn of(wanted: Wanted) -> Self {
        let content_type = match wanted {
            Wanted::Format(format) => format.content_type(),
            Wanted::Html => "text/html; charset=utf-8",
        };
        Self {
            wanted,
            content_type,
        }
    }

    /// JSV has two names, and a client gets the one that it knows.
    fn of_media_type(media_type: &str) -> Option<Self> {
        if media_type.eq_ignore_ascii_case("text/html") {
            return Some(Self::of(Wanted::Html));
        }
        let choice = Self::of(Wanted::Format(Format::of_media_type(media_type)?));
        Some(match media_type.eq_ignore_ascii_case("text/jsv") {
            true => Self {
                content_type: "text/jsv",
                ..choice
            },
            false => choice,
        })
    }
}

/// The format of the answer to a request.
///
/// # Errors
///
/// `format=` names no format.
pub(super) fn choose(
    target: Target,
    format: Option<&str>,
    headers: &HeaderMap,
    body: Option<Format>,
) -> Result<Choice, String> {
    let named = format.filter(|name| !name.is_empty()).map(named);
    Ok(match (target, named.transpose()?) {
        (Target::Soap(format), _) => Choice::of(Wanted::Format(format)),
        (
            Target::Log {
                suffix: Some(wanted),
            },
            _,
        ) => Choice::of(wanted),
        (_, Some(named)) => named,
        (Target::Reply { format } | Target::UnknownOperation { format }, None) => {
            Choice::of(format)
        }
        (Target::Log { suffix: None } | Target::Unknown, None) => accepted(headers, body),
    })
}

/// The choice of `format=`: a short name or a media type.
fn named(name: &str) -> Result<Choice, String> {
    let choice = Wanted::of_name(name).map(Choice::of);
    choice
        .or_else(|| Choice::of_media_type(name))
        .ok_or_else(|| {
            let name: String = name.chars().take(32).collect();
            format!("format: {name:?} is not json, xml, jsv, csv or html")
        })
}

/// Every media type that can be answered, the preferred before the others, and whether it is the
/// format's own: a wildcard means only those.
const OFFERED: [(&str, bool); 8] = [
    ("application/json", true),
    ("application/xml", true),
    ("text/csv", true),
    ("application/jsv", true),
    ("text/json", false),
    ("text/xml", false),
    ("text/jsv", false),
    ("text/html", true),
];

/// The choice of `Accept`; the body's format, or JSON, where that leaves it open.
fn accepted(headers: &HeaderMap, body: Option<Format>) -> Choice {
    let preferred = Choice::of(Wanted::Format(body.unwrap_or(Format::Json)));
    let ranges = ranges(headers);
    let mut best = (0.0, preferred);
    let is_preferred = |choice: &Choice| choice.wanted == preferred.wanted;
    let choices = OFFERED.iter().filter_map(|(offered, is_own)| {
        let choice = Choice::of_media_type(offered)?;
        Some((quality(&ranges, offered, *is_own), choice))
    });
    let (first, others): (Vec<_>, Vec<_>) = choices.partition(|(_, choice)| is_preferred(choice));
    for (quality, choice) in first.into_iter().chain(others) {
        if quality > best.0 {
            best = (quality, choice);
        }
    }
    best.1
}

/// A media range and its quality.
struct Range {
    media_type: String,
    subtype: String,
    quality: f32,
}

fn ranges(headers: &HeaderMap) -> Vec<Range> {
    let values = headers.get_all(header::ACCEPT).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(MediaTypeList::new)
        .filter_map(Result::ok)
        .map(|range| Range {
            media_type: range.ty.as_str().to_ascii_lowercase(),
            subtype: range.subty.as_str().to_ascii_lowercase(),
            quality: weight(&range),
        })
        .collect()
}

/// The weight `q`, 1 if there is none or it is none.
fn weight(range: &mediatype::MediaType<'_>) -> f32 {
    let mut params = range.params();
    let q = params.find(|(name, _)| name.as_str().eq_ignore_ascii_case("q"));
    let q = q.and_then(|(_, value)| value.as_str().parse().ok());
    q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0)
}

/// The quality of the most specific range that holds a media type; none is zero.
fn quality(ranges: &[Range], offered: &str, is_own: bool) -> f32 {
    let (media_type, subtype) = offered.split_once('/').unwrap_or_default();
    let specific = |range: &Range| match (range.media_type.as_str(), range.subtype.as_str()) {
        ("*", "*") if is_own => Some(0),
        (ty, "*") if is_own && ty == media_type => Some(1),
        (ty, sub) if ty == media_type && sub == subtype => Some(2),
        _ => None,
    };
    let matching = ranges
        .iter()
        .filter_map(|range| Some((specific(range)?, range.quality)));
    matching
        .max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const LOG: Target = Target::Log { suffix: None };

    fn chosen(accept: &[&'static str], body: Option<Format>) -> &'static str {
        let mut headers = HeaderMap::new();
        for accept in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(accept));
        }
        choose(LOG, None, &headers, body).unwrap().content_type
    }

    #[test]
    fn accept_chooses_by_quality_and_by_the_most_specific_range() {
        let json = Format::Json.content_type();
        for (accept, content_type) in [
            ("application/json", json),
            ("application/xml", "application/xml"),
            ("text/xml", "application/xml"),
            ("APPLICATION/XML", "application/xml"),
            ("text/csv", "text/csv"),
            ("text/jsv", "text/jsv"),
            ("application/jsv", "application/jsv"),
            (
                "application/json;q=0.1, application/xml;q=0.9",
                "application/xml",
            ),
            ("text/csv;q=0.9, application/json;q=0.2", "text/csv"),
            ("application/json; charset=utf-8", json),
            ("application/xml, application/json", json),
            ("application/json;q=0, */*", "application/xml"),
            (
                "*/*;q=0.1, text/*;q=0, application/json;q=0",
                "application/xml",
            ),
            ("image/png, */*;q=0.1", json),
            ("application/*", json),
            ("*/*", json),
            // Nothing that is offered.
            ("text/plain", json),
            ("application/x-msgpack", json),
            ("garbage", json),
            ("", json),
            // What browsers send.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "text/html; charset=utf-8",
            ),
            ("text/html, application/json", json),
        ] {
            assert_eq!(chosen(&[accept], None), content_type, "{accept}");
        }
        let two = chosen(&["text/plain", "text/csv"], None);
        assert_eq!(two, "text/csv");
    }

    #[test]
    fn ties_prefer_the_format_of_the_body() {
        for accept in ["*/*", "", "application/json, application/xml", "text/plain"] {
            let chosen = chosen(&[accept], Some(Format::Xml));
            assert_eq!(chosen, "application/xml", "{accept}");
        }
        assert_eq!(chosen(&["text/csv"], Some(Format::Xml)), "text/csv");
        assert_eq!(chosen(&[], Some(Format::Jsv)), "application/jsv");
    }

    #[test]
    fn the_suffix_goes_before_the_query_and_that_before_the_path() {
        let csv = Target::Log {
            suffix: Some(Wanted::Format(Format::Csv)),
        };
        let reply = Target::Reply {
            format: Wanted::Format(Format::Xml),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        let wanted = |target, format| choose(target, format, &headers, None).unwrap().wanted;
        assert_eq!(wanted(csv, Some("xml")), Wanted::Format(Format::Csv));
        assert_eq!(wanted(reply, Some("JSON")), Wanted::Format(Format::Json));
        assert_eq!(wanted(reply, Some("text/csv")), Wanted::Format(Format::Csv));
        assert_eq!(wanted(reply, Some("")), Wanted::Format(Format::Xml));
        assert_eq!(wanted(reply, None), Wanted::Format(Format::Xml));
        assert_eq!(wanted(LOG, Some("html")), Wanted::Html);
        assert_eq!(wanted(LOG, None), Wanted::Html);
        for target in [LOG, csv, reply] {
            let error = choose(target, Some("soap12"), &headers, None).unwrap_err();
            assert!(error.contains("\"soap12\" is not json"), "{error}");
        }
    }
}
