//! Results as tables of Markdown, and their places in a file.
//!
//! A place is between two comments: `<!-- measured: NAME -->` and `<!-- end -->`.

use std::fmt::Write;

use crate::machine::Machine;
use crate::results::{Bound, Comparison, Limits, Run, Scaling, Spread, Work, peak, seconds};

/// Puts `table` into its place in `text`, if that has one.
pub fn replace(text: &str, name: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- measured: {name} -->\n");
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}{begin}\n{}\n\n<!-- end -->{after}", table.trim()))
}

/// Lines about the machine, and whether it did something else meanwhile.
pub fn machine(comparison: &Comparison) -> String {
    let Machine { cpu, cores, memory, kernel, system, file_system, peer } = &comparison.machine;
    let gib = *memory as f64 / f64::from(1 << 30);
    format!(
        "{cores} cores of an {cpu}, {gib:.0} GiB of memory, {system}, Linux {kernel}, outputs on {file_system}.\n\
         Tool chain: {}.{}",
        peer.join(", "),
        disturbed(comparison).unwrap_or_default()
    )
}

/// Runs beside other work say little.
fn disturbed(comparison: &Comparison) -> Option<String> {
    let runs = comparison.wims.iter().flat_map(|wim| wim.unsynced.iter().chain(&wim.synced).chain(&wim.peer));
    let share = Spread::of(runs.filter_map(|run| run.foreign)).median;
    (share > 0.25).then(|| {
        format!("\n**Other work used {share:.1} cores meanwhile (median of the runs): these figures say little.**")
    })
}

/// Builds beside those of the tool chain.
pub fn compare(comparison: &Comparison) -> String {
    let mut text = String::from(
        "| image | nanovhd `--no-sync` | nanovhd | tool chain | times as fast | runs | peak memory, MiB | output (allocated), MB |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for wim in &comparison.wims {
        let ratio = wim.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("**{ratio:.2}**"));
        let memory = format!("{} / {}", peak(wim.ours()) >> 20, peak(&wim.peer) >> 20);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {ratio} | {} / {} | {memory} | {} / {} |",
            wim.name,
            times(&wim.unsynced),
            times(&wim.synced),
            times(&wim.peer),
            wim.ours().len(),
            wim.peer.len(),
            output(wim.ours()),
            output(&wim.peer)
        );
    }
    text
}

/// The same, in short.
pub fn summary(comparison: &Comparison) -> String {
    let mut text =
        String::from("| image | nanovhd | with the wait for the disk | tool chain | |\n|---|---|---|---|---|\n");
    for wim in &comparison.wims {
        let median = |runs: &[Run]| if runs.is_empty() { "–".to_owned() } else { s(seconds(runs).median) };
        let ratio = wim.ratio().map_or_else(String::new, |ratio| format!("{ratio:.1} times as fast"));
        let (ours, synced, peer) = (median(wim.ours()), median(&wim.synced), median(&wim.peer));
        let _ = writeln!(
            text,
            "| {}: {:.0} MB, unpacked {:.1} GB | {ours} | {synced} | {peer} | {ratio} |",
            wim.name,
            wim.stored as f64 / 1e6,
            wim.unpacked as f64 / 1e9
        );
    }
    text.push_str(&disturbed(comparison).unwrap_or_default());
    text
}

/// Limits: rates on one core and all, then what they come to.
pub fn limit(limits: &Limits) -> String {
    let mut text = String::from(
        "| image | threads | decode, MB/s | SHA-1, MB/s | read, MB/s | CPU seconds |\n|---|---|---|---|---|---|\n",
    );
    for wim in &limits.wims {
        for work in &wim.work {
            let &Work { threads, decode, sha1, read } = work;
            let rate = |bytes: u64, cpu: f64| bytes as f64 * threads as f64 / cpu.max(1e-9) / 1e6;
            let _ = writeln!(
                text,
                "| {} | {threads} | {:.0} | {:.0} | {:.0} | {decode:.2} + {sha1:.2} + {read:.2} |",
                wim.name,
                rate(wim.unpacked, decode),
                rate(wim.unpacked, sha1),
                rate(wim.stored, read),
            );
        }
    }
    text.push_str(
        "\n| image | sync | best writing | alone | its CPU time | limit | build | build / limit |\n|---|---|---|---|---|---|---|---|\n",
    );
    for wim in &limits.wims {
        for (sync, bound) in [("no", &wim.unsynced), ("yes", &wim.synced)] {
            let Bound { writing, write_cpu, disk, limit, builds } = bound;
            let ratio = bound.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("**{ratio:.2}**"));
            let build = spread(Spread::of(builds.iter().copied()));
            let _ = writeln!(
                text,
                "| {} | {sync} | {writing} | {} | {} | {} | {build} | {ratio} |",
                wim.name,
                s(*disk),
                s(*write_cpu),
                s(*limit)
            );
        }
    }
    text
}

/// Threads.
pub fn scaling(scaling: &Scaling) -> String {
    let mut text = String::from(
        "| image | threads | decode stage | MB/s | against one thread | whole build | MB/s | against one thread |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for wim in &scaling.wims {
        let Some(one) = wim.points.first() else { continue };
        for point in &wim.points {
            let (decode, build) = (point.decode(), point.build());
            let rate = |seconds: f64| wim.unpacked as f64 / seconds / 1e6;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.0} | {:.2} | {} | {:.0} | {:.2} |",
                wim.name,
                point.threads,
                spread(decode),
                rate(decode.median),
                one.decode().median / decode.median,
                spread(build),
                rate(build.median),
                one.build().median / build.median
            );
        }
    }
    text
}

fn times(runs: &[Run]) -> String {
    spread(seconds(runs))
}

/// Length and allocated bytes of the last output.
fn output(runs: &[Run]) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    runs.last().map_or_else(|| "–".to_owned(), |run| format!("{:.0} ({:.0})", mb(run.length), mb(run.allocated)))
}

fn spread(Spread { median, min, max }: Spread) -> String {
    if median == 0.0 { "–".to_owned() } else { format!("{} ({} to {})", s(median), number(min), number(max)) }
}

fn s(seconds: f64) -> String {
    format!("{} s", number(seconds))
}

fn number(seconds: f64) -> String {
    if seconds >= 9.95 { format!("{seconds:.1}") } else { format!("{seconds:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_goes_to_its_place() {
        let text = "a\n<!-- measured: x -->\nold\n<!-- end -->\nb\n";
        let new = replace(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- measured: x -->\n\nnew\n\n<!-- end -->\nb\n");
        assert_eq!(replace(&new, "x", "new"), Some(new.clone()));
        assert_eq!(replace(text, "y", "new"), None);
    }
}
