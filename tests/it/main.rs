//! What the crate promises, kept by its public API alone.

#[cfg(feature = "import")]
mod import;
