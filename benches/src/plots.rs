//! The two plots: where the time of a build goes, and what threads and sizes do.

use crate::results::{ComparedWim, Comparison, LimitedWim, Limits, ScaledWim, Scaling, Step, median_steps, seconds};
use crate::svg::{Anchor, Axis, Svg, text_on};

const WIDTH: f64 = 860.0;
/// Where bars begin.
const LEFT: f64 = 110.0;
/// Where the longest of them may end.
const RIGHT: f64 = 790.0;
const BAR: f64 = 24.0;
/// Height of a panel with three bars and an axis.
const PANEL: f64 = 3.0 * (BAR + 6.0) + 70.0;
/// Narrower pieces get no number.
const ROOM: f64 = 34.0;

/// What a piece of a bar is, its colour, and how it is called.
struct Kind {
    names: &'static [&'static str],
    colour: usize,
    label: &'static str,
}

const KINDS: [Kind; 9] = [
    Kind { names: &["wimapply", "contents"], colour: 0, label: "files: read, unpacked, written" },
    Kind { names: &["partitions", "mkntfs", "structures"], colour: 4, label: "partitions and file system" },
    Kind { names: &["esp"], colour: 6, label: "ESP and BCD" },
    Kind { names: &["convert", "remove"], colour: 1, label: "copied into the VHDX" },
    Kind { names: &["plan"], colour: 2, label: "plan" },
    Kind { names: &["sync", "rest"], colour: 7, label: "sync to the disk" },
    Kind { names: &["decode"], colour: 5, label: "decode" },
    Kind { names: &["sha1"], colour: 3, label: "SHA-1" },
    Kind { names: &["io"], colour: 1, label: "read and write" },
];

/// A bar: pieces of (kind, seconds).
struct Bar {
    label: &'static str,
    pieces: Vec<(usize, f64)>,
}

impl Bar {
    fn of(label: &'static str, steps: &[Step]) -> Self {
        let mut pieces: Vec<(usize, f64)> = Vec::new();
        for step in steps {
            let Some(kind) = KINDS.iter().position(|kind| kind.names.contains(&step.name.as_str())) else { continue };
            match pieces.last_mut() {
                Some((last, seconds)) if *last == kind => *seconds += step.seconds,
                _ => pieces.push((kind, step.seconds)),
            }
        }
        Self { label, pieces }
    }

