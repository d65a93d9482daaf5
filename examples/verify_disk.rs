//! Compares a disk with the image that it was built from.
//!
//! `cargo run -p nanovhd-examples --bin verify_disk -- nano.vhdx testdata/media 2`

use std::error::Error;
use std::io::{self, Write};

use nanovhd::{Media, VerifyOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let [disk, media, image] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: verify_disk DISK MEDIA IMAGE".into());
    };
    let media = Media::open(media)?;
    let verification = nanovhd::verify(disk, Some((&media, image.parse()?)), &VerifyOptions::default(), &())?;
    write!(io::stdout(), "{verification}")?;
    if verification.clean { Ok(()) } else { Err("the disk is not as its image is".into()) }
}
