//! Repeats calls within a budget of time, engines in turn.
//!
//! Each engine has its calls in several slices between those of the others, so that what else the
//! machine does hits all alike; within a slice its calls follow each other, so that it is not
//! charged for caches that another has swept.

use crate::Result;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Slices that a budget is spent in, after one to warm up.
const SLICES: u32 = 10;

/// However long they take.
const SAMPLES_MIN: usize = 3;

/// How long the calls of one engine took.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// The time that this share of the calls did not exceed, in microseconds.
    pub(crate) fn micros_at(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * share).ceil();
        #[expect(clippy::cast_possible_truncation, reason = "no more than the length")]
        let at = (rank as usize).saturating_sub(1);
        self.0
            .get(at)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }

    pub(crate) fn median(&mut self) -> f64 {
        self.micros_at(0.5)
    }

    pub(crate) fn p99(&mut self) -> f64 {
        self.micros_at(0.99)
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// How long a call takes, its answer dropped within.
pub(crate) fn timed<T>(call: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let begin = Instant::now();
    drop(black_box(call()?));
    Ok(begin.elapsed())
}

/// Calls each subject again and again until its budget is spent.
///
/// `call` tells what to record; the budget is spent by all it does, preparations included.
pub(crate) fn in_turn<S>(
    budget: Duration,
    subjects: &mut [S],
    mut call: impl FnMut(&mut S) -> Result<Duration>,
) -> Result<Vec<Samples>> {
    let slice = budget / SLICES;
    for subject in subjects.iter_mut() {
        for_a_slice(slice, || call(subject).map(drop))?;
    }
    let mut turns: Vec<Turn> = subjects.iter().map(|_| Turn::default()).collect();
    while turns.iter().any(|turn| turn.goes_on(budget)) {
        for (subject, turn) in subjects.iter_mut().zip(&mut turns) {
            if turn.goes_on(budget) {
                let samples = &mut turn.samples.0;
                turn.spent += for_a_slice(slice, || {
                    samples.push(call(subject)?);
                    Ok(())
                })?;
            }
        }
    }
    Ok(turns.into_iter().map(|turn| turn.samples).collect())
}

#[derive(Default)]
struct Turn {
    samples: Samples,
    spent: Duration,
}

impl Turn {
    fn goes_on(&self, budget: Duration) -> bool {
        self.spent < budget || self.samples.0.len() < SAMPLES_MIN
    }
}

/// Calls once, and again until the slice is over; tells how long it was.
fn for_a_slice(slice: Duration, mut call: impl FnMut() -> Result<()>) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        call()?;
        let elapsed = begin.elapsed();
        if elapsed >= slice {
            return Ok(elapsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p99_are_of_the_samples() {
        let mut samples = Samples((1..=200).rev().map(Duration::from_micros).collect());
        assert_eq!(samples.median().round(), 100.0);
        assert_eq!(samples.p99().round(), 198.0);
    }

    #[test]
    fn a_slow_subject_is_called_a_few_times_and_a_fast_one_until_its_budget_is_spent() {
        let mut subjects = [Duration::from_millis(30), Duration::from_micros(50)];
        let samples = in_turn(Duration::from_millis(20), &mut subjects, |time| {
            std::thread::sleep(*time);
            Ok(*time)
        });
        let counts: Vec<usize> = samples.unwrap().iter().map(|s| s.0.len()).collect();
        assert_eq!(counts[0], SAMPLES_MIN);
        assert!(counts[1] > 10, "{counts:?}");
    }
}
