//! A page of 50 with its exact total: every combination of filters, with and without a window of
//! one day, first, middle and last page.

use crate::Result;
use crate::bench::{Bench, reference};
use crate::figure::{Figure, Label};
use crate::measure::timed;
use crate::question;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for case in question::cases(bench.profile())? {
        let places = question::places(&case.query, reference(bench.stores()?)?)?;
        for (place, question) in places {
            let label = Label::new("paging", bench.sessions).page(&case.name, place);
            figures
                .extend(bench.measure(label, |subject| timed(|| subject.engine.page(&question)))?);
        }
    }
    Ok(figures)
}
