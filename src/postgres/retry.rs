//! For how long, and after which pauses, what failed in passing is tried again.

use super::failure::Failure;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest first pause; each one after it may be twice as long.
const FIRST: Duration = Duration::from_millis(20);

/// What is longer is no longer.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(1);

/// Numbers that pauses are drawn with: those of one seed are the same again.
#[derive(Debug)]
pub(super) struct Chance(AtomicU64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    fn next(&self) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(GOLDEN, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between a half and all of a pause.
    fn of(&self, pause: Duration) -> Duration {
        let share = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        let half = pause / 2;
        half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(super) struct Attempts<'c> {
    chance: &'c Chance,
    timeout: Duration,
    /// Known from the first failure on: how long that took to come is not its fault.
    until: Option<Instant>,
    longest: Duration,
}

impl<'c> Attempts<'c> {
    pub(super) fn new(chance: &'c Chance, timeout: Duration) -> Self {
        Self {
            chance,
            timeout,
            until: None,
            longest: FIRST,
        }
    }

    /// Waits for the next attempt.
    ///
    /// # Errors
    ///
    /// This failure, if another attempt would be in vain, or there is no more time for it.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        if matches!(failure, Failure::Final(_)) {
            return Err(failure);
        }
        let now = Instant::now();
        let until = now + self.timeout.min(FOREVER);
        let until = *self.until.get_or_insert(until);
        let pause = self.chance.of(self.longest);
        if now + pause > until {
            return Err(failure);
        }
        self.longest = (self.longest * 2).min(LONGEST);
        sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    #[test]
    fn pauses_of_a_seed_are_the_same_again_and_lie_between_half_and_whole() {
        let draw = || {
            let chance = Chance::new(7);
            (0..100).map(|_| chance.of(LONGEST)).collect::<Vec<_>>()
        };
        let pauses = draw();
        assert_eq!(pauses, draw());
        let range = LONGEST / 2..=LONGEST;
        assert!(
            pauses.iter().all(|pause| range.contains(pause)),
            "{pauses:?}"
        );
        assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_the_last_failure_once_their_time_is_over() {
        let chance = Chance::new(1);
        let mut attempts = Attempts::new(&chance, Duration::from_secs(20));
        let begun = Instant::now();
        let mut count = 0;
        let error = loop {
            let failure =
                Failure::Passing(Error::new(ErrorKind::Unavailable, format!("no {count}")));
            match attempts.again(failure).await {
                Ok(()) => count += 1,
                Err(failure) => break failure.into_error(),
            }
        };
        assert_eq!(error.to_string(), format!("no {count}"));
        assert!(
            begun.elapsed() > Duration::from_secs(18),
            "{:?}",
            begun.elapsed()
        );
        assert!((20..50).contains(&count), "{count}");
        let refused = Failure::Final(Error::invalid("user", "is wrong"));
        let mut attempts = Attempts::new(&chance, Duration::from_secs(20));
        assert!(attempts.again(refused).await.is_err());
    }
}
