//! A document as a tree of elements. The syntax is quick-xml's; what it lets pass and XML or the
//! contract forbids is refused here, so that no filter is dropped with a malformed part.

use super::encoding::{Encoding, decode};
use super::is_char;
use crate::wire::error::{Quoted, Result, WireError};
use crate::wire::names::INSTANCE;
use crate::wire::node::{Name, Named, Node, Spelling};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};
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
pub(in crate::wire) fn read(bytes: &[u8], root: Name) -> Result<Element> {
    let element = document(bytes)?;
    match element.is(root) {
        true => Ok(element),
        false => Err(element.instead_of(root)),
    }
}

/// The root element, whatever it is.
pub(super) fn document(bytes: &[u8]) -> Result<Element> {
    let (encoding, text) = decode(bytes)?;
    let mut reader = NsReader::from_str(&text);
    reader.config_mut().check_comments = true;
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::default();
    let mut is_start = true;
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => builder.open(element(&reader, &start)?)?,
            Event::End(_) => builder.close(),
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

fn malformed(error: quick_xml::Error) -> WireError {
    WireError::syntax("XML", error)
}

fn forbidden(what: &str) -> WireError {
    WireError::new(format!("the XML holds {what}, which is not read"))
}

/// What is being read.
#[derive(Default)]
struct Builder {
    open: Vec<Element>,
    root: Option<Element>,
}

impl Builder {
    fn open(&mut self, element: Element) -> Result<()> {
        if self.root.is_some() {
            return Err(forbidden("an element after its root"));
        }
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

fn check_chars(text: &str) -> Result<()> {
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
    let version = declaration.version().map_err(malformed)?;
    if version != "1.0" {
        return Err(WireError::value(
            &version,
            "is no version of XML that is read",
        ));
    }
    let declared = declaration.encoding().transpose();
    match declared.map_err(|error| WireError::syntax("XML", error))? {
        Some(name) if !encoding.is_called(&name) => Err(WireError::value(
            &name,
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

/// An element from its tag.
fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element> {
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let mut element = Element {
        local: local.as_ref().to_owned(),
        namespace: bound(&namespace)?.to_owned(),
        ..Element::default()
    };
    check_name(start.name().as_ref())?;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| WireError::syntax("XML", error))?;
        check_name(attribute.key.as_ref())?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0);
        let value = value.map_err(malformed)?;
        check_chars(&value)?;
        if attribute.value.contains('<') {
            return Err(forbidden("< in an attribute"));
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        if bound(&namespace)? == INSTANCE && local.as_ref() == "nil" {
            element.is_nil = crate::wire::value::boolean(&value, Spelling::Strict)
                .map_err(|error| error.inside(format!("{}.nil", element.local)))?;
        }
    }
    Ok(element)
}

fn bound<'a>(resolved: &ResolveResult<'a>) -> Result<&'a str> {
    match resolved {
        ResolveResult::Bound(namespace) => Ok(namespace.0),
        ResolveResult::Unbound => Ok(""),
        ResolveResult::Unknown(prefix) => {
            Err(WireError::value(prefix, "is a prefix that is not declared"))
        }
    }
}

/// A name that XML has, as far as ASCII goes: a tag with a slip in it must not pass for an unknown
/// member.
fn check_name(name: &str) -> Result<()> {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || !c.is_ascii();
    let is_part = |c: char| is_start(c) || c.is_ascii_digit() || c == '-' || c == '.';
    match name.starts_with(is_start) && name.chars().all(is_part) {
        true => Ok(()),
        false => Err(WireError::value(name, "is no name")),
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
