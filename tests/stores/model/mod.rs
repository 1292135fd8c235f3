//! Generated sequences of operations on an engine, on a plain `Vec`, and on an embedded store of other
//! settings: every answer is the same, and every error in every word.

mod checks;

use crate::engines::{Effort, Fresh, every_engine_with_effort};
use crate::support::{Bytes, Model, Op, Refused};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestError, TestRunner};
use sessionlog::stores::SessionLogStore;
use sessionlog::{
    Cursor, Erasure, Error, ErrorKind, Merge, Order, Outcome, Query, QueryBuilder, Result,
    RetainedMax, SessionLog, Store,
};
use std::fmt::Debug;
use uuid::Uuid;

every_engine_with_effort!(it_is_a_sorted_vec);

fn it_is_a_sorted_vec<S: SessionLogStore>(
    effort: Effort,
    make: impl AsyncFn() -> Option<Fresh<S>>,
) {
    let config = ProptestConfig {
        cases: effort.cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/stores/model.regressions",
        ))),
        // An engine that is asked over a network would be for hours at it.
        max_shrink_time: 120_000,
        ..ProptestConfig::default()
    };
    let bytes = proptest::collection::vec(any::<u8>(), 0..1_500);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let ran = TestRunner::new(config).run(&bytes, |bytes| {
        runtime.block_on(async {
            if let Some(fresh) = make().await {
                run(fresh, effort.steps, &bytes).await;
            }
        });
        Ok(())
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(why, bytes)) => {
            panic!("{why}\nin {:#?}", Bytes::new(&bytes).ops());
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs the operations that `bytes` hold, comparing what each answers, and everything after so many
/// of them.
async fn run<S: SessionLogStore>(fresh: Fresh<S>, steps: usize, bytes: &[u8]) {
    let options = Store::options().merge(Merge::Inline);
    let options = options.clock(fresh.clock.clone());
    let mut world = World {
        fresh,
        embedded: options.in_memory().unwrap(),
        model: Model::default(),
        walks: Vec::new(),
    };
    for (step, op) in Bytes::new(bytes).ops().into_iter().enumerate() {
        world.step(op).await;
        world.walk_on().await;
        if step % steps == steps - 1 {
            checks::check_all(&world.fresh.store, &world.model, step / steps).await;
        }
    }
    checks::check_all(&world.fresh.store, &world.model, 1).await;
    let verified = world.fresh.store.verify(|_| ()).await.unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
    assert_eq!(verified.session_count, world.model.0.len() as u64);
}

struct World<S> {
    fresh: Fresh<S>,
    /// Has the words of every error.
    embedded: Store,
    model: Model,
    walks: Vec<Walk>,
}

/// A cursor, and the record it stands behind.
struct Walk {
    query: Query,
    cursor: Cursor,
    last: Option<SessionLog>,
}

/// The kind of an error and the member that it names.
fn cause(error: &Error) -> Refused {
    (error.kind(), error.member())
}

/// What the engine answered is what it must be; if that is an error, in the words of the other.
fn compare<T: PartialEq + Debug>(got: Result<T>, other: Result<T>, expected: Result<T, Refused>) {
    if let (Err(error), Err(other)) = (&got, &other) {
        compare_errors(error, other);
    }
    assert_eq!(other.map_err(|error| cause(&error)), expected);
    assert_eq!(got.map_err(|error| cause(&error)), expected);
}

fn compare_errors(error: &Error, other: &Error) {
    assert_eq!(cause(error), cause(other));
    assert_eq!(error.to_string(), other.to_string());
    assert_eq!(error.end_before_start(), other.end_before_start());
    assert_eq!(error.refusals().len(), other.refusals().len());
    for (refusal, other) in error.refusals().iter().zip(other.refusals()) {
        assert_eq!(refusal.index, other.index);
        compare_errors(&refusal.error, &other.error);
    }
}

/// As many as there are at once: without others who write, only the end of a sweep can be seen.
const AT_ONCE: usize = usize::MAX;

impl<S: SessionLogStore> World<S> {
    async fn step(&mut self, op: Op) {
        let (store, embedded) = (&self.fresh.store, &self.embedded);
        match op {
            Op::Append(log) => compare(
                store.append(log.clone()).await,
                embedded.append(log.clone()),
                self.model.append(log),
            ),
            Op::Batch(logs) => self.batch(logs).await,
            Op::Start(user, name, client) => self.start(user, name, client).await,
            Op::StartAs(refer_uid, user, name, client) => {
                let log = self.starting(refer_uid, user, name, client);
                compare(
                    store.start_as(refer_uid, user, name, client).await,
                    embedded.start_as(refer_uid, user, name, client),
                    self.model.start(log),
                );
            }
            Op::End(refer_uid, at) => compare(
                store.end(refer_uid, at).await,
                embedded.end(refer_uid, at),
                self.model.end(refer_uid, at),
            ),
            Op::EndOpen(query, at) => {
                if let Ok(query) = query.build() {
                    compare(
                        store.end_open(&query, at).await,
                        embedded.end_open(&query, at),
                        self.model.end_open(&query, at),
                    );
                }
            }
            Op::Remove(refer_uid) => self.remove(refer_uid).await,
            Op::RemoveAll => {
                for log in self.model.0.clone() {
                    self.remove(log.refer_uid).await;
                }
            }
            Op::Prune(..) | Op::Retain(_) | Op::EndStale(..) => self.sweep(op).await,
            Op::Erase(user, erasure) => self.erase(user, erasure).await,
            Op::Wait(time) => self.fresh.clock.advance(time),
            Op::Walk(query) => self.walk(query),
            Op::Ask(query) => self.ask(query).await,
            // What only the embedded store has.
            Op::Flush
            | Op::Reopen
            | Op::Suspend
            | Op::Snapshot
            | Op::Compact
            | Op::Rebuild
            | Op::Backup => store.flush().await.unwrap(),
        }
    }

    async fn batch(&mut self, logs: Vec<SessionLog>) {
        let got = self.fresh.store.append_batch(logs.clone()).await;
        let other = self.embedded.append_batch(logs.clone());
        let expected = self.model.batch(logs);
        if let (Err(error), Err(refused)) = (&got, &expected) {
            let refusals = error.refusals().iter();
            let refusals = refusals.map(|refusal| (refusal.index, cause(&refusal.error)));
            assert_eq!(&refusals.collect::<Vec<_>>(), refused);
        }
        let expected: Result<Vec<Outcome>, Refused> = expected.map_err(|refused| refused[0].1);
        // The batch is not about one member.
        let expected = expected.map_err(|(kind, _)| (kind, None));
        compare(got, other, expected);
    }

    fn starting(&self, refer_uid: Uuid, user: Uuid, name: &str, client: &str) -> SessionLog {
        SessionLog {
            refer_uid,
            user_refer_uid: user,
            user: name.into(),
            client_refer_uid: client.into(),
            session_start: self.fresh.clock.time(),
            session_end: None,
        }
    }

    async fn start(&mut self, user: Uuid, name: &str, client: &str) {
        let refer_uid = self.fresh.ids.next();
        let log = self.starting(refer_uid, user, name, client);
        let got = self.fresh.store.start(user, name, client).await;
        let expected = self.model.start(log.clone()).map(|_| refer_uid);
        // The other store has ids of its own.
        let other = match &expected {
            Ok(_) => self.embedded.append(log).map(|_| refer_uid),
            Err(_) => self.embedded.start(user, name, client),
        };
        compare(got, other, expected);
    }

    async fn remove(&mut self, refer_uid: Uuid) {
        compare(
            self.fresh.store.remove(refer_uid).await,
            self.embedded.remove(refer_uid),
            self.model.remove(refer_uid),
        );
    }

    async fn sweep(&mut self, op: Op) {
        let (store, embedded, model) = (&self.fresh.store, &self.embedded, &mut self.model);
        match op {
            Op::Prune(age, open) => compare(
                store.prune(age, open, |_| ()).await,
                embedded.prune(age, open, |_| ()),
                model
                    .prune(AT_ONCE, (age, open), self.fresh.clock.time())
                    .map(|(pruned, _)| pruned),
            ),
            Op::Retain(sessions) => {
                let max = RetainedMax::Sessions(sessions);
                compare(
                    store.retain_at_most(max, |_| ()).await,
                    embedded.retain_at_most(max, |_| ()),
                    model.retain(AT_ONCE, sessions).map(|(pruned, _)| pruned),
                );
            }
            Op::EndStale(before, end) => compare(
                store.end_stale(before, end, |_| ()).await,
                embedded.end_stale(before, end, |_| ()),
                model
                    .end_stale(AT_ONCE, before, end)
                    .map(|(ended, _)| ended),
            ),
            op => panic!("{op:?} is no sweep"),
        }
    }

    async fn erase(&mut self, user: Uuid, mut erasure: Erasure) {
        let store = &self.fresh.store;
        let names = self.model.names_of(user).len() as u64;
        let mut got = store.erase_user(user, erasure, |_| ()).await;
        if let Err(error) = &got
            && cause(error) == (ErrorKind::InvalidInput, Some("erasure"))
        {
            // More than the engine can promise, and nothing was done.
            assert_eq!(erasure, Erasure::Secure);
            erasure = Erasure::Logical;
            got = store.erase_user(user, erasure, |_| ()).await;
        }
        let other = self.embedded.erase_user(user, erasure, |_| ());
        let expected = self.model.erase(AT_ONCE, user);
        let expected = expected.map(|((sessions, clients), _)| {
            for erased in [&got, &other].map(|erased| erased.as_ref().unwrap()) {
                // An engine may know names and clients that only removed sessions had.
                assert!(erased.user_name_count >= names);
                assert!(erased.client_count >= clients);
                assert_eq!(erased.is_secure, erasure == Erasure::Secure);
            }
            sessions
        });
        compare(
            got.map(|erased| erased.session_count),
            other.map(|erased| erased.session_count),
            expected,
        );
    }

    async fn ask(&self, query: QueryBuilder) {
        if let Ok(query) = query.build() {
            checks::check_answer(&self.fresh.store, &self.model, &query, 3).await;
        }
    }

    fn walk(&mut self, query: QueryBuilder) {
        if let Ok(query) = query.build() {
            self.walks.push(Walk {
                cursor: Cursor::start(&query),
                query,
                last: None,
            });
        }
    }

    /// Takes one step of every walk: what comes is what the model has behind the last record now.
    async fn walk_on(&mut self) {
        for walk in &mut self.walks {
            let store = &self.fresh.store;
            let page = store.page_after(&walk.query, &walk.cursor, 3).await;
            let page = page.unwrap();
            let answer = self.model.answer(&walk.query);
            let key = |log: &SessionLog| (log.session_start, log.refer_uid);
            let behind = |log: &&SessionLog| match (&walk.last, walk.query.order()) {
                (None, _) => true,
                (Some(last), Order::OldestFirst) => key(log) > key(last),
                (Some(last), Order::NewestFirst) => key(log) < key(last),
            };
            let rest: Vec<SessionLog> = answer.iter().filter(behind).cloned().collect();
            assert_eq!(page.entries, rest[..rest.len().min(3)]);
            assert_eq!(
                page.remaining_record_count,
                rest.len().saturating_sub(3) as u64
            );
            assert_eq!(page.total_record_count, answer.len() as u64);
            walk.last = page.entries.last().cloned().or(walk.last.take());
            walk.cursor = page.next.to_string().parse().unwrap();
        }
        // One that has come to its end has new ones behind it only seldom.
        let is_going = |walk: &Walk| self.model.answer(&walk.query).last() != walk.last.as_ref();
        if self.walks.len() > 8 {
            self.walks.retain(is_going);
        }
    }
}
