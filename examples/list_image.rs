//! Lists a folder of an image.
//!
//! `cargo run -p nanovhd-examples --bin list_image -- testdata/media 2 Windows/System32`

use std::error::Error;
use std::io::{self, Write};

use nanovhd::Media;

fn main() -> Result<(), Box<dyn Error>> {
    let [media, image, path] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: list_image MEDIA IMAGE PATH".into());
    };
    let media = Media::open(media)?;
    let listing = media.volume(image.parse()?)?.list(path)?;
    let mut out = io::stdout().lock();
    for entry in listing.entries {
        let size = if entry.directory { "folder".to_owned() } else { entry.size.0.to_string() };
        writeln!(out, "{} {size:>12} {}", entry.written, entry.name)?;
    }
    Ok(())
}
