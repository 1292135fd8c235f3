//! A document as a tree of elements. The syntax is quick-xml's; what it lets pass and XML or the
//! contract forbids is refused here, so that no filter is dropped with a malformed part.

use super::encoding::{Encoding, decode};
use super::is_char;
use super::tag::{Scope, Tag, attributes};
use crate::wire::error::{Quoted, Result, WireError};
use crate::wire::node::{Name, Named, Node, Spelling};
use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use std::borrow::Cow;

/// How deep elements may be nested.
const DEPTH_MAX: usize = 32;

/// An element with all that is in it.
#[derive(Debug, Default)]
pub(in crate::wire) struct Element {
    pub(super) local: String,
    pub(super) namespace: String,
    is_nil: bool,
    /// All text directly in it.
    text: String,
    pub(super) children: Vec<Self>,
}

/// The root element of a document.
///
/// # Errors
///
/// The document is malformed, holds what the contract forbids, or has another root.
pub(in crate::wire) fn read(bytes: &[u8], root: Name, elements_max: usize) -> Result<Element> {
    let element = document(bytes, elements_max)?;
    match element.is(root) {
        true => Ok(element),
        false => Err(element.instead_of(root)),
    }
}

/// The root element, whatever it is.
pub(super) fn document(bytes: &[u8], elements_max: usize) -> Result<Element> {
    let (encoding, text) = decode(bytes)?;
    // quick-xml would skip a second mark.
    if text.starts_with('\u{feff}') {
        return Err(forbidden("text outside of its root"));
    }
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    reader.config_mut().expand_empty_elements = true;
    let mut scope = Scope::default();
    let mut builder = Builder {
        elements_left: elements_max,
        ..Builder::default()
    };
    let mut is_start = true;
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => builder.open(scope.open(&start)?.into())?,
            Event::End(_) => {
                scope.close();
                builder.close();
            }
            Event::Text(text) => builder.text(&text.xml10_content(), true)?,
            Event::CData(text) => builder.text(&text.xml10_content(), false)?,
            Event::GeneralRef(reference) => builder.character(resolve(&reference)?)?,
            Event::Comment(text) => check_chars(&text)?,
            Event::Decl(declaration) if is_start => check_declaration(&declaration, encoding)?,
            Event::Decl(_) | Event::PI(_) => return Err(forbidden("a processing instruction")),
            Event::DocType(_) => return Err(forbidden("a document type")),
            // Empty elements come as a start and an end.
            Event::Empty(_) => {}
            Event::Eof => return builder.finish(),
        }
        is_start = false;
    }
}

pub(super) fn malformed(error: quick_xml::Error) -> WireError {
    WireError::syntax("XML", error)
}

pub(super) fn forbidden(what: &str) -> WireError {
    WireError::new(format!("the XML holds {what}, which is not read"))
}

/// What is being read.
#[derive(Default)]
struct Builder {
    /// How many more elements there may be: each takes much more room here than there.
    elements_left: usize,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Builder {
    fn open(&mut self, element: Element) -> Result<()> {
        if self.root.is_some() {
            return Err(forbidden("an element after its root"));
        }
        let left = self.elements_left.checked_sub(1);
        self.elements_left = left.ok_or_else(|| WireError::new("the XML has too many elements"))?;
        if self.open.len() == DEPTH_MAX {
            return Err(WireError::new(format!(
                "the XML is nested more than {DEPTH_MAX} deep"
            )));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        // An end without its start is refused by the reader.
        if let Some(element) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => self.root = Some(element),
            }
        }
    }

