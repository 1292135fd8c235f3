//! What waits for what: commits for whatever an engine does behind them, and pages for a writer.
//!
//! `stalls` appends, durably, ten sessions at a time, for long enough that ours merges a few times,
//! and tells how long the slowest in a thousand commits take. `beside` asks for the first page of
//! each filter in turn while a thread appends a hundred sessions at a time.

use crate::Result;
use crate::bench::{Bench, Subject};
use crate::figure::{Figure, Label};
use crate::measure::{Samples, timed};
use crate::question::{self, Question};
use sessionlog::SessionLog;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Sessions of a commit whose stall is measured.
const STALL_BATCH: usize = 10;

/// Five times as many sessions as start a merge of ours.
const STALL_COMMITS: usize = 5 * 16_384 / STALL_BATCH;

/// A slow engine stops after so many budgets, and no sooner than after so many commits.
const STALL_BUDGETS: u32 = 20;
const STALL_COMMITS_MIN: usize = 100;

/// Sessions of a commit beside which pages are measured.
const BESIDE_BATCH: usize = 100;

pub(super) fn stalls(bench: &mut Bench) -> Result<Vec<Figure>> {
    let label = Label::new("stalls", bench.sessions).batch(STALL_BATCH);
    let budget = bench.budget * STALL_BUDGETS;
    bench.each(|subject| {
        let begin = Instant::now();
        let goes_on = |done: &usize| *done < STALL_COMMITS_MIN || begin.elapsed() < budget;
        let commits = (0..STALL_COMMITS).take_while(goes_on);
        let times = commits.map(|_| {
            let logs = subject.arriving(STALL_BATCH);
            timed(|| subject.engine.append(logs))
        });
        let mut samples: Samples = times.collect::<Result<_>>()?;
        let slowest = samples.micros_at(0.999);
        let label = label.clone();
        Ok(vec![
            Figure::of_samples(subject.kind.name, label.clone(), samples),
            Figure::once(subject.kind.name, label.unit("µs, p99.9"), slowest),
        ])
    })
}

pub(super) fn pages(bench: &mut Bench) -> Result<Vec<Figure>> {
    let label = Label::new("beside", bench.sessions).batch(BESIDE_BATCH);
    let questions = question::first_pages(bench.profile())?;
    let budget = bench.budget;
    bench.each(|subject| {
        let samples = beside_a_writer(subject, &questions, budget)?;
        Ok(vec![Figure::of_samples(
            subject.kind.name,
            label.clone(),
            samples,
        )])
    })
}

fn beside_a_writer(
    subject: &mut Subject,
    questions: &[Question],
    budget: Duration,
) -> Result<Samples> {
    let is_over = AtomicBool::new(false);
    let (engine, arrivals) = (&*subject.engine, &mut subject.arrivals);
    let (times, stored) = thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<u64> {
            let mut stored = 0;
            while !is_over.load(Ordering::Relaxed) {
                let logs: Vec<SessionLog> = arrivals.by_ref().take(BESIDE_BATCH).collect();
                stored += logs.len() as u64;
                engine.append(logs)?;
            }
            Ok(stored)
        });
        let begin = Instant::now();
        let asked = questions.iter().cycle();
        let times = asked
            .take_while(|_| begin.elapsed() < budget)
            .map(|question| timed(|| engine.page(question)));
        let times = times.collect::<Result<Samples>>();
        is_over.store(true, Ordering::Relaxed);
        let stored = writer.join().map_err(|_| "the writer panicked")?;
        Ok::<_, crate::Error>((times?, stored?))
    })?;
    subject.stored += stored;
    Ok(times)
}
