//! Why bytes are no message: what is wrong, with which member, and with which value.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// What a reader gives that can fail.
pub(super) type Result<T, E = WireError> = std::result::Result<T, E>;

/// Bytes that a reader refuses: nothing of them is used, and no filter is ever left out.
#[derive(Debug)]
pub struct WireError {
    /// The outermost member first, in the contract's names.
    members: Vec<Cow<'static, str>>,
    problem: String,
    is_binding: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The most characters of a refused value that a message quotes.
const QUOTED_CHARS_MAX: usize = 60;

impl WireError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self {
            members: Vec::new(),
            problem: problem.into(),
            is_binding: false,
            source: None,
        }
    }

    /// Bytes that break the syntax of their format.
    pub(super) fn syntax(format: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        Self {
            source: Some(source),
            ..Self::new(format!("this is no well-formed {format}"))
        }
    }

    /// A value that is not what its member needs.
    pub(super) fn value(text: &str, problem: impl fmt::Display) -> Self {
        Self::new(format!("{} {problem}", Quoted(text)))
    }

    /// The same, inside this member.
    pub(super) fn inside(mut self, member: impl Into<Cow<'static, str>>) -> Self {
        self.members.insert(0, member.into());
        self
    }

    /// The same, from a query or form.
    pub(super) fn binding(mut self) -> Self {
        self.is_binding = true;
        self
    }

    /// The member at fault, in the contract's name (`StartedAfter`), the innermost if it is
    /// nested; `None` if no member can be told.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        self.members.last().map(AsRef::as_ref)
    }

    /// The `ErrorCode` of the answer (wire contract, section 7): `RequestBindingException` for a
    /// query or form, `SerializationException` for a body.
    #[must_use]
    pub fn error_code(&self) -> &'static str {
        match self.is_binding {
            true => "RequestBindingException",
            false => "SerializationException",
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_binding {
            f.write_str("Unable to bind request: ")?;
        }
        for (depth, member) in self.members.iter().enumerate() {
            let dot = if depth == 0 { "" } else { "." };
            write!(f, "{dot}{member}")?;
        }
        if !self.members.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)
    }
}

impl StdError for WireError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// Text of a stranger in a message: short, and without control characters.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        let start: String = characters.by_ref().take(QUOTED_CHARS_MAX).collect();
        let more = if characters.next().is_some() {
            "…"
        } else {
            ""
        };
        write!(f, "{start:?}{more}")
    }
}
