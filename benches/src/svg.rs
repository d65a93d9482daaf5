//! Drawings: rectangles, lines and text, with colours that follow the reader's light or dark setting.
//!
//! The colours are those of Okabe and Ito, which people tell apart whatever their colour vision. Text stays text.

use std::fmt::Write;

/// The colours, as classes `c0` to `c7`: blue, orange, green, vermilion, purple, sky, yellow, grey.
const COLOURS: [&str; 8] = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#8C8C8C"];

/// Where a text's place is.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// At its start.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A drawing. Lengths are pixels, from the upper left corner.
#[derive(Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty one; the title is for those who can't see it.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self { width, height, body: String::new() };
        svg.put(&format!("<title>{}</title>", escape(title)));
        svg.rect((0.0, 0.0), (width, height), "ground");
        svg
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// A filled rectangle.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        self.put(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" class="{class}"/>"#
        ));
    }

    /// A line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.put(&format!(r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#));
    }

    /// Lines from point to point, in a colour.
    pub fn path(&mut self, points: &[(f64, f64)], colour: usize) {
        let places: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(&format!(r#"<polyline points="{}" class="path s{}"/>"#, places.join(" "), colour % COLOURS.len()));
    }

    /// A mark in a colour; marks of different colours have different shapes.
    pub fn mark(&mut self, (x, y): (f64, f64), colour: usize) {
        let class = format!("c{}", colour % COLOURS.len());
        match colour % 4 {
            0 => self.put(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" class="{class}"/>"#)),
            1 => self.rect((x - 4.0, y - 4.0), (8.0, 8.0), &class),
            2 => self.polygon(&[(x, y - 5.5), (x + 5.0, y + 4.0), (x - 5.0, y + 4.0)], &class),
            _ => self.polygon(&[(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y)], &class),
        }
    }

    fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        let places: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(&format!(r#"<polygon points="{}" class="{class}"/>"#, places.join(" ")));
    }

    /// A text; its baseline is at `y`.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let (anchor, text) = (anchor.name(), escape(text));
        self.put(&format!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#));
    }

    /// The file.
    pub fn finish(self) -> String {
        let Self { width, height, body } = self;
        let mut text = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12">
<style>
  .ground {{ fill: #ffffff }} text {{ fill: #1f2328 }} .faint {{ fill: #59636e }} .title {{ font-size: 15px; font-weight: 600 }}
  .head {{ font-weight: 600 }} .grid {{ stroke: #d1d9e0 }} .axis {{ stroke: #59636e }} .beyond {{ fill: #eef1f4 }}
  .path {{ fill: none; stroke-width: 2 }} .on-dark {{ fill: #ffffff }} .on-light {{ fill: #111111 }}
"#
        );
        for (i, colour) in COLOURS.iter().enumerate() {
            let _ = writeln!(text, "  .c{i} {{ fill: {colour} }} .s{i} {{ stroke: {colour} }}");
        }
        text.push_str(
            "  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .axis { stroke: #9198a1 }
    .beyond { fill: #1b222c } .on-dark { fill: #ffffff } .on-light { fill: #111111 }
  }
</style>
",
        );
        text.push_str(&body);
        text.push_str("</svg>\n");
        text
    }
}

/// The class for text upon a colour.
pub fn text_on(colour: usize) -> &'static str {
    if colour == 0 { "on-dark" } else { "on-light" }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A straight axis from zero to at least `most`.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    from: f64,
    to: f64,
    step: f64,
    most: f64,
}

impl Axis {
    /// From pixel `from` to pixel `to`, with about `ticks` ticks.
    pub fn new(from: f64, to: f64, most: f64, ticks: f64) -> Self {
        let rough = most.max(1e-9) / ticks;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        Self { from, to, step, most: (most / step).ceil() * step }
    }

    /// The pixel of a value.
    pub fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / self.most
    }

    /// Its ticks: values and how they are written.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let Self { step, most, .. } = *self;
        let digits = if step >= 1.0 { 0 } else { 1 };
        let values = (0u8..=50).map(move |i| f64::from(i) * step).take_while(move |v| *v <= most * 1.001);
        values.map(move |value| (value, format!("{value:.digits$}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ticks() {
        let axis = Axis::new(100.0, 200.0, 4.7, 5.0);
        let ticks: Vec<_> = axis.ticks().map(|(_, text)| text).collect();
        assert_eq!(ticks, ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(axis.at(2.5), 150.0);
    }

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new(10.0, 10.0, "a < b");
        svg.text((1.0, 1.0), Anchor::Start, "", "c & d");
        let text = svg.finish();
        assert!(text.contains("a &lt; b") && text.contains("c &amp; d"));
    }
}
