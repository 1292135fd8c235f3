//! SOAP.
use super::super::Format;
use super::super::error::{Result, WireError};
use super::super::message::*;
use super::super::node::Name;
use super::Element;
pub(crate) fn read(_bytes: &[u8], _format: Format, _root: Name) -> Result<Element> {
    Err(WireError::new("stub"))
}
pub(crate) fn request(_out: &mut Vec<u8>, _format: Format, _request: &UserClientSessionLogRequest) {
}
pub(crate) fn response(
    _out: &mut Vec<u8>,
    _format: Format,
    _response: &UserClientSessionLogResponse,
) {
}
pub(crate) fn fault(_out: &mut Vec<u8>, _format: Format, _error: &ErrorResponse) {}
