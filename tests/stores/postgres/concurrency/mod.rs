//! Many writers and readers at once, by two pools of connections, while counters come, go and are made
//! anew: totals are exact at any moment, nobody waits for ever, and what was acknowledged is there.

mod writer;

use super::{assert_sound, connect, migrated, options, walked};
use crate::cluster::{Cluster, Options};
use crate::records::{hour, log};
use crate::support::random::Random;
use crate::support::settings::ManualClock;
use sessionlog::postgres::{Postgres, PostgresOptions};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Cursor, ErrorKind, Order, PageRequest, Query, RetainedMax, SessionLog};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use writer::Writer;

/// For how long it is tried.
fn time() -> Duration {
    let seconds = env::var("SESSIONLOG_TEST_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

const WRITERS: u128 = 4;

/// As every writer appends it.
fn shared_log(number: u128) -> SessionLog {
    let start = hour(u32::try_from(number % 400).unwrap());
    SessionLog {
        user_refer_uid: uuid::Uuid::from_u128(100 + number % 5),
        ..log((1 << 100) | number, start, None)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_are_exact_and_nothing_is_lost_among_many_writers() {
    let Some(cluster) = Cluster::start(Options::default()) else {
        return;
    };
    let database = migrated(&cluster).await;
    let options = busy_options();
    let one = connect(cluster.address(), &database, options.clone()).await;
    let other = connect(cluster.address(), &database, options).await;
    busy([one, other], time()).await;
    assert!(
        !cluster.log().contains("deadlock detected"),
        "{}",
        cluster.log()
    );
}

/// Users and clients come to have counters in the middle of it, and the time stands still.
pub(super) fn busy_options() -> PostgresOptions {
    let clock = ManualClock::default();
    clock.advance(hour(0) - clock.time());
    PostgresOptions {
        connections_max: 6,
        counted_from: 40,
        clock: Arc::new(clock),
        ..options()
    }
}

/// Writers and readers on two handles for so long, and what is there then.
pub(super) async fn busy(stores: [Postgres; 2], time: Duration) {
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = (1..=WRITERS).map(|number| {
        let writer = Writer::new(number, stores.clone());
        tokio::spawn(writer.run(Arc::clone(&is_over)))
    });
    let writers: Vec<_> = writers.collect();
    let others = [
        tokio::spawn(read(stores[0].clone(), 1, Arc::clone(&is_over))),
        tokio::spawn(read(stores[1].clone(), 2, Arc::clone(&is_over))),
        tokio::spawn(keep_in_order(stores.clone(), Arc::clone(&is_over))),
    ];
    tokio::time::sleep(time).await;
    is_over.store(true, Ordering::SeqCst);
    let (mut expected, mut shared) = (Vec::new(), BTreeMap::<u128, u32>::new());
    for writer in writers {
        let left = writer.await.unwrap();
        expected.extend(left.logs);
        for (number, times) in left.added {
            *shared.entry(number).or_default() += times;
        }
    }
    for other in others {
        other.await.unwrap();
    }
    // Of all who append the same, one adds it.
    assert!(shared.values().all(|times| *times == 1), "{shared:?}");
    expected.extend(shared.keys().map(|number| shared_log(*number)));
    has_exactly(&stores[0], expected).await;
}

/// In this quiet moment, by every way of reading.
async fn has_exactly(store: &Postgres, expected: Vec<SessionLog>) {
    let age = chrono::TimeDelta::days(1);
    store
        .prune(age, sessionlog::OpenSessions::Keep, |_| ())
        .await
        .unwrap();
    assert_sound(store).await;
    let found = walked(store).await;
    assert_eq!(
        store.count(&Query::all()).await.unwrap(),
        found.len() as u64
    );
    let text = |log: &SessionLog| format!("{log:?}");
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (
        found.iter().map(text).collect(),
        expected.iter().map(text).collect(),
    );
    let wrong: Vec<_> = found.symmetric_difference(&expected).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Rebuilds and checks for as long as the others write.
async fn keep_in_order([one, other]: [Postgres; 2], is_over: Arc<AtomicBool>) {
    while !is_over.load(Ordering::SeqCst) {
        assert_sound(&other).await;
        one.rebuild(|_| ()).await.unwrap();
        assert_sound(&one).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every answer agrees with itself.
async fn read(store: Postgres, seed: u64, is_over: Arc<AtomicBool>) {
    let mut random = Random::new(seed);
    while !is_over.load(Ordering::SeqCst) {
        let query = query(&mut random);
        let page = store.page(&query, PageRequest::new(0, 10_000).unwrap());
        let page = page.await.unwrap();
        let total = page.total_record_count;
        assert_eq!(page.entries.len() as u64, total.min(10_000), "{query:?}");
        is_in_order(&query, &page.entries);
        let size = 1 + u32::try_from(random.below(300)).unwrap();
        let index = u32::try_from(random.below(1 + total.div_ceil(size.into()) as usize)).unwrap();
        let page = store.page(&query, PageRequest::new(index, size).unwrap());
        let page = page.await.unwrap();
        let before = u64::from(index) * u64::from(size);
        let rest = page.total_record_count.saturating_sub(before);
        assert_eq!(
            page.entries.len() as u64,
            rest.min(size.into()),
            "{query:?}"
        );
        is_in_order(&query, &page.entries);
        walk(&store, &query).await;
        let users = store.busiest_users(&query, usize::MAX).await.unwrap();
        let sessions = users.entries.iter().map(|user| user.session_count);
        assert_eq!(sessions.sum::<u64>(), users.total_session_count);
    }
}

async fn walk(store: &Postgres, query: &Query) {
    let mut cursor = Cursor::start(query);
    for step in 0..3_u64 {
        let page = store.page_after(query, &cursor, 50).await.unwrap();
        let read = page.entries.len() as u64;
        assert_eq!(
            read,
            (read + page.remaining_record_count).min(50),
            "{query:?}"
        );
        if step == 0 {
            assert_eq!(page.total_record_count, read + page.remaining_record_count);
        }
        is_in_order(query, &page.entries);
        cursor = page.next;
    }
}

fn is_in_order(query: &Query, logs: &[SessionLog]) {
    let key = |log: &SessionLog| (log.session_start, log.refer_uid);
    let rises = |pair: &[SessionLog]| match query.order() {
        Order::OldestFirst => key(&pair[0]) < key(&pair[1]),
        Order::NewestFirst => key(&pair[0]) > key(&pair[1]),
    };
    assert!(logs.windows(2).all(rises), "{query:?}");
}

fn query(random: &mut Random) -> Query {
    let user = random.below(9) as u128 + random.one_of(&[1, 100, 200]);
    let user = random.chance(3).then_some(uuid::Uuid::from_u128(user));
    let client = random.one_of(&[None, None, Some("PDA-01"), Some("W1"), Some("W2")]);
    let from = random.below(300) as u32;
    let odd = chrono::TimeDelta::seconds(random.one_of(&[0, 0, 1_234]));
    let (after, before) = (random.chance(3), random.chance(3));
    let builder = Query::builder()
        .user_refer_uid(user)
        .client_refer_uid(client)
        .open_sessions_only(random.chance(3))
        .started_after(after.then(|| hour(from) + odd))
        .started_before(before.then(|| hour(from + 100) + odd))
        .order(random.one_of(&[Order::OldestFirst, Order::NewestFirst]));
    builder.build().unwrap()
}

/// Each of them finds the same ones to remove.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_who_keep_so_many_sessions_at_once_leave_so_many() {
    let Some(cluster) = crate::cluster::shared() else {
        return;
    };
    for round in 0..5 {
        let database = migrated(cluster).await;
        let one = connect(cluster.address(), &database, options()).await;
        let other = connect(cluster.address(), &database, options()).await;
        let logs = (1..=300).map(|number| log(number, hour(1), Some(hour(2 + round))));
        one.append_batch(logs.collect()).await.unwrap();
        let max = RetainedMax::Sessions(200);
        let retaining = [&one, &other, &one].map(|store| {
            let store = store.clone();
            tokio::spawn(async move { store.retain_at_most(max, |_| ()).await })
        });
        let mut removed = 0;
        for retaining in retaining {
            removed += retaining.await.unwrap().unwrap().removed;
        }
        assert_eq!(
            (removed, one.count(&Query::all()).await.unwrap()),
            (100, 200)
        );
        assert_sound(&one).await;
    }
}

/// Calls that come at the same time share a transaction.
#[tokio::test]
async fn a_damaged_session_refuses_the_calls_about_it_alone() {
    let Some(cluster) = crate::cluster::shared() else {
        return;
    };
    let database = migrated(cluster).await;
    let options = PostgresOptions {
        lanes: 1,
        ..options()
    };
    let store = connect(cluster.address(), &database, options).await;
    store.append(log(1, hour(1), None)).await.unwrap();
    super::ask(
        cluster,
        &database,
        r"UPDATE session_log SET user_name = '\xff'",
    );
    let calls = (1..=20).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.append(log(number, hour(1), None)).await })
    });
    let calls: Vec<_> = calls.collect();
    for (index, call) in calls.into_iter().enumerate() {
        let outcome = call.await.unwrap();
        match index {
            0 => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Corrupted),
            _ => assert_eq!(outcome.unwrap(), sessionlog::Outcome::Added),
        }
    }
}
