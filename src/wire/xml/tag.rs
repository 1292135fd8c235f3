//! Start tags and the declaration. quick-xml splits them; what it lets pass and XML or its
//! namespaces forbid is refused here: a tag with a slip in it must not pass for an unknown member.

use super::read::{check_chars, forbidden, malformed};
use crate::wire::error::{Result, WireError};
use crate::wire::names::INSTANCE;
use crate::wire::node::Spelling;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use quick_xml::name::{Namespace, NamespaceResolver, PrefixDeclaration, QName, ResolveResult};
use std::borrow::Cow;
use std::collections::HashSet;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The longest name of a namespace, in bytes. Each element has a copy of its own: without a bound,
/// one long name that many short tags use would cost the square of the document's size.
const NAMESPACE_MAX: usize = 256;

/// What a start tag says.
pub(super) struct Tag {
    pub(super) local: String,
    pub(super) namespace: String,
    pub(super) is_nil: bool,
}

/// The namespaces that are declared where the reader stands.
#[derive(Default)]
pub(super) struct Scope(NamespaceResolver);

impl Scope {
    /// Enters an element.
    pub(super) fn open(&mut self, start: &BytesStart<'_>) -> Result<Tag> {
        check_name(start.name().as_ref())?;
        let attributes = attributes(start)?;
        self.0.set_level(self.0.level().saturating_add(1));
        for (name, value) in &attributes {
            if let Some(prefix) = name.as_namespace_binding() {
                self.declare(prefix, value)?;
            }
        }
        let (namespace, local) = self.0.resolve_element(start.name());
        let local = local.as_ref().to_owned();
        let is_nil = self.is_nil(&attributes);
        Ok(Tag {
            namespace: bound(&namespace)?.to_owned(),
            is_nil: is_nil.map_err(|error| error.inside(local.clone()))?,
            local,
        })
    }

    /// Leaves it.
    pub(super) fn close(&mut self) {
        self.0.pop();
    }

    /// The resolver's own way of declaring takes a value as it is spelled, references and all.
    fn declare(&mut self, prefix: PrefixDeclaration<'_>, namespace: &str) -> Result<()> {
        let is_default = prefix == PrefixDeclaration::Default;
        if is_default && [XML, XMLNS].contains(&namespace) || !is_default && namespace.is_empty() {
            return Err(WireError::value(namespace, "is no namespace to declare"));
        }
        if namespace.len() > NAMESPACE_MAX {
            let problem = format!("is a namespace of more than {NAMESPACE_MAX} bytes");
            return Err(WireError::value(namespace, problem));
        }
        let declared = self.0.add(prefix, Namespace(namespace));
        declared.map_err(|error| WireError::syntax("XML", error))
    }

    /// Whether the element is nil. No two attributes may have one name in one namespace: which
    /// of the two is meant could not be told.
    fn is_nil(&self, attributes: &[(QName<'_>, Cow<'_, str>)]) -> Result<bool> {
        let mut is_nil = false;
        let mut names = HashSet::new();
        for (name, value) in attributes {
            let (namespace, local) = self.0.resolve_attribute(*name);
            let namespace = bound(&namespace)?.to_owned();
            let is_it = namespace == INSTANCE && local.as_ref() == "nil";
            if !namespace.is_empty() && !names.insert((namespace, local)) {
                return Err(WireError::value(name.as_ref(), "is given more than once"));
            }
            if is_it {
                is_nil = crate::wire::value::boolean(value, Spelling::Strict)
                    .map_err(|error| error.inside("nil"))?;
            }
        }
        Ok(is_nil)
    }
}

/// The attributes of a tag with their values, references resolved and white space normalized.
pub(super) fn attributes<'a>(start: &'a BytesStart<'_>) -> Result<Vec<(QName<'a>, Cow<'a, str>)>> {
    check_spaces(start.attributes_raw())?;
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.map_err(|error| WireError::syntax("XML", error))?;
        check_name(attribute.key.as_ref())?;
        if attribute.value.contains('<') {
            return Err(forbidden("< in an attribute"));
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0);
        let value = value.map_err(malformed)?;
        check_chars(&value)?;
        Ok((attribute.key, value))
    });
    attributes.collect()
}

/// Behind a value comes white space, or nothing.
fn check_spaces(attributes: &str) -> Result<()> {
    let mut quote = None;
    let mut is_behind_value = false;
    for character in attributes.chars() {
        let is_end = quote == Some(character);
        match character {
            _ if is_end => quote = None,
            _ if quote.is_some() => {}
            ' ' | '\t' | '\r' | '\n' => {}
            _ if is_behind_value => return Err(forbidden("attributes without space between")),
            '"' | '\'' => quote = Some(character),
            _ => {}
        }
        is_behind_value = is_end;
    }
    Ok(())
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

/// A name of one part, or of two with a colon between ("Namespaces in XML", section 4).
fn check_name(name: &str) -> Result<()> {
    let is_part = |part: &str| part.starts_with(is_name_start) && part.chars().all(is_name_char);
    match name.split(':').all(is_part) && name.matches(':').count() <= 1 {
        true => Ok(()),
        false => Err(WireError::value(name, "is no name")),
    }
}

/// `NameStartChar` of XML 1.0, section 2.3, but for the colon.
fn is_name_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// `NameChar`, but for the colon.
fn is_name_char(character: char) -> bool {
    is_name_start(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}
