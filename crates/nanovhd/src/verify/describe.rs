//! What was checked, in words.

use nanovhd_disk::{ContainerRule, FatRule, FoundKind, PartitionRule, PartitionTable, Scheme};
use nanovhd_ntfs::Rule as NtfsRule;
use uuid::{Uuid, uuid};

use super::boot::BootRule;
use super::rule::ContentRule;
use crate::disk_image::Part;
use crate::text::counted;
use crate::{Counts, Volume};

/// The type of a partition that Windows keeps for itself, with nothing in it.
const MICROSOFT_RESERVED: Uuid = uuid!("e3c9e316-0b5c-4db8-817d-f92df00215ae");

/// What a rule demands.
pub(super) fn meaning(name: &str) -> &'static str {
    let content = ContentRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let boot = BootRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let ntfs = NtfsRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let fat = FatRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let partition = PartitionRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let container = ContainerRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let mut all = content.chain(boot).chain(ntfs).chain(fat).chain(partition).chain(container);
    all.find(|(rule, _)| *rule == name).map_or("", |(_, meaning)| meaning)
}

/// `GPT, 3 partitions`
pub(super) fn describe_table(table: Option<&PartitionTable>) -> String {
    let Some(table) = table else { return "none: the disk is one volume".to_owned() };
    let scheme = match table.scheme {
        Scheme::Gpt => "GPT",
        Scheme::Mbr => "MBR",
    };
    let backup = if table.from_backup { ", from its backup" } else { "" };
    format!("{scheme}{backup}, {}", counted(table.partitions.len() as u64, "partition"))
}

/// A partition that holds nothing that can be checked.
pub(super) fn describe_other(part: &Part<'_>) -> String {
    let found = part.found.map(|found| &found.kind);
    match found {
        Some(FoundKind::Gpt { type_id, .. }) if *type_id == MICROSOFT_RESERVED => "Microsoft reserved".to_owned(),
        _ => "not checked: no file system that is known".to_owned(),
    }
}

/// Why nothing of a disk starts.
pub(super) fn describe_no_start(table: Option<&PartitionTable>, unreadable: bool) -> String {
    let why = match table {
        None => "there are no partitions",
        Some(_) if unreadable => "the volume that Windows would be on can't be read",
        Some(_) => "there is no Windows",
    };
    format!("nothing to start: {why}")
}

/// `NTFS "Windows": 543 files, 276 directories, 483 more hard links`
pub(super) fn describe_volume(volume: &Volume<'_>) -> String {
    let facts = volume.facts().map(|facts| facts.title()).unwrap_or_default();
    let [names, _] = Counts::of(volume.tree()).lines();
    format!("{facts}: {names}")
}