    fn total(&self) -> f64 {
        self.pieces.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Where the time of a build goes, ours beside the peer's steps and the work that has to be done.
pub fn stages(comparison: &Comparison, limits: &Limits) -> String {
    let both = comparison.wims.iter().filter_map(|compared| {
        let limited = limits.wims.iter().find(|limited| limited.name == compared.name)?;
        Some((compared, limited))
    });
    let panels: Vec<_> = both.collect();
    let height = 108.0 + PANEL * panels.len() as f64;
    let mut svg = Svg::new(WIDTH, height, "Where the time of a build goes");
    svg.text((20.0, 28.0), Anchor::Start, "title", "Where the time of a build goes");
    legend(&mut svg);
    for (i, (compared, limited)) in panels.into_iter().enumerate() {
        panel(&mut svg, 122.0 + PANEL * i as f64, compared, limited, limits.machine.cores);
    }
    svg.finish()
}

/// Two lines of what builds do, one of what the limit is made of.
fn legend(svg: &mut Svg) {
    let columns = [20.0, 250.0, 470.0];
    for (i, kind) in KINDS.iter().enumerate() {
        let (x, y) = (columns[i % 3], 44.0 + 18.0 * (i / 3) as f64);
        svg.rect((x, y), (12.0, 12.0), &format!("c{}", kind.colour));
        let limit = if i >= 6 { " (limit)" } else { "" };
        svg.text((x + 18.0, y + 10.5), Anchor::Start, "", &format!("{}{limit}", kind.label));
    }
}

fn panel(svg: &mut Svg, top: f64, compared: &ComparedWim, limited: &LimitedWim, cores: usize) {
    let head = format!("{}: {:.0} MB, unpacked {:.0} MB", compared.name, mb(compared.stored), mb(compared.unpacked));
    svg.text((20.0, top), Anchor::Start, "head", &head);
    let bars = [
        Bar::of("tool chain", &median_steps(compared.peer.iter().map(|run| &run.steps[..]))),
        Bar::of("nanovhd", &median_steps(limited.stages.iter().map(Vec::as_slice))),
        limit_bar(limited, cores),
    ];
    let most = bars.iter().map(Bar::total).fold(0.0, f64::max);
    let (axis, bottom) = (Axis::new(LEFT, RIGHT, most, 8.0), top + 14.0 + 3.0 * (BAR + 6.0));
    for (value, text) in axis.ticks() {
        svg.line((axis.at(value), top + 10.0), (axis.at(value), bottom), "grid");
        svg.text((axis.at(value), bottom + 15.0), Anchor::Middle, "faint", &text);
    }
    svg.text((RIGHT + 22.0, bottom + 15.0), Anchor::Start, "faint", "s");
    for (i, bar) in bars.iter().enumerate() {
        let y = top + 14.0 + (BAR + 6.0) * i as f64;
        svg.text((LEFT - 10.0, y + 16.5), Anchor::End, "", bar.label);
        let mut from = 0.0;
        for (kind, seconds) in &bar.pieces {
            let (x, colour) = (axis.at(from), KINDS[*kind].colour);
            let width = axis.at(from + seconds) - x;
            svg.rect((x, y), (width, BAR), &format!("c{colour}"));
            if width > ROOM {
                let place = (x + width / 2.0, y + 16.5);
                svg.text(place, Anchor::Middle, text_on(colour), &short(*seconds));
            }
            from += seconds;
        }
        svg.text((axis.at(from) + 8.0, y + 16.5), Anchor::Start, "head", &format!("{} s", short(from)));
    }
    svg.line((LEFT, top + 10.0), (LEFT, bottom), "axis");
}

/// The work that has to be done, spread over all cores; and what is left until the disk alone has written it.
fn limit_bar(limited: &LimitedWim, cores: usize) -> Bar {
    let Some(work) = limited.work.last() else { return Bar { label: "limit", pieces: Vec::new() } };
    let share = |name: &str, seconds: f64| Step { name: name.to_owned(), seconds: seconds / cores as f64 };
    let bound = &limited.synced;
    let mut steps =
        vec![share("decode", work.decode), share("sha1", work.sha1), share("io", work.read + bound.write_cpu)];
    let rest = bound.limit - steps.iter().map(|step| step.seconds).sum::<f64>();
    if rest > 0.001 {
        steps.push(Step { name: "sync".to_owned(), seconds: rest });
    }
    Bar::of("limit", &steps)
}

/// Three panels: decode stage and whole build against threads, and builds against the size of the image.
pub fn scaling(scaling: &Scaling, comparison: &Comparison) -> String {
    let mut svg = Svg::new(WIDTH, 400.0, "Throughput against threads and image size");
    let title = "Throughput against threads and image size, in MB of unpacked contents per second";
    svg.text((20.0, 28.0), Anchor::Start, "title", title);
    let mut x = 20.0;
    for (colour, wim) in scaling.wims.iter().enumerate() {
        svg.mark((x + 6.0, 51.0), colour);
        svg.text((x + 18.0, 55.0), Anchor::Start, "", &wim.name);
        x += 18.0 + 7.5 * wim.name.len() as f64 + 16.0;
    }
    let decode = |wim: &ScaledWim, i: usize| mb(wim.unpacked) / wim.points[i].decode().median;
    let build = |wim: &ScaledWim, i: usize| mb(wim.unpacked) / wim.points[i].build().median;
    let cores = scaling.machine.cores;
    threads_panel(&mut svg, (60.0, 260.0), "decode stage (into nothing)", scaling, cores, &decode);
    threads_panel(&mut svg, (325.0, 525.0), "whole build (--no-sync)", scaling, cores, &build);
    size_panel(&mut svg, (600.0, 840.0), comparison);
    svg.finish()
}

const TOP: f64 = 100.0;
const BOTTOM: f64 = 330.0;

fn frame(svg: &mut Svg, (left, right): (f64, f64), title: &str, axis: &Axis) {
    svg.text((left, TOP - 14.0), Anchor::Start, "head", title);
    for (value, text) in axis.ticks() {
        svg.line((left, axis.at(value)), (right, axis.at(value)), "grid");
        svg.text((left - 6.0, axis.at(value) + 4.0), Anchor::End, "faint", &text);
    }
    svg.line((left, BOTTOM), (right, BOTTOM), "axis");
}

fn threads_panel(
    svg: &mut Svg,
    (left, right): (f64, f64),
    title: &str,
    scaling: &Scaling,
    cores: usize,
    rate: &dyn Fn(&ScaledWim, usize) -> f64,
) {
    let Some(longest) = scaling.wims.iter().max_by_key(|wim| wim.points.len()) else { return };
    let rates = scaling.wims.iter().flat_map(|wim| (0..wim.points.len()).map(move |i| rate(wim, i)));
    let axis = Axis::new(BOTTOM, TOP, rates.filter(|rate| rate.is_finite()).fold(0.0, f64::max) * 1.02, 5.0);
    let gap = (right - left) / longest.points.len() as f64;
    let place = |i: usize| left + gap * (i as f64 + 0.5);
    let beyond = longest.points.iter().position(|point| point.threads > cores);
    if let Some(first) = beyond {
        svg.rect((place(first) - gap / 2.0, TOP), (right - place(first) + gap / 2.0, BOTTOM - TOP), "beyond");
    }
    frame(svg, (left, right), title, &axis);
    for (i, point) in longest.points.iter().enumerate() {
        svg.text((place(i), BOTTOM + 16.0), Anchor::Middle, "faint", &point.threads.to_string());
    }
    let middle = f64::midpoint(left, right);
    svg.text((middle, BOTTOM + 34.0), Anchor::Middle, "faint", "threads");
    if beyond.is_some() {
        svg.text((middle, BOTTOM + 50.0), Anchor::Middle, "faint", &format!("(shaded: more than the {cores} cores)"));
    }
    for (colour, wim) in scaling.wims.iter().enumerate() {
        let of = |point: &crate::results::Point| longest.points.iter().position(|p| p.threads == point.threads);
        let places: Vec<(f64, f64)> = wim
            .points
            .iter()
            .enumerate()
            .filter_map(|(i, point)| Some((place(of(point)?), axis.at(rate(wim, i)))))
            .collect();
        svg.path(&places, colour);
        for place in places {
            svg.mark(place, colour);
        }
    }
}

fn size_panel(svg: &mut Svg, (left, right): (f64, f64), comparison: &Comparison) {
    let rate = |wim: &ComparedWim, seconds: f64| mb(wim.unpacked) / seconds.max(1e-9);
    let rates: Vec<(&ComparedWim, f64, f64)> = comparison
        .wims
        .iter()
        .filter(|wim| !wim.peer.is_empty())
        .map(|wim| (wim, rate(wim, seconds(wim.ours()).median), rate(wim, seconds(&wim.peer).median)))
        .collect();
    let axis = Axis::new(BOTTOM, TOP, rates.iter().map(|(_, ours, _)| *ours).fold(0.0, f64::max) * 1.06, 5.0);
    frame(svg, (left, right), "nanovhd (left), tool chain (right)", &axis);
    let gap = (right - left) / rates.len().max(1) as f64;
    for (i, (wim, ours, peer)) in rates.iter().enumerate() {
        let x = left + gap * (i as f64 + 0.5);
        for (colour, from, value) in [(0, x - 21.0, *ours), (1, x + 1.0, *peer)] {
            svg.rect((from, axis.at(value)), (20.0, BOTTOM - axis.at(value)), &format!("c{colour}"));
            svg.text((from + 10.0, axis.at(value) - 4.0), Anchor::Middle, "", &format!("{value:.0}"));
        }
        // Names are long and columns narrow: one part of a name a line.
        let mut parts: Vec<&str> = wim.name.split('-').collect();
        let size = format!("{:.1} GB", mb(wim.unpacked) / 1e3);
        parts.push(&size);
        for (line, part) in parts.iter().enumerate() {
            svg.text((x, BOTTOM + 16.0 + 14.0 * line as f64), Anchor::Middle, "faint", part);
        }
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Seconds with two digits, or one where there are tens of them.
fn short(seconds: f64) -> String {
    if seconds >= 9.95 { format!("{seconds:.1}") } else { format!("{seconds:.2}") }
}
