//! What everybody writes first: a `COUNT`, and a page by `OFFSET`.

use sessionlog::{PageRequest, Query};
use std::fmt::Write;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub(crate) struct Offset(Client);

impl Offset {
    pub(crate) async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// The total and the ids on a page, oldest first.
    pub(crate) async fn page(&self, query: &Query, page: PageRequest) -> (u64, Vec<Uuid>) {
        let (filter, values) = filter(query);
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
        let count = format!("SELECT count(*) FROM session_log{filter}");
        let size = page.records_per_page();
        let offset = u64::from(page.page_request_index()) * u64::from(size);
        let records = format!(
            "SELECT refer_uid, user_refer_uid, user_name, client_refer_uid, session_start, session_end \
             FROM session_log{filter} ORDER BY session_start, refer_uid LIMIT {size} OFFSET {offset}"
        );
        // Both at once, as a careful program would.
        let (count, records) = tokio::join!(
            self.0.query_one(&count, &values),
            self.0.query(&records, &values)
        );
        let total: i64 = count.unwrap().get(0);
        let ids = records.unwrap().iter().map(|row| row.get(0)).collect();
        (total.unsigned_abs(), ids)
    }
}

type Values = Vec<Box<dyn ToSql + Sync + Send>>;

fn filter(query: &Query) -> (String, Values) {
    let (mut text, mut values) = (String::from(" WHERE true"), Values::new());
    let mut add = |condition: &str, value: Box<dyn ToSql + Sync + Send>| {
        values.push(value);
        write!(text, " AND {condition} ${}", values.len()).unwrap();
    };
    if let Some(user) = query.user_refer_uid() {
        add("user_refer_uid =", Box::new(user));
    }
    if let Some(client) = query.client_refer_uid() {
        add("client_refer_uid =", Box::new(client.as_bytes().to_vec()));
    }
    for (condition, at) in [
        ("session_start >", query.started_after()),
        ("session_start <", query.started_before()),
    ] {
        if let Some(at) = at {
            // Ticks since year one.
            let nanos = i128::from(at.timestamp()) * 1_000_000_000
                + i128::from(at.timestamp_subsec_nanos());
            let ticks = nanos / 100 + 621_355_968_000_000_000;
            add(condition, Box::new(i64::try_from(ticks).unwrap()));
        }
    }
    if query.open_sessions_only() {
        text.push_str(" AND session_end IS NULL");
    }
    (text, values)
}
