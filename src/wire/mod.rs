//! The session-log messages of the *MobileConnect Application Server*, in every format that its
//! clients speak (feature `wire`): XML, JSON, JSV, CSV, form, SOAP 1.1 and 1.2.
//!
//! Pure code: bytes in, messages out, and back. A [`UserClientSessionLogRequest`] is read in any
//! [`Format`]; [`Responder::answer`] makes a checked query of it, asks the store, and gives the
//! [`UserClientSessionLogResponse`], which is written in any format.
//!
//! Reading is strict where a guess could answer too much: a value that does not parse, a repeated
//! member, a truncated text is a [`WireError`] that names the member and the value, never an
//! unfiltered query. Members of unknown names are ignored, as by the original, but in CSV, which
//! the original does not read. The empty forms of
//! the contract (missing, null, empty, the empty guid, the minimum date) all mean "not set".
//!
//! ```
//! use sessionlog::Store;
//! use sessionlog::wire::{Format, Responder, UserClientSessionLogRequest};
//!
//! let store = Store::in_memory()?;
//! let ann = "6f9619ff-8b86-d011-b42d-00c04fc964ff".parse()?;
//! store.start(ann, "Ann", "PDA-01")?;
//!
//! let body = br#"{"UserReferUid": "6f9619ff8b86d011b42d00c04fc964ff", "RecordsPerPage": 50}"#;
//! let request = UserClientSessionLogRequest::read(Format::Json, body)?;
//! let response = Responder::default().answer(&store, &request)?;
//! assert_eq!(response.total_page_count, 1);
//! assert!(response.write(Format::Xml).starts_with(b"<UserClientSessionLogResponse"));
//!
//! let refused = UserClientSessionLogRequest::read(Format::Json, br#"{"UserReferUid": "bogus"}"#);
//! assert_eq!(refused.unwrap_err().member(), Some("UserReferUid"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod bind;
mod csv;
mod date;
mod emit;
mod error;
mod form;
mod json;
mod jsv;
mod message;
mod names;
mod node;
mod value;
mod xml;

pub use answer::{EnumNames, InvalidRequest, Responder};
pub use error::WireError;
pub use message::{
    ErrorResponse, ResponseStatus, ServerErrorDetails, UserClientSessionLog,
    UserClientSessionLogRequest, UserClientSessionLogResponse,
};

use emit::{Json, Jsv};
use error::Result;
use node::{Members, Node};
use std::borrow::Cow;

/// The name of the one operation, and of its request's XML element.
pub const OPERATION: &str = names::REQUEST.local;

/// How a message is written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/json`.
    Json,
    /// `application/xml`.
    Xml,
    /// `application/jsv`, ServiceStack's own.
    Jsv,
    /// `text/csv`.
    Csv,
    /// The XML in a SOAP 1.1 envelope, `text/xml`.
    Soap11,
    /// The XML in a SOAP 1.2 envelope, `application/soap+xml`.
    Soap12,
}

impl Format {
    /// The formats that a route, suffix or `format=` can name, by [`Format::name`].
    pub const NAMED: [Self; 4] = [Self::Json, Self::Xml, Self::Jsv, Self::Csv];

    /// The format's short name: `json`, `xml`, `jsv`, `csv`, `soap11`, `soap12`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Jsv => "jsv",
            Self::Csv => "csv",
            Self::Soap11 => "soap11",
            Self::Soap12 => "soap12",
        }
    }

    /// The one of [`Format::NAMED`] that has this short name, in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let mut formats = Self::NAMED.into_iter();
        formats.find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// The one of [`Format::NAMED`] of a media type without parameters, in any case.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let of = |known: &str| media_type.eq_ignore_ascii_case(known);
        if of("application/json") || of("text/json") {
            Some(Self::Json)
        } else if of("application/xml") || of("text/xml") {
            Some(Self::Xml)
        } else if of("application/jsv") || of("text/jsv") {
            Some(Self::Jsv)
        } else if of("text/csv") {
            Some(Self::Csv)
        } else {
            None
        }
    }

    /// The `Content-Type` of what is written in this format.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Xml => "application/xml",
            Self::Jsv => "application/jsv",
            Self::Csv => "text/csv",
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml",
        }
    }
}

