//! How calls become transactions: attempts, and what became of a commit of which nobody knows.

use super::change::{Change, Layout};
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
                Err(failure) => attempts.again(failure).await.map_err(Failure::into_error)?,
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
        let kept = self.try_keep(upkeep).await;
        kept.map_err(Failure::into_error)
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// Final, if it would fail again.
    pub(super) async fn try_keep<U: Upkeep>(&self, upkeep: &U) -> Result<(), Failure> {
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
        let written = self.try_write(writing).await;
        written.map_err(Failure::into_error)
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// Final, if the server has refused it: nothing was written.
    pub(super) async fn try_write<W: Writing>(&self, writing: &W) -> Result<W::Answer, Failure> {
        let mut attempts = self.attempts();
        loop {
            match self.write_once(writing).await {
                Ok(answer) => return Ok(answer),
                Err((failure, None)) => attempts.again(failure).await?,
                Err((failure, Some((answer, change)))) => {
                    match self.settle(&change, &mut attempts).await {
                        Ok(true) => return Ok(answer),
                        Ok(false) => attempts.again(failure).await?,
                        Err(_) => return Err(Failure::Passing(unknown(failure))),
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
    ) -> Result<W::Answer, (Failure, Option<(W::Answer, Change)>)> {
        let begun = self.connections.begin(Access::Change).await;
        let mut transaction = begun.map_err(|failure| (failure, None))?;
        let (answer, change) = writing
            .attempt(&mut transaction, &self.layout)
            .await
            .map_err(|failure| (failure, None))?;
        if change.is_of_nothing() {
            return Ok(answer);
        }
        // Also what was found as it should be is acknowledged. Its rows were locked: where commits wait
        // for a standby, that one has them then.
        let last = change.statements(&self.layout);
        match transaction.commit(&last).await {
            Ok(()) => Ok(answer),
            // Of a commit that changes nothing there is nothing to find out.
            Err((failure, true)) if !change.is_empty() => Err((failure, Some((answer, change)))),
            Err((failure, _)) => Err((failure, None)),
        }
    }

    /// Whether a commit was done of which nobody knows.
    ///
    /// # Errors
    ///
    /// It cannot be found out in time.
    async fn settle(&self, change: &Change, attempts: &mut Attempts<'_>) -> Result<bool, Failure> {
        loop {
            match self.settle_once(change).await {
                Ok(is_done) => return Ok(is_done),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    /// What is found done is locked, or done again, and committed: where commits wait for a standby, that
    /// one has it then.
    async fn settle_once(&self, change: &Change) -> Result<bool, Failure> {
        let mut transaction = self.connections.begin(Access::Change).await?;
        let is_done = change.was_done(&mut transaction, &self.layout).await?;
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
