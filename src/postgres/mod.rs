//! The store's calls on PostgreSQL, and on Citus (feature `postgres`).
//!
//! [`Postgres`] is a [`SessionLogStore`](crate::stores::SessionLogStore): the same calls, rules and
//! answers as those of a [`Store`](crate::Store), for those whom one machine is not enough.
//!
//! ```no_run
//! use sessionlog::postgres::{Address, Postgres, PostgresOptions, migrate};
//! use sessionlog::stores::SessionLogStore;
//! use sessionlog::{PageRequest, Query};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let address: Address = "postgres://log@db1,db2/sessions".parse()?;
//! let address = address.with_password_of_process()?;
//! migrate(&address, false).await?; // once, and after each upgrade
//! let store = Postgres::connect(&address, PostgresOptions::default()).await?;
//! let page = store.page(&Query::all(), PageRequest::new(0, 50)?).await?;
//! println!("{} sessions", page.total_record_count);
//! # Ok::<(), sessionlog::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it answers
//!
//! A total is the sum of few counters, which every transaction that changes sessions changes with them:
//! by hours, by 32 and by 1,024 hours. The counters tell the hour that a page begins in, and the index
//! the place in that hour. All sessions have counters, and so have the users and clients who were asked
//! for and have many; those of others, and of a user on a client, are counted in the index.
//! All answers of one call are of one state (`REPEATABLE READ`); on Citus, where there is no snapshot
//! across nodes, of one state of each slot.
//!
//! # Behind a pooler
//!
//! Statements have no names and settings last as long as a transaction, so that everything works behind
//! a pooler that gives each transaction another connection, but for
//! [`Address`]es with several hosts: the pooler chooses the host there. A pooler must not cut
//! transactions into statements.

mod address;
mod answers;
mod audit;
mod census;
mod change;
mod connection;
mod copy;
mod counters;
mod days;
mod digest;
mod engine;
mod failure;
mod hosts;
mod keys;
mod lanes;
mod migrate;
mod options;
mod pass_file;
mod places;
mod question;
mod retry;
mod rows;
mod schema;
mod slot;
mod sql;
mod statements;
mod store;
mod sweep;
mod tls;
mod totals;
mod write;

pub use address::Address;
pub use copy::Copied;
pub use migrate::{Migrated, migrate};
pub use options::PostgresOptions;
pub use schema::schema_sql;
pub use store::Postgres;
