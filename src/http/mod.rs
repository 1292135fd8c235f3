//! Http.
mod serve;
pub use serve::{ServeOptions, Tls, TlsError, serve};
