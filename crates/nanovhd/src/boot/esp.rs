//! What goes onto the EFI system partition.

use nanovhd_boot::{BootFile, BootPaths, Firmware};
use nanovhd_disk::{EspData, EspError, EspFile, EspLayout, esp_size};
use nanovhd_tree::{Attributes, Content, Source, Tree};

/// Where firmware looks for a program of its own accord. UEFI 2.10, section 3.5.1.1.
pub(super) fn fallback_path(name: &str) -> String {
    format!(r"\EFI\Boot\{name}")
}

/// The files of an EFI system partition: the last is the BCD store.
#[derive(Debug, Default)]
pub(crate) struct EspFiles {
    files: Vec<EspFile>,
    /// The content of each file, if it comes later.
    contents: Vec<Option<Content>>,
}

impl EspFiles {
    /// The boot files of an image, the boot manager once more as `fallback`, and the store.
    pub(super) fn new(tree: &Tree, files: &[BootFile], fallback: &str, store: Vec<u8>) -> Self {
        let manager = tree.lookup(BootPaths::of(Firmware::Uefi).manager_source);
        let mut esp = Self::default();
        for file in files {
            esp.copy(tree, file, &file.path);
        }
        if let Some(manager) = files.iter().find(|file| Some(file.source) == manager) {
            esp.copy(tree, manager, &fallback_path(fallback));
        }
        let path = BootPaths::of(Firmware::Uefi).store.to_owned();
        esp.add(EspFile { path, data: EspData::Bytes(store), attributes: Attributes::ARCHIVE, written: None }, None);
        esp
    }

    /// Replaces the store by one with other identifiers.
    pub(crate) fn set_store(&mut self, store: Vec<u8>) {
        if let Some(file) = self.files.last_mut() {
            file.data = EspData::Bytes(store);
        }
    }

    /// The files, as they are laid out.
    pub(crate) fn files(&self) -> &[EspFile] {
        &self.files
    }

    /// The size of a partition for them.
    pub(crate) fn partition_size(&self, sector_size: u32, usual: u64) -> Result<u64, EspError> {
        esp_size(&self.files, sector_size, usual)
    }

    /// What comes later, and where on the disk it begins, for a partition that begins at `start`.
    pub(crate) fn later(&self, layout: &EspLayout, start: u64) -> Vec<(Content, u64)> {
        let contents = self.contents.iter().zip(&layout.files);
        contents.filter_map(|(content, offset)| Some((content.clone()?, start + offset))).collect()
    }

    fn copy(&mut self, tree: &Tree, file: &BootFile, path: &str) {
        let source = tree.file(file.source);
        let empty = Content::empty();
        let content = source.content().unwrap_or(&empty);
        let (data, later) = match content.source() {
            Source::Bytes(bytes) => (EspData::Bytes(bytes.to_vec()), None),
            _ if content.is_empty() => (EspData::Bytes(Vec::new()), None),
            Source::Blob(_) | Source::HostFile(_) => (EspData::Later(content.len()), Some(content.clone())),
        };
        let written = Some(source.metadata.times.written);
        self.add(EspFile { path: path.to_owned(), data, attributes: file.attributes, written }, later);
    }

    fn add(&mut self, file: EspFile, content: Option<Content>) {
        self.files.push(file);
        self.contents.push(content);
    }
}
