//! The busiest users and clients, and users by their names. That every answer is right, whatever
//! was written, merged or removed before, is checked by the model's walks.

use super::{at, log, store_of, uid};
use sessionlog::{ErrorKind, Query, SessionLog, Store};
use std::path::Path;

/// So many sessions of a user on a client, one an hour from `first` on.
fn sessions(user: u128, client: &str, count: u128, first: u128) -> Vec<SessionLog> {
    let session = |number: u128| SessionLog {
        user_refer_uid: uid(user),
        user: format!("user {user}").into(),
        client_refer_uid: client.into(),
        session_start: at("2026-11-01T00:00:00Z")
            + chrono::TimeDelta::hours(i64::try_from(number).unwrap()),
        ..log(user * 10_000 + number, "2026-11-01T00:00:00Z", None)
    };
    (first..first + count).map(session).collect()
}

fn users(store: &Store, query: &Query, count: usize) -> Vec<(u128, u64)> {
    let users = store.busiest_users(query, count).unwrap().entries;
    let users = users
        .iter()
        .map(|user| (user.user_refer_uid.as_u128(), user.session_count));
    users.collect()
}

#[test]
fn the_busiest_come_first_and_of_equal_counts_the_first_known() {
    let logs = [
        sessions(3, "A", 2, 0),
        sessions(1, "B", 5, 0),
        sessions(2, "A", 2, 7),
    ];
    let store = store_of(logs.concat());
    let all = Query::all();
    assert_eq!(users(&store, &all, 9), [(1, 5), (3, 2), (2, 2)]);
    assert_eq!(users(&store, &all, 2), [(1, 5), (3, 2)]);
    assert!(users(&store, &all, 0).is_empty());
    let counted = store.busiest_users(&all, 1).unwrap();
    assert_eq!((counted.total_count, counted.total_session_count), (3, 9));
    let clients = store.busiest_clients(&all, 1).unwrap();
    let busiest = &clients.entries[0];
    assert_eq!(
        (&*busiest.client_refer_uid, busiest.session_count),
        ("B", 5)
    );
    assert_eq!(busiest.last_session_start, at("2026-11-01T04:00:00Z"));
}

/// Past 512 sessions a user's clients are families of their own.
fn reopened(path: &Path) -> Store {
    let store = Store::create(path).unwrap();
    let logs = [
        sessions(1, "A", 600, 0),
        sessions(1, "B", 40, 600),
        sessions(2, "B", 7, 3),
    ];
    store.append_batch(logs.concat()).unwrap();
    store.close().unwrap();
    Store::open(path).unwrap()
}

#[test]
fn filters_narrow_the_count_and_what_waits_to_be_merged_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = reopened(&folder.path().join("store"));
    store.append_batch(sessions(3, "B", 9, 0)).unwrap();
    store.end(uid(20_003), at("2026-11-30T00:00:00Z")).unwrap();
    store.remove(uid(20_004)).unwrap();
    let filtered = |query: sessionlog::QueryBuilder| query.build().unwrap();
    let on_b = filtered(Query::builder().client_refer_uid("B"));
    assert_eq!(users(&store, &on_b, 9), [(1, 40), (3, 9), (2, 6)]);
    let open = filtered(
        Query::builder()
            .client_refer_uid("B")
            .open_sessions_only(true),
    );
    assert_eq!(users(&store, &open, 9), [(1, 40), (3, 9), (2, 5)]);
    let late = filtered(Query::builder().started_after(at("2026-11-01T08:00:00Z")));
    assert_eq!(users(&store, &late, 9), [(1, 631), (2, 1)]);
    let of_one = filtered(Query::builder().user_refer_uid(uid(1)));
    let clients = store.busiest_clients(&of_one, 9).unwrap();
    let counts: Vec<u64> = clients
        .entries
        .iter()
        .map(|client| client.session_count)
        .collect();
    assert_eq!((counts, clients.total_session_count), (vec![600, 40], 640));
    assert_eq!(users(&store, &of_one, 9), [(1, 640)]);
    let nobody = filtered(Query::builder().user_refer_uid(uid(9)));
    assert_eq!(store.busiest_clients(&nobody, 9).unwrap().total_count, 0);
}

/// The roots of a store's families, by their keys.
const ROOTS: redb::TableDefinition<&[u8; 9], &[u8]> = redb::TableDefinition::new("roots");

#[test]
fn a_user_whom_damage_hides_is_not_just_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    reopened(&path).close().unwrap();
    let file = redb::Database::open(path.join("main.redb")).unwrap();
    let write = file.begin_write().unwrap();
    let of_second_user = [1, 0, 0, 0, 1, 0, 0, 0, 0];
    let mut roots = write.open_table(ROOTS).unwrap();
    assert!(roots.remove(&of_second_user).unwrap().is_some());
    drop(roots);
    write.commit().unwrap();
    drop(file);
    let store = Store::open(&path).unwrap();
    let error = store.busiest_users(&Query::all(), 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.to_string().contains("640 of 647 sessions"), "{error}");
}

#[test]
fn who_has_no_session_left_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = reopened(&folder.path().join("store"));
    for log in sessions(2, "B", 7, 3) {
        store.remove(log.refer_uid).unwrap();
    }
    let counted = store.busiest_users(&Query::all(), 9).unwrap();
    assert_eq!((counted.total_count, counted.entries.len()), (1, 1));
    assert!(store.users_named("user 2").unwrap().is_empty());
}

#[test]
fn a_name_leads_to_everyone_who_was_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = reopened(&folder.path().join("store"));
    let renamed = SessionLog {
        user_refer_uid: uid(1),
        user: "user 2".into(),
        ..log(5, "2026-12-01T00:00:00Z", None)
    };
    store.append(renamed).unwrap();
    assert_eq!(store.users_named("user 2").unwrap(), [uid(1), uid(2)]);
    assert_eq!(store.users_named("user 1").unwrap(), [uid(1)]);
    assert!(store.users_named("User 1").unwrap().is_empty());
    let newest = store.busiest_users(&Query::all(), 1).unwrap();
    assert_eq!(&*newest.entries[0].user, "user 2");
}
