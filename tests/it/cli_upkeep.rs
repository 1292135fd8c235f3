//! The commands that keep a store in order, and what becomes of commands on storage that fails.

use crate::cli::{Folder, line, run, two_lines};
use sessionlog::{Query, Store};
use std::process::{Command, Stdio};

/// A store of two sessions, one of its bytes in use turned.
fn damaged() -> Folder {
    let folder = Folder::with(&two_lines());
    let file = folder.store().join("main.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(6).position(|window| window == b"PDA-01");
    bytes[at.unwrap()] = b'Q';
    std::fs::write(file, bytes).unwrap();
    folder
}

#[test]
fn a_sound_store_has_no_faults_and_a_damaged_one_is_told_with_the_code_of_corruption() {
    let sound = Folder::with(&two_lines());
    assert_eq!(sound.run(&["verify"]).fine(), "2 sessions, 0 faults\n");
    let json = sound.run(&["verify", "--output", "json"]).fine();
    assert_eq!(
        json,
        "{\"session_count\":2,\"faults\":[],\"fault_count\":0}\n"
    );
    let ran = damaged().run(&["verify"]);
    assert_eq!((ran.code, ran.err.as_str()), (17, ""));
    let (faults, last) = ran.out.trim_end().rsplit_once('\n').unwrap();
    assert!(faults.contains("client"), "{faults}");
    assert!(last.ends_with(" faults"), "{last}");
    let ran = damaged().run(&["verify", "--output", "csv"]);
    assert!(ran.out.starts_with("fault\n") && ran.code == 17);
}

/// Three sessions of long ago, two of them ended.
fn old_sessions() -> Folder {
    let lines = [
        line(1, "2001-01-01T08:00:00Z", "2001-01-01T09:00:00Z"),
        line(2, "2001-02-01T08:00:00Z", ""),
        line(3, "2001-03-01T08:00:00Z", "2001-03-01T09:00:00Z"),
    ];
    Folder::with(&lines.concat())
}

#[test]
fn old_sessions_are_removed_but_for_those_that_are_open_unless_they_are_to_be() {
    let folder = old_sessions();
    let said = folder.run(&["prune", "--older-than", "365"]).fine();
    let expected = "removed 2, kept open 1, oldest left 2001-02-01 08:00:00\n";
    assert_eq!(said, expected);
    let prune = [
        "prune",
        "--older-than",
        "365",
        "--open-too",
        "--output",
        "json",
    ];
    let json = folder.run(&prune).fine();
    assert_eq!(
        json,
        "{\"removed\":1,\"kept_open\":0,\"oldest_left\":null}\n"
    );
    let none = folder.run(&["prune", "--older-than", "0"]).failed(10);
    assert!(none.contains("older_than"), "{none}");
}

#[test]
fn the_oldest_sessions_go_until_few_enough_are_left() {
    let folder = old_sessions();
    let said = folder.run(&["retain", "--sessions", "2"]).fine();
    let expected = "removed 1, kept open 0, oldest left 2001-02-01 08:00:00\n";
    assert_eq!(said, expected);
    let csv = folder.run(&["retain", "--live-bytes", "0", "--output", "csv"]);
    let expected = "removed,kept_open,oldest_left\n1,1,2001-02-01T08:00:00Z\n";
    assert_eq!(csv.fine(), expected);
    assert_eq!(folder.run(&["retain"]).code, 2);
}

#[test]
fn stale_sessions_end_and_the_same_again_changes_nothing() {
    let folder = old_sessions();
    let end = [
        "end-stale",
        "--before",
        "2002-01-01T00:00:00Z",
        "--hours",
        "8",
    ];
    assert_eq!(folder.run(&end).fine(), "ended 1, left open 0\n");
    assert_eq!(folder.run(&end).fine(), "ended 0, left open 0\n");
    let json = folder.run(&[
        "query",
        "--after",
        "2001-01-15T00:00:00Z",
        "--output",
        "jsonl",
    ]);
    assert!(
        json.fine()
            .contains("\"session_end\":\"2001-02-01T16:00:00Z\"")
    );
}

/// A limit on the size of files stands for a full disk: what is written beyond it fails.
#[cfg(unix)]
#[test]
fn an_import_that_the_disk_has_no_room_for_says_so_and_goes_on_once_there_is_room() {
    let folder = Folder::new();
    let lines = run(&["generate", "--sessions", "30000", "--users", "500"]).fine();
    let file = folder.write("in.jsonl", &lines);
    let store = folder.store();
    let import = |limit: &str| {
        let mut bash = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
        bash.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_sessionlog")]);
        bash.arg("--store").arg(&store);
        bash.args(["import", "--format", "jsonl", &file]);
        bash.stdin(Stdio::null()).output().unwrap()
    };
    // In units of 1 KiB: the log has no room for the first batch.
    let failed = import("1000");
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(18), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    let stored = Store::open(&store).unwrap();
    let found = stored.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.session_count, 0);
    stored.close().unwrap();
    assert_eq!(import("unlimited").status.code(), Some(0));
    let stored = Store::open(&store).unwrap();
    assert_eq!(stored.count(&Query::all()).unwrap(), 30_000);
    assert!(stored.verify(|_| ()).unwrap().is_sound());
}

