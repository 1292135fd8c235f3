//! Pages of many sessions: those of the store on PostgreSQL are those of the embedded one.

use super::{connect, migrated, options};
use crate::cluster::shared;
use crate::support::random::Random;
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::generate::Profile;
use sessionlog::postgres::{Postgres, PostgresOptions};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Order, PageRequest, Query, QueryBuilder, Store};

const PROFILE: Profile = Profile {
    sessions: 30_000,
    users: 500,
    clients: 60,
    seed: 7,
    days: 60,
    // 2026-11-01T00:00:00Z
    end: DateTime::from_timestamp(1_793_491_200, 0).unwrap(),
};

/// A query of every kind, oldest first.
fn queries() -> Vec<QueryBuilder> {
    let client = |rank| PROFILE.client_refer_uid(rank);
    let user = |rank| PROFILE.user_refer_uid(rank);
    let all = Query::builder;
    let before = |days: i64| PROFILE.end - TimeDelta::days(days);
    let odd = TimeDelta::milliseconds(1_234_567);
    let mut queries = vec![
        all(),
        all().open_sessions_only(true),
        all().client_refer_uid(&*client(0)),
        all().client_refer_uid(&*client(0)).open_sessions_only(true),
        all().client_refer_uid(&*client(59)),
        all().user_refer_uid(user(0)),
        all().user_refer_uid(user(499)),
        all().user_refer_uid(user(0)).client_refer_uid(&*client(0)),
    ];
    let spans = [
        (before(40), before(10)),
        (before(40) + odd, before(10) + odd),
        (before(20), before(20) + TimeDelta::hours(1)),
        (before(20) + odd, before(20) + odd + TimeDelta::minutes(7)),
        (before(90), before(59)),
    ];
    for (from, to) in spans {
        for query in [
            all(),
            all().client_refer_uid(&*client(0)),
            all().user_refer_uid(user(0)),
        ] {
            queries.push(query.started_after(from).started_before(to));
        }
    }
    queries
}

/// The sessions of one instant, of which there are some.
fn at(instant: DateTime<Utc>) -> QueryBuilder {
    Query::builder()
        .started_after(instant - TimeDelta::nanoseconds(100))
        .started_before(instant + TimeDelta::nanoseconds(100))
}

async fn same_pages(embedded: &Store, store: &Postgres, query: &Query, random: &mut Random) {
    for size in [1, 50, 1_000] {
        let request = |index| PageRequest::new(index, size).unwrap();
        let first = embedded.page(query, request(0)).unwrap();
        let pages = u32::try_from(first.total_page_count).unwrap();
        let any = u32::try_from(random.below(pages.max(1) as usize)).unwrap();
        for index in [0, pages / 2, pages.saturating_sub(1), pages, any] {
            let expected = embedded.page(query, request(index)).unwrap();
            let page = store.page(query, request(index)).await.unwrap();
            assert_eq!(page, expected, "{query:?}");
        }
    }
}

async fn all_pages_are_the_same(counted_from: u64) {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let options = PostgresOptions {
        counted_from,
        ..options()
    };
    let store = connect(cluster.address(), &database, options).await;
    let embedded = Store::in_memory().unwrap();
    let logs: Vec<_> = PROFILE.session_logs().collect();
    for part in logs.chunks(10_000) {
        embedded.append_batch(part.to_vec()).unwrap();
        store.append_batch(part.to_vec()).await.unwrap();
    }
    let (mut random, mut queries) = (Random::new(counted_from), queries());
    queries.push(at(logs[12_345].session_start));
    // Whom it was asked for has counters the second time, if anybody has.
    for _ in 0..2 {
        for query in &queries {
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let query = query.clone().order(order).build().unwrap();
                same_pages(&embedded, &store, &query, &mut random).await;
            }
        }
    }
    super::assert_sound(&store).await;
}

#[tokio::test]
async fn pages_are_those_of_the_embedded_store_where_many_have_counters() {
    all_pages_are_the_same(1_000).await;
}

#[tokio::test]
async fn pages_are_those_of_the_embedded_store_where_nobody_has_counters() {
    all_pages_are_the_same(1_000_000).await;
}
