//! Many threads that append one session at a time each, durably: how long each waits, and how long a
//! session takes them together.

use crate::Result;
use crate::bench::{Bench, Subject};
use crate::figure::{Figure, Label};
use sessionlog::SessionLog;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 64;

/// How many sessions each thread appends, one after the other: enough for its start not to count.
const EACH: usize = 16;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let label = Label::new("threads", bench.sessions)
        .batch(1)
        .threads(THREADS);
    let waiting = bench.measure_writes(label.clone(), |subject| {
        let mut waited: Vec<Duration> = at_once(subject)?.iter().map(Span::length).collect();
        waited.sort_unstable();
        waited
            .get(THREADS * EACH / 2)
            .copied()
            .ok_or_else(|| "no thread".into())
    })?;
    let together = bench.measure_writes(label.unit("µs/session"), |subject| {
        let spans = at_once(subject)?;
        let begin = spans.iter().map(|span| span.begin).min();
        let end = spans.iter().map(|span| span.end).max();
        let (begin, end) = begin.zip(end).ok_or("no thread")?;
        Ok((end - begin) / u32::try_from(THREADS * EACH)?)
    })?;
    Ok([waiting, together].concat())
}

#[derive(Clone, Copy)]
struct Span {
    begin: Instant,
    end: Instant,
}

impl Span {
    fn length(&self) -> Duration {
        self.end - self.begin
    }
}

/// Lets every thread append its sessions once all of them are there.
fn at_once(subject: &mut Subject) -> Result<Vec<Span>> {
    let mut logs = subject.arriving(THREADS * EACH);
    let (engine, barrier) = (&subject.engine, Barrier::new(THREADS));
    thread::scope(|scope| {
        let append = |logs: Vec<SessionLog>| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let spans = logs.into_iter().map(|log| {
                    let begin = Instant::now();
                    engine.append(vec![log])?;
                    let end = Instant::now();
                    Ok(Span { begin, end })
                });
                spans.collect()
            })
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|_| append(logs.split_off(logs.len() - EACH)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Vec<Span>>>| {
            thread.join().map_err(|_| "a thread panicked")?
        };
        let spans = threads.into_iter().map(join).collect::<Result<Vec<_>>>()?;
        Ok(spans.concat())
    })
}
