//! Progress on standard error: a bar on a terminal, lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nanovhd::{Progress, Size, Stage};

/// How often a line says how far it is: logs of long builds stay short, and none looks frozen.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far something is, and stops it when the user wants to.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    show: Show,
}

enum Show {
    Nothing,
    Bar(ProgressBar),
    Lines(Lines),
}

impl Watcher {
    /// Watches what `stop` stops.
    pub(crate) fn new(quiet: bool, stop: Arc<AtomicBool>) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let show = if quiet {
            Show::Nothing
        } else if io::stderr().is_terminal() && !dumb {
            Show::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
        } else {
            Show::Lines(Lines::default())
        };
        Self { stop, show }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Contents => "unpacking files",
        Stage::Structures => "writing the file system",
        Stage::Sync => "syncing to disk",
        Stage::Extracting => "extracting files",
        Stage::Checking => "checking structures",
        Stage::Comparing => "comparing contents",
        _ => "working",
    }
}

impl Progress for Watcher {
    fn begin(&self, stage: Stage, total: Size) {
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar) => restart(bar, stage, total),
            Show::Lines(lines) => lines.begin(stage, total),
        }
    }

    fn advance(&self, bytes: u64) {
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar) => bar.inc(bytes),
            Show::Lines(lines) => lines.advance(bytes),
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn restart(bar: &ProgressBar, stage: Stage, total: Size) {
    let template = match total.0 {
        0 => "{spinner} {msg}",
        _ => "{msg} [{wide_bar}] {percent:>3} % of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left",
    };
    let style = ProgressStyle::with_template(template).expect("the template is a constant that a test parses");
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(words(stage));
    bar.set_length(total.0);
    // Last, as it draws.
    bar.reset();
    bar.enable_steady_tick(Duration::from_millis(100));
}

/// Lines for logs.
#[derive(Default)]
struct Lines {
    done: AtomicU64,
    stage: Mutex<Option<Running>>,
}

struct Running {
    total: Size,
    since: Instant,
    last: Instant,
}

impl Lines {
    fn begin(&self, stage: Stage, total: Size) {
        let what = words(stage);
        say(&if total.0 == 0 { what.to_owned() } else { format!("{what}: {total}") });
        self.done.store(0, Ordering::Relaxed);
        let now = Instant::now();
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { total, since: now, last: now });
    }

    fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Whoever finds the lock taken has nothing to add.
        let Ok(mut stage) = self.stage.try_lock() else { return };
        if let Some(running) = stage.as_mut().filter(|running| running.last.elapsed() >= LINE_EVERY) {
            running.last = Instant::now();
            say(&line(Size(done), running.total, running.since.elapsed()));
        }
    }
}

/// `3.1 GiB of 5 GiB (62 %), 480 MiB/s, 4 s left`.
fn line(done: Size, total: Size, elapsed: Duration) -> String {
    let rate = (u128::from(done.0) * 1000 / elapsed.as_millis().max(1)).max(1);
    let left = u128::from(total.0.saturating_sub(done.0)) / rate;
    let percent = u128::from(done.0) * 100 / u128::from(total.0.max(1));
    let rate = Size(u64::try_from(rate).unwrap_or(u64::MAX));
    format!("{done} of {total} ({percent} %), {rate}/s, {left} s left")
}

/// A line on standard error. That nobody reads it must not end a build.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let text = line(Size(3 << 30), Size(5 << 30), Duration::from_secs(6));
        assert_eq!(text, "3 GiB of 5 GiB (60 %), 512 MiB/s, 4 s left");
        assert_eq!(line(Size(0), Size(0), Duration::ZERO), "0 bytes of 0 bytes (0 %), 1 bytes/s, 0 s left");
    }

    #[test]
    fn the_bar_has_a_style_for_every_stage() {
        let bar = ProgressBar::hidden();
        for total in [0, 1 << 30] {
            restart(&bar, Stage::Contents, Size(total));
            assert_eq!(bar.length(), Some(total));
        }
    }
}
