//! Draws curves as SVG: both axes are logarithmic; a whisker spans all runs.
//!
//! Owns shape and colour. Does not know the measurements.

use std::fmt::Write as _;

use crate::sample::Sample;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
/// Margins of the plot: left, top, right, bottom. The names of the curves are on the right.
const FRAME: [f64; 4] = [64.0, 56.0, 560.0, 344.0];
/// Least distance between two names.
const LINE: f64 = 16.0;

/// Colours that people with red-green blindness distinguish, on white and on black.
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a", "#7a5195",
];

/// One curve.
pub(super) struct Curve {
    pub(super) name: String,
    /// Points in the order of their first number. All numbers are above zero.
    pub(super) points: Vec<(f64, Sample)>,
}

/// A picture of curves.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) across: &'a str,
    pub(super) up: &'a str,
    pub(super) curves: Vec<Curve>,
}

impl Chart<'_> {
    /// Draws the picture; `None` if it has no points.
    pub(super) fn svg(&self) -> Option<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let across = Axis::over(points().map(|(x, _)| *x), FRAME[0], FRAME[2])?;
        let heights = points().flat_map(|(_, sample)| [sample.min, sample.max]);
        let up = Axis::over(heights, FRAME[3], FRAME[1])?;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <style>.i{{fill:#24292f}}.g{{stroke:#8c959f;stroke-opacity:.35}}\
             @media(prefers-color-scheme:dark){{.i{{fill:#d1d7e0}}}}</style>\n\
             <text class=\"i\" x=\"{}\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
            FRAME[0],
            escaped(self.title)
        );
        self.grid(&mut svg, &across, &up);
        for ((curve, colour), y) in self.curves.iter().zip(COLOURS).zip(self.name_heights(&up)) {
            draw(&mut svg, curve, colour, y, &across, &up);
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn grid(&self, svg: &mut String, across: &Axis, up: &Axis) {
        let [left, top, right, bottom] = FRAME;
        for (value, x) in across.decades() {
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{x:.1} {top}V{bottom}\"/>\
                 <text class=\"i\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                short(value)
            );
        }
        for (value, y) in up.decades() {
            let _ = writeln!(
                svg,
                "<path class=\"g\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text class=\"i\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + 4.0,
                short(value)
            );
        }
        let _ = write!(
            svg,
            "<text class=\"i\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text class=\"i\" x=\"8\" y=\"{}\">{}</text>\n",
            f64::midpoint(left, right),
            bottom + 40.0,
            escaped(self.across),
            top - 12.0,
            escaped(self.up)
        );
    }

    /// Returns the height of each curve's name: at its end, and no two overlap.
    fn name_heights(&self, up: &Axis) -> Vec<f64> {
        let end = |curve: &Curve| curve.points.last().map_or(0.0, |(_, it)| up.at(it.median));
        let mut order: Vec<(usize, f64)> = self.curves.iter().map(end).enumerate().collect();
        order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let mut lowest = f64::MIN;
        for (_, y) in &mut order {
            *y = y.max(lowest + LINE);
            lowest = *y;
        }
        order.sort_by_key(|(curve, _)| *curve);
        order.into_iter().map(|(_, y)| y).collect()
    }
}

fn draw(svg: &mut String, curve: &Curve, colour: &str, name: f64, across: &Axis, up: &Axis) {
    let places: Vec<(f64, f64)> = curve
        .points
        .iter()
        .map(|(x, sample)| (across.at(*x), up.at(sample.median)))
        .collect();
    let line: Vec<String> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = write!(
        svg,
        "<g stroke=\"{colour}\" fill=\"{colour}\">\
         <polyline fill=\"none\" stroke-width=\"2\" points=\"{}\"/>",
        line.join(" ")
    );
    for ((x, y), (_, sample)) in places.iter().zip(&curve.points) {
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {:.1}V{:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>",
            up.at(sample.min),
            up.at(sample.max)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{:.1}\" stroke=\"none\">{}</text></g>",
        FRAME[2] + 10.0,
        name + 4.0,
        escaped(&curve.name)
    );
}

/// A logarithmic axis.
struct Axis {
    /// Logarithms of its ends.
    ends: [f64; 2],
    places: [f64; 2],
}

impl Axis {
    /// An axis for all values above zero; `None` if there are none.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let values: Vec<f64> = values.filter(|it| *it > 0.0).map(f64::log10).collect();
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        // The margin keeps a power of ten at the end, despite a rounded logarithm.
        let (first, last) = ((least + 1e-9).floor(), (most - 1e-9).ceil());
        Some(Self {
            ends: [first, if last > first { last } else { first + 1.0 }],
            places: [from, to],
        })
    }

    fn at(&self, value: f64) -> f64 {
        let [first, last] = self.ends;
        let share = (value.max(1e-9).log10() - first) / (last - first);
        let [from, to] = self.places;
        from + share.clamp(0.0, 1.0) * (to - from)
    }

    fn decades(&self) -> Vec<(f64, f64)> {
        let [first, last] = self.ends;
        (first as i32..=last as i32)
            .map(|power| 10f64.powi(power))
            .map(|value| (value, self.at(value)))
            .collect()
    }
}

/// `1 k`, `10 M`, `0.1`.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e3 => format!("{} k", value / 1e3),
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(name: &str, value: f64) -> Curve {
        let sample = Sample::of(vec![value]).unwrap();
        Curve {
            name: name.to_owned(),
            points: vec![(10.0, sample), (1000.0, sample)],
        }
    }

    fn chart(curves: Vec<Curve>) -> Chart<'static> {
        Chart {
            title: "Cost",
            across: "rules",
            up: "ns",
            curves,
        }
    }

    #[test]
    fn without_a_point_there_is_no_picture() {
        assert!(chart(Vec::new()).svg().is_none());
    }

    #[test]
    fn names_of_curves_that_end_together_do_not_cover_one_another() {
        let chart = chart(vec![flat("a", 50.0), flat("b", 50.0), flat("c", 49.0)]);
        let up = Axis::over([10.0, 100.0].into_iter(), FRAME[3], FRAME[1]).unwrap();
        let mut heights = chart.name_heights(&up);
        heights.sort_by(f64::total_cmp);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= LINE));
    }

    #[test]
    fn a_value_of_a_power_of_ten_lies_on_its_line() {
        let axis = Axis::over([20.0, 800.0].into_iter(), 0.0, 200.0).unwrap();
        let lines: Vec<f64> = axis.decades().into_iter().map(|(value, _)| value).collect();
        assert_eq!(lines, [10.0, 100.0, 1000.0]);
        assert!((axis.at(100.0) - 100.0).abs() < 1e-9);
    }
}
