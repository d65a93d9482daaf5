//! Builds a disk from a WIM or a media folder and says how far it is.
//!
//! `cargo run -p nanovhd-examples --bin build_disk -- testdata/media 2 disk.vhdx`
#![expect(clippy::print_stdout, reason = "the example talks to the person who runs it")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd::{BuildOptions, Media, Progress, Recipe, Size, Stage};

/// Prints a line at the start of each stage and after each further 100 MB.
#[derive(Default)]
struct Lines(AtomicU64);

impl Progress for Lines {
    fn begin(&self, stage: Stage, total: Size) {
        println!("{stage:?}: {total}");
    }

    fn advance(&self, bytes: u64) {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before / 100_000_000 != (before + bytes) / 100_000_000 {
            println!("  {}", Size(before + bytes));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let [media, image, output] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: build_disk MEDIA IMAGE OUT.vhdx|OUT.vhd|OUT.raw".into());
    };
    let media = Media::open(media)?;
    let plan = Recipe::for_output(output)?.image(image.parse()?).plan(&media)?;
    let report = plan.build(output, &BuildOptions::default(), &Lines::default())?;
    println!("{}: {} in {:.1} s", report.output.display(), report.file_length, report.seconds);
    Ok(())
}