#[cfg(unix)]
#[test]
fn an_import_that_the_disk_has_room_for_in_part_names_the_line_to_go_on_after() {
    let folder = Folder::new();
    let lines = run(&["generate", "--sessions", "230000", "--users", "500"]).fine();
    let file = folder.write("in.jsonl", &lines);
    let mut bash = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -S -f 48000; exec \"$@\"";
    bash.args(["-c", script, "bash", env!("CARGO_BIN_EXE_sessionlog")]);
    bash.arg("--store").arg(folder.store());
    bash.args(["import", "--format", "jsonl", &file]);
    let failed = bash.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(18), "{said}");
    let store = folder.store().display().to_string();
    assert!(
        said.contains(&store) && said.contains("apart from that, "),
        "{said}"
    );
    assert!(
        said.contains("in.jsonl is stored up to line 100000: "),
        "{said}"
    );
    assert_eq!(folder.run(&["count"]).fine(), "100000\n");
    let rest = [
        "import",
        "--format",
        "jsonl",
        "--resume-after",
        "100000",
        &file,
    ];
    assert!(
        folder
            .run(&rest)
            .err
            .contains("accepted 130000, already there 0")
    );
}

/// Closing a store writes more than a start does.
#[cfg(unix)]
#[test]
fn a_session_that_was_started_is_told_though_the_store_cannot_be_closed() {
    let folder = Folder::with(&two_lines());
    let store = folder.store();
    let mut told = Vec::new();
    for limit in ["8", "64", "512", "1024", "unlimited"] {
        let script = format!("trap '' XFSZ; ulimit -S -f {limit}; exec \"$@\"");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_sessionlog")]);
        bash.arg("--store").arg(&store);
        bash.args(["start", "--user-name", "Ann", "--client", limit]);
        let output = bash.stdin(Stdio::null()).output().unwrap();
        let id = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() || output.status.code() == Some(18));
        told.extend(id.lines().map(str::to_owned));
    }
    let count = folder.run(&["count"]).fine();
    assert_eq!(count, format!("{}\n", 2 + told.len()));
    for id in told {
        folder.run(&["get", &id]).fine();
    }
}

#[test]
fn stale_sessions_end_at_a_given_instant_too() {
    let folder = old_sessions();
    let [before, at] = ["2002-01-01T00:00:00Z", "2001-06-01T00:00:00Z"];
    let end = ["end-stale", "--before", before, "--at", at];
    assert_eq!(folder.run(&end).fine(), "ended 1, left open 0\n");
    let json = folder.run(&["query", "--output", "jsonl"]).fine();
    assert!(json.contains("2001-06-01T00:00:00"), "{json}");
}

#[test]
fn an_erased_user_leaves_no_byte_where_that_is_asked_for() {
    let folder = Folder::with(&two_lines());
    let erase = [
        "erase",
        "--user",
        "00000000-0000-0000-0000-000000000007",
        "--secure",
    ];
    let said = folder.run(&erase).fine();
    let expected = "erased 2 sessions, 1 name and 1 client: no byte of them is left in the store's \
                    files\n";
    assert_eq!(said, expected);
    for file in ["main.redb", "log.0", "log.1"] {
        let bytes = std::fs::read(folder.store().join(file)).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"PDA-01"));
    }
    let again = folder.run(&["erase", "--user", erase[2], "--output", "json"]);
    let members = again.fine();
    assert!(members.contains("\"session_count\":0"), "{members}");
    assert!(members.contains("\"is_secure\":false"), "{members}");
    let said = folder.run(&["erase", "--user", erase[2]]).fine();
    assert!(
        said.ends_with("may be left in the store's files until it is compacted\n"),
        "{said}"
    );
}

#[test]
fn a_store_is_compacted_and_rebuilt_and_says_how_large_it_is() {
    let folder = old_sessions();
    let json = folder.run(&["compact", "--output", "json"]).fine();
    assert!(json.starts_with("{\"file_bytes_before\":"), "{json}");
    let said = folder.run(&["rebuild"]).fine();
    assert!(said.contains(" bytes on disk, "), "{said}");
    assert_eq!(folder.run(&["verify"]).fine(), "3 sessions, 0 faults\n");
}

#[test]
fn a_backup_is_restored_once_it_was_checked_and_never_over_anything() {
    let folder = old_sessions();
    let (backup, restored) = (folder.place("backup"), folder.place("restored"));
    let said = folder.run(&["backup", "--to", &backup]).fine();
    assert_eq!(said, "copied 3 sessions\n");
    folder.run(&["backup", "--to", &backup]).failed(10);
    let restore = ["--store", &restored, "restore", "--from", &backup];
    assert_eq!(run(&restore).fine(), "copied 3 sessions\n");
    run(&restore).failed(10);
    assert_eq!(
        run(&["--store", &restored, "verify"]).fine(),
        "3 sessions, 0 faults\n"
    );
    let nothing = folder.place("nothing");
    run(&["--store", &restored, "restore", "--from", &nothing]).failed(15);
}

#[test]
fn what_can_be_read_of_a_damaged_store_comes_out_and_the_rest_is_told_of() {
    let folder = old_sessions();
    let file = folder.store().join("main.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    // Wherever the name is, and that is with all sessions.
    for at in 0..bytes.len() - 3 {
        if &bytes[at..at + 3] == b"Ann" {
            bytes[at] = b'Q';
        }
    }
    std::fs::write(&file, &bytes).unwrap();
    let ran = folder.run(&["salvage", "--to", &folder.place("salvaged")]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.out.contains("cannot be read"), "{}", ran.out);
    assert!(ran.out.contains("0 sessions, lost 3, "), "{}", ran.out);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let sound = old_sessions();
    let salvage = ["salvage", "--to", &sound.place("salvaged")];
    assert_eq!(sound.run(&salvage).fine(), "3 sessions, lost 0, 0 faults\n");
}
