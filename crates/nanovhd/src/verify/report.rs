//! What a verification found.

use std::fmt;
use std::path::PathBuf;

use nanovhd_tree::{Finding, visible};
use serde::Serialize;

use super::known::KnownDifference;
use crate::outline::path_text;
use crate::text::{counted, grouped};
use crate::{Outline, Size};

/// Findings of one rule that the text shows.
const SHOWN: usize = 10;

/// What a verification checked and found. Serialised, it keeps its shape within one
/// [`Outline::SCHEMA`]; members may be added.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// [`Outline::SCHEMA`].
    pub schema: u32,
    /// The disk image.
    #[serde(serialize_with = "path_text")]
    pub image: PathBuf,
    /// Whether there is no finding.
    pub clean: bool,
    /// What was checked, in order.
    pub checks: Vec<Check>,
    /// What the volume was compared with.
    pub comparison: Option<Compared>,
    /// What ended the verification early: it is so damaged that the rest can't be read.
    pub stopped: Option<String>,
    /// How many findings there are of each rule.
    pub rules: Vec<RuleCount>,
    /// The findings, of each rule the first.
    pub findings: Vec<Fault>,
    /// Differences that are no faults.
    pub known_differences: Vec<KnownDifference>,
    /// Seconds it took.
    pub seconds: f64,
}

/// A layer of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// The file that holds the disk.
    Container,
    /// The partition table.
    PartitionTable,
    /// A FAT volume.
    Fat,
    /// An NTFS volume.
    Ntfs,
    /// What starts Windows.
    Boot,
    /// The files of a volume, beside those of an image.
    Contents,
}

/// Something that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The layer.
    pub place: Place,
    /// The number of the partition.
    pub partition: Option<u32>,
    /// What it is, in words.
    pub what: String,
}

/// An image that a volume was compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// The WIM.
    #[serde(serialize_with = "path_text")]
    pub wim: PathBuf,
    /// The number of the image.
    pub index: u32,
    /// Names that image and volume both have, directories included.
    pub names: u64,
    /// Whether the volume should have what a build adds to start the image, too.
    pub boot_files: bool,
    /// Contents whose SHA-1 was computed.
    pub contents: u64,
    /// Their bytes.
    pub bytes: Size,
}

/// How often a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: &'static str,
    /// What it demands.
    pub meaning: &'static str,
    /// How often it is broken. Of the checks of structures, which stop counting after some, at least.
    pub count: u64,
}

/// A finding and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The rule.
    pub rule: &'static str,
    /// The layer.
    pub place: Place,
    /// The number of the partition.
    pub partition: Option<u32>,
    /// The MFT record.
    pub record: Option<u64>,
    /// Bytes from the start of the file (container), of the disk (partition table), or of the volume;
    /// nothing for a file that is not there.
    pub offset: Option<u64>,
    /// The path of the file.
    pub path: Option<String>,
    /// What was found and what was expected.
    pub detail: String,
}

impl Fault {
    pub(super) fn new(place: Place, partition: Option<u32>, finding: Finding) -> Self {
        let Finding { rule, record, offset, detail } = finding;
        Self { rule, place, partition, record, offset: Some(offset), path: None, detail }
    }
}

impl Verification {
    pub(super) fn new(image: PathBuf) -> Self {
        Self {
            schema: Outline::SCHEMA,
            image,
            clean: true,
            checks: Vec::new(),
            comparison: None,
            stopped: None,
            rules: Vec::new(),
            findings: Vec::new(),
            known_differences: Vec::new(),
            seconds: 0.0,
        }
    }

    /// How many findings there are.
    pub fn count(&self) -> u64 {
        self.rules.iter().map(|rule| rule.count).sum()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Container => "container",
            Self::PartitionTable => "partitions",
            Self::Fat | Self::Ntfs => "volume",
            Self::Boot => "boot",
            Self::Contents => "contents",
        })
    }
}

/// `partition 3, record 38 at 0x9800: \Windows\a.txt: the time …`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(number) => write!(f, "partition {number}")?,
            None => write!(f, "{}", self.place)?,
        }
        if let Some(record) = self.record {
            write!(f, ", record {record}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at {offset:#x}")?;
        }
        if let Some(path) = &self.path {
            write!(f, ": {}", visible(path))?;
        }
        write!(f, ": {}", visible(&self.detail))
    }
}

/// What a newcomer reads: a verdict, what was checked, the findings by rule, and what is no fault.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.clean { "clean".to_owned() } else { counted(self.count(), "finding") };
        writeln!(f, "{}: {verdict}", self.image.display())?;
        for check in &self.checks {
            let place = match check.partition {
                Some(number) => format!("partition {number}"),
                None => check.place.to_string(),
            };
            writeln!(f, "  {place:<12} {}", visible(&check.what))?;
        }
        if let Some(compared) = &self.comparison {
            let names = counted(compared.names, "name");
            let added = if compared.boot_files { ", with boot files" } else { "" };
            let (index, wim) = (compared.index, compared.wim.display());
            writeln!(f, "  {:<12} {names} as in image {index} of {wim}{added}", "contents")?;
            let (bytes, contents) = (compared.bytes, counted(compared.contents, "stream"));
            writeln!(f, "  {:<12} SHA-1 of {bytes} in {contents}", "")?;
        }
        self.rules.iter().try_for_each(|rule| self.group(f, rule))?;
        if let Some(stopped) = &self.stopped {
            writeln!(f, "not checked further: {}", visible(stopped))?;
        }
        self.known_differences.iter().try_for_each(|known| writeln!(f, "known difference: {known}"))?;
        writeln!(f, "checked in {:.1} s", self.seconds)
    }
}

impl Verification {
    /// The findings of one rule.
    fn group(&self, f: &mut fmt::Formatter<'_>, rule: &RuleCount) -> fmt::Result {
        writeln!(f, "\n{} ({}): {}", rule.rule, grouped(rule.count), rule.meaning)?;
        let findings = self.findings.iter().filter(|finding| finding.rule == rule.rule);
        let mut shown = 0;
        for finding in findings.take(SHOWN) {
            writeln!(f, "  {finding}")?;
            shown += 1;
        }
        if rule.count > shown {
            writeln!(f, "  and {} more", grouped(rule.count - shown))?;
        }
        Ok(())
    }
}
