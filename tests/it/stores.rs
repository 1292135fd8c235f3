//! The calls for async code: which of them run, what becomes of their errors, and imports over them.

use crate::{in_process, log, refused, store_of, uid};
use sessionlog::stores::{Embedded, SessionLogStore, Waiting};
use sessionlog::{ErrorKind, Outcome, Query, Result, Store, Verification};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};

const START: &str = "2015-06-01T08:00:00Z";

/// A runtime with threads of its own.
fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).build().unwrap()
}

fn wait<T>(call: impl Future<Output = T>) -> T {
    runtime().block_on(call)
}

/// Begins a call without waiting for it.
#[track_caller]
fn begin(call: Pin<&mut impl Future>) {
    let begun = call.poll(&mut Context::from_waker(Waker::noop()));
    assert!(begun.is_pending());
}

/// A call that is done only once it is let go, what hears that it has begun, and what lets it go.
fn held(
    store: &Embedded,
) -> (
    impl Future<Output = Result<Verification>>,
    Receiver<()>,
    Sender<()>,
) {
    let (begun, begins) = channel();
    let (let_go, goes) = channel::<()>();
    let store = store.clone();
    let hold = move |_| {
        let _ = begun.send(());
        let _ = goes.recv();
    };
    (async move { store.verify(hold).await }, begins, let_go)
}

/// A store in memory, and its calls on one thread.
fn on_one_thread() -> (Store, Embedded) {
    let store = store_of([log(1, START, None)]);
    let calls = Embedded::with_threads(store.clone(), 1).unwrap();
    (store, calls)
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_not_begun() {
    let (store, calls) = on_one_thread();
    let (held, begins, let_go) = held(&calls);
    let mut held = pin!(held);
    begin(held.as_mut());
    begins.recv().unwrap();
    {
        let mut dropped = pin!(calls.append(log(2, START, None)));
        begin(dropped.as_mut());
    }
    let mut waited_for = pin!(calls.append(log(3, START, None)));
    begin(waited_for.as_mut());
    drop(let_go);
    assert_eq!(wait(waited_for).unwrap(), Outcome::Added);
    assert!(wait(held).unwrap().is_sound());
    assert_eq!(store.get(uid(2)).unwrap(), None);
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
}

#[test]
fn a_call_that_was_begun_is_finished_though_nobody_waits_for_it() {
    let (store, calls) = on_one_thread();
    let (begun, begins) = channel();
    let (let_go, goes) = channel::<()>();
    {
        let hold = move |_| {
            let _ = begun.send(());
            let _ = goes.recv();
        };
        let age = chrono::TimeDelta::days(1);
        store
            .end(uid(1), crate::at("2015-06-01T09:00:00Z"))
            .unwrap();
        let mut dropped = pin!(calls.prune(age, sessionlog::OpenSessions::Keep, hold));
        begin(dropped.as_mut());
        begins.recv().unwrap();
    }
    drop(let_go);
    // The one thread takes this up when it is done with that.
    assert_eq!(wait(calls.count(&Query::all())).unwrap(), 0);
}

#[test]
fn so_many_calls_run_at_once_as_there_are_threads() {
    let store = store_of([log(1, START, None)]);
    let calls = Embedded::with_threads(store, 2).unwrap();
    let (first, first_begins, let_first_go) = held(&calls);
    let (second, second_begins, let_second_go) = held(&calls);
    let (mut first, mut second) = (pin!(first), pin!(second));
    begin(first.as_mut());
    begin(second.as_mut());
    first_begins.recv().unwrap();
    second_begins.recv().unwrap();
    let all = Query::all();
    let mut third = pin!(calls.count(&all));
    begin(third.as_mut());
    drop(let_second_go);
    assert_eq!(wait(third).unwrap(), 1);
    drop(let_first_go);
    assert!(
        wait(async { first.await.and(second.await) })
            .unwrap()
            .is_sound()
    );
}

#[test]
fn a_panic_takes_one_answer_with_it() {
    let (_, calls) = on_one_thread();
    let panicked = wait(calls.verify(|_| panic!("a progress bar that fails")));
    let error = panicked.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.to_string().contains("progress bar"), "{error}");
    assert_eq!(wait(calls.count(&Query::all())).unwrap(), 1);
}

