//! JSV, ServiceStack's text format: `{Name:value,List:[a,"b,c"]}`. There is no library for it.
//!
//! A value that holds a delimiter is quoted, with quotes doubled. White space around tokens is
//! skipped, so that the indented form of documentation pages reads too; therefore values that
//! begin or end with white space are quoted when written.

use super::emit::Syntax;
use super::error::{Result, WireError};
use super::json::push_guid;
use super::node::{Name, Named, Node, Spelling};
use super::{date, value};
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use uuid::Uuid;

/// A value, trimmed, that is not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a>(&'a str);

/// The one value of a document.
pub(super) fn read(text: &str) -> Result<Value<'_>> {
    let mut scanner = Scanner { rest: text };
    let value = scanner.value()?;
    match scanner.rest {
        "" => Ok(value),
        rest => Err(malformed(rest, "follows the end")),
    }
}

fn malformed(rest: &str, problem: &str) -> WireError {
    WireError::syntax("JSV", WireError::value(rest, problem).to_string())
}

impl<'a> Node<'a> for Value<'a> {
    const SPELLING: Spelling = Spelling::Lenient;

    /// An empty value is null; an empty string is quoted.
    fn text(self) -> Result<Option<Cow<'a, str>>> {
        match self.0.as_bytes().first() {
            None => Ok(None),
            Some(b'{') => Err(WireError::value(self.0, "is an object")),
            Some(b'[') => Err(WireError::value(self.0, "is a list")),
            Some(b'"') => Ok(Some(unquoted(self.0))),
            Some(_) => Ok(Some(Cow::Borrowed(self.0))),
        }
    }

    fn members(self) -> Result<Option<Named<'a, Self>>> {
        let mut members = Vec::new();
        let is_object = self.each(['{', '}'], "is no object", |scanner| {
            let name = scanner.name()?;
            members.push((name, scanner.value()?));
            Ok(())
        })?;
        Ok(is_object.then_some(members))
    }

    fn items(self, _: Name) -> Result<Option<Vec<Self>>> {
        let mut items = Vec::new();
        let is_list = self.each(['[', ']'], "is no list", |scanner| {
            items.push(scanner.value()?);
            Ok(())
        })?;
        Ok(is_list.then_some(items))
    }
}

impl<'a> Value<'a> {
    /// Takes each part of an enclosed value; false if it is null.
    fn each(
        self,
        [open, close]: [char; 2],
        otherwise: &str,
        mut take: impl FnMut(&mut Scanner<'a>) -> Result<()>,
    ) -> Result<bool> {
        if self.0.is_empty() {
            return Ok(false);
        }
        let inner = self.0.strip_prefix(open);
        let Some(inner) = inner.and_then(|inner| inner.strip_suffix(close)) else {
            return Err(WireError::value(self.0, otherwise));
        };
        let mut scanner = Scanner { rest: inner };
        scanner.skip_space();
        if scanner.rest.is_empty() {
            return Ok(true);
        }
        loop {
            take(&mut scanner)?;
            match scanner.rest.strip_prefix(',') {
                Some(rest) => scanner.rest = rest,
                None if scanner.rest.is_empty() => return Ok(true),
                None => return Err(malformed(scanner.rest, "stands where a comma must")),
            }
        }
    }
}

/// The text of a quoted value.
fn unquoted(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    match inner.contains('"') {
        true => Cow::Owned(inner.replace("\"\"", "\"")),
        false => Cow::Borrowed(inner),
    }
}

/// Reads a text from its start.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// What lies before `at`, and goes on from there.
    fn split(&mut self, at: usize) -> Result<&'a str> {
        let Some((before, rest)) = self.rest.split_at_checked(at) else {
            return Err(malformed(self.rest, "is cut off"));
        };
        self.rest = rest;
        Ok(before)
    }

    /// A name and its colon.
    fn name(&mut self) -> Result<Cow<'a, str>> {
        self.skip_space();
        let name = match self.rest.starts_with('"') {
            true => unquoted(self.quoted()?),
            false => Cow::Borrowed(self.plain(&[':', ',', '{', '}', '[', ']', '"'])?),
        };
        self.skip_space();
        match self.rest.strip_prefix(':') {
            Some(rest) if !name.is_empty() => self.rest = rest,
            _ => {
                return Err(malformed(
                    self.rest,
                    "stands where a name and its colon must",
                ));
            }
        }
        Ok(name)
    }

    /// A value, up to the delimiter after it.
    fn value(&mut self) -> Result<Value<'a>> {
        self.skip_space();
        let value = match self.rest.as_bytes().first() {
            Some(b'"') => self.quoted()?,
            Some(b'{' | b'[') => self.nested()?,
            _ => self.plain(&[',', '}', ']', '{', '[', '"'])?,
        };
        self.skip_space();
        match self.rest.as_bytes().first() {
            None | Some(b',' | b'}' | b']') => Ok(Value(value)),
            Some(_) => Err(malformed(self.rest, "stands inside a value without quotes")),
        }
    }

    /// Up to one of the delimiters, and of one line.
    fn plain(&mut self, delimiters: &[char]) -> Result<&'a str> {
        let end = self.rest.find(delimiters).unwrap_or(self.rest.len());
        let text = value::trim(self.split(end)?);
        match text.contains(['\r', '\n']) {
            true => Err(malformed(text, "has lines and no quotes")),
            false => Ok(text),
        }
    }

    /// A quoted value with its quotes.
    fn quoted(&mut self) -> Result<&'a str> {
        let Some((quoted, rest)) = value::split_quoted(self.rest) else {
            return Err(malformed(self.rest, "has no end quote"));
        };
        self.rest = rest;
        Ok(quoted)
    }

    /// An object or list with its brackets: what is inside is read when it is asked for, or, if
    /// it never is, only has to be balanced.
    fn nested(&mut self) -> Result<&'a str> {
        let start = self.rest;
        let mut open = Vec::new();
        loop {
            let Some(at) = self.rest.find(['{', '}', '[', ']', '"']) else {
                return Err(malformed(start, "has no end"));
            };
            self.split(at)?;
            match self.rest.as_bytes().first() {
                Some(b'"') => {
                    self.quoted()?;
                    continue;
                }
                Some(b'{') => open.push(b'}'),
                Some(b'[') => open.push(b']'),
                close if open.pop().as_ref() == close => {}
                _ => return Err(malformed(self.rest, "closes what is not open")),
            }
            self.split(1)?;
            if open.is_empty() {
                let length = start.len() - self.rest.len();
                return Ok(start.get(..length).unwrap_or_default());
            }
        }
    }
}

/// Writes JSV.
pub(super) struct Jsv;

impl Syntax for Jsv {
    fn name(out: &mut Vec<u8>, name: &str) {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
    }

    fn text(out: &mut Vec<u8>, text: &str) {
        let is_delimited =
            text.contains(['"', ',', '{', '}', '[', ']', ':', '\r', '\n']) || text.is_empty();
        if !is_delimited && value::trim(text).len() == text.len() {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.push(b'"');
        for (at, part) in text.split('"').enumerate() {
            if at > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }

    fn guid(out: &mut Vec<u8>, guid: Uuid) {
        push_guid(out, guid);
    }

    fn date(out: &mut Vec<u8>, at: DateTime<Utc>) {
        date::push_jsv(out, at);
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        out.extend_from_slice(if value { b"True" } else { b"False" });
    }
}
