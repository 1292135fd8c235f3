//! Which users and clients have counters, as far as this process knows, and how they come to have them.
//!
//! Counters of everybody would be nearly as many as sessions. So only those have them who are asked for
//! and have many sessions: whoever counts so many in the rows has them counted from then on, by a task
//! of its own.

use super::census::Many;
use super::change::Layout;
use super::connection::Transaction;
use super::counters::{CountedKeys, Key};
use super::engine::{Engine, Reading, Upkeep};
use super::failure::Failure;
use super::slot::all_slots;
use super::sql::{Sql, Value};
use crate::error::{ErrorKind, Result};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is known of the keys. What a transaction does is decided by what the database says: this only
/// tells what to ask first.
#[derive(Debug)]
pub(super) struct Keys {
    known: Mutex<Known>,
    counted_from: u64,
    suggestions: UnboundedSender<Key>,
}

#[derive(Debug, Default)]
struct Known {
    counted: HashSet<Key>,
    /// Those of which the task was told: none of them twice.
    suggested: HashSet<Key>,
}

impl Keys {
    /// With the keys that get counters from so many sessions on, which a task is to be told of.
    pub(super) fn new(counted_from: u64) -> (Self, UnboundedReceiver<Key>) {
        let (suggestions, suggested) = unbounded_channel();
        let keys = Self {
            known: Mutex::default(),
            counted_from,
            suggestions,
        };
        (keys, suggested)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key is worth looking up in the counters.
    pub(super) fn are_counted(&self, key: &Key) -> bool {
        *key == Key::all() || self.known().counted.contains(key)
    }

    /// So many sessions of a key were counted in the rows.
    pub(super) fn were_counted_in_rows(&self, key: Key, sessions: u64) {
        if sessions >= self.counted_from && self.known().suggested.insert(key.clone()) {
            // Without the task they are counted in the rows for ever.
            let _ = self.suggestions.send(key);
        }
    }

    /// A key has counters.
    pub(super) fn found(&self, key: Key) {
        self.known().counted.insert(key);
    }

    /// A key has no counters any more.
    pub(super) fn lost(&self, key: &Key) {
        let mut known = self.known();
        known.counted.remove(key);
        known.suggested.remove(key);
    }
}

/// Counts whoever is suggested, one after the other, for as long as there is an engine. Where that fails
/// (somebody may only read), they stay as they are.
pub(super) fn start(engine: &Arc<Engine>, mut suggested: UnboundedReceiver<Key>) {
    let engine: Weak<Engine> = Arc::downgrade(engine);
    tokio::spawn(async move {
        while let Some(key) = suggested.recv().await {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            match engine.keep(&Listing(&key)).await {
                Ok(()) => engine.layout.keys.found(key),
                // The next one who counts it tells of it again.
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    engine.layout.keys.lost(&key);
                }
                Err(_) => {}
            }
        }
    });
}

/// The lock that lets no writer begin, and waits for those that have: for a moment, since those who come
/// meanwhile wait too, and then again after a pause.
pub(super) const LOCK: &str =
    "SET LOCAL lock_timeout = '1s'; LOCK TABLE session_counted IN EXCLUSIVE MODE";

/// A key that comes to have counters.
struct Listing<'k>(&'k Key);

impl Upkeep for Listing<'_> {
    async fn attempt(&self, transaction: &mut Transaction, layout: &Layout) -> Result<(), Failure> {
        transaction.run(LOCK).await?;
        let mut list = Sql::new("INSERT INTO session_counted (k) VALUES (");
        list.bind(Value::Bytes(self.0.bytes()))
            .push(") ON CONFLICT (k) DO NOTHING RETURNING 1");
        if transaction.query(&list).await?.is_empty() {
            // Somebody else has done it.
            return Ok(());
        }
        for (level, width) in (0..).zip(&layout.widths) {
            transaction.query(&counting(self.0, level, *width)).await?;
        }
        Ok(())
    }
}

/// Makes the counters of a key at one level.
fn counting(key: &Key, level: i16, width: i64) -> Sql {
    let mut sql =
        Sql::new("INSERT INTO session_count (slot, k, lvl, bucket, total, open) SELECT slot, ");
    sql.bind(Value::Bytes(key.bytes()))
        .push(", ")
        .bind(Value::Slot(level))
        .push(&format!(
            ", session_start / {width}, count(*), count(*) FILTER (WHERE session_end IS NULL) \
             FROM session_log WHERE "
        ));
    match key.column() {
        Some((column, value)) => sql.push(column).push(" = ").bind(value),
        None => sql.push("true"),
    };
    sql.push(&format!(" GROUP BY slot, session_start / {width}"));
    sql
}

/// A key that has no counters any more.
pub(super) struct Unlisting<'k>(pub(super) &'k Key);

impl Upkeep for Unlisting<'_> {
    async fn attempt(&self, transaction: &mut Transaction, _: &Layout) -> Result<(), Failure> {
        transaction.run(LOCK).await?;
        let mut unlist = Sql::new("DELETE FROM session_counted WHERE k = ");
        unlist.bind(Value::Bytes(self.0.bytes()));
        let mut counters = Sql::new("DELETE FROM session_count WHERE slot = ANY(");
        counters
            .bind(Value::Slots(all_slots()))
            .push(") AND k = ")
            .bind(Value::Bytes(self.0.bytes()));
        transaction.query_all(&[unlist, counters]).await?;
        Ok(())
    }
}

/// The users and clients that have counters.
struct Counted;

impl Reading for Counted {
    type Answer = CountedKeys;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        _: &Layout,
    ) -> Result<CountedKeys, Failure> {
        transaction.counted_keys().await
    }
}

impl Engine {
    /// Gives counters to every user and client who has so many sessions that they pay.
    pub(super) async fn list_many(&self) -> Result<()> {
        for key in self.read(&Many(self.options.counted_from)).await? {
            self.keep(&Listing(&key)).await?;
            self.layout.keys.found(key);
        }
        Ok(())
    }

    /// Takes the counters of those away who have no sessions any more.
    pub(super) async fn unlist_empty(&self) -> Result<()> {
        for key in self.read(&Counted).await? {
            let Some(query) = key.query()? else {
                continue;
            };
            if self.count(&query).await? == 0 {
                self.layout.keys.lost(&key);
                self.keep(&Unlisting(&key)).await?;
            }
        }
        Ok(())
    }
}
