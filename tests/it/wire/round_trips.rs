//! What is written reads back the same, whatever is in it.

use super::TEXT_FORMATS;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sessionlog::wire::{
    ErrorResponse, Format, ServerErrorDetails, UserClientSessionLog,
    UserClientSessionLogRequest as Request, UserClientSessionLogResponse as Response,
};
use uuid::Uuid;

/// Any text, with what breaks formats more often than chance would have it.
pub(super) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\0".to_owned()),
        Just("\u{fffe}".to_owned()),
        Just("]]>".to_owned()),
        Just("\"\"'".to_owned()),
        Just("{}[],:".to_owned()),
        Just("\r\n\r".to_owned()),
        Just(" \t".to_owned()),
        Just("<&>".to_owned()),
        Just("\u{10ffff}".repeat(256)),
        ".*",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    // Every tick of the calendar but the unset one.
    let ticks = (-62_135_596_800 * 10_000_000_i64 + 1)..(253_402_300_800 * 10_000_000);
    ticks.prop_map(|ticks| {
        let nanos = u32::try_from(ticks.rem_euclid(10_000_000)).unwrap() * 100;
        DateTime::from_timestamp(ticks.div_euclid(10_000_000), nanos).unwrap()
    })
}

fn id() -> impl Strategy<Value = Uuid> {
    (1..=u128::MAX).prop_map(Uuid::from_u128)
}

/// Text that is set.
fn set_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(hostile().prop_filter("empty text is not set", |text| !text.is_empty()))
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let filters = (
        prop::option::of(id()),
        set_text(),
        prop::option::of(instant()),
        prop::option::of(instant()),
        any::<bool>(),
    );
    let rest = (
        any::<i32>(),
        any::<i32>(),
        prop::option::of(id()),
        set_text(),
        prop::option::of(instant()),
    );
    (filters, rest).prop_map(|(filters, rest)| Request {
        user_refer_uid: filters.0,
        client_refer_uid: filters.1,
        started_before: filters.2,
        started_after: filters.3,
        open_sessions_only: filters.4,
        page_request_index: rest.0,
        records_per_page: rest.1,
        session_uid: rest.2,
        device_serial_number: rest.3,
        generated_at: rest.4,
    })
}

fn entry() -> impl Strategy<Value = UserClientSessionLog> {
    let times = (prop::option::of(instant()), prop::option::of(instant()));
    let texts = (prop::option::of(hostile()), prop::option::of(hostile()));
    (id(), id(), times, texts).prop_map(|(refer_uid, user_refer_uid, times, texts)| {
        UserClientSessionLog {
            refer_uid,
            session_start: times.0,
            session_end: times.1,
            user: texts.0.map(Into::into),
            user_refer_uid,
            client_refer_uid: texts.1.map(Into::into),
        }
    })
}

fn details() -> impl Strategy<Value = ServerErrorDetails> {
    let messages = prop::option::of(prop::collection::vec(hostile(), 0..3));
    (hostile(), prop::option::of(hostile()), messages).prop_map(
        |(code, description, additional_messages)| ServerErrorDetails {
            code: code.into(),
            description,
            additional_messages,
        },
    )
}

pub(super) fn response() -> impl Strategy<Value = Response> {
    let entries = prop::option::of(prop::collection::vec(entry(), 0..4));
    let rest = (hostile(), prop::option::of(details()), set_text());
    let numbers = (any::<i32>(), any::<i32>(), any::<i32>());
    (entries, numbers, rest, prop::option::of(instant())).prop_map(
        |(log_entries, numbers, rest, processed_at)| Response {
            log_entries,
            page_index: numbers.0,
            total_page_count: numbers.1,
            records_per_page: numbers.2,
            server: rest.2,
            processed_at,
            result: rest.0.into(),
            server_error_details: rest.1,
        },
    )
}

/// As JSON has it: milliseconds.
fn in_milliseconds(at: &mut Option<DateTime<Utc>>) {
    *at = at.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
    // The first millisecond of the calendar is the unset one.
    *at = at.filter(|at| at.timestamp_millis() != -62_135_596_800_000);
}

