//! What must hold of any bytes that a reader of the wire is given.

use sessionlog::wire::{
    ErrorResponse, Format, UserClientSessionLogRequest as Request,
    UserClientSessionLogResponse as Response,
};

/// Takes bytes for a message of every kind. What reads is written so that it reads the same again;
/// a refusal has a code and a message of bounded length without control characters.
pub fn reads_or_refuses(format: Format, bytes: &[u8]) {
    match Request::read(format, bytes) {
        Ok(request) => {
            // JSON has milliseconds; from there on nothing is lost.
            let written = Request::read(format, &request.write(format)).unwrap();
            assert_eq!(
                Request::read(format, &written.write(format)).unwrap(),
                written
            );
            assert_eq!(request.user_refer_uid, written.user_refer_uid);
            assert_eq!(request.open_sessions_only, written.open_sessions_only);
            if format != Format::Json {
                assert_eq!(request, written);
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.chars().count() < 1_000, "{text}");
            assert!(!text.contains(char::is_control), "{text}");
        }
    }
    if let Ok(response) = Response::read(format, bytes) {
        let written = Response::read(format, &response.write(format)).unwrap();
        assert_eq!(
            Response::read(format, &written.write(format)).unwrap(),
            written
        );
    }
    if let Ok(error) = ErrorResponse::read(format, bytes)
        && !matches!(format, Format::Soap11 | Format::Soap12)
    {
        let written = ErrorResponse::read(format, &error.write(format)).unwrap();
        assert_eq!(
            ErrorResponse::read(format, &written.write(format)).unwrap(),
            written
        );
    }
}
