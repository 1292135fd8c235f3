//! XML.
pub(super) mod soap;
use super::error::{Result, WireError};
use super::message::*;
use super::node::{Name, Named, Node, Spelling};
use std::borrow::Cow;
#[derive(Debug)]
pub(super) struct Element;
impl<'a> Node<'a> for Element {
    const SPELLING: Spelling = Spelling::Strict;
    fn text(self) -> Result<Option<Cow<'a, str>>> {
        Err(WireError::new("stub"))
    }
    fn members(self) -> Result<Option<Named<'a, Self>>> {
        Err(WireError::new("stub"))
    }
    fn items(self, _: Name) -> Result<Option<Vec<Self>>> {
        Err(WireError::new("stub"))
    }
}
pub(super) fn read(_bytes: &[u8], _root: Name) -> Result<Element> {
    Err(WireError::new("stub"))
}
pub(super) fn request(_out: &mut Vec<u8>, _request: &UserClientSessionLogRequest) {}
pub(super) fn response(_out: &mut Vec<u8>, _response: &UserClientSessionLogResponse) {}
pub(super) fn error(_out: &mut Vec<u8>, _error: &ErrorResponse) {}
