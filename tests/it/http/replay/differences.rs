//! Where we answer otherwise than the original, and why.

use Ours::{Page, Reads, Refuses, Same, Verb};

/// What we do instead.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ours {
    /// The request that the original read is answered with 200.
    Same,
    /// This request, as a form, is read and answered with 200.
    Reads(&'static str),
    /// Status and `ErrorCode`.
    Refuses(u16, &'static str),
    /// The operator's page.
    Page,
    /// A status, and no body.
    Verb(u16),
}

/// The reason, what we do, in which type if not the original's, and the exchanges.
pub(super) type Difference = (&'static str, Ours, &'static str, &'static [&'static str]);

const JSON: &str = "application/json; charset=utf-8";
const XML: &str = "application/xml";
const JSV: &str = "text/jsv";
const HTML: &str = "text/html; charset=utf-8";
const SOAP11: &str = "text/xml; charset=utf-8";
const SOAP12: &str = "application/soap+xml";

const UNREADABLE: Ours = Refuses(400, "SerializationException");
const UNBOUND: Ours = Refuses(400, "RequestBindingException");
const MISTYPED: &str = "a mistyped filter never answers everybody";

pub(super) const NEGOTIATION: &[Difference] = &[
    (
        "the original answers with a report where it finds no format; ours is JSON, or the body's",
        Same,
        JSON,
        &[
            "default no accept",
            "accept */*",
            "accept text/plain",
            "accept image/png, */*;q=0.1",
            "accept application/*",
            "accept application/soap+xml",
            "accept application/x-msgpack",
            "route post json no accept",
            "route post form accept any",
        ],
    ),
    (
        "the same, for a body of XML",
        Same,
        XML,
        &[
            "xml route xml",
            "xml route text/xml",
            "xml route xml charset",
            "xml route xml + qs",
        ],
    ),
    (
        "Accept is read by RFC 9110: any case, all names of a format, q, ties for JSON",
        Same,
        JSON,
        &[
            "accept APPLICATION/JSON",
            "accept application/xml, application/json",
        ],
    ),
    (
        "as above, with XML as the outcome",
        Same,
        XML,
        &[
            "accept text/xml",
            "accept application/json;q=0.1, application/xml;q=0.9",
        ],
    ),
    (
        "as above, with JSV as the outcome",
        Same,
        JSV,
        &["accept text/jsv"],
    ),
    (
        "people get the operator's page",
        Page,
        HTML,
        &[
            "accept text/html",
            "suffix .html",
            "format html",
            "path /",
            "GET /html/reply/",
            "POST /html/reply/",
        ],
    ),
    ("suffixes have any case", Reads(""), JSON, &["suffix .JSON"]),
    (
        "a format that is none is refused",
        Refuses(400, "BadRequest"),
        JSON,
        &["format bogus", "format soap12"],
    ),
    (
        "an unknown path is 404 in the negotiated format",
        Refuses(404, "NotFound"),
        JSON,
        &[
            "suffix .bogus",
            "suffix .soap11",
            "path /userclientsession",
            "path /userclientsession/log/extra",
            "path /nosuch",
            "path /metadata/",
            "GET /bogus/reply/",
            "POST /bogus/reply/",
            "GET /xml/bogus/",
            "POST /xml/bogus/",
            "GET /soap11/reply/",
            "POST /soap11/reply/",
        ],
    ),
    (
        "an unknown operation is 404",
        Refuses(404, "NotFound"),
        "",
        &["op unknown", "op unknown xml", "json/reply only"],
    ),
    (
        "a trailing slash is accepted everywhere",
        Reads(""),
        "",
        &["op trailing"],
    ),
    (
        "HEAD has no body",
        Verb(200),
        "",
        &["verb HEAD", "verb reply HEAD"],
    ),
    (
        "OPTIONS tells the verbs",
        Verb(204),
        "none",
        &["verb OPTIONS", "verb reply OPTIONS", "OPTIONS"],
    ),
    (
        "verbs of no meaning here are refused",
        Refuses(405, "MethodNotAllowed"),
        "",
        &[
            "verb TRACE",
            "verb reply TRACE",
            "verb PROPFIND",
            "verb reply PROPFIND",
            "verb FOO",
            "verb reply FOO",
            "verb get",
            "verb reply get",
        ],
    ),
    (
        "a callback goes with JSON only, and is a name",
        Refuses(400, "BadRequest"),
        "",
        &["jsonp accept xml"],
    ),
    (
        "the same, in JSON that calls nothing",
        Refuses(400, "BadRequest"),
        JSON,
        &["jsonp evil"],
    ),
];

