//! Ours: a store in a directory, with default options.

use super::{Engine, Settings};
use crate::Result;
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use sessionlog::{ErrorKind, Query, SessionLog, Store};
use std::path::{Path, PathBuf};

struct Ours {
    store: Store,
    folder: PathBuf,
}

/// Opens the store, or makes it in an empty folder.
pub(super) fn open(folder: &Path, settings: Settings) -> Result<Box<dyn Engine>> {
    let options = Store::options().names_cache_bytes(settings.names_cache_bytes);
    let store = match options.clone().open(folder) {
        Err(error) if error.kind() == ErrorKind::NotAStore => options.create(folder)?,
        opened => opened?,
    };
    Ok(Box::new(Ours {
        store,
        folder: folder.to_owned(),
    }))
}

impl Engine for Ours {
    fn append(&self, logs: Vec<SessionLog>) -> Result<()> {
        self.store.append_batch(logs)?;
        Ok(())
    }

    fn end(&self, logs: Vec<SessionLog>) -> Result<()> {
        if let [log] = &*logs {
            let at = log.session_end.ok_or("an end without a time")?;
            self.store.end(log.refer_uid, at)?;
            return Ok(());
        }
        // Appending what is stored, with an end, ends it: the way to end many in one commit.
        self.append(logs)
    }

    fn end_open(&self, at: DateTime<Utc>) -> Result<u64> {
        Ok(self.store.end_open(&Query::all(), at)?.ended)
    }

    fn page(&self, question: &Question) -> Result<Answer> {
        let page = self.store.page(&question.query, question.page)?;
        Ok(Answer {
            entries: page.entries,
            total: page.total_record_count,
        })
    }

    /// By the storage engine, on its file: the store has no call for it.
    fn compact(&mut self) -> Result<bool> {
        self.store.close()?;
        let mut database = redb::Database::open(self.folder.join("main.redb"))?;
        while database.compact()? {}
        Ok(true)
    }
}
