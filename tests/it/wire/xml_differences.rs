//! What the original and its serializer read in XML, and where the wire contract decides otherwise.

use super::captured;
use super::captured::{date, exchanges};
use sessionlog::wire::{Format, UserClientSessionLogRequest as Request, WireError};
use std::fs;

/// What the serializer read, from its lines of `Member=value`.
fn as_printed(lines: &str) -> Request {
    let value = |name: &str| {
        let line = lines
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap()
    };
    let string = |name| {
        let text = value(name).strip_prefix('\'')?.strip_suffix('\'')?;
        let text = text
            .replace("\\n", "\n")
            .replace("\\r", "\r")
            .replace("\\\\", "\\");
        (!text.is_empty()).then_some(text)
    };
    let guid = |name| Some(value(name).parse().unwrap()).filter(|id: &uuid::Uuid| !id.is_nil());
    Request {
        user_refer_uid: guid("UserReferUid"),
        client_refer_uid: string("ClientReferUid"),
        started_before: date(value("StartedBefore")),
        started_after: date(value("StartedAfter")),
        open_sessions_only: value("OpenSessionsOnly") == "True",
        page_request_index: value("PageRequestIndex").parse().unwrap(),
        records_per_page: value("RecordsPerPage").parse().unwrap(),
        session_uid: guid("SessionUid"),
        device_serial_number: string("DeviceSerialNumber"),
        generated_at: date(value("GeneratedAt")),
    }
}

/// What we make of a document that the original reads in another way.
enum Ours {
    Refuse,
    /// As this query string says.
    Read(&'static str),
}

use Ours::{Read, Refuse};

const ALL_IN_ORDER_OF_JSON: &str = "UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=a\
    &StartedBefore=2015-12-31&StartedAfter=2015-01-01&OpenSessionsOnly=true&PageRequestIndex=1\
    &RecordsPerPage=25";
const LATE: &str = "UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=late";
const BASE_LAST: &str = "ClientReferUid=a&RecordsPerPage=9&DeviceSerialNumber=SN";

impl Ours {
    #[track_caller]
    fn check(&self, name: &str, read: Result<&Request, &WireError>) {
        match (self, read) {
            (Refuse, Err(_)) => {}
            (Read(query), Ok(request)) => {
                assert_eq!(*request, Request::read_form(query).unwrap(), "{name}");
            }
            (_, read) => panic!("{name}: {read:?}"),
        }
    }
}

/// A document read by both: the same, but where a table says otherwise, and there it is otherwise.
#[track_caller]
fn check(
    table: &[(&str, Ours, &str)],
    name: &str,
    ours: Result<Request, WireError>,
    theirs: Option<&Request>,
) {
    let is_same = ours.as_ref().ok() == theirs;
    match table.iter().find(|(other, ..)| *other == name) {
        None => assert!(is_same, "{name}: {ours:?}, not {theirs:?}"),
        Some((_, expected, reason)) => {
            assert!(!is_same, "{name} is no difference: {reason}");
            expected.check(name, ours.as_ref());
        }
    }
}

const ANY_ORDER: &str = "members may come in any order, where the serializer drops them";
const TWICE: &str =
    "which of the two is meant cannot be told, where the serializer takes the first";
const NIL: &str = "nil is not set, where the serializer refuses it";
const EMPTY: &str = "empty is not set, where the serializer refuses it";
const NO_DATE: &str = "a part of a date is none, where the serializer fills it up";
const CUT: &str = "it lies beyond the year 9999, where the serializer cuts it";
const NO_CHARACTER: &str = "XML has no such character, where it passes there";

/// Where the wire contract decides otherwise than the serializer.
const READ_OTHERWISE: [(&str, Ours, &str); 13] = [
    ("out-of-order-derived", Read(LATE), ANY_ORDER),
    ("out-of-order-base-last", Read(BASE_LAST), ANY_ORDER),
    ("declaration-order", Read(ALL_IN_ORDER_OF_JSON), ANY_ORDER),
    ("duplicate", Refuse, TWICE),
    ("nil-date", Read(""), NIL),
    ("nil-guid", Read(""), NIL),
    ("empty-date", Read(""), EMPTY),
    ("empty-guid", Read(""), EMPTY),
    ("empty-int", Read(""), EMPTY),
    (
        "empty",
        Read(""),
        "an empty body is nothing set, where it is no document there",
    ),
    ("date-11", Refuse, NO_DATE),
    ("date-12", Refuse, NO_DATE),
    ("date-23", Refuse, CUT),
];

#[test]
fn what_the_serializer_reads_reads_the_same_but_where_it_is_said() {
    let folder = format!("{}/tests/data/wire/dcs-read", env!("CARGO_MANIFEST_DIR"));
    let names = fs::read_dir(folder).unwrap().filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".xml").map(str::to_owned)
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() > 80, "{names:?}");
    for (name, ..) in READ_OTHERWISE {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
    for name in names {
        let lines = String::from_utf8(captured(&format!("dcs-read/{name}.out"))).unwrap();
        let theirs = match lines.trim_end() {
            // For the service, a message that is null is one with nothing set.
            "null" => Some(Request::default()),
            error if error.starts_with("ERROR") => None,
            lines => Some(as_printed(lines)),
        };
        let ours = Request::read(Format::Xml, &captured(&format!("dcs-read/{name}.xml")));
        check(&READ_OTHERWISE, &name, ours, theirs.as_ref());
    }
}

