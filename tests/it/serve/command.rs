//! The command `serve`.
