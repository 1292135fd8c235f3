//! Durable commits of sessions as they arrive: of one each, in batches, and in batches for as long as
//! it takes an engine to do what it had put off.

use crate::Result;
use crate::bench::Bench;
use crate::figure::{Figure, Label};
use crate::measure::timed;
use std::time::Duration;

/// Those that are no larger than the store that they go to.
const BATCHES: [usize; 3] = [100, 1_000, 10_000];

/// Batches of a sustained ingest, with many times the sessions that ours merges at once.
const SUSTAINED_BATCHES: u32 = 400;
const SUSTAINED_BATCH: usize = 1_000;

/// A slow engine stops after so many budgets, and no sooner than after so many batches.
const SUSTAINED_BUDGETS: u32 = 60;
const SUSTAINED_BATCHES_MIN: u32 = 20;

pub(super) fn commits(bench: &mut Bench) -> Result<Vec<Figure>> {
    append(bench, "commits", 1)
}

pub(super) fn batches(bench: &mut Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let sessions = usize::try_from(bench.sessions)?;
    for batch in BATCHES.into_iter().filter(|batch| *batch <= sessions) {
        figures.extend(append(bench, "batches", batch)?);
    }
    Ok(figures)
}

/// The time of all batches together: waits for what an engine does behind them are a part of it.
pub(super) fn sustained(bench: &mut Bench) -> Result<Vec<Figure>> {
    let label = Label::new("sustained", bench.sessions);
    let label = label.batch(SUSTAINED_BATCH).unit("µs a session");
    let budget = bench.budget * SUSTAINED_BUDGETS;
    bench.each(|subject| {
        let (mut spent, mut batches) = (Duration::ZERO, 0_u32);
        while batches < SUSTAINED_BATCHES && (batches < SUSTAINED_BATCHES_MIN || spent < budget) {
            let logs = subject.arriving(SUSTAINED_BATCH);
            spent += timed(|| subject.engine.append(logs))?;
            batches += 1;
        }
        let sessions = f64::from(batches) * SUSTAINED_BATCH as f64;
        let micros = spent.as_secs_f64() * 1e6 / sessions;
        Ok(vec![Figure::once(subject.kind.name, label.clone(), micros)])
    })
}

fn append(bench: &mut Bench, work: &'static str, batch: usize) -> Result<Vec<Figure>> {
    let label = Label::new(work, bench.sessions).batch(batch);
    bench.measure_writes(label, |subject| {
        let logs = subject.arriving(batch);
        timed(|| subject.engine.append(logs))
    })
}
