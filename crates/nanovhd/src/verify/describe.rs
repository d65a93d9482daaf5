//! What was checked, in words.

use nanovhd_disk::{ContainerRule, FatRule, PartitionRule, PartitionTable, Scheme};
use nanovhd_ntfs::Rule as NtfsRule;

use super::rule::ContentRule;
use crate::text::counted;
use crate::{Counts, Volume};

/// What a rule demands.
pub(super) fn meaning(name: &str) -> &'static str {
    let content = ContentRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let ntfs = NtfsRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let fat = FatRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let partition = PartitionRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let container = ContainerRule::ALL.iter().map(|rule| (rule.name(), rule.meaning()));
    let mut all = content.chain(ntfs).chain(fat).chain(partition).chain(container);
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

/// `NTFS "Windows": 543 files, 276 directories, 483 more hard links`
pub(super) fn describe_volume(volume: &Volume<'_>) -> String {
    let facts = volume.facts().map(|facts| facts.title()).unwrap_or_default();
    let [names, _] = Counts::of(volume.tree()).lines();
    format!("{facts}: {names}")
}