    fn text(&mut self, text: &str, is_markup: bool) -> Result<()> {
        check_chars(text)?;
        if is_markup && text.contains("]]>") {
            return Err(forbidden("]]> in a text"));
        }
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if is_markup && is_blank(text) => {}
            None => return Err(forbidden("text outside of its root")),
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<()> {
        match self.open.last_mut() {
            Some(element) => element.text.push(character),
            None => return Err(forbidden("text outside of its root")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(WireError::new("the XML is cut off")),
        }
    }
}

fn is_blank(text: &str) -> bool {
    crate::wire::value::trim(text).is_empty()
}

pub(super) fn check_chars(text: &str) -> Result<()> {
    match text.chars().find(|character| !is_char(*character)) {
        Some(character) => Err(not_a_char(character)),
        None => Ok(()),
    }
}

fn not_a_char(character: char) -> WireError {
    let code = u32::from(character);
    forbidden(&format!("the character U+{code:04X}"))
}

fn check_declaration(declaration: &BytesDecl<'_>, encoding: Encoding) -> Result<()> {
    let tag = BytesStart::from_content(&**declaration, "xml".len());
    let attributes = attributes(&tag)?;
    let parts = attributes.iter().map(|(name, value)| (name.0, &**value));
    let (version, declared) = match parts.collect::<Vec<_>>().as_slice() {
        [("version", version)] => (*version, None),
        [("version", version), ("standalone", "yes" | "no")] => (*version, None),
        [("version", version), ("encoding", name)]
        | [
            ("version", version),
            ("encoding", name),
            ("standalone", "yes" | "no"),
        ] => (*version, Some(*name)),
        _ => return Err(forbidden("a declaration of another form")),
    };
    if version != "1.0" {
        let problem = "is no version of XML that is read";
        return Err(WireError::value(version, problem));
    }
    match declared {
        Some(name) if !encoding.is_called(name) => Err(WireError::value(
            name,
            "is not the encoding of the XML, which must be UTF-8 or UTF-16",
        )),
        _ => Ok(()),
    }
}

/// The character of a reference: by its number, or one of the five that need no declaration.
fn resolve(reference: &BytesRef<'_>) -> Result<char> {
    if let Some(character) = reference.resolve_char_ref().map_err(malformed)? {
        return match is_char(character) {
            true => Ok(character),
            false => Err(not_a_char(character)),
        };
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        name => Err(WireError::value(name, "is an entity that is not declared")),
    }
}

impl From<Tag> for Element {
    fn from(tag: Tag) -> Self {
        Self {
            local: tag.local,
            namespace: tag.namespace,
            is_nil: tag.is_nil,
            ..Self::default()
        }
    }
}

impl Element {
    pub(super) fn is(&self, name: Name) -> bool {
        self.local == name.local && self.namespace == name.namespace
    }

    /// It stands where another element must.
    pub(super) fn instead_of(&self, name: Name) -> WireError {
        WireError::new(format!(
            "the element is {} of namespace {}, not {} of {}",
            Quoted(&self.local),
            Quoted(&self.namespace),
            name.local,
            name.namespace
        ))
    }

    /// The elements inside, and nothing else.
    pub(super) fn only_children(self) -> Result<Vec<Self>> {
        match is_blank(&self.text) {
            true => Ok(self.children),
            false => Err(WireError::value(
                crate::wire::value::trim(&self.text),
                "is text where only elements may be",
            )),
        }
    }

    /// Whether it is nil, and so has nothing inside.
    fn is_nil(&self) -> Result<bool> {
        match self.is_nil && !(self.children.is_empty() && is_blank(&self.text)) {
            true => Err(WireError::new("it is nil and has a value")),
            false => Ok(self.is_nil),
        }
    }
}

impl<'a> Node<'a> for Element {
    const SPELLING: Spelling = Spelling::Strict;

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }

    fn text(self) -> Result<Option<Cow<'a, str>>> {
        if self.is_nil()? {
            return Ok(None);
        }
        match self.children.first() {
            None => Ok(Some(Cow::Owned(self.text))),
            Some(child) => Err(WireError::value(
                &child.local,
                "is an element where only text may be",
            )),
        }
    }

    fn members(self) -> Result<Option<Named<'a, Self>>> {
        if self.is_nil()? {
            return Ok(None);
        }
        let mut members = Vec::new();
        for mut child in self.only_children()? {
            let local = std::mem::take(&mut child.local);
            members.push((Cow::Owned(local), child));
        }
        Ok(Some(members))
    }

    fn items(self, name: Name) -> Result<Option<Vec<Self>>> {
        if self.is_nil()? {
            return Ok(None);
        }
        let mut items = self.only_children()?;
        items.retain(|item| item.is(name));
        Ok(Some(items))
    }
}
