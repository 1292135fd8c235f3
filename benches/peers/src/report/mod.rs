//! What is shown: a table on the terminal, and charts.

pub(crate) mod charts;
mod plot;
pub(crate) mod table;
