//! Processes of their own that run one test of this binary, for the test that starts them.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// The binary, and what has it run this test alone, all it says going to its output.
pub(crate) fn program(test: &str) -> (PathBuf, [String; 4]) {
    let arguments = ["--exact", test, "--nocapture", "--test-threads=1"];
    let program = std::env::current_exe().unwrap();
    (program, arguments.map(str::to_owned))
}

pub(crate) fn command(test: &str) -> Command {
    let (program, arguments) = program(test);
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Ends the line that the test's name is on, so that the lines told are whole.
pub(crate) fn begin_to_tell() {
    tell("");
}

/// One line, whole: threads and a kill may come between two writes.
pub(crate) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