/// A message as readers and writers see it.
trait Message: Sized + Default {
    /// Its XML element.
    const NAME: node::Name;
    /// How many XML elements it may have, unknown ones too.
    const ELEMENTS_MAX: usize;

    /// From the members of a node; `None` for null.
    fn of<'a, N: Node<'a>>(node: N) -> Result<Option<Self>>;

    fn write_to(&self, format: Format, out: &mut Vec<u8>);
}

fn read<M: Message>(format: Format, bytes: &[u8]) -> Result<M> {
    let message = match format {
        Format::Json => M::of(json::read(text(bytes)?)?)?,
        Format::Jsv => M::of(jsv::read(text(bytes)?)?)?,
        Format::Csv => M::of(csv::Value::Row(&csv::read(text(bytes)?)?))?,
        Format::Xml => {
            return Ok(M::of(xml::read(bytes, M::NAME, M::ELEMENTS_MAX)?)?.unwrap_or_default());
        }
        Format::Soap11 | Format::Soap12 => {
            let node = xml::soap::read(bytes, format, M::NAME, M::ELEMENTS_MAX)?;
            return Ok(M::of(node)?.unwrap_or_default());
        }
    };
    message.ok_or_else(|| WireError::new("null is no message"))
}

/// UTF-8 text after its optional mark.
fn text(bytes: &[u8]) -> Result<&str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| WireError::syntax("UTF-8", error))
}

fn write(message: &impl Message, format: Format, bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes);
    message.write_to(format, &mut out);
    out
}

impl Message for UserClientSessionLogRequest {
    const NAME: node::Name = names::REQUEST;
    const ELEMENTS_MAX: usize = 1_000;

    fn of<'a, N: Node<'a>>(node: N) -> Result<Option<Self>> {
        let Some(members) = Members::of(node)? else {
            return Ok(None);
        };
        let mut request = Self::default();
        bind::request(&mut request, members)?;
        Ok(Some(request))
    }

    fn write_to(&self, format: Format, out: &mut Vec<u8>) {
        match format {
            Format::Json => emit::request::<Json>(out, self),
            Format::Jsv => emit::request::<Jsv>(out, self),
            Format::Csv => csv::request(out, self),
            Format::Xml => xml::request(out, self),
            Format::Soap11 | Format::Soap12 => xml::soap::request(out, format, self),
        }
    }
}

impl UserClientSessionLogRequest {
    /// Reads a body. An empty one, but for SOAP, is a request with nothing set.
    ///
    /// # Errors
    ///
    /// The bytes are no request, as the [module](self) says.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Self> {
        match format {
            Format::Soap11 | Format::Soap12 => read(format, bytes),
            _ if is_blank(bytes) => Ok(Self::default()),
            Format::Csv => {
                let document = csv::read(text(bytes)?)?;
                // Tables of other names or delimiters are no requests: nobody else reads CSV here.
                document.check_names(&names::REQUEST_MEMBERS)?;
                Ok(Self::of(csv::Value::Row(&document))?.unwrap_or_default())
            }
            _ => read(format, bytes),
        }
    }

    /// Reads a query string or urlencoded form, without the `?`.
    ///
    /// # Errors
    ///
    /// As [`set_form`](Self::set_form).
    pub fn read_form(text: &str) -> Result<Self> {
        let mut request = Self::default();
        request.set_form(text)?;
        Ok(request)
    }

    /// Sets the members that a query string or urlencoded form sets; empty values set nothing.
    ///
    /// # Errors
    ///
    /// A value is not UTF-8 once decoded, does not parse, or is given twice. The request is then
    /// set in part.
    pub fn set_form(&mut self, text: &str) -> Result<()> {
        self.set_pairs(form::pairs(text)?)
    }

    /// As [`set_form`](Self::set_form), from decoded pairs of names and values.
    ///
    /// # Errors
    ///
    /// A value does not parse, or is given twice. The request is then set in part.
    pub fn set_pairs<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<()> {
        let nodes = pairs.into_iter();
        let members = nodes.map(|(name, value)| (name, form::Value(value)));
        bind::request(self, Members::new(members.collect())).map_err(WireError::binding)
    }

    /// The request as a body.
    #[must_use]
    pub fn write(&self, format: Format) -> Vec<u8> {
        write(self, format, 1_024)
    }

    /// The members that are set, as a query string or urlencoded form.
    #[must_use]
    pub fn write_form(&self) -> String {
        form::write(self)
    }
}