/// Work that makes two calls with a wait between them, and tells the threads that it was on.
async fn two_calls(store: Embedded) -> [String; 3] {
    let name = || std::thread::current().name().unwrap_or_default().to_owned();
    let before = name();
    store.append(log(2, START, None)).await.unwrap();
    tokio::task::yield_now().await;
    let between = name();
    store.append(log(3, START, None)).await.unwrap();
    [before, between, name()]
}

#[test]
fn work_is_done_on_a_thread_of_the_store_with_all_its_calls() {
    let (store, calls) = on_one_thread();
    let threads = wait(calls.work(two_calls(calls.clone()))).unwrap();
    assert_eq!(threads, [(); 3].map(|()| "sessionlog-call"));
    assert_eq!(store.count(&Query::all()).unwrap(), 3);
    let waited =
        wait(calls.work(async { tokio::task::spawn(std::future::ready(7)).await.unwrap() }));
    assert_eq!(waited.unwrap(), 7);
    let inner = calls.clone();
    let nested = wait(calls.work(async move { inner.work(two_calls(inner.clone())).await }));
    assert_eq!(nested.unwrap().unwrap(), threads);
}

#[test]
fn work_is_done_without_a_runtime_too() {
    let (store, calls) = on_one_thread();
    let (done, hears) = channel();
    let working = std::thread::spawn(move || {
        let mut work = pin!(calls.work(two_calls(calls.clone())));
        let mut context = Context::from_waker(Waker::noop());
        while work.as_mut().poll(&mut context).is_pending() {
            std::thread::yield_now();
        }
        done.send(()).unwrap();
    });
    hears
        .recv_timeout(std::time::Duration::from_secs(30))
        .unwrap();
    working.join().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 3);
}

