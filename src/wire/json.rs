//! JSON: strictly RFC 8259 when read; ServiceStack's spelling of guids and dates when written.

use super::date;
use super::emit::{Syntax, push_number};
use super::error::{Result, WireError};
use super::node::{Name, Named, Node, Spelling};
use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// The one value of a document.
pub(super) fn read(text: &str) -> Result<&RawValue> {
    serde_json::from_str(text).map_err(|error| WireError::syntax("JSON", error))
}

impl<'a> Node<'a> for &'a RawValue {
    const SPELLING: Spelling = Spelling::Lenient;

    /// Numbers and truth values as they are spelled.
    fn text(self) -> Result<Option<Cow<'a, str>>> {
        let json = self.get();
        match json.as_bytes().first() {
            Some(b'"') => {
                let Text(text) = part(json)?;
                Ok(Some(text))
            }
            Some(b'{') => Err(WireError::value(json, "is an object")),
            Some(b'[') => Err(WireError::value(json, "is a list")),
            _ if json == "null" => Ok(None),
            _ => Ok(Some(Cow::Borrowed(json))),
        }
    }

    fn members(self) -> Result<Option<Named<'a, Self>>> {
        let json = self.get();
        match json.as_bytes().first() {
            Some(b'{') => {
                let Object(members) = part(json)?;
                Ok(Some(members))
            }
            _ if json == "null" => Ok(None),
            _ => Err(WireError::value(json, "is no object")),
        }
    }

    fn items(self, _: Name) -> Result<Option<Vec<Self>>> {
        let json = self.get();
        match json.as_bytes().first() {
            Some(b'[') => Ok(Some(part(json)?)),
            _ if json == "null" => Ok(None),
            _ => Err(WireError::value(json, "is no list")),
        }
    }
}

/// A part of a document that is known to be well-formed, but for its escapes.
fn part<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| WireError::syntax("JSON", error))
}

/// A string, borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct OfText;

        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        from.deserialize_str(OfText)
    }
}

/// The members of an object in their order, repeated ones too.
struct Object<'a>(Named<'a, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }

        from.deserialize_map(OfObject)
    }
}

/// Writes JSON.
pub(super) struct Json;

impl Syntax for Json {
    fn name(out: &mut Vec<u8>, name: &str) {
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    }

    fn text(out: &mut Vec<u8>, text: &str) {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(out, text);
    }

    fn guid(out: &mut Vec<u8>, guid: Uuid) {
        out.push(b'"');
        push_guid(out, guid);
        out.push(b'"');
    }

    fn date(out: &mut Vec<u8>, at: DateTime<Utc>) {
        out.extend_from_slice(b"\"\\/Date(");
        push_number(out, date::milliseconds_of(at));
        out.extend_from_slice(b")\\/\"");
    }

    fn boolean(out: &mut Vec<u8>, value: bool) {
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }
}

/// 32 hexadecimal digits.
pub(super) fn push_guid(out: &mut Vec<u8>, guid: Uuid) {
    let mut digits = [0; uuid::fmt::Simple::LENGTH];
    out.extend_from_slice(guid.simple().encode_lower(&mut digits).as_bytes());
}
