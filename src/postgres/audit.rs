//! Counters held against the rows they count, and made anew from them, slot by slot.

use super::change::Layout;
use super::connection::Transaction;
use super::counters::{CountedKeys, Counter, Counting, Deltas, Key};
use super::engine::{Engine, Reading, Upkeep};
use super::failure::Failure;
use super::keys::LOCK;
use super::rows::{RECORD, Stored, column, record};
use super::slot::{SLOTS, all_slots, slot_of};
use super::sql::{Sql, Value};
use crate::error::{Error, Result};
use crate::verify::{Progress, Verification};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most faults that are told in words.
const FAULTS_MAX: usize = 1_000;

/// What a check of some slots has found.
#[derive(Debug, Default)]
struct Found {
    sessions: u64,
    faults: Vec<String>,
    count: u64,
}

impl Found {
    fn fault(&mut self, fault: String) {
        self.count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// The rows of a slot and its counters, of one state.
struct Audit(i16);

impl Reading for Audit {
    type Answer = Found;
    const IS_BOUNDED: bool = false;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<Found, Failure> {
        let mut found = Found::default();
        let keys = transaction.counted_keys().await?;
        let counting = counting(layout, &keys);
        let expected = count_rows(transaction, &counting, self.0, &mut found).await?;
        let mut stored = BTreeMap::new();
        let mut sql =
            Sql::new("SELECT k, lvl, bucket, total, open FROM session_count WHERE slot = ");
        sql.bind(Value::Slot(self.0));
        for row in transaction.query(&sql).await? {
            let key = Key::from_bytes(column(&row, 0)?);
            let counter = (self.0, key, column(&row, 1)?, column(&row, 2)?);
            stored.insert(counter, (column(&row, 3)?, column(&row, 4)?));
        }
        compare(expected, stored, &mut found);
        Ok(found)
    }
}

/// What is in slots that there are none of.
struct Strays;

impl Reading for Strays {
    type Answer = Found;
    const IS_BOUNDED: bool = false;

    async fn attempt(&self, transaction: &mut Transaction, _: &Layout) -> Result<Found, Failure> {
        let mut found = Found::default();
        let (rows, counters) = (
            "SELECT slot, refer_uid FROM session_log",
            "SELECT DISTINCT slot FROM session_count",
        );
        let is_row = |row: &tokio_postgres::Row| {
            found.sessions += 1;
            found.fault(
                match (row.try_get::<_, i16>(0), row.try_get::<_, Uuid>(1)) {
                    (Ok(slot), Ok(refer_uid)) => misplaced(refer_uid, slot),
                    _ => "a session is in no slot".to_owned(),
                },
            );
        };
        transaction.each(&outside(rows), is_row).await?;
        for row in transaction.query(&outside(counters)).await? {
            let slot: i16 = column(&row, 0)?;
            found.fault(format!(
                "there are counters of slot {slot}, which there is none of"
            ));
        }
        Ok(found)
    }
}

/// A statement about what is in no slot.
fn outside(statement: &str) -> Sql {
    Sql::new(format!(
        "{statement} WHERE slot NOT BETWEEN 0 AND {}",
        SLOTS - 1
    ))
}

fn misplaced(refer_uid: Uuid, slot: i16) -> String {
    let belongs = slot_of(refer_uid);
    format!("session {refer_uid} is in slot {slot}; it belongs in {belongs}")
}

/// Goes through the rows of a slot, and tells what its counters must be.
async fn count_rows(
    transaction: &mut Transaction,
    counting: &Counting<'_>,
    slot: i16,
    found: &mut Found,
) -> Result<Deltas, Failure> {
    let mut deltas = Deltas::default();
    let mut sql = Sql::new(format!("SELECT {RECORD} FROM session_log WHERE slot = "));
    sql.bind(Value::Slot(slot));
    let visit = |row: &tokio_postgres::Row| {
        found.sessions += 1;
        match record(row) {
            Ok(log) => {
                if slot_of(log.refer_uid) != slot {
                    found.fault(misplaced(log.refer_uid, slot));
                }
                // Its counters are where it is.
                deltas.count(counting, &Stored { slot, log }, 1);
            }
            Err(failure) => found.fault(failure.into_error().to_string()),
        }
    };
    transaction.each(&sql, visit).await?;
    Ok(deltas)
}

fn compare(expected: Deltas, stored: BTreeMap<Counter, (i64, i64)>, found: &mut Found) {
    let mut expected = expected.into_counters();
    for (counter, (total, open)) in stored {
        let (rows, open_rows) = expected.remove(&counter).unwrap_or((0, 0));
        if (total, open) != (rows, open_rows) {
            let name = name(&counter);
            found.fault(format!(
                "the counter of {name} says {total} sessions, {open} of them open; there are \
                 {rows}, {open_rows} of them open"
            ));
        }
    }
    for (counter, (rows, _)) in expected {
        found.fault(format!(
            "{} has no counter; there are {rows} sessions",
            name(&counter)
        ));
    }
}

fn name((slot, key, level, bucket): &Counter) -> String {
    format!("{key} in slot {slot}, level {level}, bucket {bucket}")
}

fn counting<'c>(layout: &'c Layout, keys: &'c CountedKeys) -> Counting<'c> {
    Counting {
        widths: &layout.widths,
        keys,
    }
}

/// The counters of a slot, made anew. Whoever changes counters waits meanwhile; nobody else does.
struct Recount(i16);

impl Upkeep for Recount {
    async fn attempt(&self, transaction: &mut Transaction, layout: &Layout) -> Result<(), Failure> {
        // Whoever has changed anything has committed then, and is seen by what follows.
        transaction.run(LOCK).await?;
        let mut found = Found::default();
        let keys = transaction.counted_keys().await?;
        let counting = counting(layout, &keys);
        let deltas = count_rows(transaction, &counting, self.0, &mut found).await?;
        if let Some(fault) = found.faults.first() {
            return Err(Error::corrupted(fault.clone()).into());
        }
        let mut sql = Sql::new("DELETE FROM session_count WHERE slot = ");
        sql.bind(Value::Slot(self.0));
        transaction.query(&sql).await?;
        for statement in deltas.statements(layout.dialect) {
            transaction.query(&statement).await?;
        }
        Ok(())
    }
}

/// The counters that are in no slot, removed; sessions there are for somebody to look at.
struct Clearing;

impl Upkeep for Clearing {
    async fn attempt(&self, transaction: &mut Transaction, layout: &Layout) -> Result<(), Failure> {
        transaction.run(LOCK).await?;
        let found = Strays.attempt(transaction, layout).await?;
        match found.faults.first().filter(|_| found.sessions > 0) {
            Some(fault) => Err(Error::corrupted(fault.clone()).into()),
            None => {
                let counters = outside("DELETE FROM session_count");
                transaction.query(&counters).await.map(drop)
            }
        }
    }
}

/// The counters of a slot that count nothing any more, removed.
struct Tidying(i16);

impl Upkeep for Tidying {
    async fn attempt(&self, transaction: &mut Transaction, _: &Layout) -> Result<(), Failure> {
        transaction.run(LOCK).await?;
        let mut sql = Sql::new("DELETE FROM session_count WHERE slot = ");
        sql.bind(Value::Slot(self.0))
            .push(" AND total = 0 AND open = 0");
        transaction.query(&sql).await.map(drop)
    }
}

impl Engine {
    /// Checks every row and every counter.
    pub(super) async fn verify(
        &self,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Verification> {
        let mut whole = self.read(&Strays).await?;
        for slot in all_slots() {
            let found = self.read(&Audit(slot)).await?;
            whole.sessions += found.sessions;
            whole.count += found.count;
            let room = FAULTS_MAX - whole.faults.len();
            whole.faults.extend(found.faults.into_iter().take(room));
            progress(after(slot));
        }
        Ok(Verification {
            session_count: whole.sessions,
            faults: whole.faults,
            fault_count: whole.count,
        })
    }

    /// Makes all counters anew, and gives some to everybody who has many sessions.
    pub(super) async fn rebuild(&self, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<()> {
        self.keep(&Clearing).await?;
        for slot in all_slots() {
            self.keep(&Recount(slot)).await?;
            progress(after(slot));
        }
        self.list_many().await
    }

    /// Removes the counters that count nothing any more, slot by slot: writers wait for each only a moment.
    pub(super) async fn tidy(&self) -> Result<()> {
        for slot in all_slots() {
            self.keep(&Tidying(slot)).await?;
        }
        Ok(())
    }
}

fn after(slot: i16) -> Progress {
    Progress {
        done: u64::from(slot.unsigned_abs()) + 1,
        total: u64::from(SLOTS.unsigned_abs()),
    }
}
