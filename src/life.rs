//! Whether a store is open, suspended or closed, and which of its openings something belongs to.
//!
//! What was read in one opening must not be taken for what is there in the next: somebody else may have
//! had the files in between.

use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The life of a store, which all that belongs to it shares.
#[derive(Debug)]
pub(crate) struct Life {
    /// The number of the opening: even while the store is open, odd while it is not.
    now: AtomicU64,
    suspending: AtomicU32,
    closing: AtomicU32,
}

/// Never the number of an opening.
const CLOSED: u64 = u64::MAX;

/// How an opening ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Suspended,
    Closed,
}

impl End {
    fn to_error(self) -> Error {
        match self {
            Self::Suspended => {
                let message = "the store is suspended: resume it first";
                Error::new(ErrorKind::Suspended, message)
            }
            Self::Closed => Error::closed(),
        }
    }
}

impl Life {
    /// Of a store that was not opened yet: to all who ask, it is suspended.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(1),
            suspending: AtomicU32::new(0),
            closing: AtomicU32::new(0),
        })
    }

    /// How the last opening has ended; `None` while the store is open.
    pub(crate) fn ended(&self) -> Option<End> {
        match self.now.load(Ordering::Acquire) {
            CLOSED => Some(End::Closed),
            number if number % 2 == 1 => Some(End::Suspended),
            _ => None,
        }
    }

    /// What a call is told that has found the store without files. It may be open again by now.
    pub(crate) fn gone(&self) -> Error {
        self.ended().unwrap_or(End::Suspended).to_error()
    }

    /// The next opening begins. Whoever calls this or [`end`](Self::end) keeps all others from it.
    pub(crate) fn begin(self: &Arc<Self>) -> Opened {
        let number = self.now.load(Ordering::Acquire) + 1;
        self.now.store(number, Ordering::Release);
        Opened {
            life: Arc::clone(self),
            number,
        }
    }

    /// This opening ends; what is closed stays so.
    pub(crate) fn end(&self, end: End) {
        let number = match end {
            End::Suspended => self.now.load(Ordering::Acquire) | 1,
            End::Closed => CLOSED,
        };
        self.now.store(number, Ordering::Release);
    }

    /// Somebody is about to end this opening, as long as the answer lives: what takes long is to be
    /// given up.
    pub(crate) fn ending(&self, end: End) -> Ending<'_> {
        let by = match end {
            End::Suspended => &self.suspending,
            End::Closed => &self.closing,
        };
        by.fetch_add(1, Ordering::AcqRel);
        Ending(by)
    }

    fn about_to_end(&self) -> Option<End> {
        if self.closing.load(Ordering::Acquire) > 0 {
            return Some(End::Closed);
        }
        let is_suspending = self.suspending.load(Ordering::Acquire) > 0;
        is_suspending.then_some(End::Suspended)
    }

    /// Whether the store is not open, or is about to be so no longer.
    pub(crate) fn is_ending(&self) -> bool {
        self.check_lasting().is_err()
    }

    /// For what takes long, and is not to be begun either once the opening is about to end.
    ///
    /// # Errors
    ///
    /// `Suspended` or `Closed` if the store is, or is about to be.
    pub(crate) fn check_lasting(&self) -> Result<()> {
        let end = self.ended().or(self.about_to_end());
        end.map_or(Ok(()), |end| Err(end.to_error()))
    }
}

/// See [`Life::ending`].
#[derive(Debug)]
pub(crate) struct Ending<'l>(&'l AtomicU32);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One opening of a store.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    life: Arc<Life>,
    number: u64,
}

impl Opened {
    /// # Errors
    ///
    /// `Closed` or `Suspended` if the store is; `Expired` if it was opened again.
    pub(crate) fn check(&self) -> Result<()> {
        if self.life.now.load(Ordering::Acquire) == self.number {
            return Ok(());
        }
        let expired = || Error::expired("the store was suspended");
        Err(self.life.ended().map_or_else(expired, End::to_error))
    }

    /// As [`check`](Self::check), for what takes long: it is given up if the opening is about to end.
    ///
    /// # Errors
    ///
    /// Those of it.
    pub(crate) fn check_lasting(&self) -> Result<()> {
        self.check()?;
        self.life.check_lasting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(result: Result<()>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn what_belongs_to_an_opening_ends_with_it_and_does_not_come_back_with_the_next() {
        let life = Life::new();
        assert_eq!(life.gone().kind(), ErrorKind::Suspended);
        let first = life.begin();
        assert_eq!((life.ended(), kind(first.check())), (None, None));
        life.end(End::Suspended);
        life.end(End::Suspended);
        assert_eq!(kind(first.check()), Some(ErrorKind::Suspended));
        let second = life.begin();
        assert_eq!(kind(first.check()), Some(ErrorKind::Expired));
        assert_eq!(kind(second.check()), None);
        life.end(End::Closed);
        for opened in [first, second] {
            assert_eq!(kind(opened.check()), Some(ErrorKind::Closed));
        }
        assert_eq!(life.gone().kind(), ErrorKind::Closed);
    }

    #[test]
    fn what_takes_long_is_given_up_while_anybody_is_about_to_end_the_opening() {
        let life = Life::new();
        let opened = life.begin();
        let lasting = || kind(opened.check_lasting());
        let one = life.ending(End::Suspended);
        let other = life.ending(End::Closed);
        assert_eq!(lasting(), Some(ErrorKind::Closed));
        drop(other);
        assert_eq!(lasting(), Some(ErrorKind::Suspended));
        assert!(life.is_ending());
        assert_eq!(kind(opened.check()), None);
        drop(one);
        assert_eq!((lasting(), life.is_ending()), (None, false));
    }
}
