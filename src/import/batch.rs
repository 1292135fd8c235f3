//! Records on their way to their destination, and what became of them.

use crate::SessionLog;
use crate::import::{Destination, ImportError, Observer, Placed, Rejection, SoFar, Summary};
use std::fmt::Display;

/// Bytes of texts that are kept at most, about: lines of any length could be many.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Collects records and rejections, and settles them together.
pub(super) struct Batch<'a> {
    destination: &'a mut dyn Destination,
    observer: &'a mut dyn Observer,
    /// Records that are written at a time.
    at_once: usize,
    /// What comes up to this place was settled by an earlier import.
    resume_after: u64,
    records: Vec<Placed>,
    rejections: Vec<Rejection>,
    /// What the input has for each place, ascending, if the observer wants it.
    texts: Vec<(u64, Box<str>)>,
    text_bytes: usize,
    so_far: SoFar,
    /// Records of input that were settled.
    settled: u64,
    summary: Summary,
}

impl<'a> Batch<'a> {
    /// For a destination that has begun.
    pub(super) fn new(
        destination: &'a mut dyn Destination,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self {
            at_once: destination.records_at_once().max(1),
            resume_after: destination.resume_after(),
            destination,
            observer,
            records: Vec::new(),
            rejections: Vec::new(),
            texts: Vec::new(),
            text_bytes: 0,
            so_far: SoFar::default(),
            settled: 0,
            summary: Summary::default(),
        }
    }

    /// What the input has at `place`, before what is made of it: places ascend.
    pub(super) fn text(&mut self, place: u64, text: &[u8]) {
        if place > self.resume_after && self.observer.wants_text() {
            let text: Box<str> = String::from_utf8_lossy(text).into();
            self.text_bytes += text.len();
            self.texts.push((place, text));
        }
    }

    pub(super) fn push(&mut self, place: u64, log: SessionLog) {
        if place > self.resume_after {
            self.records.push(Placed { place, log });
        }
    }

    pub(super) fn reject(&mut self, place: u64, reason: &impl Display) {
        if place > self.resume_after {
            self.rejections.push(Rejection::new(place, reason));
        }
    }

    /// One more record of the input, the one at `place`, is dealt with; `bytes` have been read so far.
    pub(super) fn dealt(&mut self, place: u64, bytes: u64) -> Result<(), ImportError> {
        let records = self.so_far.records + 1;
        self.so_far = SoFar {
            bytes,
            records,
            place,
        };
        let is_due = records - self.settled >= self.at_once as u64;
        let is_full = self.records.len() >= self.at_once || self.text_bytes >= TEXT_BYTES_MAX;
        let is_wanted = self.observer.read(self.so_far);
        if is_due || is_full || is_wanted {
            self.settle()?;
        }
        Ok(())
    }

    /// The end of the input, after so many bytes.
    pub(super) fn finish(mut self, bytes: u64) -> Result<Summary, ImportError> {
        self.so_far.bytes = bytes;
        self.settle()?;
        Ok(self.summary)
    }

    /// The end of an input that failed. What came before is good and is not to be lost.
    pub(super) fn broken(mut self, error: ImportError) -> ImportError {
        self.settle().err().unwrap_or(error)
    }

    /// Writes what was collected, and reports what was not taken.
    fn settle(&mut self) -> Result<(), ImportError> {
        let mut records = std::mem::take(&mut self.records).into_iter();
        // One record of the input can end any number of sessions.
        while records.len() > 0 {
            let chunk = records.by_ref().take(self.at_once).collect();
            let written = self.destination.write(chunk)?;
            self.summary.accepted += written.accepted;
            self.summary.already_there += written.already_there;
            self.summary.ended += written.ended;
            self.rejections.extend(written.rejections);
        }
        self.report()?;
        self.settled = self.so_far.records;
        let told = self.observer.advanced(self.so_far);
        told.map_err(ImportError::Rejections)
    }

    fn report(&mut self) -> Result<(), ImportError> {
        self.rejections.sort_by_key(|rejection| rejection.place);
        for mut rejection in self.rejections.drain(..) {
            let place = |(place, _): &(u64, Box<str>)| *place;
            let text = self.texts.binary_search_by_key(&rejection.place, place);
            let text = text.ok().and_then(|index| self.texts.get_mut(index));
            rejection.text = text.map(|(_, text)| std::mem::take(text).into_string());
            self.summary.rejected += 1;
            let told = self.observer.rejected(&rejection);
            told.map_err(ImportError::Rejections)?;
        }
        self.texts.clear();
        self.text_bytes = 0;
        Ok(())
    }
}
