//! Tokens from a file.

use super::{get, guarded, post, store};
use crate::http::{Answer, LOG};
use axum::Router;
use sessionlog::http::{TokenFile, TokenFileError};
use std::fs;

const READER: &str = "reader-0123456789";
const WRITER: &str = "writer-0123456789";
const OPERATOR: &str = "operator-01234567";
const SHORTEST: &str = "0123456789abcdef";

const FILE: &str = "# who is who\n\n  reader-0123456789 query\nwriter-0123456789\timport\n\
    operator-01234567\n0123456789abcdef query operate import\n";

fn read(text: &str) -> Result<TokenFile, TokenFileError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    TokenFile::read(file.path())
}

fn router() -> Router {
    guarded(&store(), read(FILE).unwrap())
}

fn bearer(router: &Router, path: &str, token: &str) -> Answer {
    get(
        router,
        path,
        &[("authorization", &format!("Bearer {token}"))],
    )
}

#[test]
fn a_token_permits_what_its_line_says() {
    let router = router();
    for (token, query, operate) in [
        (READER, 200, 403),
        (WRITER, 403, 403),
        (OPERATOR, 200, 200),
        (SHORTEST, 200, 200),
    ] {
        assert_eq!(bearer(&router, LOG, token).status, query, "{token}");
        assert_eq!(
            bearer(&router, "/metadata", token).status,
            operate,
            "{token}"
        );
    }
}

#[test]
fn import_needs_its_own_permission() {
    let router = router();
    for (token, status) in [
        (READER, 403),
        (OPERATOR, 403),
        (WRITER, 200),
        (SHORTEST, 200),
    ] {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-ndjson"),
        ];
        let request = super::request("POST", "/userclientsession/import", &headers, "");
        assert_eq!(super::ask(&router, request).status, status, "{token}");
    }
    let nobody = post(
        &router,
        "/userclientsession/import",
        "application/x-ndjson",
        "",
    );
    assert_eq!(nobody.status, 401);
}

#[test]
fn a_browser_gives_the_token_as_its_password() {
    let router = router();
    // Of "anybody:reader-0123456789", ":reader-0123456789" and "reader-0123456789:".
    for (credentials, status) in [
        ("YW55Ym9keTpyZWFkZXItMDEyMzQ1Njc4OQ==", 200),
        ("OnJlYWRlci0wMTIzNDU2Nzg5", 200),
        ("cmVhZGVyLTAxMjM0NTY3ODk6", 401),
    ] {
        for scheme in ["Basic", "basic"] {
            let authorization = format!("{scheme} {credentials}");
            let answer = get(&router, LOG, &[("authorization", &authorization)]);
            assert_eq!(answer.status, status, "{authorization}");
        }
    }
}

#[test]
fn what_is_no_token_of_the_file_is_401() {
    let router = router();
    let wrong = [
        "",
        "Bearer",
        "Basic",
        "Bearer reader-012345678",
        "Bearer reader-01234567890",
        "Bearer READER-0123456789",
        "Bearer # who is who",
        "Basic !!!",
        "Basic cmVhZGVyLTAxMjM0NTY3ODk=",
        "Digest reader-0123456789",
        "Bearerreader-0123456789",
        "reader-0123456789",
    ];
    for authorization in wrong {
        let answer = get(&router, LOG, &[("authorization", authorization)]);
        assert_eq!(answer.status, 401, "{authorization}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(get(&router, LOG, &[]).status, 401);
    assert_eq!(
        get(&router, &format!("{LOG}?access_token={READER}"), &[]).status,
        401
    );
    let loose = format!("bearer  {READER}");
    assert_eq!(get(&router, LOG, &[("authorization", &loose)]).status, 200);
}

#[test]
fn a_file_that_is_not_one_of_tokens_is_refused_by_line_without_its_secrets() {
    for (text, line, problem) in [
        (
            "# a\nshort-secret-1\n",
            2,
            "a token has 16 characters at least",
        ),
        (
            "\nreader-0123456789 quer\n",
            2,
            "what follows the token is not query, operate or import",
        ),
        (
            "reader-0123456789 query\nreader-0123456789 0123456789secret\n",
            2,
            "is not query",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, TokenFileError::Malformed { line: at, .. } if at == line));
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for text in ["", "\n", "# only words\n"] {
        assert!(matches!(
            read(text).unwrap_err(),
            TokenFileError::Empty { .. }
        ));
    }
    let missing = TokenFile::read("/nonexistent/tokens").unwrap_err();
    assert!(matches!(missing, TokenFileError::Unreadable { .. }));
    assert!(std::error::Error::source(&missing).is_some());
}

#[test]
fn a_token_is_never_shown() {
    let tokens = read(FILE).unwrap();
    let options = sessionlog::http::HttpOptions {
        authorizer: std::sync::Arc::new(tokens),
        ..crate::http::options()
    };
    let shown = format!("{options:?}");
    assert!(shown.contains("TokenFile"), "{shown}");
    for token in [READER, WRITER, OPERATOR, SHORTEST] {
        assert!(!shown.contains(token), "{shown}");
        let answer = bearer(&router(), "/nosuch", token);
        assert!(!answer.text().contains(token));
    }
}