pub(super) const BODIES: &[Difference] = &[
    (
        "the captured server throws here on purpose",
        Same,
        "",
        &[
            "throw arg",
            "throw inv",
            "throw arg csv",
            "throw arg jsv",
            "throw jsonp",
            "throw xml",
            "xml throw ArgumentException",
            "xml throw InvalidOperation",
        ],
    ),
    ("a repeated key is refused", UNBOUND, "", &["qs repeat"]),
    (
        MISTYPED,
        UNBOUND,
        "",
        &[
            "guid {0x6f9619ff,0x8b86,0xd011,{0xb4,0x2d,0x00,0xc0,0x4f,0xc9,0x64,0xff}}",
            "bool y",
            "bool t",
            "bool 2",
            "date 06/01/2015",
            "date 01/06/2015 08:30:00",
            "date 01/06/2015 08:30:00.123",
            "date 01 Jun 2015",
            "date Mon, 01 Jun 2015 08:30:00 GMT",
        ],
    ),
    (
        MISTYPED,
        UNREADABLE,
        "",
        &[
            "json float int",
            "json overflow",
            "json guid bogus",
            "json date \\/Date(99999999999999999)\\/",
            "json date \\/Date(abc)\\/",
            "json date \\/Date(1433147400000",
            "json date bogus",
            "json date number",
            "json bad bool",
            "json int abc",
            "json nested object for string",
            "jsv bad guid",
            "jsv bad date",
            "jsv bad int",
            "xml date '2015-06'",
            "xml date '2015'",
            "xml date '08:30:00'",
            "xml date '9999-12-31T23:59:59-05:00'",
        ],
    ),
    (
        "JSON and JSV are read strictly, and no member twice",
        UNREADABLE,
        "",
        &[
            "json bool True",
            "json dup key",
            "json single quotes",
            "json unquoted",
            "json trailing comma",
            "json truncated",
            "json trailing",
            "jsv truncated",
            "xml duplicate elem",
            "xml char ref nul",
            "xml char ref ctl",
        ],
    ),
    (
        "the recording platform cuts these dates to milliseconds, or overflows",
        Reads("StartedAfter=2015-06-01T08:30:00.1234567Z"),
        "",
        &[
            "date 2015-06-01T08:30:00.1234567Z",
            "json date 2015-06-01T08:30:00.1234567Z",
        ],
    ),
    (
        "as above",
        Reads("StartedAfter=9999-12-31T23:59:59.9999999Z"),
        "",
        &["date 9999-12-31T23:59:59.9999999Z"],
    ),
    (
        "the milliseconds of /Date()/ are of UTC, whatever the offset",
        Reads("StartedAfter=2015-06-01T08:30:00Z"),
        "",
        &[
            "date /Date(1433147400000+0200)/",
            "json date \\/Date(1433147400000+0200)\\/",
            "json date \\/Date(1433147400000-0500)\\/",
        ],
    ),
    (
        "the minimum date is unset with any zone",
        Reads(""),
        "",
        &["xml date '0001-01-01T00:00:00-05:00'"],
    ),
    (
        "nil and empty are unset",
        Reads(""),
        "",
        &[
            "xml nil int",
            "xml nil date",
            "xml nil guid",
            "xml empty date",
            "xml empty guid",
            "xml empty int",
            "xml empty bool",
            "xml int ''",
        ],
    ),
    (
        "a type of body in any case is known; the original ignores the body",
        Reads("ClientReferUid=a"),
        "",
        &["route APPLICATION/JSON"],
    ),
    (
        "JSV has space around tokens, and quoted names, as in its pages",
        Reads("ClientReferUid=a+b&RecordsPerPage=5"),
        "",
        &["jsv spaces"],
    ),
    (
        "as above",
        Reads("ClientReferUid=a&RecordsPerPage=5"),
        "",
        &["jsv dump form"],
    ),
    (
        "as above",
        Reads("ClientReferUid=a"),
        "",
        &["jsv quoted name"],
    ),
    (
        "bodies of CSV are read, as the pages show them",
        Reads("UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=a&RecordsPerPage=5"),
        "",
        &["csv sample"],
    ),
    (
        "the type of a body goes before the path's",
        Reads("ClientReferUid=a"),
        "",
        &["xml json ct to xml/reply"],
    ),
    (
        "the query string goes over the body on every route",
        Reads("ClientReferUid=a&RecordsPerPage=9"),
        "",
        &["reply body + qs", "xml reply body + qs"],
    ),
    (
        "members of XML have any order",
        Reads("UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=late"),
        "",
        &["xml out of order derived"],
    ),
    (
        "as above",
        Reads("ClientReferUid=a&RecordsPerPage=9&DeviceSerialNumber=SN"),
        "",
        &["xml out of order base after derived"],
    ),
    (
        "as above",
        Reads(
            "UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=a&OpenSessionsOnly=true\
             &StartedBefore=2015-12-31&StartedAfter=2015-01-01&PageRequestIndex=1&RecordsPerPage=25",
        ),
        "",
        &["xml decl order (json order)"],
    ),
    (
        "a body that cannot be read is never ignored",
        Refuses(415, "UnsupportedMediaType"),
        JSON,
        &[
            "route text/plain json",
            "xml route vnd+xml",
            "xml route unknown ct",
            "xml route no ct",
            "gzip body",
        ],
    ),
    (
        "a fault is one of SOAP",
        Refuses(500, ""),
        SOAP11,
        &[
            "soap12 env to soap11",
            "soap11 unknown op",
            "soap11 malformed",
            "soap11 bad value",
            "soap11 empty",
        ],
    ),
    (
        "there is no WSDL",
        Refuses(405, ""),
        SOAP11,
        &["soap11 GET"],
    ),
    (
        "there is no WSDL",
        Refuses(405, ""),
        SOAP12,
        &["soap12 GET"],
    ),
];
