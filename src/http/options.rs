//! How the router answers.

use super::access::{Authorizer, NoAuth};
use crate::wire::Responder;
use axum::http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;

/// How a [`router`](super::router) answers, whom, and within which bounds.
///
/// ```
/// use sessionlog::http::HttpOptions;
/// use sessionlog::wire::Responder;
///
/// let options = HttpOptions {
///     responder: Responder { server: Some("srv-1".to_owned()), ..Responder::default() },
///     ..HttpOptions::default()
/// };
/// assert_eq!(options.body_bytes_max, 1 << 20);
/// ```
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Server name, page sizes, enum names and clock of the answers.
    pub responder: Responder,
    /// Who may ask for what: everybody for everything by default, which is for a listener on
    /// loopback only.
    pub authorizer: Arc<dyn Authorizer>,
    /// The most bytes of a query's body: 1 MiB by default. More are answered with 413.
    pub body_bytes_max: usize,
    /// The most time that a query may take from its first byte to its answer: 30 s by default.
    /// Then it is answered with 503.
    pub handler_timeout: Duration,
    /// The most requests for which the authorizer or the store is asked at once, or waited for: 256
    /// by default. One that was answered for taking too long counts until they are done with it. More
    /// are answered with 503 at once.
    pub concurrent_requests_max: usize,
    /// When a client that was answered with 503 may try again, in whole seconds: 1 s by default.
    pub retry_after: Duration,
    /// The names by which clients may ask for the server (`Host`, without its port); any by default.
    /// A server that is only for this machine names its own here: else a web page that gives its
    /// own name to this machine's address reads everything as if it were the operator.
    pub hosts: Vec<String>,
    /// The origins whose pages may read answers (CORS), or `*` for all: none by default. With `*`
    /// alone, pages of other sites may also load answers as scripts (`callback=`).
    pub cors_origins: Vec<HeaderValue>,
    /// The most bytes of one import: 1 GiB by default. More are answered with 413; what was read
    /// before is stored.
    pub import_bytes_max: u64,
    /// The most imports at once: 2 by default. More are answered with 503 at once.
    pub concurrent_imports_max: usize,
    /// The most time that an import waits for the next bytes of its body: 30 s by default.
    pub import_stall_timeout: Duration,
    /// The fewest bytes a second of an import, on the whole, once it has taken longer than
    /// [`import_stall_timeout`](Self::import_stall_timeout): 1,024 by default. Slower ones would
    /// keep the others out.
    pub import_bytes_per_second_min: u32,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            responder: Responder::default(),
            authorizer: Arc::new(NoAuth),
            body_bytes_max: 1 << 20,
            handler_timeout: Duration::from_secs(30),
            concurrent_requests_max: 256,
            retry_after: Duration::from_secs(1),
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            import_bytes_max: 1 << 30,
            concurrent_imports_max: 2,
            import_stall_timeout: Duration::from_secs(30),
            import_bytes_per_second_min: 1_024,
        }
    }
}