/// Where the wire contract decides otherwise than the original.
const BODIES_OTHERWISE: [(&str, Ours, &str); 19] = [
    ("xml out of order derived", Read(LATE), ANY_ORDER),
    (
        "xml out of order base after derived",
        Read(BASE_LAST),
        ANY_ORDER,
    ),
    (
        "xml decl order (json order)",
        Read(ALL_IN_ORDER_OF_JSON),
        ANY_ORDER,
    ),
    ("xml duplicate elem", Refuse, TWICE),
    ("xml nil int", Read(""), NIL),
    ("xml nil date", Read(""), NIL),
    ("xml nil guid", Read(""), NIL),
    ("xml empty date", Read(""), EMPTY),
    ("xml empty guid", Read(""), EMPTY),
    ("xml empty int", Read(""), EMPTY),
    ("xml empty bool", Read(""), EMPTY),
    ("xml int ''", Read(""), EMPTY),
    ("xml date '2015-06'", Refuse, NO_DATE),
    ("xml date '2015'", Refuse, NO_DATE),
    (
        "xml date '08:30:00'",
        Refuse,
        "a time is no date, where it is one of today there",
    ),
    ("xml date '9999-12-31T23:59:59-05:00'", Refuse, CUT),
    (
        "xml date '0001-01-01T00:00:00-05:00'",
        Read(""),
        "the unset date is unset in any zone",
    ),
    ("xml char ref nul", Refuse, NO_CHARACTER),
    ("xml char ref ctl", Refuse, NO_CHARACTER),
];

#[test]
fn bodies_read_as_the_original_read_them_but_where_it_is_said() {
    // On the route, the original takes some types of bodies for none.
    let exchanges = ["xml-bodies", "xml-nodes"]
        .map(exchanges)
        .into_iter()
        .flatten();
    let exchanges = exchanges.filter(|exchange| exchange.path.starts_with("/xml/reply/"));
    let exchanges: Vec<_> = exchanges.collect();
    assert!(exchanges.len() > 120, "{}", exchanges.len());
    for (name, ..) in BODIES_OTHERWISE {
        assert!(
            exchanges.iter().any(|exchange| exchange.name == name),
            "{name}"
        );
    }
    for exchange in exchanges {
        let ours = Request::read(Format::Xml, &exchange.body);
        check(
            &BODIES_OTHERWISE,
            &exchange.name,
            ours,
            exchange.bound.as_ref(),
        );
    }
}
