//! A commit whose outcome nobody knows: the wire is cut in the middle of it, before the server gets it or
//! after it has done it. The call answers as if nothing had happened, and it was done once.

use super::{address, assert_sound, connect, migrated, options, until, walked};
use crate::cluster::{Cluster, shared};
use crate::proxy::{Moment, Proxy};
use crate::records::{hour, hourly, log, uid};
use crate::support::settings::ManualClock;
use chrono::TimeDelta;
use sessionlog::postgres::{Postgres, PostgresOptions};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, OpenSessions, Outcome, Query, SessionLog};
use std::sync::Arc;
use std::time::Duration;

/// The whole statement: others tell how a transaction is committed.
const COMMIT: &[u8] = b"COMMIT\0";

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// A store that is reached by a wire, and another handle on it that is not.
struct Wired {
    proxy: Proxy,
    wired: Postgres,
    direct: Postgres,
}

impl Wired {
    async fn start(cluster: &Cluster, wired: PostgresOptions) -> Self {
        let database = migrated(cluster).await;
        let proxy = Proxy::start(cluster.address());
        Self {
            wired: connect(proxy.address(), &database, wired).await,
            direct: connect(cluster.address(), &database, options()).await,
            proxy,
        }
    }

    /// The sessions are these, after one cut.
    async fn has(&self, expected: &[SessionLog]) {
        assert_eq!(self.proxy.cuts(), 1);
        assert_eq!(walked(&self.direct).await, expected);
        assert_sound(&self.direct).await;
    }
}

/// Wires with five open sessions behind them, to be cut at the next commit: one for each moment.
async fn about_to_be_cut(wired: PostgresOptions) -> Vec<Wired> {
    let Some(cluster) = shared() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for moment in MOMENTS {
        let wire = Wired::start(cluster, wired.clone()).await;
        wire.direct.append_batch(hourly(1..=5)).await.unwrap();
        wire.proxy.cut_at(COMMIT, 1, moment);
        all.push(wire);
    }
    all
}

fn ended(mut log: SessionLog, at: u32) -> SessionLog {
    log.session_end = Some(hour(at));
    log
}

#[tokio::test]
async fn an_append_that_is_cut_off_is_added_once() {
    for wire in about_to_be_cut(options()).await {
        let new = log(9, hour(9), None);
        assert_eq!(
            wire.wired.append(new.clone()).await.unwrap(),
            Outcome::Added
        );
        let mut expected = hourly(1..=5);
        expected.push(new);
        wire.has(&expected).await;
    }
}

#[tokio::test]
async fn an_append_that_ends_a_session_and_is_cut_off_ends_it_once() {
    for wire in about_to_be_cut(options()).await {
        let copy = ended(hourly([1]).remove(0), 2);
        assert_eq!(
            wire.wired.append(copy.clone()).await.unwrap(),
            Outcome::Ended
        );
        let mut expected = hourly(1..=5);
        expected[0] = copy;
        wire.has(&expected).await;
    }
}

#[tokio::test]
async fn a_batch_that_is_cut_off_is_added_once() {
    for wire in about_to_be_cut(options()).await {
        let added = wire.wired.append_batch(hourly(6..=50)).await.unwrap();
        assert_eq!(added, vec![Outcome::Added; 45]);
        wire.has(&hourly(1..=50)).await;
    }
}

#[tokio::test]
async fn an_end_that_is_cut_off_ends_once() {
    for wire in about_to_be_cut(options()).await {
        let outcome = wire.wired.end(uid(3), hour(7)).await.unwrap();
        assert_eq!(outcome, Outcome::Ended);
        let mut expected = hourly(1..=5);
        expected[2] = ended(expected[2].clone(), 7);
        wire.has(&expected).await;
    }
}

#[tokio::test]
async fn a_removal_that_is_cut_off_answers_what_it_removed() {
    for wire in about_to_be_cut(options()).await {
        let removed = wire.wired.remove(uid(3)).await.unwrap();
        assert_eq!(removed, hourly([3])[0]);
        wire.has(&hourly([1, 2, 4, 5])).await;
    }
}

#[tokio::test]
async fn an_ending_of_all_that_is_open_counts_right_when_it_is_cut_off() {
    for wire in about_to_be_cut(options()).await {
        let ends = wire.wired.end_open(&Query::all(), hour(4)).await.unwrap();
        assert_eq!((ends.ended, ends.left_open), (4, 1));
        let mut expected = hourly(1..=5);
        for log in &mut expected[..4] {
            log.session_end = Some(hour(4));
        }
        wire.has(&expected).await;
    }
}

#[tokio::test]
async fn a_pruning_counts_right_when_a_slice_is_cut_off() {
    let clock = ManualClock::default();
    clock.advance(hour(4) - clock.time());
    let options = PostgresOptions {
        clock: Arc::new(clock),
        ..options()
    };
    for wire in about_to_be_cut(options).await {
        let all = OpenSessions::Remove;
        let pruned = wire.wired.prune(TimeDelta::hours(1), all, |_| ()).await;
        let pruned = pruned.unwrap();
        assert_eq!((pruned.removed, pruned.oldest_left), (2, Some(hour(3))));
        wire.has(&hourly(3..=5)).await;
    }
}

