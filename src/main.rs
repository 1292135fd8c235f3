//! The binary `sessionlog`: see [`sessionlog::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sessionlog::cli::main()
}
