//! Moving in and out: all sessions of one store into another, day by day.

use super::connection::{Access, Transaction};
use super::counters::{Counting, Deltas};
use super::days::{DayReader, DayRows, READ_AT_ONCE, WRITTEN_AT_ONCE, compare, day_of, digest_of};
use super::digest::{AllDigests, Digest, Digests};
use super::engine::Engine;
use super::failure::Failure;
use super::rows::{RECORD, RECORD_TYPES, Stored};
use super::sql::by_node;
use super::store::Postgres;
use crate::error::Result;
use crate::query::Query;
use crate::session::{Outcome, SessionLog};
use crate::stores::SessionLogStore;
use crate::time::{Bucket, Ticks};
use crate::verify::Progress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::mem::take;
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

/// What [`Postgres::copy_from`] or [`Postgres::copy_to`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Copied {
    /// Sessions that are new in the target, or have ended there.
    pub copied: u64,
    /// Sessions that were there already.
    pub already_there: u64,
}

impl Copied {
    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Added | Outcome::Ended => self.copied += 1,
                Outcome::AlreadyThere => self.already_there += 1,
            }
        }
    }

    fn progress(self, total: u64) -> Progress {
        let done = self.copied + self.already_there;
        Progress {
            done,
            total: total.max(done),
        }
    }
}

