//! The command-line tool (feature `cli`).
