//! What a login record's session, user and client are called in a store.
//!
//! The ids are UUIDs of version 5 (RFC 9562, section 5.5), so that the same record gives the same
//! session whenever it is read. They tell the machines apart: the user `alice` of one source is
//! not the one of another, and that is also how an import finds the open sessions of its own
//! source among those that are stored.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The namespaces are part of the format: another value would make other sessions of old records.
const SESSIONS: Uuid = Uuid::from_u128(0x860f5aed_9e5c_41a5_bbe2_c19d03bd3a1e);
const USERS: Uuid = Uuid::from_u128(0x7966e454_e6bd_4f52_803b_784043f69c23);

/// The id of the session that `pid` began on `line` of `source`, at `start` to the microsecond.
///
/// No part but the source can hold a NUL, so that no two sessions have the same name.
pub(super) fn refer_uid(source: &str, line: &str, pid: u64, start: DateTime<Utc>) -> Uuid {
    let start = start.timestamp_micros();
    let name = format!("{source}\0{line}\0{pid}\0{start}");
    Uuid::new_v5(&SESSIONS, name.as_bytes())
}

/// The id of a user of `source`.
pub(super) fn user_refer_uid(source: &str, user: &str) -> Uuid {
    let name = format!("{source}\0{user}");
    Uuid::new_v5(&USERS, name.as_bytes())
}

/// The client: host and line, or the line alone where the login was local. The line holds no
/// space.
pub(super) fn client(host: &str, line: &str) -> String {
    match host.is_empty() {
        true => line.to_owned(),
        false => format!("{host} {line}"),
    }
}

/// The line of a client.
pub(super) fn line_of(client: &str) -> &str {
    client.rsplit_once(' ').map_or(client, |(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_comes_back_from_any_client() {
        let hosts = ["", "10.0.0.5", ":0", "a host", " ", "fe80::1%eth0"];
        for host in hosts {
            for line in ["pts/0", ":0", "tty1", ""] {
                let client = client(host, line);
                assert_eq!(line_of(&client), line, "{client:?}");
            }
        }
    }

    #[test]
    fn sources_users_lines_processes_and_times_tell_sessions_apart() {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        let ids = [
            refer_uid("a", "pts/0", 1, at(1)),
            refer_uid("b", "pts/0", 1, at(1)),
            refer_uid("a", "pts/1", 1, at(1)),
            refer_uid("a", "pts/0", 2, at(1)),
            refer_uid("a", "pts/0", 1, at(2)),
            user_refer_uid("a", "pts/0"),
            user_refer_uid("a", "ann"),
            user_refer_uid("b", "ann"),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn the_ids_of_old_imports_stay_the_same() {
        let at = DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap();
        let session = refer_uid("host", "pts/0", 4711, at);
        assert_eq!(session.to_string(), "a0da6657-a5a5-5db9-bc36-91d174485a41");
        let user = user_refer_uid("host", "ann");
        assert_eq!(user.to_string(), "73909f59-d4ef-5917-a263-24a59f1d1e75");
    }
}
