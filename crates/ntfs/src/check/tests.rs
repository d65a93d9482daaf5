//! One corruption for each rule, and many without a plan.

mod corruptions;
mod image;
mod scattered;

use std::collections::BTreeSet;

use super::check;
use nanovhd_tree::ReadAt;

use crate::Rule;
use image::Image;

fn rules_broken(bytes: &Vec<u8>) -> BTreeSet<&'static str> {
    check(bytes, &mut |_, _| {}).unwrap().iter().map(|finding| finding.rule).collect()
}

#[test]
fn every_rule_is_reported_when_it_is_broken() {
    let good = Image::new();
    let findings = check(&good.bytes, &mut |_, _| {}).unwrap();
    assert_eq!(findings, [], "the volume is good");
    let mut silent = Vec::new();
    for &rule in Rule::ALL {
        let mut image = good.clone();
        corruptions::break_rule(&mut image, rule);
        let broken = rules_broken(&image.bytes);
        if !broken.contains(rule.name()) {
            silent.push((rule.name(), broken));
        }
    }
    assert!(silent.is_empty(), "rules that were broken but not told, and what was told: {silent:#?}");
}

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Whatever bytes of the metadata change, the check ends, and soon.
#[test]
fn random_damage_is_survived() {
    let good = Image::new();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut image = good.clone();
    let records = usize::try_from(good.mft.records()).unwrap();
    for round in 0..2_000 {
        let mut undo = Vec::new();
        for _ in 0..1 + numbers.below(4) {
            let within = numbers.below(good.mft.boot.record);
            let at = match numbers.below(8) {
                0 => numbers.below(512),
                1 => good.block(good.named("full"), 0) + numbers.below(4096),
                2 => good.stream(9, crate::format::AttributeType::Data, "$SDS") + numbers.below(1024),
                // Most of what a record says stands at its beginning.
                3..=5 => good.offset(numbers.below(records) as u64) + within % 0x180,
                _ => good.offset(numbers.below(30) as u64) + within,
            };
            undo.push(at);
            let value = [0, 1, 0x7f, 0x80, 0xff, u8::try_from(numbers.below(256)).unwrap()][numbers.below(6)];
            image.bytes[at] = value;
        }
        let findings = check(&image.bytes, &mut |_, _| {}).unwrap();
        assert!(findings.len() < 1_000, "round {round}: {} findings", findings.len());
        for at in undo {
            image.bytes[at] = good.bytes[at];
        }
    }
}

/// Bytes that can't be read from one place on.
struct Failing<'b>(&'b Vec<u8>, u64);

impl ReadAt for Failing<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        if offset + buf.len() as u64 > self.1 {
            return Err(std::io::Error::other("a bad sector"));
        }
        self.0.read_at(buf, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        ReadAt::len(self.0)
    }
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_finding() {
    let image = Image::new();
    let size = <[u8]>::len(&image.bytes) as u64;
    for end in [0, 512, 8192, image.mft.offset(0), image.mft.offset(40), size - 1] {
        let error = check(&Failing(&image.bytes, end), &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("a bad sector"), "{end:#x}: {error}");
    }
}

/// A table of garbage is given up, and what is told of it has an end.
#[test]
fn a_table_of_garbage_is_soon_told() {
    let mut image = Image::new();
    let mut numbers = Numbers(42);
    for record in 4..image.mft.records() {
        let at = image.offset(record);
        for byte in &mut image.bytes[at..at + 1024] {
            *byte = u8::try_from(numbers.below(256)).unwrap();
        }
    }
    let findings = check(&image.bytes, &mut |_, _| {}).unwrap();
    let magic = findings.iter().filter(|finding| finding.rule == Rule::RecordMagic.name()).count();
    assert_eq!(magic, 101, "a hundred, and how many more there are");
}
