//! Bearer tokens from a file.

use super::access::{Authorizer, Caller, Deciding, Decision, Permission};
use axum::http::HeaderMap;
use headers::authorization::{Basic, Bearer};
use headers::{Authorization, HeaderMapExt};
use std::fmt;
use std::fs;
use std::future::ready;
use std::io;
use std::path::{Path, PathBuf};
use subtle::{Choice, ConstantTimeEq};

/// The fewest characters of a token: it is all that keeps strangers out.
const TOKEN_CHARS_MIN: usize = 16;

/// Lets the holders of the tokens in a file in.
///
/// Each line holds a token of at least 16 characters without white space, and after it, if not
/// `query operate`, what it permits: any of `query`, `operate` and `import`. Empty lines and lines
/// that begin with `#` are skipped.
///
/// A client sends `Authorization: Bearer TOKEN`; a browser asks for a name and a password, of which
/// the password is the token. Tokens are compared in constant time, and never shown.
pub struct TokenFile {
    tokens: Vec<Token>,
}

struct Token {
    text: String,
    permissions: Vec<Permission>,
}

/// Why a file of tokens is not used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A line is not a token and what it permits.
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong with it, without the token.
        problem: String,
    },
    /// The file has no token.
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for TokenFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => {
                write!(f, "the tokens in {} cannot be read", path.display())
            }
            Self::Malformed {
                path,
                line,
                problem,
            } => write!(f, "{}, line {line}: {problem}", path.display()),
            Self::Empty { path } => write!(f, "there is no token in {}", path.display()),
        }
    }
}

impl std::error::Error for TokenFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Malformed { .. } | Self::Empty { .. } => None,
        }
    }
}

impl TokenFile {
    /// Reads a file of tokens, once: changes need a new start.
    ///
    /// # Errors
    ///
    /// The file cannot be read, has no token, or has a line that is not one.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TokenFileError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| TokenFileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at + 1, line.trim()));
        let tokens = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, text)| {
                token(text).map_err(|problem| TokenFileError::Malformed {
                    path: path.to_owned(),
                    line,
                    problem,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        match tokens.is_empty() {
            true => Err(TokenFileError::Empty {
                path: path.to_owned(),
            }),
            false => Ok(Self { tokens }),
        }
    }
}

fn token(line: &str) -> Result<Token, String> {
    let mut words = line.split_whitespace();
    let text = words.next().unwrap_or_default().to_owned();
    if text.chars().count() < TOKEN_CHARS_MIN {
        return Err(format!("a token has {TOKEN_CHARS_MIN} characters at least"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "a token has visible characters of ASCII only: no client sends others".to_owned(),
        );
    }
    let permissions = words
        .map(|word| match word {
            "query" => Ok(Permission::Query),
            "operate" => Ok(Permission::Operate),
            "import" => Ok(Permission::Import),
            // Not quoted: it may be the rest of a secret.
            _ => Err("what follows the token is not query, operate or import".to_owned()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Token {
        text,
        permissions: match permissions.is_empty() {
            true => vec![Permission::Query, Permission::Operate],
            false => permissions,
        },
    })
}

impl TokenFile {
    fn decide(&self, caller: Caller<'_>) -> Decision {
        let Some(given) = given(caller.headers) else {
            return Decision::Unauthorized;
        };
        // Every token is compared, so that the time tells nothing of which one was close.
        let mut is_known = Choice::from(0);
        let mut is_permitted = Choice::from(0);
        for token in &self.tokens {
            let is_it = token.text.as_bytes().ct_eq(given.as_bytes());
            let permits = token.permissions.contains(&caller.permission);
            is_known |= is_it;
            is_permitted |= is_it & Choice::from(u8::from(permits));
        }
        match (bool::from(is_known), bool::from(is_permitted)) {
            (_, true) => Decision::Allow,
            (true, false) => Decision::Forbidden,
            (false, false) => Decision::Unauthorized,
        }
    }
}

impl Authorizer for TokenFile {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(ready(self.decide(caller)))
    }
}

/// The bearer token, or the password of a browser.
fn given(headers: &HeaderMap) -> Option<String> {
    let bearer = || {
        Some(
            headers
                .typed_get::<Authorization<Bearer>>()?
                .token()
                .to_owned(),
        )
    };
    let basic = || {
        Some(
            headers
                .typed_get::<Authorization<Basic>>()?
                .password()
                .to_owned(),
        )
    };
    bearer().or_else(basic)
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile")
            .field("tokens", &self.tokens.len())
            .finish()
    }
}
