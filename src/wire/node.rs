//! What all formats have in common when read: members by name, and the scalars of the contract.

use super::error::{Result, WireError};
use super::{date, value};
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use uuid::Uuid;

/// The name of a member or of the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) local: &'static str,
    /// Its XML namespace.
    pub(super) namespace: &'static str,
}

/// Names and what they name, in their order; a name may be there twice.
pub(super) type Named<'a, N> = Vec<(Cow<'a, str>, N)>;

/// The spelling of scalars and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// XML Schema's: names and booleans in their own case.
    Strict,
    /// ServiceStack's text formats: names and booleans in any case, and more forms of dates.
    Lenient,
}

/// A value as the syntax of its format gives it: the reader of the message says what it must be.
pub(super) trait Node<'a>: Sized {
    const SPELLING: Spelling;

    /// The XML namespace of the node's name, where the format has such.
    fn namespace(&self) -> Option<&str> {
        None
    }

    /// The text of a scalar; `None` for null.
    fn text(self) -> Result<Option<Cow<'a, str>>>;

    /// The members of an object; `None` for null.
    fn members(self) -> Result<Option<Named<'a, Self>>>;

    /// The elements of a list, by `name` where the format names them; `None` for null.
    fn items(self, name: Name) -> Result<Option<Vec<Self>>>;
}

/// The members of one object, to be taken by name. What is not taken is unknown, and ignored.
pub(super) struct Members<'a, N> {
    found: Named<'a, N>,
}

impl<'a, N: Node<'a>> Members<'a, N> {
    pub(super) fn new(found: Named<'a, N>) -> Self {
        Self { found }
    }

    /// The members of an object; `None` for null.
    pub(super) fn of(node: N) -> Result<Option<Self>> {
        Ok(node.members()?.map(Self::new))
    }

    /// The value of a member, if it is there.
    ///
    /// # Errors
    ///
    /// The member is there twice: which of the two was meant cannot be told.
    pub(super) fn take(&mut self, name: Name) -> Result<Option<N>> {
        let Some(at) = self.found.iter().position(|found| is_named(found, name)) else {
            return Ok(None);
        };
        let (_, node) = self.found.swap_remove(at);
        if self.found.iter().any(|found| is_named(found, name)) {
            return Err(WireError::new("it is given more than once").inside(name.local));
        }
        Ok(Some(node))
    }

    /// A string; `None` if it is missing, null or not set.
    pub(super) fn text(&mut self, name: Name) -> Result<Option<Cow<'a, str>>> {
        match self.take(name)? {
            Some(node) => node.text().map_err(|error| error.inside(name.local)),
            None => Ok(None),
        }
    }

    /// A guid; `None` if it is missing, null, empty or nil.
    pub(super) fn guid(&mut self, name: Name) -> Result<Option<Uuid>> {
        let guid = self.scalar(name, value::guid)?;
        Ok(guid.filter(|guid| !guid.is_nil()))
    }

    /// An instant; `None` if it is missing, null, empty or the minimum.
    pub(super) fn date(&mut self, name: Name) -> Result<Option<DateTime<Utc>>> {
        let date = self.scalar(name, |text| date::read(text, N::SPELLING))?;
        Ok(date.flatten())
    }

    /// A number; `None` if it is missing, null or empty.
    pub(super) fn int32(&mut self, name: Name) -> Result<Option<i32>> {
        self.scalar(name, value::int32)
    }

    /// A truth value; `None` if it is missing, null or empty.
    pub(super) fn boolean(&mut self, name: Name) -> Result<Option<bool>> {
        self.scalar(name, |text| value::boolean(text, N::SPELLING))
    }

    fn scalar<T>(&mut self, name: Name, read: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match value::trim(&text) {
            "" => Ok(None),
            trimmed => read(trimmed)
                .map(Some)
                .map_err(|error| error.inside(name.local)),
        }
    }
}

fn is_named<'a, N: Node<'a>>((found, node): &(Cow<'a, str>, N), name: Name) -> bool {
    match (N::SPELLING, node.namespace()) {
        (Spelling::Strict, Some(namespace)) => found == name.local && namespace == name.namespace,
        (Spelling::Strict, None) => found == name.local,
        (Spelling::Lenient, _) => value::trim(found).eq_ignore_ascii_case(name.local),
    }
}
