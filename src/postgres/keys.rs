//! Which users and clients have counters, as far as this process knows, and how they come to have them.
//!
//! Counters of everybody would be nearly as many as sessions. So only those have them who are asked for
//! and have many sessions: whoever counts so many in the rows has them counted from then on, by a task
//! of its own.

use super::answers::HasNone;
use super::census::Many;
use super::change::Layout;
use super::connection::Transaction;
use super::counters::{CountedKeys, Key};
use super::engine::{Engine, Reading, Upkeep};
use super::failure::Failure;
use super::slot::all_slots;
use super::sql::{Sql, Value};
use crate::error::Result;
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

#[derive(Debug)]
struct Known {
    counted: CountedKeys,
    /// Those of which the task was told: none of them twice.
    suggested: HashSet<Key>,
}

impl Keys {
    /// Of those that have counters, and the keys that get some from so many sessions on, which a task is to
    /// be told of.
    pub(super) fn new(counted: CountedKeys, counted_from: u64) -> (Self, UnboundedReceiver<Key>) {
        let (suggestions, suggested) = unbounded_channel();
        let known = Known {
            counted,
            suggested: HashSet::new(),
        };
        let keys = Self {
            known: Mutex::new(known),
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
            let listing = Listing {
                key: &key,
                limit: LISTING,
            };
            match engine.try_keep(&listing).await {
                Ok(()) => engine.look_up(key).await,
                // The next one who counts it tells of it again.
                Err(Failure::Passing(_)) => engine.layout.keys.lost(&key),
                // It would take too long, or is not allowed: it would be so again.
                Err(Failure::Final(_)) => {}
            }
        }
    });
}

/// The lock that lets no writer begin, and waits for those that have: for a moment, since those who come
/// meanwhile wait too, and then again after a pause.
pub(super) const LOCK: &str =
    "SET LOCAL lock_timeout = '1s'; LOCK TABLE session_counted IN EXCLUSIVE MODE";

/// For how long a statement may take, of which the first is the one that counts, while somebody comes to
/// have counters because a read has asked for them: writers wait meanwhile. Who has too many sessions for
/// that is counted in the rows until a [rebuild](Engine::rebuild).
const LISTING: &str = "2s";

/// A key that comes to have counters, if it has sessions.
struct Listing<'k> {
    key: &'k Key,
    /// For how long each statement may take, as the server reads it.
    limit: &'static str,
}

impl Upkeep for Listing<'_> {
    async fn attempt(&self, transaction: &mut Transaction, layout: &Layout) -> Result<(), Failure> {
        let Some((column, value)) = self.key.column() else {
            return Ok(());
        };
        let is_listed = self.key.is_listed();
        if !transaction.query(&is_listed).await?.is_empty() {
            // Nobody is stopped for that.
            return Ok(());
        }
        transaction.run(LOCK).await?;
        let limit = format!("SET LOCAL statement_timeout = '{}'", self.limit);
        transaction.run(&limit).await?;
        let mut some = Sql::new("SELECT FROM session_log WHERE ");
        some.push(column)
            .push(" = ")
            .bind(value.clone())
            .push(" LIMIT 1");
        if transaction.query(&some).await?.is_empty() {
            return Ok(());
        }
        let mut list = Sql::new("INSERT INTO session_counted (k) VALUES (");
        list.bind(Value::Bytes(self.key.bytes()))
            .push(") ON CONFLICT (k) DO NOTHING RETURNING 1");
        if transaction.query(&list).await?.is_empty() {
            // Somebody else has done it.
            return Ok(());
        }
        for statement in self.key.counting(&layout.widths, column, value) {
            transaction.query(&statement).await?;
        }
        Ok(())
    }
}

impl Key {
    /// Whether the database lists it: a row, or none.
    pub(super) fn is_listed(&self) -> Sql {
        let mut sql = Sql::new("SELECT FROM session_counted WHERE k = ");
        sql.bind(Value::Bytes(self.bytes()));
        sql
    }

    /// What makes its counters: those of the finest level out of the rows, those of each other one out of
    /// those before it.
    fn counting(&self, widths: &[i64], column: &str, value: Value) -> Vec<Sql> {
        let finest = widths.first();
        let finest = finest.map(|width| self.counting_rows(*width, column, value));
        let wider = (0..).zip(widths.windows(2));
        let wider = wider.filter_map(|(level, widths)| match widths {
            [narrow, wide] => Some(self.counting_counters(level, wide / narrow)),
            _ => None,
        });
        finest.into_iter().chain(wider).collect()
    }

    fn counting_rows(&self, width: i64, column: &str, value: Value) -> Sql {
        let mut sql = self.inserted_at(0);
        sql.push(&format!(
            "session_start / {width}, count(*), count(*) FILTER (WHERE session_end IS NULL) \
             FROM session_log WHERE {column} = "
        ));
        sql.bind(value)
            .push(&format!(" GROUP BY slot, session_start / {width}"));
        sql
    }

    /// By a level's counters those of the next, whose buckets are so many times as wide.
    fn counting_counters(&self, level: i16, factor: i64) -> Sql {
        let mut sql = self.inserted_at(level + 1);
        sql.push(&format!(
            "bucket / {factor}, sum(total)::bigint, sum(open)::bigint FROM session_count \
             WHERE slot = ANY("
        ));
        sql.bind(Value::Slots(all_slots()))
            .push(") AND k = ")
            .bind(Value::Bytes(self.bytes()))
            .push(" AND lvl = ")
            .bind(Value::Slot(level))
            .push(&format!(" GROUP BY slot, bucket / {factor}"));
        sql
    }

    fn inserted_at(&self, level: i16) -> Sql {
        let mut sql =
            Sql::new("INSERT INTO session_count (slot, k, lvl, bucket, total, open) SELECT slot, ");
        sql.bind(Value::Bytes(self.bytes()))
            .push(", ")
            .bind(Value::Slot(level))
            .push(", ");
        sql
    }
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
            let listing = Listing {
                key: &key,
                limit: "0",
            };
            self.keep(&listing).await?;
        }
        for key in self.read(&Counted).await? {
            self.layout.keys.found(key);
        }
        Ok(())
    }

    /// Finds out whether somebody has counters.
    async fn look_up(&self, key: Key) {
        match self.read(&Counted).await {
            Ok(counted) if counted.contains(&key) => self.layout.keys.found(key),
            Ok(_) | Err(_) => self.layout.keys.lost(&key),
        }
    }

    /// Takes the counters of those away who have no sessions any more.
    pub(super) async fn unlist_empty(&self) -> Result<()> {
        for key in self.read(&Counted).await? {
            let Some(query) = key.query()? else {
                continue;
            };
            if self.read(&HasNone(&query)).await? {
                self.layout.keys.lost(&key);
                self.keep(&Unlisting(&key)).await?;
            }
        }
        Ok(())
    }
}
