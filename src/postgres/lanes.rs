//! Single calls that come at the same time share transactions.

use super::change::Layout;
use super::engine::Engine;
use super::failure::Failure;
use super::write::{Call, Calls};
use crate::error::{Error, ErrorKind, Result};
use crate::session::Outcome;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The most calls in one transaction.
const TOGETHER_MAX: usize = 1_000;

/// Where single calls wait: each session always in the same lane, so that calls about it are done in
/// the order in which they come.
#[derive(Debug, Clone)]
pub(super) struct Lanes(Vec<mpsc::Sender<Waiting>>);

#[derive(Debug)]
struct Waiting {
    call: Call,
    answer: oneshot::Sender<Result<Outcome>>,
}

impl Lanes {
    /// Starts so many, one at least; they end with the last handle.
    pub(super) fn start(engine: &Arc<Engine>, lanes: usize) -> Self {
        let lane = |_| {
            let (calls, waiting) = mpsc::channel(TOGETHER_MAX);
            tokio::spawn(run(Arc::clone(engine), waiting));
            calls
        };
        Self((0..lanes.max(1)).map(lane).collect())
    }

    /// Has a call done with those that wait beside it.
    pub(super) async fn run(&self, call: Call) -> Result<Outcome> {
        let (answer, answered) = oneshot::channel();
        let slot = usize::from(call.key().0.unsigned_abs());
        let waiting = Waiting { call, answer };
        let lane = self.0.get(slot % self.0.len().max(1));
        let lane = lane.ok_or_else(gone)?;
        lane.send(waiting).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// The runtime that the lanes were started on has ended.
fn gone() -> Error {
    let message =
        "the runtime that wrote to the database has ended; writing the same again is safe";
    Error::new(ErrorKind::Unavailable, message)
}

async fn run(engine: Arc<Engine>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut together = Vec::new();
    while waiting.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        for group in groups(&engine.layout, std::mem::take(&mut together)) {
            write(&engine, group).await;
        }
    }
}

/// What goes in one transaction each: on Citus the calls of one slot, whose commit concerns one node.
fn groups(layout: &Layout, mut calls: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    if !layout.dialect.is_citus() {
        return vec![calls];
    }
    calls.sort_by_key(|waiting| waiting.call.key().0);
    let mut groups: Vec<Vec<Waiting>> = Vec::new();
    for waiting in calls {
        let slot = waiting.call.key().0;
        match groups.last_mut() {
            Some(group)
                if group
                    .first()
                    .is_some_and(|first| first.call.key().0 == slot) =>
            {
                group.push(waiting);
            }
            _ => groups.push(vec![waiting]),
        }
    }
    groups
}

async fn write(engine: &Engine, group: Vec<Waiting>) {
    let (calls, answers): (Vec<_>, Vec<_>) = group
        .into_iter()
        .map(|waiting| (waiting.call, waiting.answer))
        .unzip();
    let outcomes = match engine.try_write(&Calls(&calls)).await {
        // What is wrong with one session is no fault of the others.
        Err(Failure::Final(_)) if calls.len() > 1 => one_by_one(engine, &calls).await,
        written => shared(written, &calls),
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Nobody may be there to hear any more.
        let _ = answer.send(outcome);
    }
}

/// Does calls in a transaction each. Once the database fails at one of them, those about the same session
/// have failed with it, and the others are done together again.
async fn one_by_one(engine: &Engine, calls: &[Call]) -> Vec<Result<Outcome>> {
    let mut outcomes = Vec::with_capacity(calls.len());
    let mut left = calls;
    while let Some((call, behind)) = left.split_first() {
        left = behind;
        match write_one(engine, call).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                let error = Arc::new(error);
                outcomes.push(Err(copy_of(&error)));
                outcomes.extend(without(engine, call, &error, behind).await);
                break;
            }
            outcome => outcomes.push(outcome),
        }
    }
    outcomes
}

/// What becomes of the calls behind one that has failed.
async fn without(
    engine: &Engine,
    failed: &Call,
    failure: &Arc<Error>,
    calls: &[Call],
) -> Vec<Result<Outcome>> {
    let is_other = |call: &&Call| call.key() != failed.key();
    let others: Vec<Call> = calls.iter().filter(is_other).cloned().collect();
    let written = match others.is_empty() {
        true => Ok(Vec::new()),
        false => engine.try_write(&Calls(&others)).await,
    };
    let mut written = shared(written, &others).into_iter();
    let calls = calls.iter();
    let outcome = |call: &Call| match is_other(&call) {
        true => written.next().unwrap_or_else(|| Err(gone())),
        false => Err(copy_of(failure)),
    };
    calls.map(outcome).collect()
}

async fn write_one(engine: &Engine, call: &Call) -> Result<Outcome> {
    let mut one = engine.write(&Calls(std::slice::from_ref(call))).await?;
    one.pop().unwrap_or_else(|| Err(gone()))
}

/// What each of the calls of a transaction is answered.
fn shared(written: Result<Vec<Result<Outcome>>, Failure>, calls: &[Call]) -> Vec<Result<Outcome>> {
    written.unwrap_or_else(|failure| {
        let error = Arc::new(failure.into_error());
        calls.iter().map(|_| Err(copy_of(&error))).collect()
    })
}

/// The same error for each of those who share a transaction.
fn copy_of(error: &Arc<Error>) -> Error {
    Error::new(error.kind(), error.to_string()).caused_by(Arc::clone(error))
}
