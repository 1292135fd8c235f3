//! Many threads that append one session each at the same time, durably: how long each waits, and
//! how long a session takes when they are done together.

use crate::Result;
use crate::bench::{Bench, Subject};
use crate::figure::{Figure, Label};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 64;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let label = Label::new("threads", bench.sessions)
        .batch(1)
        .threads(THREADS);
    let waiting = bench.measure_writes(label.clone(), |subject| {
        let mut waited: Vec<Duration> = at_once(subject)?.iter().map(Span::length).collect();
        waited.sort_unstable();
        waited
            .get(THREADS / 2)
            .copied()
            .ok_or_else(|| "no thread".into())
    })?;
    let together = bench.measure_writes(label.unit("µs/session"), |subject| {
        let spans = at_once(subject)?;
        let begin = spans.iter().map(|span| span.begin).min();
        let end = spans.iter().map(|span| span.end).max();
        let (begin, end) = begin.zip(end).ok_or("no thread")?;
        Ok((end - begin) / u32::try_from(THREADS)?)
    })?;
    Ok([waiting, together].concat())
}

struct Span {
    begin: Instant,
    end: Instant,
}

impl Span {
    fn length(&self) -> Duration {
        self.end - self.begin
    }
}

/// Lets every thread append a session once all of them are there.
fn at_once(subject: &mut Subject) -> Result<Vec<Span>> {
    let logs = subject.arriving(THREADS);
    let (engine, barrier) = (&subject.engine, Barrier::new(THREADS));
    thread::scope(|scope| {
        let append = |log| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let begin = Instant::now();
                engine.append(vec![log])?;
                let end = Instant::now();
                Ok(Span { begin, end })
            })
        };
        let threads: Vec<_> = logs.into_iter().map(append).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Span>>| {
            thread.join().map_err(|_| "a thread panicked")?
        };
        threads.into_iter().map(join).collect()
    })
}
