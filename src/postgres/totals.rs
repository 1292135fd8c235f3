//! How many sessions match: by counters, or counted in the rows where there are none.

use super::change::Layout;
use super::connection::Transaction;
use super::counters::{CountedKeys, Cover, Key, Span, cover};
use super::failure::Failure;
use super::question::Question;
use super::rows::{column, counted};
use super::sql::Sql;
use tokio_postgres::Row;

/// The sessions that match a query and start in one span, and how many they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) span: Span,
    pub(super) count: u64,
    /// The level of the bucket that it is, if it is one.
    pub(super) level: Option<usize>,
}

/// How many sessions match, in all and by parts of time, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    parts: Vec<Part>,
    pub(super) total: u64,
}

/// The statements that count, and what each of them is about.
struct Plan {
    statements: Vec<Sql>,
    cover: Cover,
}

impl Plan {
    /// By the counters of a key.
    fn by_counters(question: &Question<'_>, widths: &[i64], key: &Key) -> Self {
        let cover = cover(widths, question.span);
        let edges = cover
            .edges
            .iter()
            .map(|edge| question.within(*edge).count());
        let runs = cover.runs.iter().map(|run| question.counters(key, *run));
        Self {
            statements: edges.chain(runs).collect(),
            cover,
        }
    }

    /// In the rows.
    fn by_rows(question: &Question<'_>) -> Self {
        let edges = match question.span.is_empty() {
            true => Vec::new(),
            false => vec![question.span],
        };
        Self {
            statements: edges.iter().map(|_| question.count()).collect(),
            cover: Cover {
                edges,
                ..Cover::default()
            },
        }
    }

    /// What the answers to the statements say.
    fn counted(&self, widths: &[i64], answers: &[Vec<Row>]) -> Result<Counted, Failure> {
        let mut parts = Vec::new();
        let (edges, runs) = answers.split_at(self.cover.edges.len().min(answers.len()));
        for (span, rows) in self.cover.edges.iter().zip(edges) {
            let count = rows.first().map_or(Ok(0), |row| counted(row, 0))?;
            parts.push(Part {
                span: *span,
                count,
                level: None,
            });
        }
        for (run, rows) in self.cover.runs.iter().zip(runs) {
            let width = widths.get(run.level).copied().unwrap_or(1);
            for row in rows {
                let from = column::<i64>(row, 0)?.saturating_mul(width);
                parts.push(Part {
                    span: Span {
                        from,
                        to: from.saturating_add(width),
                    },
                    count: counted(row, 1)?,
                    level: Some(run.level),
                });
            }
        }
        parts.sort_unstable_by_key(|part| part.span.from);
        let total = parts.iter().map(|part| part.count).sum();
        Ok(Counted { parts, total })
    }
}

impl Counted {
    /// The first tick of each part, and how many sessions start in it.
    pub(super) fn by_start(&self) -> impl Iterator<Item = (i64, u64)> {
        self.parts.iter().map(|part| (part.span.from, part.count))
    }

    /// The part that holds a rank, and how many come before it in that part.
    pub(super) fn find(&self, rank: u64) -> Option<(Part, u64)> {
        let mut before = rank;
        for part in &self.parts {
            match before.checked_sub(part.count) {
                Some(left) => before = left,
                None => return Some((*part, before)),
            }
        }
        None
    }
}

impl Transaction {
    /// How many sessions match.
    pub(super) async fn count(
        &mut self,
        layout: &Layout,
        question: &Question<'_>,
    ) -> Result<Counted, Failure> {
        let (counted, is_in_rows) = self.count_in(layout, &layout.widths, question).await?;
        if let Some(key) = question.key().filter(|_| is_in_rows) {
            layout.keys.were_counted_in_rows(key, counted.total);
        }
        Ok(counted)
    }

    /// The same, by counters of some of the widths alone, and whether it was in the rows: nobody comes to
    /// have counters for that.
    pub(super) async fn count_in(
        &mut self,
        layout: &Layout,
        widths: &[i64],
        question: &Question<'_>,
    ) -> Result<(Counted, bool), Failure> {
        let key = question.key();
        let known = key.as_ref().filter(|key| layout.keys.are_counted(key));
        if let Some(key) = known {
            if let Some(counted) = self.by_counters(widths, question, key).await? {
                return Ok((counted, false));
            }
            layout.keys.lost(key);
        }
        let plan = Plan::by_rows(question);
        let answers = self.query_all(&plan.statements).await?;
        Ok((plan.counted(widths, &answers)?, true))
    }

    /// By the counters of a key; `None` if it has none in this state.
    async fn by_counters(
        &mut self,
        widths: &[i64],
        question: &Question<'_>,
        key: &Key,
    ) -> Result<Option<Counted>, Failure> {
        let mut plan = Plan::by_counters(question, widths, key);
        let is_listed = *key != Key::all();
        if is_listed {
            plan.statements.push(key.is_listed());
        }
        let mut answers = self.query_all(&plan.statements).await?;
        if is_listed && answers.pop().is_none_or(|rows| rows.is_empty()) {
            return Ok(None);
        }
        plan.counted(widths, &answers).map(Some)
    }

    /// The users and clients that have counters.
    pub(super) async fn counted_keys(&mut self) -> Result<CountedKeys, Failure> {
        let rows = self
            .read(&Sql::new("SELECT k FROM session_counted"))
            .await?;
        let key = |row: &Row| Ok(Key::from_bytes(column(row, 0)?));
        rows.iter().map(key).collect()
    }
}
