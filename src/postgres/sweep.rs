//! Sessions that are removed or ended because of their age or number, in slices.

use super::answers::Count;
use super::change::{Change, Layout};
use super::connection::Transaction;
use super::engine::{Engine, Writing};
use super::failure::Failure;
use super::question::{From, Place, Question};
use super::rows::{Stored, is_same};
use crate::error::Result;
use crate::query::{EndedOpen, PageRequest, Query};
use crate::retention::{Fate, Pruned, Rule};
use crate::session::SessionLog;
use crate::time::Ticks;
use crate::verify::Progress;
use chrono::{DateTime, Utc};

/// The most sessions that one transaction of a sweep looks at.
const SLICE: u64 = 1_000;

/// What a sweep did.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub(super) changed: u64,
    pub(super) spared: u64,
    /// The records that were removed.
    pub(super) removed: Vec<SessionLog>,
    looked_at: u64,
    last: Option<Place>,
    /// Whether nothing is left to be done.
    is_done: bool,
}

/// One transaction of a sweep: what a rule makes of the sessions that match it, behind a place.
struct Slice<'r> {
    rule: &'r Rule,
    after: Option<Place>,
    /// How many to look at.
    limit: u64,
}

impl Writing for Slice<'_> {
    type Answer = Swept;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<(Swept, Change), Failure> {
        let mut change = Change::begin(transaction).await?;
        let found = self.find(transaction).await?;
        if found.is_empty() && self.after.is_none() {
            // That nothing is left is acknowledged too.
            change.mark(transaction).await?;
        }
        let mut swept = Swept {
            is_done: (found.len() as u64) < self.limit,
            ..Swept::default()
        };
        let mut keys: Vec<_> = found.iter().map(Stored::key).collect();
        keys.sort_unstable();
        change.take(transaction, layout, &keys).await?;
        // Others may have removed the same ones until now.
        let mut removable = self.removable(transaction, layout).await?;
        for stored in found {
            if removable == 0 {
                swept.is_done = true;
                break;
            }
            swept.looked_at += 1;
            swept.last = Some((stored.start().since_year_one(), stored.log.refer_uid));
            removable -= self.decide(&mut change, &stored, &mut swept);
        }
        Ok((swept, change))
    }
}

impl Slice<'_> {
    /// The sessions that are looked at, oldest first.
    async fn find(&self, transaction: &mut Transaction) -> Result<Vec<Stored>, Failure> {
        let question = Question::new(self.rule.query());
        let from = self.after.map_or(From::First(0), From::After);
        let rows = transaction
            .query(&question.records(from, self.limit))
            .await?;
        let records = rows.iter().map(super::rows::record);
        records.map(|record| record.map(Stored::new)).collect()
    }

    /// How many sessions may be removed.
    async fn removable(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<u64, Failure> {
        if self.rule.removed_max(0) == u64::MAX {
            return Ok(u64::MAX);
        }
        let all = Query::all();
        let counted = transaction.count(layout, &Question::new(&all)).await?;
        Ok(self.rule.removed_max(counted.total))
    }

    /// Does what the rule says of a session, and tells how many were removed by that.
    fn decide(&self, change: &mut Change, found: &Stored, swept: &mut Swept) -> u64 {
        let key = found.key();
        let Some(log) = change.get(key).filter(|log| is_same(log, &found.log)) else {
            // It went meanwhile, or came again as another.
            return 0;
        };
        let (start, end) = (log.session_start, log.session_end.map(Ticks::floor));
        match self.rule.fate(Ticks::floor(start), end) {
            Fate::Keep => {}
            Fate::Spare => swept.spared += 1,
            Fate::Remove => {
                swept.changed += 1;
                swept.removed.extend(change.remove(key));
                return 1;
            }
            Fate::End(end) => {
                swept.changed += 1;
                change.end(key, end);
            }
        }
        0
    }
}

impl Engine {
    /// Does what a rule says to all sessions that match it, slice by slice; `removed` is told of what was
    /// removed with each.
    pub(super) async fn sweep(
        &self,
        rule: &Rule,
        progress: &mut (dyn FnMut(Progress) + Send),
        removed: &mut (dyn FnMut(Vec<SessionLog>) + Send),
    ) -> Result<Swept> {
        let all = self.count(&Query::all()).await?;
        // Nobody asks again for those who are removed.
        let (query, suggests) = (rule.query(), false);
        let matching = self.read(&Count { query, suggests }).await?;
        let total = matching.min(rule.removed_max(all));
        let mut swept = Swept::default();
        while !swept.is_done {
            let slice = Slice {
                rule,
                after: swept.last,
                limit: SLICE,
            };
            let next = self.write(&slice).await?;
            swept.changed += next.changed;
            swept.spared += next.spared;
            swept.looked_at += next.looked_at;
            swept.last = next.last.or(swept.last);
            swept.is_done = next.is_done;
            removed(next.removed);
            let done = swept.looked_at;
            progress(Progress {
                done,
                total: total.max(done),
            });
        }
        Ok(swept)
    }

    /// Ends the open sessions that match, in one transaction.
    pub(super) async fn end_open(&self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen> {
        let rule = Rule::end_open(query, at)?;
        let slice = Slice {
            rule: &rule,
            after: None,
            limit: u64::MAX,
        };
        let swept = self.write(&slice).await?;
        Ok(EndedOpen {
            ended: swept.changed,
            left_open: swept.spared,
        })
    }

    /// What a sweep has left.
    pub(super) async fn pruned(&self, swept: &Swept) -> Result<Pruned> {
        let first = PageRequest::new(0, 1)?;
        let oldest = self.page(&Query::all(), first).await?;
        Ok(Pruned {
            removed: swept.changed,
            kept_open: swept.spared,
            oldest_left: oldest.entries.first().map(|log| log.session_start),
        })
    }
}
