//! Durable commits of sessions as they arrive: of one each, and in batches.

use crate::Result;
use crate::bench::Bench;
use crate::figure::{Figure, Label};
use crate::measure::timed;

/// Those that are no larger than the store that they go to.
const BATCHES: [usize; 3] = [100, 1_000, 10_000];

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

fn append(bench: &mut Bench, work: &'static str, batch: usize) -> Result<Vec<Figure>> {
    let label = Label::new(work, bench.sessions).batch(batch);
    bench.measure_writes(label, |subject| {
        let logs = subject.arriving(batch);
        timed(|| subject.engine.append(logs))
    })
}
