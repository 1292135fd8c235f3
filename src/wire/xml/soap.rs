//! SOAP 1.1 and 1.2: the XML messages in an envelope (wire contract, section 8).

use super::read::{Element, document};
use super::write::{self, InEnvelope};
use crate::wire::Format;
use crate::wire::error::{Result, WireError};
use crate::wire::message::{
    ErrorResponse, UserClientSessionLogRequest, UserClientSessionLogResponse,
};
use crate::wire::node::Name;

const fn namespace(format: Format) -> &'static str {
    match format {
        Format::Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        _ => "http://schemas.xmlsoap.org/soap/envelope/",
    }
}

/// The first element of the body. What the header asks for is not done and not refused: .NET marks
/// addresses there that must be understood.
pub(in crate::wire) fn read(
    bytes: &[u8],
    format: Format,
    root: Name,
    elements_max: usize,
) -> Result<Element> {
    let part = |local| Name {
        local,
        namespace: namespace(format),
    };
    let envelope = document(bytes, elements_max)?;
    if !envelope.is(part("Envelope")) {
        return Err(envelope.instead_of(part("Envelope")));
    }
    let mut parts = envelope.only_children()?.into_iter();
    let mut body = parts.next();
    if body.as_ref().is_some_and(|first| first.is(part("Header"))) {
        body = parts.next();
    }
    let body = body.ok_or_else(|| WireError::new("the envelope has no body"))?;
    if !body.is(part("Body")) {
        return Err(body.instead_of(part("Body")));
    }
    let mut messages = body.only_children()?.into_iter();
    match (messages.next(), messages.next(), parts.next()) {
        (Some(message), None, None) if message.is(root) => Ok(message),
        (Some(message), None, None) => Err(message.instead_of(root)),
        (None, ..) => Err(WireError::new("the body of the envelope is empty")),
        _ => Err(WireError::new("the envelope holds more than one message")),
    }
}

/// Around a message.
fn envelope(out: &mut Vec<u8>, format: Format, write: impl FnOnce(&mut Vec<u8>)) {
    let mut push = |text: &str| out.extend_from_slice(text.as_bytes());
    push("<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"");
    push(namespace(format));
    push("\"><s:Body>");
    write(out);
    out.extend_from_slice(b"</s:Body></s:Envelope>");
}

pub(in crate::wire) fn request(
    out: &mut Vec<u8>,
    format: Format,
    request: &UserClientSessionLogRequest,
) {
    envelope(out, format, |out| write::request(out, request));
}

pub(in crate::wire) fn response(
    out: &mut Vec<u8>,
    format: Format,
    response: &UserClientSessionLogResponse,
) {
    envelope(out, format, |out| {
        write::response_at::<InEnvelope>(out, response);
    });
}

/// An error as a fault, with all of it in the detail.
pub(in crate::wire) fn fault(out: &mut Vec<u8>, format: Format, error: &ErrorResponse) {
    let message = error.response_status.message.as_deref();
    let (before, after, end) = match (format, error.is_of_server()) {
        (Format::Soap12, is_of_server) => (
            match is_of_server {
                true => {
                    "<s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">"
                }
                false => {
                    "<s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">"
                }
            },
            "</s:Text></s:Reason><s:Detail>",
            "</s:Detail>",
        ),
        (_, is_of_server) => (
            match is_of_server {
                true => "<faultcode>s:Server</faultcode><faultstring>",
                false => "<faultcode>s:Client</faultcode><faultstring>",
            },
            "</faultstring><detail>",
            "</detail>",
        ),
    };
    envelope(out, format, |out| {
        out.extend_from_slice(b"<s:Fault>");
        out.extend_from_slice(before.as_bytes());
        write::push_text(out, message.unwrap_or_default());
        out.extend_from_slice(after.as_bytes());
        write::error(out, error);
        out.extend_from_slice(end.as_bytes());
        out.extend_from_slice(b"</s:Fault>");
    });
}
