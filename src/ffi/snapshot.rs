//! Reading one frozen state.

use crate::PageRequest;
use crate::ffi::query::{self, Bucket, BucketCount, CursorPage, Page, Query};
use crate::ffi::records::SessionLog;
use crate::ffi::{SessionLogError, Uuid};
use std::sync::{Arc, Mutex, PoisonError};

/// One state of a store, frozen: whatever is written meanwhile, its answers stay the same.
///
/// Let go of it when it is no longer needed, since it keeps the storage that it reads from: it counts in
/// `stats` until it is. `suspend` and `close` end it.
#[derive(Debug, uniffi::Object)]
pub struct Snapshot(crate::Snapshot);

impl Snapshot {
    pub(super) fn new(snapshot: crate::Snapshot) -> Self {
        Self(snapshot)
    }
}

#[uniffi::export]
impl Snapshot {
    /// The session with this `refer_uid`, if there is one.
    pub fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>, SessionLogError> {
        Ok(self.0.get(refer_uid.0)?.map(SessionLog::from))
    }

    /// One page of the answer, with its exact totals; see the namesake of `Store`.
    pub fn page(
        &self,
        query: &Query,
        page_request_index: u32,
        records_per_page: u32,
    ) -> Result<Page, SessionLogError> {
        let page = PageRequest::new(page_request_index, records_per_page)?;
        Ok(self.0.page(&query.to_core()?, page)?.into())
    }

    /// The records after a cursor; see the namesake of `Store`.
    #[uniffi::method(default(cursor = None))]
    pub fn page_after(
        &self,
        query: &Query,
        records_per_page: u32,
        cursor: Option<String>,
    ) -> Result<CursorPage, SessionLogError> {
        let query = query.to_core()?;
        let cursor = query::cursor(&query, cursor)?;
        let page = self.0.page_after(&query, &cursor, records_per_page)?;
        Ok(page.into())
    }

    /// How many records match, exactly.
    pub fn count(&self, query: &Query) -> Result<u64, SessionLogError> {
        Ok(self.0.count(&query.to_core()?)?)
    }

    /// The non-empty UTC hours, days or months in which matching sessions started, in the order of the
    /// query.
    pub fn count_by(
        &self,
        query: &Query,
        bucket: Bucket,
    ) -> Result<Vec<BucketCount>, SessionLogError> {
        let counts = self.0.count_by(&query.to_core()?, bucket.to_core())?;
        let counts = counts.map(|count| Ok(count?.into()));
        counts.collect()
    }

    /// Every matching record, in the order of the query, some at a time.
    pub fn walk(&self, query: &Query) -> Result<Arc<Walk>, SessionLogError> {
        let logs = self.0.iter(&query.to_core()?)?;
        Ok(Arc::new(Walk(Mutex::new(logs))))
    }
}

/// The matching records of a snapshot, which it keeps.
#[derive(Debug, uniffi::Object)]
pub struct Walk(Mutex<crate::SessionLogs>);

#[uniffi::export]
impl Walk {
    /// The next records, up to so many; none at the end, and none more after an error.
    pub fn take(&self, count: u32) -> Result<Vec<SessionLog>, SessionLogError> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let some = logs
            .by_ref()
            .take(usize::try_from(count).unwrap_or(usize::MAX));
        some.map(|log| Ok(log?.into())).collect()
    }
}