/// Whether there is nothing but a mark and white space.
fn is_blank(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii().is_empty()
}

impl Message for UserClientSessionLogResponse {
    const NAME: node::Name = names::RESPONSE;
    const ELEMENTS_MAX: usize = 1_000_000;

    fn of<'a, N: Node<'a>>(node: N) -> Result<Option<Self>> {
        bind::response(node)
    }

    fn write_to(&self, format: Format, out: &mut Vec<u8>) {
        match format {
            Format::Json => emit::response::<Json>(out, self),
            Format::Jsv => emit::response::<Jsv>(out, self),
            Format::Csv => csv::response(out, self),
            Format::Xml => xml::response(out, self),
            Format::Soap11 | Format::Soap12 => xml::soap::response(out, format, self),
        }
    }
}

impl UserClientSessionLogResponse {
    /// Reads a body, as a client does.
    ///
    /// # Errors
    ///
    /// The bytes are no response, as the [module](self) says.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Self> {
        read(format, bytes)
    }

    /// The response as a body. What XML cannot hold is written as U+FFFD there.
    #[must_use]
    pub fn write(&self, format: Format) -> Vec<u8> {
        let (envelope, entry) = match format {
            Format::Json | Format::Jsv | Format::Csv => (512, 224),
            Format::Xml | Format::Soap11 | Format::Soap12 => (1_536, 416),
        };
        let entries = self.log_entries.iter().flatten();
        let bytes = entries.map(|log| {
            let texts = [&log.user, &log.client_refer_uid].into_iter().flatten();
            entry + texts.map(|text| text.len()).sum::<usize>()
        });
        write(self, format, envelope + bytes.sum::<usize>())
    }
}

impl Message for ErrorResponse {
    const NAME: node::Name = names::ERROR_RESPONSE;
    const ELEMENTS_MAX: usize = 1_000;

    fn of<'a, N: Node<'a>>(node: N) -> Result<Option<Self>> {
        bind::error(node)
    }

    fn write_to(&self, format: Format, out: &mut Vec<u8>) {
        match format {
            Format::Json => emit::error::<Json>(out, self),
            Format::Jsv => emit::error::<Jsv>(out, self),
            Format::Csv => csv::error(out, self),
            Format::Xml => xml::error(out, self),
            Format::Soap11 | Format::Soap12 => xml::soap::fault(out, format, self),
        }
    }
}

impl ErrorResponse {
    /// Reads a body, as a client does.
    ///
    /// # Errors
    ///
    /// The bytes are no error response; no SOAP fault is one.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Self> {
        read(format, bytes)
    }

    /// The error as a body: in SOAP a fault, the server's for [`SERVER_ERROR_CODES`], the
    /// client's for all others.
    #[must_use]
    pub fn write(&self, format: Format) -> Vec<u8> {
        write(self, format, 1_024)
    }

    fn is_of_server(&self) -> bool {
        let code = self.response_status.error_code.as_deref();
        code.is_some_and(|code| SERVER_ERROR_CODES.contains(&code))
    }
}

/// The codes of errors that are no fault of the client.
pub const SERVER_ERROR_CODES: [&str; 3] = [
    "InternalServerError",
    "ServiceUnavailable",
    "RequestTimeout",
];
