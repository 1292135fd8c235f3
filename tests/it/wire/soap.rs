//! SOAP of both versions, and the exchanges of the original's own clients in it and in XML.

use super::captured::exchanges;
use super::{captured, captured_responses, entry, response, text};
use crate::at;
use sessionlog::wire::{
    ErrorResponse, Format, UserClientSessionLog, UserClientSessionLogRequest as Request,
    UserClientSessionLogResponse as Response,
};

const SOAP: [Format; 2] = [Format::Soap11, Format::Soap12];

#[test]
fn envelopes_read_as_the_original_read_them() {
    let exchanges = exchanges("soap");
    let posted = exchanges
        .into_iter()
        .filter(|exchange| exchange.method == "POST");
    for exchange in posted {
        let format = match exchange.path.as_str() {
            "/soap11" => Format::Soap11,
            _ => Format::Soap12,
        };
        match (Request::read(format, &exchange.body), exchange.bound) {
            (Ok(request), Some(bound)) => assert_eq!(request, bound, "{}", exchange.name),
            (Err(_), None) => assert_eq!(exchange.status, 500, "{}", exchange.name),
            (read, bound) => panic!("{}: {read:?}, not {bound:?}", exchange.name),
        }
    }
}

/// What the original's own clients sent: with every member set, and with none.
#[test]
fn requests_of_its_own_clients_read_as_what_they_say() {
    let full = Request {
        user_refer_uid: Some(entry().refer_uid),
        client_refer_uid: Some("PDA \"01\", {x}".into()),
        started_before: Some(at("2015-12-31T23:59:59.999Z")),
        started_after: Some(at("2015-01-01T00:00:00Z")),
        open_sessions_only: true,
        page_request_index: 1,
        records_per_page: 25,
        session_uid: Some(entry().user_refer_uid),
        device_serial_number: Some("SN1".into()),
        generated_at: Some(at("2015-06-01T08:30:00Z")),
    };
    for (format, name, expected) in [
        (Format::Xml, "xml-send", &full),
        (Format::Xml, "xml-send-defaults", &Request::default()),
        (Format::Soap11, "soap11-send", &full),
        (Format::Soap12, "soap12-send", &full),
    ] {
        let sent = captured(&format!("clients/dotnet-v3/{name}.req"));
        let (_, body) = text(&sent).split_once("\r\n\r\n").unwrap();
        let read = Request::read(format, body.as_bytes()).unwrap();
        assert_eq!(read, *expected, "{name}");
    }
}

/// The body of a recorded answer, which came in chunks.
fn unchunked(answer: &[u8]) -> String {
    let (_, mut rest) = text(answer).split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    loop {
        let (length, chunks) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body += &chunks[..length];
        rest = chunks[length..].strip_prefix("\r\n").unwrap();
    }
}

#[test]
fn answers_to_its_own_clients_are_written_as_the_original_wrote_them() {
    let full = Response {
        total_page_count: 1,
        ..response(vec![
            UserClientSessionLog {
                session_end: Some(at("2015-06-01T08:45:30.1234567Z")),
                user: Some("Ann \"A\" O'Neil, Jr".into()),
                ..entry()
            },
            UserClientSessionLog {
                refer_uid: "7f9619ff-8b86-d011-b42d-00c04fc964ff".parse().unwrap(),
                session_start: Some(at("2015-06-01T09:00:00.5Z")),
                user: Some("Bob {x}[y]:z".into()),
                user_refer_uid: "11111111-2222-3333-4444-555555555556".parse().unwrap(),
                client_refer_uid: None,
                ..entry()
            },
        ])
    };
    for (format, name) in [
        (Format::Xml, "xml-send"),
        (Format::Soap11, "soap11-send"),
        (Format::Soap12, "soap12-send"),
    ] {
        let answer = captured(&format!("answers/{name}.res"));
        let theirs = unchunked(&answer);
        assert_eq!(Response::read(format, theirs.as_bytes()).unwrap(), full);
        // They begin with a mark, and ours do not.
        let theirs = theirs.strip_prefix('\u{feff}').unwrap();
        assert_eq!(text(&full.write(format)), theirs, "{name}");
    }
}

/// The list of messages is one element deeper than the entries.
#[test]
fn prefixes_count_the_elements_around_them() {
    let (_, failure) = captured_responses().pop().unwrap();
    for (format, entries, messages) in [
        (Format::Xml, "d2p1", "d3p1"),
        (Format::Soap11, "d4p1", "d5p1"),
        (Format::Soap12, "d4p1", "d5p1"),
    ] {
        let written = failure.write(format);
        for (element, prefix) in [("LogEntries", entries), ("AdditionalMessages", messages)] {
            let start = format!("<{element} xmlns:{prefix}=");
            assert!(text(&written).contains(&start), "{}", text(&written));
        }
    }
}

#[test]
fn an_envelope_holds_one_message_in_its_own_version() {
    let request = Request {
        records_per_page: 5,
        ..Request::default()
    };
    for format in SOAP {
        let written = request.write(format);
        assert_eq!(Request::read(format, &written).unwrap(), request);
        let [other] = SOAP
            .map(|other| (other != format).then_some(other))
            .iter()
            .flatten()
            .copied()
            .collect::<Vec<_>>()[..]
        else {
            panic!("two versions");
        };
        assert!(Request::read(other, &written).is_err());
        let written = text(&written);
        let header = "<s:Header><a:To xmlns:a=\"urn:a\" s:mustUnderstand=\"1\">x</a:To></s:Header>";
        let with_header = written.replace("<s:Body>", &format!("{header}<s:Body>"));
        assert_eq!(
            Request::read(format, with_header.as_bytes()).unwrap(),
            request
        );
        for wrong in [
            written.replace("s:Body", "s:Nobody"),
            written.replace("<s:Body>", "<s:Body><x/>"),
            written.replace("</s:Body>", "</s:Body><s:Body/>"),
            written.replace("UserClientSessionLogRequest", "NoSuchRequest"),
            written.replace("<s:Body>", "<s:Body>text"),
            String::new(),
        ] {
            assert!(Request::read(format, wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

#[test]
fn a_fault_says_whose_it_is_and_holds_the_error() {
    let of_client = ErrorResponse::new("SerializationException", "a < b");
    let of_server = ErrorResponse::new("InternalServerError", "the request failed");
    for (format, client, server) in [
        (
            Format::Soap11,
            "<faultcode>s:Client</faultcode>",
            "<faultcode>s:Server</faultcode>",
        ),
        (
            Format::Soap12,
            "<s:Value>s:Sender</s:Value>",
            "<s:Value>s:Receiver</s:Value>",
        ),
    ] {
        let fault = of_client.write(format);
        assert!(text(&fault).contains(client), "{}", text(&fault));
        assert!(text(&fault).contains("a &lt; b"));
        assert!(text(&fault).contains("<ErrorCode>SerializationException</ErrorCode>"));
        let fault = of_server.write(format);
        assert!(text(&fault).contains(server), "{}", text(&fault));
    }
}
