//! Sessions one by one, counted, ranked and drawn, by the command line.

use crate::cli::{ANN, Folder, line, run, two_lines};
use crate::{at, uid};
use sessionlog::{SessionLog, Store};

fn count(folder: &Folder, args: &[&str]) -> String {
    folder.run(&[&["count"], args].concat()).fine()
}

#[test]
fn a_session_is_started_found_ended_and_removed_by_its_id() {
    let folder = Folder::with(&two_lines());
    let start = ["start", "--user", ANN, "--client", "PDA-09"];
    let id = folder.run(&start).fine();
    let id = id.trim_end();
    let row = folder.run(&["get", id, "--output", "jsonl"]).fine();
    let log: SessionLog = serde_json::from_str(&row).unwrap();
    assert_eq!(
        (&*log.user, &*log.client_refer_uid, log.session_end),
        ("Ann", "PDA-09", None)
    );
    assert_eq!(folder.run(&["end", id]).fine(), "ended\n");
    let table = folder.run(&["get", id]).fine();
    assert!(
        table.contains(" session_end ") && table.contains(" lasted  "),
        "{table}"
    );
    let removed = folder.run(&["remove", id, "--output", "jsonl"]).fine();
    for command in ["get", "remove"] {
        let message = folder.run(&[command, id]).failed(11);
        assert!(message.contains(id), "{message}");
    }
    let args = ["import", "--format", "jsonl", "-"];
    assert_eq!(folder.run_with_input(&args, &removed).code, 0);
    assert_eq!(
        folder.run(&["get", id, "--output", "jsonl"]).fine(),
        removed
    );
}

#[test]
fn a_session_shows_its_times_to_the_tick_and_whether_it_is_open() {
    let folder = Folder::with(&two_lines());
    let ended = folder.run(&["get", &uid(2).to_string()]).fine();
    assert!(ended.contains(" 2026-11-02T08:00:00.1234567Z\n"), "{ended}");
    assert!(ended.contains(" 59m 59s\n"), "{ended}");
    let open = folder.run(&["get", &uid(1).to_string()]).fine();
    assert!(open.contains(" session_end       open\n"), "{open}");
}

#[test]
fn a_start_that_is_repeated_under_its_id_starts_nothing_new() {
    let folder = Folder::with(&two_lines());
    let id = uid(9).to_string();
    let start = [
        "start",
        "--user-name",
        "Ann",
        "--client",
        "PDA-09",
        "--refer-uid",
        &id,
    ];
    assert_eq!(folder.run(&start).fine(), format!("{id}\n"));
    let first = Store::open(folder.store()).unwrap().get(uid(9)).unwrap();
    assert_eq!(folder.run(&start).fine(), format!("{id}\n"));
    assert_eq!(
        Store::open(folder.store()).unwrap().get(uid(9)).unwrap(),
        first
    );
    let other = [
        "start",
        "--user",
        ANN,
        "--client",
        "PDA-10",
        "--refer-uid",
        &id,
    ];
    assert!(folder.run(&other).failed(12).contains("client_refer_uid"));
    let earlier = [
        "start",
        "--user",
        ANN,
        "--client",
        "PDA-01",
        "--at",
        "2026-10-01",
    ];
    let id = folder.run(&earlier).fine().trim_end().parse().unwrap();
    let log = Store::open(folder.store())
        .unwrap()
        .get(id)
        .unwrap()
        .unwrap();
    assert_eq!(log.session_start, at("2026-10-01T00:00:00Z"));
}

#[test]
fn who_starts_a_session_is_told_or_known() {
    let folder = Folder::with(&two_lines());
    let stranger = uid(77).to_string();
    let message = folder
        .run(&["start", "--user", &stranger, "--client", "C"])
        .failed(11);
    assert!(
        message.contains(&stranger) && message.contains("--user-name"),
        "{message}"
    );
    let message = folder
        .run(&["start", "--user-name", "Bob", "--client", "C"])
        .failed(11);
    assert!(message.contains("\"Bob\""), "{message}");
    folder.run(&["start", "--client", "C"]).failed(2);
    folder.run(&["start", "--user", ANN]).failed(2);
    let both = [
        "start",
        "--user",
        &stranger,
        "--user-name",
        "Bob",
        "--client",
        "C",
    ];
    folder.run(&both).fine();
    assert_eq!(count(&folder, &["--user-name", "Bob"]), "1\n");
}

