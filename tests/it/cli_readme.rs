//! The commands of the README, followed to the letter.

use crate::cli::Folder;
use crate::cli_import::login_record;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The shell commands below a heading of the README.
fn commands(heading: &str) -> String {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// Runs them in a new folder, where `sessionlog` is the one that is tested and already installed.
fn followed(folder: &Folder, before: &str, commands: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_sessionlog"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let place = folder.place(".");
    let script = format!("set -e\ncargo() {{ :; }}\n{before}\n{commands}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script])
        .current_dir(place)
        .env("PATH", path);
    let output = bash.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn five_minutes_show_who_is_on_page_through_a_month_draw_it_and_export_it() {
    let folder = Folder::new();
    // Some machines keep logins: then there may be none of last month.
    let commands = commands("In five minutes").replace("/var/log/wtmp", "no-wtmp");
    let shown = followed(&folder, "", &commands);
    for part in [
        " open\n",
        "\npage 0 of ",
        "\npage 1 of ",
        "██",
        " days with ",
        " users, 50,000 sessions\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let exported = fs::read_to_string(folder.place("logins.csv")).unwrap();
    assert_eq!(exported.lines().count(), 50_001);
}

#[cfg(target_os = "linux")]
#[test]
fn five_minutes_take_the_login_records_of_a_machine_that_keeps_them() {
    let folder = Folder::new();
    fs::write(folder.place("wtmp"), login_record()).unwrap();
    let commands = commands("In five minutes").replace("/var/log/wtmp", "wtmp");
    let shown = followed(&folder, "", &commands);
    assert!(
        shown.contains(" ann ") && shown.contains("page 0 of 1, 1 session\n"),
        "{shown}"
    );
}

#[test]
fn every_command_of_the_command_line_works_as_it_is_written() {
    let before = "sessionlog generate --sessions 500 --users 20 > in.jsonl\n\
        sed -i 's/user.name00000/ann/' in.jsonl\n\
        sessionlog --store logins import --format jsonl in.jsonl\n\
        sessionlog --store logins export --format csv > in.csv";
    let folder = Folder::new();
    let shown = followed(&folder, before, &commands("The command line"));
    assert!(
        shown.contains("copied ") && shown.contains("ended 1, left open 0\n"),
        "{shown}"
    );
    let script = fs::read_to_string(folder.place("sessionlog.bash")).unwrap();
    assert!(script.contains("end-stale"));
}
