//! What comparing a volume with an image demands.

use nanovhd_tree::rules;

rules! {
    /// A rule of the comparison: one for each fact that an image states of a file.
    pub enum ContentRule {
        Missing "content-missing" "Every name of the image is on the volume.",
        Extra "content-extra" "Every name of the volume is in the image.",
        Kind "content-kind" "Directories are directories, and files are files.",
        Links "content-links" "Names that are one file in the image are one file, and others are not.",
        ShortName "content-short-name" "Names have the 8.3 names of the image.",
        Attributes "content-attributes" "Files have the attributes of the image.",
        Created "content-created" "The time of creation is that of the image.",
        Written "content-written" "The time of the last write is that of the image.",
        Changed "content-changed" "The time of the last change is that which the build gave.",
        Accessed "content-accessed" "The time of the last access is that of the image.",
        Security "content-security" "The security descriptor is that of the image, byte for byte.",
        Reparse "content-reparse" "Reparse points are those of the image, byte for byte.",
        ObjectId "content-object-id" "Object ids are those of the image.",
        ExtendedAttributes "content-extended-attributes" "Extended attributes are those of the image.",
        StreamMissing "content-stream-missing" "Every named stream of the image is on the volume.",
        StreamExtra "content-stream-extra" "Every named stream of the volume is in the image.",
        Length "content-length" "Streams have the length that the image states.",
        Data "content-data" "The SHA-1 of every stream is that of the image.",
        Unreadable "content-unreadable" "Every stream can be read.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ContentRule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), ContentRule::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("content-")));
    }
}