#[test]
fn a_name_is_as_good_as_an_id_while_it_is_one_users() {
    let renamed = line(3, "2026-11-03T08:00:00Z", "").replace("Ann", "Ann B");
    let folder = Folder::with(&(two_lines() + &renamed));
    for name in ["Ann", "Ann B"] {
        assert_eq!(count(&folder, &["--user-name", name]), "3\n");
    }
    let other = uid(8).to_string();
    let same = line(4, "2026-11-04T08:00:00Z", "").replace(ANN, &other);
    let args = ["import", "--format", "jsonl", "-"];
    assert_eq!(folder.run_with_input(&args, &same).code, 0);
    for command in [
        ["query", "--user-name", "Ann"].as_slice(),
        &["end-open", "--user-name", "Ann"],
        &["erase", "--user-name", "Ann"],
        &["start", "--user-name", "Ann", "--client", "C"],
    ] {
        let message = folder.run(command).failed(10);
        let names = ["\"Ann\"", ANN, &other, "--user"];
        assert!(names.iter().all(|part| message.contains(part)), "{message}");
    }
    assert_eq!(count(&folder, &[]), "4\n");
    let message = folder.run(&["count", "--user-name", "ann"]).failed(11);
    assert!(message.contains("--user-name \"ann\""), "{message}");
    folder
        .run(&["count", "--user-name", "Ann", "--user", ANN])
        .failed(2);
    folder.run(&["erase", "--user-name", "Ann B"]).fine();
    assert_eq!(count(&folder, &[]), "1\n");
}

#[test]
fn open_sessions_end_together_and_only_those_that_are_meant() {
    let other = line(3, "2026-11-01T09:00:00Z", "").replace("PDA-01", "PDA-02");
    let folder = Folder::with(&(two_lines() + &other));
    assert!(folder.run(&["end-open"]).failed(2).contains("--all"));
    folder
        .run(&["end-open", "--all", "--client", "PDA-01"])
        .failed(2);
    assert_eq!(count(&folder, &["--open"]), "2\n");
    let early = ["end-open", "--all", "--at", "2026-11-01T08:30:00Z"];
    assert_eq!(folder.run(&early).fine(), "ended 1, left open 1\n");
    let of_client = ["end-open", "--client", "PDA-02", "--output", "json"];
    assert_eq!(
        folder.run(&of_client).fine(),
        "{\"ended\":1,\"left_open\":0}\n"
    );
    assert_eq!(
        folder.run(&of_client).fine(),
        "{\"ended\":0,\"left_open\":0}\n"
    );
    assert_eq!(count(&folder, &[]), "3\n");
}

#[test]
fn counts_are_plain_digits_or_json() {
    let folder = Folder::with(&run(&["generate", "--sessions", "1234"]).fine());
    assert_eq!(count(&folder, &[]), "1234\n");
    let json = count(&folder, &["--output", "json"]);
    assert_eq!(json, "{\"total_record_count\":1234}\n");
    assert_eq!(
        count(&folder, &["--output", "csv"]),
        "total_record_count\n1234\n"
    );
}

