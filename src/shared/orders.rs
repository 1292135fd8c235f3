//! Commits, merges and a rewriting hand over to each other in every order that the locks allow, whatever
//! becomes of the merges. After each step the store shows what was committed, and so does another that
//! opens its files as they are then.
//!
//! The steps are the product's own functions, called one after the other by one thread; only which
//! comes next, and how a merge ends, is chosen here.

use super::merge::Frozen;
use super::rewrite::Noting;
use super::*;
use crate::engine::unfinished;
use crate::format::dictionary::Identity;
use crate::log::LOGS;
use crate::main_index::{MAIN, MainCopy, MainReader, Steps};
use crate::query::Query;
use crate::session::{Checked, SessionLog, end_ticks};
use crate::storage::{MemoryStorage, Sharing};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Where the main index is when it cannot be opened.
const AWAY: &str = "away";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Append(u8),
    End(u8),
    Remove(u8),
    Freeze,
    BringIn(Ending),
    Thaw(Ending),
    Begin,
    Copy,
    Note,
    Follow,
    TakePlace,
}

/// How a merge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    Failed,
    /// It is done, but says that it has failed.
    DoneButFailed,
    /// It says that it has failed, and the main index cannot be opened to see whether it has.
    Unknown {
        is_done: bool,
    },
}

const ENDINGS: [Ending; 5] = [
    Ending::Done,
    Ending::Failed,
    Ending::DoneButFailed,
    Ending::Unknown { is_done: false },
    Ending::Unknown { is_done: true },
];

impl Ending {
    fn is_done(self) -> bool {
        matches!(
            self,
            Self::Done | Self::DoneButFailed | Self::Unknown { is_done: true }
        )
    }

    fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    fn merge(self) -> [Step; 3] {
        [Step::Freeze, Step::BringIn(self), Step::Thaw(self)]
    }
}

/// Every order of steps in which each actor takes its own in their order, and nobody needs the main
/// index while a merge has it.
fn orders(actors: &[&[Step]]) -> Vec<Vec<Step>> {
    let mut orders = Vec::new();
    extend(&mut Vec::new(), actors, &mut orders);
    orders
}

fn extend(begun: &mut Vec<Step>, actors: &[&[Step]], orders: &mut Vec<Vec<Step>>) {
    if actors.iter().all(|steps| steps.is_empty()) {
        return orders.push(begun.clone());
    }
    let is_frozen = begun.iter().rev().find_map(|step| match step {
        Step::Freeze => Some(true),
        Step::Thaw(_) => Some(false),
        _ => None,
    });
    for (at, steps) in actors.iter().enumerate() {
        let Some((next, rest)) = steps.split_first() else {
            continue;
        };
        let needs_main = matches!(next, Step::Begin | Step::Note | Step::TakePlace);
        if needs_main && is_frozen == Some(true) {
            continue;
        }
        let mut actors = actors.to_vec();
        actors[at] = rest;
        begun.push(*next);
        extend(begun, &actors, orders);
        begun.pop();
    }
}

fn options() -> Options {
    Options::default().shape(4, 3).cache_bytes(0)
}

fn opened(storage: &MemoryStorage) -> Arc<Shared> {
    let options = options();
    let lock = storage.lock(Sharing::Exclusive).unwrap();
    let shared = Shared::new(Arc::new(storage.clone()), options);
    shared.open(lock.into()).unwrap();
    shared.begin().unwrap();
    shared
}

/// The files as they are, as another process would find them.
fn copied(storage: &MemoryStorage) -> MemoryStorage {
    let copy = MemoryStorage::default();
    let names = [MAIN, LOGS[0], LOGS[1]].map(str::to_owned);
    for name in names.into_iter().chain([unfinished(MAIN)]) {
        if storage.exists(&name).unwrap() {
            let file = storage.open(&name).unwrap();
            let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
            file.read(0, &mut bytes).unwrap();
            copy.create(&name).unwrap().write(0, &bytes).unwrap();
        }
    }
    copy
}

fn id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

/// Two users, and a client of each session alone.
fn session(number: u8) -> SessionLog {
    SessionLog {
        refer_uid: id(number),
        user_refer_uid: id(100 + number % 2),
        user: format!("user {}", number % 2).into(),
        client_refer_uid: format!("client {number}").into(),
        session_start: DateTime::UNIX_EPOCH + TimeDelta::hours(number.into()),
        session_end: None,
    }
}

fn end() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(300)
}

fn logs(view: &View) -> Vec<SessionLog> {
    let logs = view.read(|view| {
        let answer = view.answer(&Query::all())?;
        answer.session_logs(0, answer.len())
    });
    logs.unwrap()
}