impl Postgres {
    /// Copies every session of another store into this one.
    ///
    /// One that is in a database too is copied by [`copy_from_database`](Self::copy_from_database), which
    /// goes by its rows and not by its counters.
    ///
    /// Day by day, streamed (`COPY`), in transactions of some thousand sessions. A day of which both have
    /// as many sessions with the same checksum is left as it is: a copy that was interrupted goes on where
    /// it was when it is repeated, and one that is repeated while sessions still come to the source takes
    /// what is new. At the end all days are compared. `progress` counts sessions.
    ///
    /// # Errors
    ///
    /// `Conflict` if the target has a session with other content, or, once all is copied, a day differs:
    /// the target has sessions that the source does not, or somebody has written there meanwhile. Else
    /// those of both stores. What was copied until then is there.
    pub async fn copy_from<S: SessionLogStore>(
        &self,
        source: &S,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Copied> {
        let days = source.count_by(&Query::all(), Bucket::Day).await?;
        let total = days.iter().map(|day| day.count).sum();
        let there = self.engine().read(&AllDigests).await?;
        let (mut copied, mut expected) = (Copied::default(), Digests::new());
        for day in days {
            let day = day_of(&day);
            let found = there.get(&day).copied();
            let digest = match found {
                Some(found) if found == digest_of(source, day).await? => {
                    copied.already_there += found.sessions;
                    found
                }
                _ => {
                    self.copy_day(source, day, found.is_none(), &mut copied)
                        .await?
                }
            };
            expected.insert(day, digest);
            progress(copied.progress(total));
        }
        self.finish(&expected).await?;
        Ok(copied)
    }

    /// Copies one day, and tells what it is in the source.
    async fn copy_day<S: SessionLogStore>(
        &self,
        source: &S,
        day: i64,
        is_new: bool,
        copied: &mut Copied,
    ) -> Result<Digest> {
        let (mut digest, mut waiting) = (Digest::default(), Vec::new());
        let mut reader = DayReader::new(day)?;
        let at_once = self.engine().options.batch_records_max.min(WRITTEN_AT_ONCE);
        while let Some(logs) = reader.next(source).await? {
            logs.iter().for_each(|log| digest.add(log));
            waiting.extend(logs);
            if waiting.len() + READ_AT_ONCE as usize > at_once {
                self.put(take(&mut waiting), is_new, copied).await?;
            }
        }
        self.put(waiting, is_new, copied).await?;
        Ok(digest)
    }

    /// Writes sessions: as a stream if none of them should be there. Should one be all the same, or the
    /// stream break off, they are written as any are, which tells what is there and what is not.
    async fn put(&self, logs: Vec<SessionLog>, is_new: bool, copied: &mut Copied) -> Result<()> {
        if is_new && self.engine().copy_in(&logs).await.is_ok() {
            copied.copied += logs.len() as u64;
            return Ok(());
        }
        let outcomes = self.engine().append_batch(logs).await?;
        copied.count(&outcomes);
        Ok(())
    }

    /// Copies every session of this store into another, which is in no database: as
    /// [`copy_from`](Self::copy_from) in all else.
    ///
    /// # Errors
    ///
    /// As [`copy_from`](Self::copy_from).
    pub async fn copy_to<S: SessionLogStore>(
        &self,
        target: &S,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Copied> {
        let days = self.engine().read(&AllDigests).await?;
        let total = days.values().map(|day| day.sessions).sum();
        let mut copied = Copied::default();
        for (&day, &digest) in &days {
            match digest_of(target, day).await? == digest {
                true => copied.already_there += digest.sessions,
                false => {
                    let expected = self.copy_day_to(target, day, &mut copied).await?;
                    compare(day, expected, digest_of(target, day).await?)?;
                }
            }
            progress(copied.progress(total));
        }
        target.flush().await?;
        for there in target.count_by(&Query::all(), Bucket::Day).await? {
            let day = day_of(&there);
            if !days.contains_key(&day) {
                compare(day, Digest::default(), digest_of(target, day).await?)?;
            }
        }
        Ok(copied)
    }

    async fn copy_day_to<S: SessionLogStore>(
        &self,
        target: &S,
        day: i64,
        copied: &mut Copied,
    ) -> Result<Digest> {
        let (mut digest, mut rows) = (Digest::default(), DayRows::of(self, day).await?);
        while let Some(logs) = rows.next().await? {
            logs.iter().for_each(|log| digest.add(log));
            copied.count(&target.append_batch(logs).await?);
        }
        Ok(digest)
    }

    /// Copies every session of another database into this one: as [`copy_from`](Self::copy_from) in all
    /// else, but for that the rows of both are gone by, and no counter.
    ///
    /// # Errors
    ///
    /// As [`copy_from`](Self::copy_from).
    pub async fn copy_from_database(
        &self,
        source: &Self,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Copied> {
        let days = source.engine().read(&AllDigests).await?;
        let there = self.engine().read(&AllDigests).await?;
        let total = days.values().map(|day| day.sessions).sum();
        let (mut copied, mut expected) = (Copied::default(), Digests::new());
        for (day, digest) in days {
            let found = there.get(&day);
            let digest = match found == Some(&digest) {
                true => {
                    copied.already_there += digest.sessions;
                    digest
                }
                false => {
                    let is_new = found.is_none();
                    self.copy_day_of(source, day, is_new, &mut copied).await?
                }
            };
            expected.insert(day, digest);
            progress(copied.progress(total));
        }
        self.finish(&expected).await?;
        Ok(copied)
    }

    async fn copy_day_of(
        &self,
        source: &Self,
        day: i64,
        is_new: bool,
        copied: &mut Copied,
    ) -> Result<Digest> {
        let (mut digest, mut rows) = (Digest::default(), DayRows::of(source, day).await?);
        while let Some(logs) = rows.next().await? {
            logs.iter().for_each(|log| digest.add(log));
            self.put(logs, is_new, copied).await?;
        }
        Ok(digest)
    }

    /// Gives counters to whoever has many sessions, and holds every day against what was copied.
    async fn finish(&self, expected: &Digests) -> Result<()> {
        self.engine().list_many().await?;
        let there = self.engine().read(&AllDigests).await?;
        let days: BTreeSet<i64> = expected.keys().chain(there.keys()).copied().collect();
        for day in days {
            let of = |digests: &Digests| digests.get(&day).copied().unwrap_or_default();
            compare(day, of(expected), of(&there))?;
        }
        Ok(())
    }
}

impl Engine {
    /// Adds sessions of which none is there, as a stream, in one transaction.
    async fn copy_in(&self, logs: &[SessionLog]) -> Result<(), Failure> {
        let mut transaction = self.connections.begin_unbounded(Access::Change).await?;
        let keys = transaction.counted_keys().await?;
        let counting = Counting {
            widths: &self.layout.widths,
            keys: &keys,
        };
        let mut records: Vec<Stored> = logs.iter().cloned().map(Stored::new).collect();
        // As all writers go through them.
        records.sort_unstable_by_key(Stored::key);
        let mut deltas = Deltas::default();
        for record in &records {
            deltas.count(&counting, record, 1);
        }
        for part in by_node(self.layout.dialect, &records, |record| record.slot) {
            stream(&mut transaction, part).await?;
        }
        let last = deltas.statements(self.layout.dialect);
        let committed = transaction.commit(&last).await;
        committed.map_err(|(failure, _)| failure)
    }
}

/// Streams rows into the table.
async fn stream(transaction: &mut Transaction, records: &[Stored]) -> Result<(), Failure> {
    let statement = format!("COPY session_log (slot, {RECORD}) FROM STDIN (FORMAT binary)");
    let sink = transaction.copy_in(&statement).await?;
    let types: Vec<Type> = [Type::INT2].into_iter().chain(RECORD_TYPES).collect();
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for record in records {
        let log = &record.log;
        let start = record.start().since_year_one();
        let end = record.end().map(Ticks::since_year_one);
        let (user, client) = (log.user.as_bytes(), log.client_refer_uid.as_bytes());
        writer
            .as_mut()
            .write(&[
                &record.slot,
                &log.refer_uid,
                &log.user_refer_uid,
                &user,
                &client,
                &start,
                &end,
            ])
            .await?;
    }
    writer.finish().await?;
    transaction.copied();
    Ok(())
}
