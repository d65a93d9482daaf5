//! Running a program and saying what it took.

use std::io::{self, Read, Seek};
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4;

/// What a program took, its own children included.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds of CPU time in programs.
    pub user: f64,
    /// Seconds of CPU time in the kernel.
    pub system: f64,
    /// The most memory (resident set) that any one process of it had, in bytes. A process starts with what the
    /// one that started it has, so who measures must be small.
    pub peak: u64,
    /// The part of a core that others used meanwhile, the kernel's own threads included.
    pub foreign: Option<f64>,
}

/// Runs a program to its end.
///
/// # Errors
/// That it can't be started, or what it says (on its error output) when it fails.
pub fn run(command: &mut Command) -> io::Result<Taken> {
    let mut said = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
    let (busy, start) = (busy_seconds(), Instant::now());
    let started = command.spawn();
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = started.map_err(|e| io::Error::new(e.kind(), format!("can't start `{name}`: {e}")))?;
    let end = child.wait4()?;
    let seconds = start.elapsed().as_secs_f64();
    let (user, system) = (end.rusage.utime.as_secs_f64(), end.rusage.stime.as_secs_f64());
    let foreign = busy.zip(busy_seconds()).map(|(a, b)| ((b - a - user - system) / seconds.max(0.01)).max(0.0));
    if end.status.success() {
        return Ok(Taken { seconds, user, system, peak: end.rusage.maxrss, foreign });
    }
    let mut text = String::new();
    said.rewind()?;
    said.read_to_string(&mut text)?;
    Err(io::Error::other(format!("`{name}` failed ({}):\n{}", end.status, text.trim_end())))
}

/// Seconds that all cores together have been busy since the machine started. Linux alone says so.
fn busy_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal …, in hundredths of a second.
    let (idle, waiting) = (ticks.get(3)?, ticks.get(4)?);
    Some((ticks.iter().take(8).sum::<f64>() - idle - waiting) / 100.0)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_is_kept_for_when_it_fails() {
        let error = run(Command::new("sh").args(["-c", "echo no room >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no room"), "{error}");
        let taken = run(Command::new("sh").args(["-c", "true"])).unwrap();
        assert!(taken.seconds > 0.0 && taken.peak > 0, "{taken:?}");
    }
}