/// The store beside its model.
struct Run<'s> {
    storage: &'s MemoryStorage,
    shared: &'s Arc<Shared>,
    taken: Vec<Step>,
    /// What was committed, by number.
    expected: Vec<SessionLog>,
    /// What a merge has, from its freezing on.
    main: Option<MutexGuard<'s, Option<MainIndex>>>,
    frozen: Option<Frozen>,
    merged: Result<()>,
    rewriting: Option<Rewriting<'s>>,
    /// A merge has ended with the engine closed, which the next step has to see to.
    is_closed: bool,
    /// And a rewriting that was under way can have read from that.
    can_rewrite_fail: bool,
}

struct Rewriting<'s> {
    _noting: Noting<'s>,
    from: Arc<MainReader>,
    copy: Option<MainCopy>,
    noted: Option<(Arc<MainReader>, Vec<Uuid>)>,
}

impl<'s> Run<'s> {
    fn new(storage: &'s MemoryStorage, shared: &'s Arc<Shared>) -> Self {
        Self {
            storage,
            shared,
            taken: Vec::new(),
            expected: logs(&shared.view().unwrap()),
            main: None,
            frozen: None,
            merged: Ok(()),
            rewriting: None,
            is_closed: false,
            can_rewrite_fail: false,
        }
    }

    fn take(&mut self, step: Step) {
        self.taken.push(step);
        self.is_closed = matches!(step, Step::Thaw(ending) if ending.is_unknown());
        match step {
            Step::Append(number) => self.append(session(number)),
            Step::End(number) => self.end(number),
            Step::Remove(number) => {
                let removed = self
                    .shared
                    .write(1, move |resolver| resolver.remove(id(number)));
                let at = self.position(number);
                assert_eq!(removed.unwrap(), self.expected.remove(at.unwrap()));
            }
            Step::Freeze => self.freeze(),
            Step::BringIn(ending) => self.bring_in(ending),
            Step::Thaw(ending) => self.thaw(ending),
            Step::Begin => self.begin(),
            Step::Copy | Step::Note | Step::Follow | Step::TakePlace => {
                let done = self.rewrite(step);
                if let Err(error) = done {
                    assert!(self.can_rewrite_fail, "{error:?}");
                    self.rewriting = None;
                    self.storage.remove(&unfinished(MAIN)).unwrap();
                }
            }
        }
    }

    fn position(&self, number: u8) -> Result<usize, usize> {
        self.expected
            .binary_search_by_key(&id(number), |log| log.refer_uid)
    }

    fn append(&mut self, log: SessionLog) {
        let at = self
            .expected
            .partition_point(|known| known.refer_uid < log.refer_uid);
        self.expected.insert(at, log.clone());
        let checked = Checked::new(log).unwrap();
        let written = self
            .shared
            .write(1, move |resolver| resolver.append(&checked));
        written.unwrap();
    }

    fn end(&mut self, number: u8) {
        let ticks = end_ticks(end()).unwrap();
        let ended = self
            .shared
            .write(1, move |resolver| resolver.end(id(number), ticks));
        ended.unwrap();
        let at = self.position(number).unwrap();
        self.expected[at].session_end = Some(end());
    }

    fn freeze(&mut self) {
        let mut main = self.shared.lock_main();
        self.shared.recover_main(&mut main).unwrap();
        self.frozen = self.shared.freeze().unwrap();
        self.main = Some(main);
    }

    fn bring_in(&mut self, ending: Ending) {
        let Some(frozen) = &self.frozen else {
            return;
        };
        let main = self.main.as_ref().unwrap();
        match ending.is_done() {
            true => self.shared.bring_frozen_in(main, frozen).unwrap(),
            false => self.shared.rewrites.merging(&frozen.view.delta),
        }
        self.merged = match ending {
            Ending::Done => Ok(()),
            _ => Err(Error::new(ErrorKind::Unavailable, "the storage has failed")),
        };
    }

    fn thaw(&mut self, ending: Ending) {
        let mut main = self.main.take().unwrap();
        let Some(frozen) = self.frozen.take() else {
            return;
        };
        let merged = std::mem::replace(&mut self.merged, Ok(()));
        if !ending.is_unknown() {
            let thawed = self.shared.thaw(&mut main, frozen.through, merged);
            return assert_eq!(thawed.is_ok(), ending.is_done());
        }
        self.can_rewrite_fail |= self.rewriting.is_some();
        main.take().unwrap().abandon();
        self.storage.rename(MAIN, AWAY).unwrap();
        let thawed = self.shared.thaw(&mut main, frozen.through, merged);
        assert!(thawed.is_err());
        self.storage.rename(AWAY, MAIN).unwrap();
    }

