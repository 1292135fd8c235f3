//! All engines must answer the same before any of them is timed.

use crate::Result;
use crate::bench::{Subject, reference};
use crate::question::{self, Question};
use sessionlog::generate::Profile;

/// Every filter, with and without a window, first, middle and last page.
pub(crate) fn all_cases(subjects: &[Subject], profile: Profile) -> Result<()> {
    let reference = reference(subjects)?;
    for case in question::cases(profile)? {
        for (place, question) in question::places(&case.query, reference)? {
            one(subjects, &question, &format!("{} {place}", case.name))?;
        }
    }
    Ok(())
}

/// One question.
pub(crate) fn one(subjects: &[Subject], question: &Question, name: &str) -> Result<()> {
    let expected = reference(subjects)?.page(question)?;
    for subject in subjects {
        let engine = subject.kind.name;
        let answer = subject.engine.page(question)?;
        if answer.total != expected.total {
            let (got, total) = (answer.total, expected.total);
            return Err(format!("{name}: {engine} counts {got}, the floor {total}").into());
        }
        let pairs = answer.entries.iter().zip(&expected.entries);
        let same = pairs.take_while(|(got, wanted)| got == wanted).count();
        if answer != expected {
            let (got, wanted) = (answer.entries.get(same), expected.entries.get(same));
            let place = format!("{name}: record {same} of the page");
            return Err(format!("{place}: {engine} has {got:?}, the floor {wanted:?}").into());
        }
    }
    Ok(())
}
