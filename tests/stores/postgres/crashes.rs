//! The server is killed under load: what was acknowledged is there once, and calls go on by themselves.

use super::{assert_sound, connect, migrated, options};
use crate::cluster::{Cluster, Options, until};
use crate::records::{hour, log};
use sessionlog::postgres::{Postgres, PostgresOptions, migrate};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Outcome, SessionLog};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

fn fsync() -> Options {
    Options {
        fsync: true,
        ..Options::default()
    }
}

/// Writers who go on until they are told to stop, and tell what was acknowledged to them.
struct Load {
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    writers: Vec<JoinHandle<Vec<SessionLog>>>,
}

impl Load {
    fn start(store: &Postgres) -> Self {
        let (is_over, acknowledged) = (Arc::default(), Arc::default());
        let writers = (1..=4).map(|writer| {
            let load = (Arc::clone(&is_over), Arc::clone(&acknowledged));
            tokio::spawn(write(store.clone(), writer, load))
        });
        Self {
            writers: writers.collect(),
            is_over,
            acknowledged,
        }
    }

    /// Waits until so many more calls were acknowledged.
    fn goes_on(&self, calls: usize) {
        let before = self.acknowledged.load(Ordering::SeqCst);
        until("calls that go on", || {
            let failed = self.writers.iter().any(JoinHandle::is_finished);
            failed || self.acknowledged.load(Ordering::SeqCst) >= before + calls
        });
    }

    async fn stop(self) -> Vec<SessionLog> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for writer in self.writers {
            all.extend(writer.await.unwrap());
        }
        all
    }
}

type Told = (Arc<AtomicBool>, Arc<AtomicUsize>);

/// No call answers otherwise than it would without a crash.
async fn write(store: Postgres, writer: u128, (is_over, acknowledged): Told) -> Vec<SessionLog> {
    let mut kept = Vec::new();
    for number in 1.. {
        let uid = |part: u128| (writer << 64) | (number << 8) | part;
        let mut single = log(uid(1), hour(1), None);
        let batch: Vec<SessionLog> = (2..6).map(|part| log(uid(part), hour(2), None)).collect();
        let outcome = store.append(single.clone()).await.unwrap();
        assert_eq!(outcome, Outcome::Added);
        let outcomes = store.append_batch(batch.clone()).await.unwrap();
        assert_eq!(outcomes, [Outcome::Added; 4]);
        let end = store.end(single.refer_uid, hour(3)).await.unwrap();
        assert_eq!(end, Outcome::Ended);
        single.session_end = Some(hour(3));
        assert_eq!(store.remove(batch[0].refer_uid).await.unwrap(), batch[0]);
        kept.push(single);
        kept.extend(batch.into_iter().skip(1));
        acknowledged.fetch_add(4, Ordering::SeqCst);
        if is_over.load(Ordering::SeqCst) {
            break;
        }
    }
    kept
}

/// Everything that was acknowledged is there, once, and nothing else.
async fn has_exactly(store: &Postgres, acknowledged: Vec<SessionLog>) {
    let text = |log: &SessionLog| format!("{log:?}");
    let found = super::walked(store).await;
    assert_eq!(found.len(), acknowledged.len());
    let found: BTreeSet<String> = found.iter().map(text).collect();
    assert_eq!(found, acknowledged.iter().map(text).collect());
    assert_sound(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_crash_once_and_calls_go_on_by_themselves() {
    let Some(mut cluster) = Cluster::start(fsync()) else {
        return;
    };
    let database = migrated(&cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    let load = Load::start(&store);
    for _ in 0..3 {
        load.goes_on(100);
        cluster.kill9();
        cluster.restart();
    }
    load.goes_on(100);
    let acknowledged = load.stop().await;
    has_exactly(&store, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_on_the_standby_that_takes_over() {
    let Some(mut primary) = Cluster::start(fsync()) else {
        return;
    };
    let database = primary.database();
    let standby_of = |standby: &Cluster| {
        let (one, other) = (primary.address(), standby.address());
        format!("postgresql://postgres@{one},{other}/{database}")
    };
    let standby = primary.standby();
    let address = standby_of(&standby).parse().unwrap();
    migrate(&address, false).await.unwrap();
    let options = PostgresOptions {
        connect_timeout: Duration::from_secs(2),
        ..options()
    };
    let store = Postgres::connect(&address, options).await.unwrap();
    let load = Load::start(&store);
    load.goes_on(200);
    primary.kill9();
    standby.promote();
    load.goes_on(200);
    let acknowledged = load.stop().await;
    has_exactly(&store, acknowledged).await;
}