fn request_in_milliseconds(mut request: Request) -> Request {
    in_milliseconds(&mut request.started_after);
    in_milliseconds(&mut request.started_before);
    in_milliseconds(&mut request.generated_at);
    request
}

fn response_in_milliseconds(mut response: Response) -> Response {
    in_milliseconds(&mut response.processed_at);
    for entry in response.log_entries.iter_mut().flatten() {
        in_milliseconds(&mut entry.session_start);
        in_milliseconds(&mut entry.session_end);
    }
    response
}

/// The formats of XML.
const XML: [Format; 3] = [Format::Xml, Format::Soap11, Format::Soap12];

/// What XML can hold of a text.
fn held(text: &str) -> String {
    let held = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars()
        .map(|c| if held(c) { c } else { '\u{fffd}' })
        .collect()
}

fn request_in_xml(mut request: Request) -> Request {
    request.client_refer_uid = request.client_refer_uid.as_deref().map(held);
    request.device_serial_number = request.device_serial_number.as_deref().map(held);
    request
}

fn response_in_xml(mut response: Response) -> Response {
    response.server = response.server.as_deref().map(held);
    response.result = held(&response.result).into();
    for entry in response.log_entries.iter_mut().flatten() {
        entry.user = entry.user.as_deref().map(|user| held(user).into());
        entry.client_refer_uid = entry.client_refer_uid.as_deref().map(|id| held(id).into());
    }
    if let Some(details) = &mut response.server_error_details {
        details.code = held(&details.code).into();
        details.description = details.description.as_deref().map(held);
        for message in details.additional_messages.iter_mut().flatten() {
            *message = held(message);
        }
    }
    response
}

/// A reader that is not ours finds nothing wrong with the markup.
fn is_well_formed(bytes: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(bytes).unwrap());
    let mut depth = 0_i32;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Start(_)) => depth += 1,
            Ok(quick_xml::events::Event::End(_)) => depth -= 1,
            Ok(quick_xml::events::Event::Eof) => return depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

proptest! {
    #[test]
    fn xml_reads_back_as_it_was_written_with_what_it_can_hold(
        request in request(),
        response in response(),
        message in hostile(),
    ) {
        for format in XML {
            let written = request.write(format);
            prop_assert!(is_well_formed(&written));
            let read = Request::read(format, &written).unwrap();
            prop_assert_eq!(read, request_in_xml(request.clone()));
            let written = response.write(format);
            prop_assert!(is_well_formed(&written));
            let read = Response::read(format, &written).unwrap();
            prop_assert_eq!(read, response_in_xml(response.clone()));
            let error = ErrorResponse::new("Code", message.clone());
            prop_assert!(is_well_formed(&error.write(format)));
        }
        let error = ErrorResponse::new("Code", message.clone());
        let read = ErrorResponse::read(Format::Xml, &error.write(Format::Xml)).unwrap();
        prop_assert_eq!(read, ErrorResponse::new("Code", held(&message)));
    }

    #[test]
    fn requests_read_back_as_they_were_written(request in request()) {
        for format in TEXT_FORMATS {
            let read = Request::read(format, &request.write(format)).unwrap();
            match format {
                Format::Json => prop_assert_eq!(read, request_in_milliseconds(request.clone())),
                _ => prop_assert_eq!(&read, &request, "{:?}", format),
            }
        }
        prop_assert_eq!(Request::read_form(&request.write_form()).unwrap(), request);
    }

    #[test]
    fn responses_read_back_as_they_were_written(response in response()) {
        for format in [Format::Json, Format::Jsv] {
            let read = Response::read(format, &response.write(format)).unwrap();
            match format {
                Format::Json => prop_assert_eq!(read, response_in_milliseconds(response.clone())),
                _ => prop_assert_eq!(&read, &response),
            }
        }
        // In CSV an empty word is no word.
        let read = Response::read(Format::Csv, &response.write(Format::Csv)).unwrap();
        let mut expected = response;
        if expected.result.is_empty() {
            expected.result = "Unknown".into();
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn errors_read_back_as_they_were_written(code in hostile(), message in hostile()) {
        let error = ErrorResponse::new(code, message);
        for format in TEXT_FORMATS {
            prop_assert_eq!(&ErrorResponse::read(format, &error.write(format)).unwrap(), &error);
        }
    }
}
