//! How calls become transactions: attempts, and what became of a commit of which nobody knows.

use super::change::{Change, Layout, Witness};
use super::connection::{Access, Connections, Transaction};
use super::failure::Failure;
use super::options::PostgresOptions;
use super::retry::{Attempts, Chance};
use crate::error::{Error, ErrorKind, Result};
use std::future::Future;
use uuid::Uuid;

/// What all handles share.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) connections: Connections,
    pub(super) layout: Layout,
    pub(super) options: PostgresOptions,
    pub(super) store_uid: Uuid,
    pub(super) chance: Chance,
}

/// What a call does in one transaction. An attempt that failed has done nothing, and may be followed by
/// another.
pub(super) trait Writing: Sync {
    /// What the call answers.
    type Answer: Send;

    /// Takes what is needed, and tells what is to become of it.
    fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> impl Future<Output = Result<(Self::Answer, Change), Failure>> + Send;
}

/// What a call reads of one state.
pub(super) trait Reading: Sync {
    /// What the call answers.
    type Answer: Send;
    /// Whether its statements are bound by the time that one may take.
    const IS_BOUNDED: bool = true;

    /// Reads it.
    fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// What keeps the tables in order in one transaction that may take its time, and be done again.
pub(super) trait Upkeep: Sync {
    /// Does it, but for the commit.
    fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Engine {
    fn attempts(&self) -> Attempts<'_> {
        Attempts::new(&self.chance, self.options.retry_timeout)
    }

    /// Reads, again if it fails in passing.
    pub(super) async fn read<R: Reading>(&self, reading: &R) -> Result<R::Answer> {
        let mut attempts = self.attempts();
        loop {
            match self.read_once(reading).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn read_once<R: Reading>(&self, reading: &R) -> Result<R::Answer, Failure> {
        let mut transaction = match R::IS_BOUNDED {
            true => self.connections.begin(Access::Read).await?,
            false => self.connections.begin_unbounded(Access::Read).await?,
        };
        reading.attempt(&mut transaction, &self.layout).await
    }

    /// Keeps the tables in order, again if that fails in passing.
    pub(super) async fn keep<U: Upkeep>(&self, upkeep: &U) -> Result<()> {
        let mut attempts = self.attempts();
        loop {
            match self.keep_once(upkeep).await {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn keep_once<U: Upkeep>(&self, upkeep: &U) -> Result<(), Failure> {
        let mut transaction = self.connections.begin_unbounded(Access::Write).await?;
        upkeep.attempt(&mut transaction, &self.layout).await?;
        let committed = transaction.commit(&[]).await;
        committed.map_err(|(failure, _)| failure)
    }

    /// Writes in one transaction that is committed once, however often it has to be tried.
    pub(super) async fn write<W: Writing>(&self, writing: &W) -> Result<W::Answer> {
        let mut attempts = self.attempts();
        loop {
            match self.write_once(writing).await {
                Ok(answer) => return Ok(answer),
                Err((failure, None)) => attempts.again(failure).await?,
                Err((failure, Some((answer, witness)))) => {
                    match self.settle(&witness, &mut attempts).await {
                        Ok(true) => return Ok(answer),
                        Ok(false) => attempts.again(failure).await?,
                        Err(_) => return Err(unknown(failure)),
                    }
                }
            }
        }
    }

    /// Tries once; of a commit whose outcome is not known, what it would have answered is told too, and
    /// how to find out.
    async fn write_once<W: Writing>(
        &self,
        writing: &W,
    ) -> Result<W::Answer, (Failure, Option<(W::Answer, Witness)>)> {
        let begun = self.connections.begin(Access::Change).await;
        let mut transaction = begun.map_err(|failure| (failure, None))?;
        let (answer, change) = writing
            .attempt(&mut transaction, &self.layout)
            .await
            .map_err(|failure| (failure, None))?;
        let Some(witness) = change.witness() else {
            // Nothing is to be changed.
            return Ok(answer);
        };
        let last = change.statements(&self.layout);
        match transaction.commit(&last).await {
            Ok(()) => Ok(answer),
            Err((failure, false)) => Err((failure, None)),
            Err((failure, true)) => Err((failure, Some((answer, witness)))),
        }
    }

    /// Whether a commit was done of which nobody knows.
    ///
    /// # Errors
    ///
    /// It cannot be found out in time.
    async fn settle(&self, witness: &Witness, attempts: &mut Attempts<'_>) -> Result<bool> {
        loop {
            match self.settle_once(witness).await {
                Ok(is_done) => return Ok(is_done),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    /// Asks for the witness in a way that waits for its transaction, should the server still be at it.
    /// What is found done is locked and committed once more: where commits wait for a standby, that one
    /// has it then.
    async fn settle_once(&self, witness: &Witness) -> Result<bool, Failure> {
        let mut transaction = self.connections.begin(Access::Change).await?;
        let layout = &self.layout;
        let mut change = Change::begin(&mut transaction).await?;
        let key = match witness {
            Witness::Added(record) => {
                let added = change.add(&mut transaction, layout, &[record]).await?;
                if !added.is_empty() {
                    // It was not there: it must not be now either, without its counters.
                    return Ok(false);
                }
                record.key()
            }
            Witness::Ended(key, _) | Witness::Removed(key) => *key,
        };
        change.take(&mut transaction, layout, &[key]).await?;
        let is_done = match (witness, change.get(key)) {
            (Witness::Added(record), Some(log)) => {
                let is_same = log.session_start == record.log.session_start;
                is_same && log.user_refer_uid == record.log.user_refer_uid
            }
            (Witness::Ended(_, end), Some(log)) => log.session_end == Some(end.to_utc()),
            (Witness::Removed(_), None) => true,
            _ => false,
        };
        if is_done {
            let committed = transaction.commit(&[]).await;
            committed.map_err(|(failure, _)| failure)?;
        }
        Ok(is_done)
    }
}

/// The error of a commit that nobody knows the outcome of.
fn unknown(failure: Failure) -> Error {
    let error = failure.into_error();
    let message = format!(
        "it is not known whether this was written; writing the same again is safe: {error}"
    );
    Error::new(ErrorKind::Unavailable, message).caused_by(error)
}
