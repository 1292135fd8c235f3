//! The tables and statements of SQLite.
//!
//! Sessions are clustered by start, which answers questions without a filter. Every other filter
//! has an index that holds all columns, in the order of answers; those of open sessions are partial,
//! and hold the end all the same: without it SQLite takes them not to hold all of the condition.

/// Tables and indexes, made where they are missing.
pub(super) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS name (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS session (
    start INTEGER NOT NULL, id BLOB NOT NULL, user INTEGER NOT NULL, client INTEGER NOT NULL,
    ended INTEGER, PRIMARY KEY (start, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS session_id ON session (id);
CREATE INDEX IF NOT EXISTS of_user ON session (user, start, id, client, ended);
CREATE INDEX IF NOT EXISTS of_client ON session (client, start, id, user, ended);
CREATE INDEX IF NOT EXISTS of_user_client ON session (user, client, start, id, ended);
CREATE INDEX IF NOT EXISTS open ON session (start, id, user, client, ended) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS open_of_user
    ON session (user, start, id, client, ended) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS open_of_client
    ON session (client, start, id, user, ended) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS open_of_user_client
    ON session (user, client, start, id, ended) WHERE ended IS NULL;
";

pub(super) const INSERT: &str =
    "INSERT INTO session (start, id, user, client, ended) VALUES (?, ?, ?, ?, ?)";
pub(super) const END: &str = "UPDATE session SET ended = ?2 WHERE id = ?1 AND ended IS NULL";
pub(super) const END_OPEN: &str = "UPDATE session SET ended = ? WHERE ended IS NULL";
pub(super) const FIND_NAME: &str = "SELECT id FROM name WHERE key = ?";
pub(super) const GET_NAME: &str = "SELECT bytes FROM name WHERE id = ?";
pub(super) const ADD_NAME: &str = "INSERT INTO name (key, bytes) VALUES (?, ?)";

/// Which conditions a question has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    pub(super) user: bool,
    pub(super) client: bool,
    pub(super) open: bool,
    pub(super) window: bool,
    /// Whether the page starts after a record.
    pub(super) after: bool,
}

impl Filter {
    /// Every combination, each at its [`Filter::index`].
    pub(super) fn every() -> impl Iterator<Item = Self> {
        (0..32_u8).map(|bits| Self {
            user: bits & 1 != 0,
            client: bits & 2 != 0,
            open: bits & 4 != 0,
            window: bits & 8 != 0,
            after: bits & 16 != 0,
        })
    }

    pub(super) fn index(self) -> usize {
        let Self {
            user,
            client,
            open,
            window,
            after,
        } = self;
        let bits = [user, client, open, window, after];
        bits.iter()
            .rev()
            .fold(0, |sum, set| sum << 1 | usize::from(*set))
    }

    fn index_name(self) -> Option<&'static str> {
        match (self.open, self.user, self.client) {
            (false, false, false) => None,
            (false, true, false) => Some("of_user"),
            (false, false, true) => Some("of_client"),
            (false, true, true) => Some("of_user_client"),
            (true, false, false) => Some("open"),
            (true, true, false) => Some("open_of_user"),
            (true, false, true) => Some("open_of_client"),
            (true, true, true) => Some("open_of_user_client"),
        }
    }
}

/// The statements of a filter. Values come in the order user, client, window (without its begin
/// after a record); then, for a page only, the record before it, how many, and from which.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) page: String,
    pub(super) count: String,
}

impl Texts {
    pub(super) fn new(filter: Filter) -> Self {
        let index = filter.index_name();
        let source = index.map_or_else(
            || "session".to_owned(),
            |name| format!("session INDEXED BY {name}"),
        );
        let page = conditions(filter, filter.after);
        let count = conditions(filter, false);
        Self {
            page: format!(
                "SELECT start, id, user, client, ended FROM {source}{page} \
                 ORDER BY start, id LIMIT ? OFFSET ?"
            ),
            count: format!("SELECT COUNT(*) FROM {source}{count}"),
        }
    }
}

fn conditions(filter: Filter, after: bool) -> String {
    let conditions = [
        (filter.user, "user = ?"),
        (filter.client, "client = ?"),
        (filter.open, "ended IS NULL"),
        // Either is where the walk begins: with both, SQLite begins at the window and tests the rest.
        (filter.window && !after, "start >= ?"),
        (filter.window, "start < ?"),
        (after, "(start, id) > (?, ?)"),
    ];
    let set: Vec<&str> = conditions.iter().filter(|c| c.0).map(|c| c.1).collect();
    match set.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", set.join(" AND ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_where_its_index_says() {
        let indexes: Vec<usize> = Filter::every().map(Filter::index).collect();
        assert!(indexes.iter().copied().eq(0..indexes.len()));
    }

    /// A look-up in the table for each record of a page, or a sort, would be no fair opponent.
    #[test]
    fn every_page_and_count_is_read_from_one_index_in_order() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        for filter in Filter::every() {
            let texts = Texts::new(filter);
            for text in [&texts.page, &texts.count] {
                let plan = plan(&connection, text);
                let clustered = filter.index_name().is_none();
                assert!(
                    clustered || plan.contains("COVERING INDEX"),
                    "{text}: {plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{text}: {plan}");
            }
        }
    }

    fn plan(connection: &rusqlite::Connection, text: &str) -> String {
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let values = vec![0; explain.parameter_count()];
        let values = rusqlite::params_from_iter(values);
        let steps = explain
            .query_map(values, |row| row.get::<_, String>(3))
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }
}
