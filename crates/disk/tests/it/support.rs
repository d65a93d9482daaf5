//! Disks with known content, the readers of others, and comparisons byte by byte.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use nanovhd_disk::{Container, ContainerOptions, Disk, Format, check_container};
use nanovhd_tree::{Filetime, ReadAt, WriteAt};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use uuid::Uuid;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) const TIME: Filetime = Filetime(131_207_904_000_000_000);

pub(crate) fn options(format: Format, size: u64) -> ContainerOptions {
    ContainerOptions {
        format,
        size,
        sector_size: 512,
        block_size: None,
        id: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        time: TIME,
    }
}

/// Bytes to be written, by offset; they don't overlap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content(BTreeMap<u64, Vec<u8>>);

impl Content {
    /// A marker of `len` bytes at each of the offsets, all different. Those that would overlap
    /// what is there are left out.
    pub(crate) fn markers(offsets: impl IntoIterator<Item = u64>, len: usize) -> Self {
        let mut content = Self::default();
        for offset in offsets {
            content.add(offset, pattern(offset, len));
        }
        content
    }

    /// Adds bytes, unless they overlap what is there.
    pub(crate) fn add(&mut self, offset: u64, bytes: Vec<u8>) {
        let end = offset + bytes.len() as u64;
        let before = self.0.range(..end).next_back();
        if before.is_none_or(|(start, bytes)| start + bytes.len() as u64 <= offset) {
            self.0.insert(offset, bytes);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.0.iter().map(|(&offset, bytes)| (offset, &bytes[..]))
    }

    pub(crate) fn used(&self) -> Vec<Range<u64>> {
        self.iter().map(|(offset, bytes)| offset..offset + bytes.len() as u64).collect()
    }
}

/// Bytes that are nowhere zero and depend on where they are.
pub(crate) fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap() | 1
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A file in memory that has what was written to it and is zero elsewhere, so it may be as long as
/// it likes. No byte may be written twice.
#[derive(Clone)]
pub(crate) struct Memory {
    len: u64,
    pieces: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
    position: u64,
}

impl Memory {
    pub(crate) fn new(len: u64) -> Self {
        Self { len, pieces: Arc::default(), position: 0 }
    }

    /// A file with these bytes and zeros up to `len`.
    pub(crate) fn with(bytes: Vec<u8>, len: u64) -> Self {
        let file = Self::new(len);
        file.pieces.lock().unwrap().insert(0, bytes);
        file
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> usize {
        self.pieces.lock().unwrap().len()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len).unwrap()];
        self.clone().read_exact(&mut bytes).unwrap();
        bytes
    }
}

impl WriteAt for Memory {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> std::io::Result<()> {
        let end = offset + buf.len() as u64;
        assert!(end <= self.len, "a write of {offset:#x}..{end:#x} is past the end, {:#x}", self.len);
        let mut pieces = self.pieces.lock().unwrap();
        if let Some((start, bytes)) = pieces.range(..end).next_back() {
            let previous = start + bytes.len() as u64;
            assert!(
                previous <= offset,
                "{offset:#x}..{end:#x} is written twice, before by {start:#x}..{previous:#x}"
            );
        }
        pieces.insert(offset, buf.to_vec());
        Ok(())
    }
}

impl ReadAt for Memory {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let len = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        copy(&self.pieces.lock().unwrap(), offset, &mut buf[..len]);
        Ok(len)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.len)
    }
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = usize::try_from(self.len.saturating_sub(self.position)).unwrap().min(buf.len());
        let buf = &mut buf[..len];
        copy(&self.pieces.lock().unwrap(), self.position, buf);
        self.position += len as u64;
        Ok(len)
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance).unwrap(),
            SeekFrom::End(distance) => self.len.checked_add_signed(distance).unwrap(),
        };
        Ok(self.position)
    }
}