    fn begin(&mut self) {
        let mut main = self.shared.lock_main();
        self.shared.recover_main(&mut main).unwrap();
        self.can_rewrite_fail = false;
        self.rewriting = Some(Rewriting {
            _noting: Noting::begin(&self.shared.rewrites),
            from: Arc::clone(&self.shared.view().unwrap().main),
            copy: None,
            noted: None,
        });
    }

    fn rewrite(&mut self, step: Step) -> Result<()> {
        let shared = self.shared;
        let Some(rewriting) = &mut self.rewriting else {
            return Ok(());
        };
        match step {
            Step::Copy => {
                let from = Arc::clone(&rewriting.from);
                let mut told = |_, _| ();
                let copy = shared.copied(Rewrite::Clean, from, &mut Steps::new(&mut told))?;
                rewriting.copy = Some(copy);
            }
            Step::Note => rewriting.noted = Some(shared.noted()?),
            Step::Follow => {
                let (other, changed) = rewriting.noted.take().unwrap();
                rewriting.copy.as_mut().unwrap().follow(&other, &changed)?;
            }
            _ => {
                let copy = rewriting.copy.take().unwrap();
                shared.take_place(Rewrite::Clean, copy)?;
                self.rewriting = None;
            }
        }
        Ok(())
    }

    /// Both this store and one that opens its files as they are now have what was committed.
    fn check(&self, after: Step) {
        if !self.is_closed {
            self.shows(self.shared);
        }
        if matches!(after, Step::Freeze | Step::Begin | Step::Note) {
            // No file has changed.
            return;
        }
        let other = opened(&copied(self.storage));
        self.shows(&other);
        if matches!(after, Step::BringIn(_) | Step::TakePlace) {
            let verified = other.verify(&mut |_, _| ()).unwrap();
            assert_eq!(verified.faults, Vec::<String>::new(), "{:?}", self.taken);
        }
    }

    fn shows(&self, shared: &Shared) {
        let shown = logs(&shared.view().unwrap());
        assert_eq!(shown, self.expected, "{:?}", self.taken);
    }
}

/// A store with two sessions, both of them in the main index.
fn beginning() -> MemoryStorage {
    let storage = MemoryStorage::default();
    Files::create(&storage, Identity::new(id(255)), options().setup()).unwrap();
    let shared = opened(&storage);
    let mut run = Run::new(&storage, &shared);
    run.take(Step::Append(1));
    run.take(Step::Append(2));
    drop(run);
    shared.close().unwrap();
    storage
}

/// Takes the steps in each of these orders, and answers how many orders there were.
fn try_all(orders: &[Vec<Step>]) -> usize {
    let beginning = beginning();
    let mut before: &[Step] = &[];
    for order in orders {
        let storage = copied(&beginning);
        let shared = opened(&storage);
        let mut run = Run::new(&storage, &shared);
        // What begins alike was checked so far.
        let alike = order.iter().zip(before).take_while(|(a, b)| a == b);
        let checked = alike.count();
        for (at, step) in order.iter().enumerate() {
            run.take(*step);
            if at >= checked {
                run.check(*step);
            }
        }
        shared.close().unwrap();
        run.shows(&opened(&storage));
        before = order;
    }
    orders.len()
}

#[test]
fn whenever_commits_come_and_however_merges_end_each_commit_is_there_once() {
    let commits = [Step::Append(3), Step::End(1), Step::Remove(3)];
    let mut count = 0;
    for first in ENDINGS {
        for second in ENDINGS {
            let merges = [first.merge(), second.merge()].concat();
            count += try_all(&orders(&[&commits, &merges]));
        }
    }
    assert_eq!(count, 25 * 84);
}

#[test]
fn whenever_a_copy_takes_the_place_of_the_main_index_it_has_every_commit_once() {
    let rewrite = [
        Step::Begin,
        Step::Copy,
        Step::Note,
        Step::Follow,
        Step::TakePlace,
    ];
    let mut count = 0;
    for ending in ENDINGS {
        for commits in [
            [Step::End(1), Step::Append(3)],
            [Step::Remove(2), Step::Append(2)],
        ] {
            count += try_all(&orders(&[&commits, &ending.merge(), &rewrite]));
        }
    }
    // Of 2 520 orders those in which nobody else needs the main index while a merge has it.
    assert_eq!(count, 10 * 450);
}
