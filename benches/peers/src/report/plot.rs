//! Lines on logarithmic scales, and bars: the two forms of chart.

use crate::Result;
use plotters::chart::SeriesLabelPosition;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (960, 600);
const MARGIN: u32 = 20;
const X_LABELS: u32 = 45;
const Y_LABELS: u32 = 90;
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE_FONT: (&str, u32) = ("sans-serif", 22);

/// One line.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// The same number is the same color, in every chart.
    pub(super) color: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// What a chart of lines says around them.
pub(super) struct Axes<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// How a value of the horizontal axis is written.
    pub(super) x_value: &'a dyn Fn(&f64) -> String,
}

/// Draws lines, both axes on logarithmic scales; no file where there are none.
pub(super) fn lines(file: &Path, axes: &Axes<'_>, series: &[Series]) -> Result<()> {
    let points = || series.iter().flat_map(|line| &line.points);
    if points().next().is_none() {
        return Ok(());
    }
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (
        decades(points().map(|p| p.0)),
        decades(points().map(|p| p.1)),
    );
    // Room for the legend, beside the lines.
    let x = x.start..x.end * (x.end / x.start).powf(0.25);
    let mut chart = builder(&area, axes.title).build_cartesian_2d(x.log_scale(), y.log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.label_style(FONT).x_desc(axes.x).y_desc(axes.y);
    mesh.x_label_formatter(axes.x_value);
    mesh.y_label_formatter(&number).draw()?;
    series.iter().try_for_each(|line| draw(&mut chart, line))?;
    let mut legend = chart.configure_series_labels();
    legend
        .position(SeriesLabelPosition::MiddleRight)
        .label_font(FONT);
    legend.background_style(WHITE.mix(0.8)).draw()?;
    Ok(area.present()?)
}

type LogChart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

fn draw(chart: &mut LogChart<'_, '_>, line: &Series) -> Result<()> {
    let style = Palette99::pick(line.color).to_rgba().stroke_width(2);
    let points = line.points.iter().copied();
    let drawn = chart.draw_series(LineSeries::new(points, style).point_size(4))?;
    let sample = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style);
    drawn.label(line.name).legend(sample);
    Ok(())
}

/// One bar.
pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) color: usize,
    pub(super) value: f64,
}

/// Draws a bar for each value, from zero; no file where there are none.
pub(super) fn bars(file: &Path, title: &str, bars: &[Bar]) -> Result<()> {
    if bars.is_empty() {
        return Ok(());
    }
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let highest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let places = (0..bars.len()).into_segmented();
    let mut chart = builder(&area, title).build_cartesian_2d(places, 0.0..highest * 1.1)?;
    let mut mesh = chart.configure_mesh();
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => bars.get(*at).map_or("", |bar| bar.name).to_owned(),
        _ => String::new(),
    };
    mesh.disable_x_mesh().label_style(FONT).x_labels(bars.len());
    mesh.x_label_formatter(&name)
        .y_label_formatter(&number)
        .draw()?;
    let rectangles = bars.iter().enumerate().map(|(at, bar)| {
        let corners = [
            (SegmentValue::Exact(at), 0.0),
            (SegmentValue::Exact(at + 1), bar.value),
        ];
        let mut rectangle = Rectangle::new(corners, Palette99::pick(bar.color).filled());
        rectangle.set_margin(0, 0, 12, 12);
        rectangle
    });
    chart.draw_series(rectangles)?;
    Ok(area.present()?)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn builder<'a, 'b>(area: &'a Area<'b>, title: &str) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.caption(title, TITLE_FONT).margin(MARGIN);
    builder
        .x_label_area_size(X_LABELS)
        .y_label_area_size(Y_LABELS);
    builder
}

/// The powers of ten around all values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    let from = 10_f64.powf(least.log10().floor());
    from..10_f64.powf(most.log10().ceil()).max(from * 10.0)
}

/// A value of an axis, short.
pub(super) fn number(value: &f64) -> String {
    match *value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e3 => format!("{} k", value / 1e3),
        value => value.to_string(),
    }
}