#[test]
fn work_that_panics_takes_nothing_else_with_it() {
    let (_, calls) = on_one_thread();
    let panicked = wait(calls.work(async { panic!("a handler that fails") }));
    assert_eq!(panicked.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(wait(calls.count(&Query::all())).unwrap(), 1);
}

#[test]
fn work_that_nobody_waits_for_is_finished_once_it_is_begun_and_else_not_begun() {
    let (store, calls) = on_one_thread();
    let runtime = runtime();
    let _on = runtime.enter();
    let (begun, begins) = channel();
    let (let_go, goes) = channel::<()>();
    let of = calls.clone();
    {
        let mut dropped = pin!(calls.work(async move {
            begun.send(()).unwrap();
            let _ = goes.recv();
            of.append(log(2, START, None)).await
        }));
        begin(dropped.as_mut());
        begins.recv().unwrap();
        let of = calls.clone();
        let mut waits = pin!(calls.work(async move { of.append(log(3, START, None)).await }));
        begin(waits.as_mut());
    }
    drop(let_go);
    assert_eq!(wait(calls.count(&Query::all())).unwrap(), 2);
    assert!(store.get(uid(2)).unwrap().is_some());
}

#[test]
fn errors_are_those_of_the_store() {
    let (store, calls) = on_one_thread();
    let nil = wait(calls.append(log(0, START, None)));
    refused(nil, ErrorKind::InvalidInput, "refer_uid");
    let other = sessionlog::SessionLog {
        user: "Bob".into(),
        ..log(1, START, None)
    };
    let batch = wait(calls.append_batch(vec![log(2, START, None), other.clone()]));
    let batch = batch.unwrap_err();
    let refusals = batch.refusals();
    assert_eq!((batch.kind(), refusals.len()), (ErrorKind::Conflict, 1));
    let (index, member) = (refusals[0].index, refusals[0].error.member());
    assert_eq!((index, member), (1, Some("user")));
    let direct = store.append(other.clone()).unwrap_err();
    assert_eq!(
        wait(calls.append(other)).unwrap_err().to_string(),
        direct.to_string()
    );
    store.close().unwrap();
    let closed = wait(calls.count(&Query::all())).unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}

#[test]
fn what_it_tells_of_itself_is_what_the_store_tells() {
    let (store, calls) = on_one_thread();
    store.append(log(2, START, Some(START))).unwrap();
    let (stats, all) = (wait(calls.stats()).unwrap(), store.stats().unwrap());
    assert_eq!((stats.session_count, stats.open_session_count), (2, 1));
    assert_eq!(stats.stored_bytes, all.file_bytes);
}

#[test]
fn code_that_is_not_async_waits_for_answers() {
    let runtime = runtime();
    let calls = in_process(&store_of([log(1, START, None)]));
    let store = Waiting::new(calls, runtime.handle().clone());
    let added = store.wait(async |store| store.append(log(2, START, None)).await);
    assert_eq!(added.unwrap(), Outcome::Added);
    let missing = store.wait(async |store| store.end(uid(9), crate::at(START)).await);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    // Also where blocking is allowed on the runtime itself.
    let count =
        runtime.spawn_blocking(move || store.wait(async |store| store.count(&Query::all()).await));
    assert_eq!(runtime.block_on(count).unwrap().unwrap(), 2);
}

#[cfg(feature = "import")]
mod import {
    use super::{START, runtime};
    use crate::{in_process, log, store_of, uid};
    use sessionlog::import::{Destination, Placed, Written};
    use sessionlog::stores::Waiting;
    use sessionlog::{SessionLog, Store};

    /// What a destination does, beginning with the same records in the store.
    fn both<T: std::fmt::Debug + PartialEq>(
        store: impl Fn() -> Store,
        act: impl Fn(&mut dyn Destination) -> T,
    ) -> T {
        let runtime = runtime();
        let (direct, called) = (store(), store());
        let by_calls = act(&mut Waiting::new(
            in_process(&called),
            runtime.handle().clone(),
        ));
        assert_eq!(act(&mut &direct), by_calls);
        let all = |store: &Store| {
            let logs = store.iter(&sessionlog::Query::all()).unwrap();
            logs.collect::<sessionlog::Result<Vec<_>>>().unwrap()
        };
        assert_eq!(all(&direct), all(&called));
        by_calls
    }

    /// New, there already, an end, a conflict, and no record at all.
    fn records() -> Vec<Placed> {
        let bob = SessionLog {
            user: "Bob".into(),
            ..log(3, START, None)
        };
        let logs = [
            log(10, START, None),
            log(1, START, None),
            log(2, START, Some("2015-06-01T09:00:00Z")),
            bob,
            log(0, START, None),
            log(11, START, None),
        ];
        let placed = |(at, log)| Placed {
            place: at as u64 + 1,
            log,
        };
        logs.into_iter().enumerate().map(placed).collect()
    }

    fn assert_counted(written: &Written) {
        let counts = [written.accepted, written.already_there, written.ended];
        assert_eq!(counts, [2, 1, 1]);
        let places = written.rejections.iter().map(|rejection| rejection.place);
        assert_eq!(places.collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn the_same_records_do_the_same() {
        let there = || (1..=3).map(|id| log(id, START, None));
        for batch in [0, 1, 2, 100] {
            let options = Store::options().batch_records_max(batch);
            let store = || {
                let store = options.clone().in_memory().unwrap();
                for log in there() {
                    store.append(log).unwrap();
                }
                store
            };
            assert_counted(&both(store, |to| to.write(records()).unwrap()));
        }
    }

    #[test]
    fn as_many_are_written_at_once() {
        let of = |count: u128| move || store_of((1..=count).map(|id| log(id, START, None)));
        assert_eq!(both(of(1), |to| to.records_at_once()), 100_000);
        assert_eq!(both(of(100_000), |to| to.records_at_once()), 20_000);
    }

    #[test]
    fn open_sessions_are_found_however_many_there_are() {
        for count in [0, 1, 999, 1_000, 1_001, 2_500] {
            let logs = move || {
                let open = (1..=count).map(|id| log(id, START, None));
                store_of(open.chain([log(5_000, START, Some(START))]))
            };
            let ids = both(logs, |to| {
                let mut ids = Vec::new();
                to.each_open(&mut |log| ids.push(log.refer_uid)).unwrap();
                ids
            });
            assert_eq!(ids, (1..=count).map(uid).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_store_that_fails_fails_the_import() {
        let closed = || {
            let store = store_of([]);
            store.clone().close().unwrap();
            store
        };
        let runtime = runtime();
        let mut to = Waiting::new(in_process(&closed()), runtime.handle().clone());
        assert!(to.write(records()).is_err());
        assert!(to.each_open(&mut |_| ()).is_err());
        assert_eq!(to.records_at_once(), 20_000);
    }
}