/// Some libraries want to be able to write to what they read.
impl Write for Memory {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Fills `buf` with what disjoint `pieces` have from `offset` on and with zeros, and says whether
/// there is anything else.
fn copy(pieces: &BTreeMap<u64, Vec<u8>>, offset: u64, buf: &mut [u8]) -> bool {
    let end = offset + buf.len() as u64;
    buf.fill(0);
    let mut found = false;
    let before = pieces.range(..offset).next_back();
    for (&start, bytes) in before.into_iter().chain(pieces.range(offset..end)) {
        let range = start.max(offset)..(start + bytes.len() as u64).min(end);
        if !range.is_empty() {
            let place =
                |base| usize::try_from(range.start - base).unwrap()..usize::try_from(range.end - base).unwrap();
            buf[place(offset)].copy_from_slice(&bytes[place(start)]);
            found = true;
        }
    }
    found
}

fn write<W: WriteAt>(container: &Container, content: &Content, file: &W) {
    let disk = container.create(file);
    for (offset, bytes) in content.iter() {
        disk.write_all_at(bytes, offset).unwrap();
    }
    disk.finish().unwrap();
}

/// The whole file in memory.
pub(crate) fn in_memory(options: &ContainerOptions, content: &Content) -> Memory {
    let container = Container::plan(options, &content.used()).unwrap();
    let file = Memory::new(container.file_len());
    write(&container, content, &file);
    file
}

/// A sparse file with the name that others go by.
pub(crate) fn on_disk(options: &ContainerOptions, content: &Content) -> NamedTempFile {
    let suffix = match options.format {
        Format::Raw => ".raw",
        Format::VhdFixed | Format::VhdDynamic => ".vhd",
        Format::VhdxFixed | Format::VhdxDynamic => ".vhdx",
    };
    let file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    let container = Container::plan(options, &content.used()).unwrap();
    file.as_file().set_len(container.file_len()).unwrap();
    write(&container, content, file.as_file());
    assert_eq!(file.as_file().metadata().unwrap().len(), container.file_len(), "nothing lies past the planned end");
    file
}

pub(crate) trait Reader: Read + Seek {
    fn expect_at(&mut self, content: &Content, offset: u64, len: usize);
    fn expect_all(&mut self, content: &Content, size: u64);
}

const PIECE: usize = 1 << 20;

impl<R: Read + Seek> Reader for R {
    /// Compares at most 1 MiB.
    fn expect_at(&mut self, content: &Content, offset: u64, len: usize) {
        let (mut found, mut expected) = (vec![0xd1; len], vec![0; len]);
        self.seek(SeekFrom::Start(offset)).unwrap();
        self.read_exact(&mut found).unwrap();
        copy(&content.0, offset, &mut expected);
        assert!(found == expected, "{len} bytes at {offset:#x} differ");
    }

    /// Compares every byte.
    fn expect_all(&mut self, content: &Content, size: u64) {
        let (mut found, mut expected) = (vec![0xd1; PIECE], vec![0; PIECE]);
        let mut is_zero = true;
        self.seek(SeekFrom::Start(0)).unwrap();
        for offset in (0..size).step_by(PIECE) {
            let len = usize::try_from(size - offset).unwrap().min(PIECE);
            self.read_exact(&mut found[..len]).unwrap();
            // Nearly everywhere zeros are expected, and they are there already.
            let end = offset + len as u64;
            let near = content.0.range(..end).next_back();
            if !is_zero || near.is_some_and(|(start, bytes)| start + bytes.len() as u64 > offset) {
                is_zero = !copy(&content.0, offset, &mut expected[..len]);
            }
            assert!(found[..len] == expected[..len], "the MiB at {offset:#x} differs");
        }
    }
}

/// Something positioned as a reader with a cursor.
pub(crate) struct Cursored<R> {
    pub(crate) inner: R,
    position: u64,
}

impl<R: ReadAt> Cursored<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, position: 0 }
    }
}

impl<R: ReadAt> Read for Cursored<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = self.inner.read_at(buf, self.position)?;
        self.position += len as u64;
        Ok(len)
    }
}

impl<R: ReadAt> Seek for Cursored<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance).unwrap(),
            SeekFrom::End(distance) => self.inner.len()?.checked_add_signed(distance).unwrap(),
        };
        Ok(self.position)
    }
}

/// Our own reader on a file, whose container must be beyond reproach.
pub(crate) fn our_reader<R: ReadAt>(file: R) -> Cursored<Disk<R>> {
    let findings = check_container(&file).unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    Cursored::new(Disk::open(file).unwrap())
}

/// A VHDX reader of others on a file in memory.
pub(crate) fn vhdx_reader(file: &Memory) -> vhdx::VhdxReader {
    vhdx::VhdxReader::open_reader(Box::new(file.clone())).unwrap()
}

/// A VHD reader of others on a file in memory. It reads the whole file when it opens a disk, to have
/// its structures; of a fixed one it is shown the footer only.
pub(crate) fn vhd_reader(file: &Memory, fixed: bool) -> vhd::VhdReader {
    struct FooterFirst {
        file: Memory,
        footer: Option<Cursor<Vec<u8>>>,
    }
    impl Read for FooterFirst {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            match &mut self.footer {
                Some(footer) => footer.read(buf),
                None => self.file.read(buf),
            }
        }
    }
    impl Seek for FooterFirst {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.footer = None;
            self.file.seek(to)
        }
    }
    let mut file = file.clone();
    let mut footer = vec![0; 512];
    file.seek(SeekFrom::End(-512)).unwrap();
    file.read_exact(&mut footer).unwrap();
    file.rewind().unwrap();
    let footer = fixed.then(|| Cursor::new(footer));
    vhd::VhdReader::open_reader(Box::new(FooterFirst { file, footer })).unwrap()
}

/// Runs a checker. Without it there is nothing to see, unless the environment says that it must be
/// there.
#[expect(clippy::print_stdout, reason = "the one who runs the tests should know what was not tested")]
pub(crate) fn tool<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Option<Output> {
    // Checkers of disks are not in everyone's search path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let Some(program) = folders.map(|folder| folder.join(name)).find(|program| program.is_file()) else {
        assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "{name} not found");
        println!("skipped: {name} not found");
        return None;
    };
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output();
    Some(output.unwrap())
}

/// As [`tool`], which must succeed; what it prints.
pub(crate) fn check<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Option<String> {
    let output = tool(name, arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {text}");
    Some(text)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
