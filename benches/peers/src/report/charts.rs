//! The figures as charts, in SVG: those that the run has the rows for.

use super::plot::{self, Axes, Bar, Series};
use crate::Result;
use crate::figure::{Figure, Label};
use indicatif::HumanCount;
use std::path::Path;

/// Places of the pages on the axis of depth, which is logarithmic as all are.
const PLACES: [(&str, f64); 3] = [("first", 1.0), ("middle", 10.0), ("last", 100.0)];

/// Writes every chart that there are figures for.
pub(crate) fn write(folder: &Path, engines: &[&'static str], figures: &[Figure]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let charts = Charts {
        folder,
        engines,
        figures,
    };
    charts.depth()?;
    charts.size()?;
    charts.ingest()?;
    charts.space()
}

struct Charts<'a> {
    folder: &'a Path,
    engines: &'a [&'static str],
    figures: &'a [Figure],
}

impl Charts<'_> {
    fn depth(&self) -> Result<()> {
        let largest = self.largest();
        let axes = Axes {
            title: &format!(
                "A page of 50 and its total, of {} sessions",
                HumanCount(largest)
            ),
            x: "depth of the page",
            y: "µs, median",
            x_value: &place_name,
        };
        let series = self.series(|label| {
            let of_largest = label.sessions == largest && is_page_of_all(label);
            let place = PLACES.iter().find(|place| Some(place.0) == label.page);
            place
                .filter(|_| of_largest)
                .map(|place| (place.1, |micros| micros))
        });
        plot::lines(&self.folder.join("depth.svg"), &axes, &series)
    }

    fn size(&self) -> Result<()> {
        let axes = Axes {
            title: "The middle page of 50 and its total",
            x: "sessions in the store",
            y: "µs, median",
            x_value: &plot::number,
        };
        let series = self.series(|label| {
            let is_middle = is_page_of_all(label) && label.page == Some("middle");
            is_middle.then_some((label.sessions as f64, |micros| micros))
        });
        plot::lines(&self.folder.join("size.svg"), &axes, &series)
    }

    fn ingest(&self) -> Result<()> {
        let axes = Axes {
            title: "Durable appends",
            x: "sessions in a commit",
            y: "sessions a second",
            x_value: &plot::number,
        };
        let largest = self.largest();
        let series = self.series(|label| {
            let appends = ["commits", "batches"].contains(&label.work);
            let batch = label
                .batch
                .filter(|_| appends && label.sessions == largest)?;
            Some((batch as f64, move |micros: f64| batch as f64 * 1e6 / micros))
        });
        plot::lines(&self.folder.join("ingest.svg"), &axes, &series)
    }

    fn space(&self) -> Result<()> {
        let largest = self.largest();
        let bars = self.engines.iter().enumerate().filter_map(|(color, name)| {
            let figure = self.of_engine(name).find(|figure| {
                figure.label.unit == "bytes/session" && figure.label.sessions == largest
            })?;
            let value = figure.median;
            Some(Bar { name, color, value })
        });
        let bars: Vec<Bar> = bars.collect();
        let file = self.folder.join("space.svg");
        plot::bars(&file, "Bytes of storage a session", &bars)
    }

    fn of_engine(&self, engine: &str) -> impl Iterator<Item = &Figure> {
        let of_engine = move |figure: &&Figure| figure.engine == engine;
        self.figures.iter().filter(of_engine)
    }

    /// The most sessions that any store had.
    fn largest(&self) -> u64 {
        let sizes = self.figures.iter().map(|figure| figure.label.sessions);
        sizes.max().unwrap_or(0)
    }

    /// A line for each engine, through the figures that `place` puts on it: where, and how the
    /// median is shown.
    fn series<F: Fn(f64) -> f64>(&self, place: impl Fn(&Label) -> Option<(f64, F)>) -> Vec<Series> {
        let series = self.engines.iter().enumerate().map(|(color, name)| {
            let points = self.of_engine(name).filter_map(|figure| {
                let (x, shown) = place(&figure.label)?;
                Some((x, shown(figure.median)))
            });
            let points = points.collect();
            Series {
                name,
                color,
                points,
            }
        });
        series.filter(|series| !series.points.is_empty()).collect()
    }
}

fn place_name(x: &f64) -> String {
    let place = PLACES.iter().find(|place| (place.1 - x).abs() < 1e-6);
    place.map_or(String::new(), |place| place.0.to_owned())
}

fn is_page_of_all(label: &Label) -> bool {
    label.work == "paging" && label.filter.as_deref() == Some("none")
}
