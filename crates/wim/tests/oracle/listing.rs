//! All that there is to say about the files of an image, in a form that is the same for wimlib and
//! for this library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nanovhd_tree::{Attributes, Content, Filetime, ReadAt, Source, SourceId, Tree, WalkEntry};
use nanovhd_wim::Wim;

use crate::tool::wimlib;

/// Everything about one name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    short_name: String,
    attributes: u32,
    /// In hex.
    descriptor: Option<String>,
    /// Creation, write and access, to the second.
    times: [String; 3],
    reparse_tag: Option<u32>,
    links: u32,
    /// What the stream is, its SHA-1 in hex, its length.
    streams: BTreeSet<(String, String, u64)>,
}

/// By path, with slashes.
pub(crate) type Listing = BTreeMap<String, Detail>;

/// Checks that wimlib and this library see the same in an image.
pub(crate) fn compare<R: ReadAt>(path: &Path, wim: &Wim<R>, image: u32) {
    let number = image.to_string();
    let arguments = ["dir".as_ref(), "--detailed".as_ref(), path.as_os_str(), number.as_ref()];
    let theirs = of_wimlib(&wimlib(&arguments));
    let ours = of_tree(wim, &wim.tree(image, SourceId(0)).unwrap());
    assert_eq!(ours.len(), theirs.len(), "{}", path.display());
    for ((path, ours), (their_path, theirs)) in ours.iter().zip(&theirs) {
        assert_eq!((path, ours), (their_path, theirs));
    }
}

/// Reads the text of `wimlib-imagex dir --detailed`.
fn of_wimlib(text: &str) -> Listing {
    let mut listing = Listing::new();
    let (mut path, mut stream) = (String::new(), String::new());
    let mut sha1 = String::new();
    for line in text.lines() {
        if let Some(label) = line.strip_prefix('\t') {
            stream = label.trim_end_matches(':').to_owned();
            continue;
        }
        let Some((key, value)) = line.split_once(" = ").map(|(key, value)| (key.trim(), value.trim())) else {
            continue;
        };
        let quoted = value.trim_matches('"');
        if key == "Full Path" {
            path = quoted.to_owned();
        }
        let detail = listing.entry(path.clone()).or_default();
        match key {
            "Short Name" => detail.short_name = quoted.to_owned(),
            "Attributes" => detail.attributes = hex(value),
            "Security Descriptor" => detail.descriptor = Some(value.to_owned()),
            "Creation Time" => detail.times[0] = value.to_owned(),
            "Last Write Time" => detail.times[1] = value.to_owned(),
            "Last Access Time" => detail.times[2] = value.to_owned(),
            "Reparse Tag" => detail.reparse_tag = Some(hex(value)),
            "Link Count" => detail.links = value.parse().unwrap(),
            "Hash" => sha1 = value.trim_start_matches("0x").to_owned(),
            "Uncompressed size" => {
                let len = value.trim_end_matches(" bytes").parse().unwrap();
                detail.streams.insert((stream.clone(), sha1.clone(), len));
            }
            _ => {}
        }
    }
    listing
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

/// Says the same of our own tree.
pub(crate) fn of_tree<R: ReadAt>(wim: &Wim<R>, tree: &Tree) -> Listing {
    let mut listing = Listing::new();
    listing.insert("/".to_owned(), detail(wim, tree, None));
    for step in tree.walk() {
        listing.insert(step.path().replace('\\', "/"), detail(wim, tree, Some(&step)));
    }
    listing
}

fn detail<R: ReadAt>(wim: &Wim<R>, tree: &Tree, step: Option<&WalkEntry<'_>>) -> Detail {
    let file = step.map_or(tree.file(Tree::ROOT), |step| step.file);
    let metadata = &file.metadata;
    let mut streams = BTreeSet::new();
    let mut add = |label: String, content: &Content| streams.insert((label, sha1(wim, content), content.len()));
    if let Some(reparse) = &metadata.reparse {
        add("Reparse point stream".to_owned(), &reparse.data);
    }
    // Directories have an empty one there, and of reparse points it is not listed.
    if metadata.reparse.is_none() {
        add("Unnamed data stream".to_owned(), file.content().unwrap_or(&Content::empty()));
    }
    for stream in &metadata.streams {
        add(format!("Named data stream \"{}\"", stream.name), &stream.content);
    }
    let times = &metadata.times;
    assert_eq!(metadata.attributes.contains(Attributes::DIRECTORY), file.is_directory());
    Detail {
        short_name: step.and_then(|step| step.entry.short_name.as_ref()).map_or(String::new(), ToString::to_string),
        attributes: metadata.attributes.0,
        descriptor: metadata
            .security
            .map(|id| tree.descriptor(id).iter().map(|byte| format!("{byte:02x}")).collect()),
        times: [times.created, times.written, times.accessed].map(date),
        reparse_tag: metadata.reparse.as_ref().map(|reparse| reparse.tag),
        links: file.names().max(1),
        streams,
    }
}

fn sha1<R>(wim: &Wim<R>, content: &Content) -> String
where
    R: ReadAt,
{
    let sha1 = match content.source() {
        Source::Blob(id) => wim.blobs()[id.index as usize].sha1,
        _ => [0; 20],
    };
    nanovhd_wim::Sha1Hex(sha1).to_string()
}

/// As `asctime` would write it, in UTC.
fn date(time: Filetime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let seconds = time.unix_seconds();
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap()];
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += if leap(year) { 366 } else { 365 };
    }
    while days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{weekday} {} {:02} {hour:02}:{minute:02}:{:02} {year} UTC", MONTHS[month], days + 1, second % 60)
}

#[test]
fn dates_are_written_as_asctime_does() {
    for (seconds, text) in [
        (0, "Thu Jan 01 00:00:00 1970 UTC"),
        (1_604_946_724, "Mon Nov 09 18:32:04 2020 UTC"),
        (951_825_600, "Tue Feb 29 12:00:00 2000 UTC"),
        (-1, "Wed Dec 31 23:59:59 1969 UTC"),
        (-11_644_473_600, "Mon Jan 01 00:00:00 1601 UTC"),
    ] {
        assert_eq!(date(Filetime::from_unix(seconds)), text);
    }
}