/// The server cannot be reached any more after the cut, for longer than is tried.
#[tokio::test]
async fn what_is_not_known_is_said_and_writing_it_again_is_right() {
    let brief = PostgresOptions {
        retry_timeout: Duration::from_millis(300),
        ..options()
    };
    for (wire, was_done) in about_to_be_cut(brief).await.into_iter().zip([false, true]) {
        // One connection is there already.
        assert_eq!(wire.wired.count(&Query::all()).await.unwrap(), 5);
        wire.proxy.refuse(true);
        let new = log(9, hour(9), None);
        let error = wire.wired.append(new.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        for part in ["it is not known", "writing the same again is safe"] {
            assert!(text.contains(part), "{text}");
        }
        wire.proxy.refuse(false);
        let again = wire.wired.append(new.clone()).await.unwrap();
        let expected = if was_done {
            Outcome::AlreadyThere
        } else {
            Outcome::Added
        };
        assert_eq!(again, expected);
        let mut expected = hourly(1..=5);
        expected.push(new);
        wire.has(&expected).await;
    }
}

/// Before anything was sent that could be done.
#[tokio::test]
async fn what_was_certainly_not_done_is_not_said_to_be_unknown() {
    let Some(cluster) = shared() else { return };
    let brief = PostgresOptions {
        retry_timeout: Duration::from_millis(300),
        ..options()
    };
    let wire = Wired::start(cluster, brief).await;
    wire.proxy.refuse(true);
    wire.proxy.cut_all();
    let error = wire.wired.append(log(1, hour(1), None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.to_string().contains("not known"), "{error}");
    assert_eq!(walked(&wire.direct).await, []);
}

/// Another writer has one of the sessions of a batch too, and writes it while nobody knows what became
/// of the batch: that it is there tells nothing of the others.
#[tokio::test]
async fn a_batch_is_not_taken_for_done_because_somebody_else_wrote_a_part_of_it() {
    let Some(cluster) = shared() else { return };
    for shared_one in 0..3 {
        let wire = Wired::start(cluster, options()).await;
        assert_eq!(wire.wired.count(&Query::all()).await.unwrap(), 0);
        wire.proxy.cut_at(COMMIT, 1, Moment::Before);
        wire.proxy.refuse(true);
        let batch = hourly(1..=3);
        let appending = tokio::spawn({
            let (store, batch) = (wire.wired.clone(), batch.clone());
            async move { store.append_batch(batch).await }
        });
        until("the cut", || wire.proxy.cuts() == 1).await;
        wire.direct.append(batch[shared_one].clone()).await.unwrap();
        wire.proxy.refuse(false);
        let outcomes = appending.await.unwrap().unwrap();
        assert_eq!(outcomes.len(), 3);
        wire.has(&batch).await;
    }
}

/// Another writer has the same session without its end.
#[tokio::test]
async fn a_session_is_not_taken_for_ended_because_somebody_else_wrote_it_open() {
    let Some(cluster) = shared() else { return };
    let wire = Wired::start(cluster, options()).await;
    assert_eq!(wire.wired.count(&Query::all()).await.unwrap(), 0);
    wire.proxy.cut_at(COMMIT, 1, Moment::Before);
    wire.proxy.refuse(true);
    let open = hourly([1]).remove(0);
    let whole = ended(open.clone(), 2);
    let appending = tokio::spawn({
        let (store, whole) = (wire.wired.clone(), whole.clone());
        async move { store.append(whole).await }
    });
    until("the cut", || wire.proxy.cuts() == 1).await;
    wire.direct.append(open).await.unwrap();
    wire.proxy.refuse(false);
    assert_eq!(appending.await.unwrap().unwrap(), Outcome::Ended);
    wire.has(&[whole]).await;
}

#[tokio::test]
async fn a_start_of_which_nobody_knows_names_its_session() {
    let brief = PostgresOptions {
        retry_timeout: Duration::from_millis(300),
        ..options()
    };
    for wire in about_to_be_cut(brief).await {
        assert_eq!(wire.wired.count(&Query::all()).await.unwrap(), 5);
        wire.proxy.refuse(true);
        let error = wire.wired.start(uid(7), "Ann", "PDA-01").await.unwrap_err();
        wire.proxy.refuse(false);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        let named = text
            .split_once("if session ")
            .and_then(|(_, rest)| rest.split_once(' '));
        let session = named.unwrap_or_else(|| panic!("{text}")).0.parse().unwrap();
        let again = wire.wired.start_as(session, uid(7), "Ann", "PDA-01").await;
        again.unwrap();
        assert_eq!(wire.direct.count(&Query::all()).await.unwrap(), 6);
        assert_sound(&wire.direct).await;
    }
}

/// Every connection is cut at any time, again and again.
#[tokio::test]
async fn calls_go_on_through_any_number_of_cuts() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let proxy = Proxy::start(cluster.address());
    let at = address(proxy.address(), &database);
    let store = Postgres::connect(&at, options()).await.unwrap();
    let all = hourly(1..=60);
    for (index, log) in all.iter().enumerate() {
        match index % 3 {
            0 => proxy.cut_at(COMMIT, 1, MOMENTS[index % 2]),
            1 => proxy.cut_all(),
            _ => proxy.cut_at("INSERT", 1, MOMENTS[index % 2]),
        }
        assert_eq!(store.append(log.clone()).await.unwrap(), Outcome::Added);
    }
    assert!(proxy.cuts() >= 40, "{}", proxy.cuts());
    assert_eq!(walked(&store).await, all);
    assert_sound(&store).await;
}
