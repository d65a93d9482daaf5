//! Plans a disk and prints the plan as JSON. Nothing is written.
//!
//! `cargo run -p nanovhd-examples --bin plan_json -- testdata/media/NanoServer/NanoServer.wim 2 8GiB`

use std::error::Error;
use std::io::{self, Write};

use nanovhd::{DiskFormat, Media, Recipe};

fn main() -> Result<(), Box<dyn Error>> {
    let [media, image, size] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: plan_json MEDIA IMAGE SIZE".into());
    };
    let media = Media::open(media)?;
    let recipe = Recipe::new().format(DiskFormat::Vhdx).image(image.parse()?).disk_size(size.parse()?);
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&recipe.plan(&media)?)?)?;
    Ok(())
}
