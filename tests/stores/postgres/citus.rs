//! The statements for Citus, on one PostgreSQL that has functions by the names of those of Citus: what
//! can be shown without a cluster is that every statement is about one slot, in an order that all
//! writers keep.

use super::concurrency::{busy, busy_options};
use super::{address, ask, assert_sound};
use crate::cluster::{Cluster, Options};
use crate::records::hourly;
use sessionlog::Store;
use sessionlog::postgres::{Postgres, migrate};
use sessionlog::stores::{Embedded, SessionLogStore};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FUNCTIONS: &str = "\
    CREATE FUNCTION create_distributed_table(t text, c text, shard_count int DEFAULT 0, \
      colocate_with text DEFAULT '') RETURNS void LANGUAGE plpgsql AS 'BEGIN END'; \
    CREATE FUNCTION citus_total_relation_size(t text) RETURNS bigint LANGUAGE sql AS \
      'SELECT pg_total_relation_size(t::regclass)'";

/// A new database with the schema of Citus in it.
pub async fn distributed(cluster: &Cluster) -> String {
    let database = cluster.database();
    ask(cluster, &database, FUNCTIONS);
    let at = address(cluster.address(), &database);
    migrate(&at, true).await.unwrap();
    database
}

/// A server that logs every statement, behind the number of the process that runs it.
pub fn listening() -> Option<Cluster> {
    let settings = ["log_statement=all", "log_line_prefix=%p|"];
    Cluster::start(Options {
        settings: settings.map(str::to_owned).to_vec(),
        ..Options::default()
    })
}

/// A statement that the server was asked for, and the values of its parameters.
#[derive(Debug, Default)]
struct Asked {
    process: String,
    text: String,
    values: Vec<String>,
}

fn asked_in(log: &str) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    for line in log.lines() {
        let Some((process, said)) = line.split_once('|') else {
            continue;
        };
        if let Some(values) = said.strip_prefix("DETAIL:  parameters: ") {
            let values = values.split(", $").map(|value| {
                let value = value.split_once(" = ").unwrap().1;
                value.trim_matches('\'').to_owned()
            });
            all.last_mut().unwrap().values = values.collect();
        } else if let Some(text) = said
            .strip_prefix("LOG:  statement: ")
            .or_else(|| said.strip_prefix("LOG:  execute <unnamed>: "))
        {
            all.push(Asked {
                process: process.to_owned(),
                text: text.to_owned(),
                values: Vec::new(),
            });
        }
    }
    all
}

impl Asked {
    /// Which place it has in a transaction, if it writes or locks rows.
    fn phase(&self) -> Option<usize> {
        if self.text.contains("FOR UPDATE") {
            return Some(1);
        }
        let phases = [
            "INSERT INTO session_log",
            "SELECT FOR UPDATE",
            "UPDATE session_log",
            "DELETE FROM session_log",
            "DELETE FROM session_count ",
            "INSERT INTO session_count ",
        ];
        phases.iter().position(|start| self.text.starts_with(start))
    }

    /// The slots of its rows, and the one it names.
    fn slots(&self) -> BTreeSet<&str> {
        // How many values a row has.
        let forms = [
            ("INSERT INTO session_log", 7),
            ("INSERT INTO session_count ", 6),
            ("AS d(slot, refer_uid) ", 2),
            ("AS d(slot, refer_uid, session_end) ", 3),
        ];
        let form = forms.iter().find(|(part, _)| self.text.contains(part));
        let mut slots: BTreeSet<&str> = match form {
            Some((_, width)) => self.values.chunks(*width).map(|row| &*row[0]).collect(),
            None => self.values.iter().take(1).map(|value| &**value).collect(),
        };
        if let Some((_, named)) = self.text.split_once("AND s.slot = ") {
            slots.extend(named.split(' ').next());
        }
        slots
    }
}

#[tokio::test]
async fn a_copy_streams_the_sessions_of_one_slot_at_a_time() {
    let Some(cluster) = listening() else { return };
    let database = distributed(&cluster).await;
    let at = address(cluster.address(), &database);
    let store = Postgres::connect(&at, busy_options()).await.unwrap();
    let source = Embedded::new(Store::in_memory().unwrap()).unwrap();
    source.append_batch(hourly(1..=20)).await.unwrap();
    let copied = store.copy_from(&source, |_| ()).await.unwrap();
    assert_eq!(copied.copied, 20);
    let streams = cluster.log().matches(": COPY session_log").count();
    let slots = ask(
        &cluster,
        &database,
        "SELECT count(DISTINCT slot) FROM session_log",
    );
    assert_eq!(streams.to_string(), slots);
    assert_sound(&store).await;
}

/// How far a transaction has come.
#[derive(Debug, Default)]
struct Transaction {
    /// Whether no writer is beside it.
    is_alone: bool,
    last: (usize, u32),
}

/// What a transaction that is alone does to all slots, nobody can wait for.
fn is_in_order(transaction: &mut Transaction, asked: &Asked) {
    let Some(phase) = asked.phase() else { return };
    let of_all_slots = ["SELECT slot, ", "slot = ANY(", "slot NOT BETWEEN"];
    if of_all_slots.iter().any(|part| asked.text.contains(part)) {
        return assert!(transaction.is_alone, "{asked:?}");
    }
    let slots = asked.slots();
    assert_eq!(slots.len(), 1, "{asked:?}");
    let slot: u32 = slots.first().unwrap().parse().unwrap();
    assert!(slot < 32, "{asked:?}");
    let place = (phase, slot);
    assert!(place >= transaction.last, "{transaction:?}: {asked:?}");
    transaction.last = place;
    if phase == 1 || phase == 2 || phase == 3 {
        assert!(
            asked.text.contains(&format!("AND s.slot = {slot}")),
            "{asked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_write_are_about_one_slot_each_in_the_order_of_all_writers() {
    let Some(cluster) = listening() else { return };
    let database = distributed(&cluster).await;
    let before = cluster.log().len();
    let at = address(cluster.address(), &database);
    let one = Postgres::connect(&at, busy_options()).await.unwrap();
    let other = Postgres::connect(&at, busy_options()).await.unwrap();
    busy([one, other], Duration::from_secs(1)).await;
    let log = cluster.log();
    let (mut transactions, mut phases) = (BTreeMap::<String, Transaction>::new(), BTreeSet::new());
    for asked in asked_in(&log[before..]) {
        assert!(!asked.text.contains("unnest"), "{asked:?}");
        let transaction = transactions.entry(asked.process.clone()).or_default();
        if asked.text.starts_with("BEGIN") {
            *transaction = Transaction::default();
        }
        transaction.is_alone |= asked.text.contains("IN EXCLUSIVE MODE");
        phases.extend(asked.phase());
        is_in_order(transaction, &asked);
        // Two tables, or one with itself, are joined nowhere; keys of a slot with the rows of it are.
        let joins = asked.text.matches("JOIN").count();
        let is_of_keys = asked.text.contains(" AS d(slot, refer_uid) ON ");
        let is_of_groups = asked.text.starts_with("WITH groups");
        assert!(joins == 0 || is_of_keys || is_of_groups, "{asked:?}");
    }
    assert_eq!(phases.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let triggers = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(ask(&cluster, &database, triggers), "0");
    assert!(!log.contains("deadlock detected"));
}