#[test]
fn the_busiest_are_ranked_for_people_and_for_programs() {
    let bob = uid(8).to_string();
    let of_bob = line(3, "2026-11-03T08:00:00Z", "")
        .replace(ANN, &bob)
        .replace("Ann", "Bob");
    let folder = Folder::with(&(two_lines() + &of_bob));
    let table = folder.run(&["users", "--top", "1"]).fine();
    assert!(table.contains(" Ann ") && !table.contains("Bob"), "{table}");
    assert!(table.ends_with("\n1 of 2 users, 3 sessions\n"), "{table}");
    let csv = folder.run(&["users", "--output", "csv"]).fine();
    let expected = format!(
        "user_refer_uid,user,session_count,last_session_start\n\
         {ANN},Ann,2,2026-11-02T08:00:00.1234567Z\n{bob},Bob,1,2026-11-03T08:00:00Z\n"
    );
    assert_eq!(csv, expected);
    let of_bob = ["clients", "--user-name", "Bob", "--output", "jsonl"];
    let expected = "{\"client_refer_uid\":\"PDA-01\",\"session_count\":1,\
                    \"last_session_start\":\"2026-11-03T08:00:00Z\"}\n";
    assert_eq!(folder.run(&of_bob).fine(), expected);
    let none = folder.run(&["users", "--during", "2001"]).fine();
    assert_eq!(none, "0 of 0 users, 0 sessions\n");
    let none = folder
        .run(&["clients", "--during", "2001", "--output", "csv"])
        .fine();
    assert_eq!(none, "client_refer_uid,session_count,last_session_start\n");
    let json = folder
        .run(&["users", "--top", "0", "--output", "json"])
        .fine();
    assert_eq!(
        json,
        "{\"entries\":[],\"total_count\":2,\"total_session_count\":3}\n"
    );
}

#[test]
fn a_histogram_draws_every_bucket_from_the_first_to_the_last() {
    let folder = Folder::with(&(two_lines() + &line(3, "2026-11-04T08:00:00Z", "")));
    let chart = folder.run(&["histogram"]).fine();
    let days: Vec<&str> = chart.lines().collect();
    assert_eq!(days.len(), 5, "{chart}");
    assert!(days[0].starts_with(" 2026-11-01  1  ██"), "{chart}");
    assert_eq!(days[2], " 2026-11-03  0", "{chart}");
    assert_eq!(days[4], "3 days with 3 sessions");
    assert!(
        chart.lines().all(|line| line.chars().count() <= 80),
        "{chart}"
    );
    let json = folder.run(&["histogram", "--by", "month", "--open", "--output", "json"]);
    let expected = "{\"buckets\":[{\"start\":\"2026-11-01T00:00:00Z\",\"count\":2}],\
                    \"total_record_count\":2}\n";
    assert_eq!(json.fine(), expected);
    let none = folder.run(&["histogram", "--client", "nowhere"]).fine();
    assert_eq!(none, "0 days with 0 sessions\n");
}

#[test]
fn completions_are_scripts_for_the_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).fine();
        assert!(
            script.contains("end-open") && script.contains("per-page"),
            "{shell}"
        );
    }
    run(&["completions", "cmd"]).failed(2);
    Folder::new().run(&["completions", "bash"]).failed(2);
}

#[test]
fn a_period_that_is_none_is_refused_with_what_one_looks_like() {
    let folder = Folder::with(&two_lines());
    for period in ["soon", "2026-13", "2026-11- 1"] {
        let message = folder.run(&["count", "--during", period]).failed(2);
        assert!(
            message.contains(&format!("'{period}'")) && message.contains("last-month"),
            "{message}"
        );
    }
    let message = folder.run(&["count", "--after", "-24h"]).failed(2);
    assert!(
        message.contains("'-24h'") && message.contains("such as 90m"),
        "{message}"
    );
    for (argument, value) in [("--per-page", "0"), ("--per-page", "10001")] {
        let message = folder.run(&["query", argument, value]).failed(10);
        assert!(
            message.contains(argument) && message.contains(value),
            "{message}"
        );
    }
}

#[test]
fn a_member_of_the_busiest_comes_back_from_json() {
    let folder = Folder::with(&two_lines());
    let json = folder.run(&["users", "--output", "json"]).fine();
    let users: sessionlog::Busiest<sessionlog::UserCount> = serde_json::from_str(&json).unwrap();
    let store = Store::open(folder.store()).unwrap();
    assert_eq!(
        users,
        store.busiest_users(&sessionlog::Query::all(), 20).unwrap()
    );
}
