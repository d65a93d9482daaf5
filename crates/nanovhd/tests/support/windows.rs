//! Media with a Windows that has a registry: the Datacenter image of the test data with hives of its own, in an
//! uncompressed WIM. What other programs look at to say which Windows they see is in them.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test uses a part; a failure is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nanovhd::Media;
use nanovhd_hive::{Hive, KeyId, Options, ValueData};
use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Name, Source, Tree};
use sha1::{Digest, Sha1};
use tempfile::TempDir;

use crate::support::testdata;

/// When the hives were written: 2016-07-16T13:00:00Z.
const TIME: Filetime = Filetime(131_131_476_000_000_000);
/// The folder of the hives in an image.
const CONFIG: &str = r"\Windows\System32\config";

/// A folder laid out like installation media, as long as this lives.
#[derive(Debug)]
pub struct WindowsMedia {
    folder: TempDir,
}

impl WindowsMedia {
    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The media, opened.
    pub fn open(&self) -> Media {
        Media::open(self.folder.path()).unwrap()
    }
}

/// Media with one image, whose hives are those of [`system`] and [`software`].
pub fn windows_media() -> WindowsMedia {
    windows_media_with([])
}

/// The same with more files, or others: paths such as `\Windows\Panther\unattend.xml`, and bytes.
pub fn windows_media_with<'f>(more: impl IntoIterator<Item = (&'f str, Vec<u8>)>) -> WindowsMedia {
    let media = Media::open(testdata("media")).unwrap();
    let mut tree = media.tree(2).unwrap();
    let hives = [("SYSTEM", system()), ("SOFTWARE", software())];
    for (name, hive) in hives {
        put(&mut tree, &format!(r"{CONFIG}\{name}"), hive.to_bytes().unwrap());
    }
    for (path, bytes) in more {
        put(&mut tree, path, bytes);
    }
    let folder = tempfile::tempdir().unwrap();
    let nano = folder.path().join("NanoServer");
    fs::create_dir(&nano).unwrap();
    fs::write(nano.join("NanoServer.wim"), wim(&media, &tree)).unwrap();
    WindowsMedia { folder }
}

fn put(tree: &mut Tree, path: &str, bytes: Vec<u8>) {
    let content = Content::bytes(bytes);
    if let Some(id) = tree.lookup(path) {
        return tree.set_content(id, content);
    }
    let (folders, name) = path.rsplit_once('\\').unwrap();
    let parent = folders.split('\\').filter(|name| !name.is_empty()).fold(Tree::ROOT, |at, name| {
        let found = tree.child(at, &name.into()).map(|(_, entry)| entry.file);
        found.unwrap_or_else(|| tree.add_directory(at, name.into(), Metadata::default()).unwrap())
    });
    let metadata = Metadata { attributes: Attributes::ARCHIVE, ..Metadata::default() };
    tree.add_file(parent, name.into(), metadata, content).unwrap();
}

/// A hive to be filled.
struct Maker(Hive);

impl Maker {
    fn key(&mut self, path: &str) -> KeyId {
        let root = self.0.root_id();
        self.0.create_key(root, path, TIME).unwrap()
    }

    fn set(&mut self, path: &str, values: &[(&str, ValueData)]) {
        let key = self.key(path);
        for (name, data) in values {
            self.0.set_value(key, name, data.clone(), TIME).unwrap();
        }
    }
}

/// A `SYSTEM` as a sysprepped Nano Server has it, as far as anybody looks.
pub fn system() -> Hive {
    let (sz, dword) = (ValueData::sz, ValueData::dword);
    let mut hive = Maker(Hive::create(&Options { root_name: "SYSTEM", time: TIME, ..Options::default() }).unwrap());
    let select = [("Current", 1), ("Default", 1), ("Failed", 0), ("LastKnownGood", 1)];
    hive.set("Select", &select.map(|(name, number)| (name, dword(number))));
    hive.set(
        "Setup",
        &[("SystemSetupInProgress", dword(1)), ("SetupType", dword(2)), ("CmdLine", sz("oobe\\windeploy.exe"))],
    );
    hive.key("MountedDevices");
    let control = |name: &str| format!(r"ControlSet001\Control\{name}");
    hive.set(&control(r"ComputerName\ComputerName"), &[("ComputerName", sz("MINWINPC"))]);
    hive.set(
        &control("TimeZoneInformation"),
        &[("Bias", dword(480)), ("TimeZoneKeyName", sz("Pacific Standard Time"))],
    );
    hive.set(&control("Terminal Server"), &[("fDenyTSConnections", dword(1))]);
    hive.set(&control("ProductOptions"), &[("ProductType", sz("ServerNT"))]);
    hive.set(&control("Windows"), &[("SystemDirectory", ValueData::expand_sz(r"%SystemRoot%\system32"))]);
    hive.set(&control(r"Keyboard Layout\DosKeybCodes"), &[("00000407", sz("gr")), ("00000409", sz("us"))]);
    hive.set(&control(r"Nls\CodePage"), &[("ACP", sz("1252")), ("OEMCP", sz("437"))]);
    let environment = [
        ("PROCESSOR_ARCHITECTURE", sz("AMD64")),
        ("windir", ValueData::expand_sz("%SystemRoot%")),
        ("Path", ValueData::expand_sz(r"%SystemRoot%\system32;%SystemRoot%")),
    ];
    hive.set(&control(r"Session Manager\Environment"), &environment);
    let service = |name: &str| format!(r"ControlSet001\Services\{name}");
    hive.set(&service("Tcpip"), &[("Start", dword(0)), ("Type", dword(1))]);
    hive.set(&service(r"Tcpip\Parameters"), &[("Hostname", sz("MINWINPC")), ("NV Hostname", sz("MINWINPC"))]);
    hive.set(&service(r"FsDepends\Parameters"), &[("VirtualDiskMaxTreeDepth", dword(2))]);
    let rule = |rest: &str| sz(&format!("v2.26|Action=Allow|Active=FALSE|Dir=In|Protocol=6|{rest}|"));
    let desktop = "LPort=3389|App=System|Name=@FirewallAPI.dll,-28775|EmbedCtxt=@FirewallAPI.dll,-28752";
    let rules = [
        ("RemoteDesktop-UserMode-In-TCP", rule(desktop)),
        ("Other-In-TCP", rule("LPort=81|EmbedCtxt=@FirewallAPI.dll,-287521")),
    ];
    hive.set(&service(r"SharedAccess\Parameters\FirewallPolicy\FirewallRules"), &rules);
    hive.0
}

/// A `SOFTWARE` that says which Windows it is, with some time zones.
pub fn software() -> Hive {
    let (sz, dword) = (ValueData::sz, ValueData::dword);
    let mut hive = Maker(Hive::create(&Options { root_name: "SOFTWARE", time: TIME, ..Options::default() }).unwrap());
    let current = r"Microsoft\Windows NT\CurrentVersion";
    let facts = [
        ("ProductName", "Windows Server 2016 Datacenter"),
        ("CurrentVersion", "6.3"),
        ("CurrentBuild", "14393"),
        ("CurrentBuildNumber", "14393"),
        ("EditionID", "ServerDatacenterNano"),
        ("InstallationType", "Nano Server"),
        ("BuildLab", "14393.rs1_release.160715-1616"),
        ("BuildLabEx", "14393.0.amd64fre.rs1_release.160715-1616"),
        ("SystemRoot", r"C:\Windows"),
        ("PathName", r"C:\Windows"),
        ("RegisteredOwner", ""),
    ];
    hive.set(current, &facts.map(|(name, text)| (name, sz(text))));
    let numbers =
        [("CurrentMajorVersionNumber", 10), ("CurrentMinorVersionNumber", 0), ("UBR", 0), ("InstallDate", 0)];
    hive.set(current, &numbers.map(|(name, number)| (name, dword(number))));
    let profile = format!(r"{current}\ProfileList\S-1-5-18");
    hive.set(&profile, &[("ProfileImagePath", ValueData::expand_sz(r"%systemroot%\system32\config\systemprofile"))]);
    let directories =
        [("ProgramFilesDir", r"C:\Program Files"), ("CommonFilesDir", r"C:\Program Files\Common Files")];
    hive.set(r"Microsoft\Windows\CurrentVersion", &directories.map(|(name, text)| (name, sz(text))));
    // Minutes behind UTC; month, week and hour at which winter and summer begin, on Sundays.
    for (name, bias, winter, summer) in [
        ("UTC", 0, [0; 3], [0; 3]),
        ("Pacific Standard Time", 480, [11, 1, 2], [3, 2, 2]),
        ("Tokyo Standard Time", -540, [0; 3], [0; 3]),
        ("W. Europe Standard Time", -60, [10, 5, 3], [3, 5, 2]),
    ] {
        let values = [
            ("Display", sz(&format!("({name})"))),
            ("Std", sz(name)),
            ("Dlt", sz(&name.replace("Standard", "Daylight"))),
            ("MUI_Std", sz("@tzres.dll,-322")),
            ("MUI_Dlt", sz("@tzres.dll,-321")),
            ("TZI", ValueData::binary(rule(bias, winter, summer))),
        ];
        hive.set(&format!(r"{current}\Time Zones\{name}"), &values);
    }
    hive.0
}

/// `REG_TZI_FORMAT`: minutes, then `SYSTEMTIME`s of year, month, day of the week, week, hour and zeros.
fn rule(bias: i32, winter: [u16; 3], summer: [u16; 3]) -> Vec<u8> {
    let minutes = [bias, 0, if winter[0] == 0 { 0 } else { -60 }].map(i32::to_le_bytes).concat();
    let moment = |[month, week, hour]: [u16; 3]| [0, month, 0, week, hour, 0, 0, 0].map(u16::to_le_bytes).concat();
    [minutes, moment(winter), moment(summer)].concat()
}

/// What the WIM says of its image.
const XML: &str = "<IMAGE INDEX=\"1\"><NAME>Windows Server 2016 SERVERDATACENTERNANO</NAME><FLAGS>ServerDatacenterNano\
    </FLAGS><LASTMODIFICATIONTIME><HIGHPART>0x01D1DF66</HIGHPART><LOWPART>0x9FCE6200</LOWPART></LASTMODIFICATIONTIME>\
    <WINDOWS><ARCH>9</ARCH><PRODUCTNAME>Microsoft Windows Operating System</PRODUCTNAME>\
    <EDITIONID>ServerDatacenterNano</EDITIONID><INSTALLATIONTYPE>Nano Server</INSTALLATIONTYPE>\
    <PRODUCTTYPE>ServerNT</PRODUCTTYPE><LANGUAGES><LANGUAGE>en-US</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>\
    <VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>14393</BUILD><SPBUILD>0</SPBUILD></VERSION>\
    <SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS></IMAGE>";

const HEADER: usize = 208;
const METADATA: u64 = 2;

/// An uncompressed WIM with one image: files, folders and descriptors, with hard links. What else the tree has is
/// left out. "Windows Imaging File Format (WIM)".
fn wim(media: &Media, tree: &Tree) -> Vec<u8> {
    let mut blobs: BTreeMap<[u8; 20], (Vec<u8>, u32)> = BTreeMap::new();
    let mut digests: BTreeMap<FileId, [u8; 20]> = BTreeMap::new();
    for step in tree.walk() {
        let Some(content) = step.file.content().filter(|content| !content.is_empty()) else { continue };
        let digest = *digests.entry(step.entry.file).or_insert_with(|| {
            let bytes = match content.source() {
                Source::Blob(id) => media.wim().read_blob(id.index).unwrap(),
                Source::Bytes(bytes) => bytes.to_vec(),
                Source::HostFile(path) => fs::read(path).unwrap(),
            };
            let digest = Sha1::digest(&bytes).into();
            blobs.entry(digest).or_insert((bytes, 0));
            digest
        });
        blobs.get_mut(&digest).unwrap().1 += 1;
    }
    let mut file = vec![0; HEADER];
    let mut table = Vec::new();
    let metadata = Entries { tree, digests }.metadata();
    let all = blobs.iter().map(|(digest, (bytes, uses))| (*digest, bytes, *uses, 0));
    let digest = Sha1::digest(&metadata).into();
    for (digest, bytes, uses, flags) in all.chain([(digest, &metadata, 1, METADATA)]) {
        table.extend(resource(bytes.len(), flags, file.len()));
        table.extend(1_u16.to_le_bytes());
        table.extend(uses.to_le_bytes());
        table.extend(digest);
        file.extend(bytes);
    }
    let table_at = resource(table.len(), 0, file.len());
    file.extend(table);
    let xml = format!("\u{feff}<WIM><TOTALBYTES>{}</TOTALBYTES>{XML}</WIM>", file.len());
    let xml: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let xml_at = resource(xml.len(), 0, file.len());
    file.extend(xml);
    let mut header = b"MSWIM\0\0\0".to_vec();
    header.extend([208, 0x1_0d00, 0, 0].into_iter().flat_map(u32::to_le_bytes));
    header.extend(Sha1::digest(&metadata).iter().take(16));
    header.extend([1, 0, 1, 0]);
    header.extend(1_u32.to_le_bytes());
    header.extend(table_at.into_iter().chain(xml_at));
    file[..header.len()].copy_from_slice(&header);
    file
}

/// Where a resource lies.
fn resource(len: usize, flags: u64, offset: usize) -> Vec<u8> {
    let (len, offset) = (len as u64, offset as u64);
    [len | flags << 56, offset, len].map(u64::to_le_bytes).concat()
}

/// The metadata of an image.
struct Entries<'t> {
    tree: &'t Tree,
    digests: BTreeMap<FileId, [u8; 20]>,
}

impl Entries<'_> {
    /// Security data, the root with an end mark, then for each folder its entries and an end mark.
    fn metadata(&self) -> Vec<u8> {
        let mut out = self.security();
        let folders: Vec<FileId> = std::iter::once(Tree::ROOT)
            .chain(self.tree.walk().filter(|step| step.file.is_directory()).map(|step| step.entry.file))
            .collect();
        let root = Name::default();
        let mut at = out.len() + self.entry(Tree::ROOT, &root, 0).len() + 8;
        let mut offsets = BTreeMap::new();
        for &folder in &folders {
            offsets.insert(folder, at);
            at += self.listing(folder, &BTreeMap::new()).len();
        }
        out.extend(self.entry(Tree::ROOT, &root, offsets[&Tree::ROOT]));
        out.extend([0; 8]);
        for folder in folders {
            out.extend(self.listing(folder, &offsets));
        }
        assert_eq!(out.len(), at);
        out
    }

    fn listing(&self, folder: FileId, offsets: &BTreeMap<FileId, usize>) -> Vec<u8> {
        let entries = self.tree.file(folder).directory().unwrap();
        let entry = |(name, entry): (&Name, &nanovhd_tree::Entry)| {
            self.entry(entry.file, name, offsets.get(&entry.file).copied().unwrap_or(0))
        };
        let mut out: Vec<u8> = entries.iter().flat_map(entry).collect();
        out.extend([0; 8]);
        out
    }

    fn entry(&self, id: FileId, name: &Name, children: usize) -> Vec<u8> {
        let file = self.tree.file(id);
        let (metadata, times) = (&file.metadata, &file.metadata.times);
        let kind = if file.is_directory() { 0x10 } else { 0 };
        // There are no reparse points here, so nothing may say that there are.
        let attributes = metadata.attributes.without(Attributes::REPARSE_POINT).0 | kind;
        let security = metadata.security.map_or(u32::MAX, |id| u32::try_from(id.index()).unwrap());
        let group = if file.names() > 1 { id.index() as u64 + 1 } else { 0 };
        let mut body = vec![0; 8];
        body.extend(attributes.to_le_bytes());
        body.extend(security.to_le_bytes());
        let numbers = [children as u64, 0, 0, times.created.0, times.accessed.0, times.written.0];
        body.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        body.extend(self.digests.get(&id).copied().unwrap_or_default());
        body.extend([0; 4]);
        body.extend(group.to_le_bytes());
        let len = u16::try_from(name.units().len() * 2).unwrap();
        body.extend([0, 0, len].into_iter().flat_map(u16::to_le_bytes));
        body.extend(name.units().iter().flat_map(|unit| unit.to_le_bytes()));
        body.extend([0; 2].iter().filter(|_| len > 0));
        body.resize(body.len().next_multiple_of(8), 0);
        let len = body.len() as u64;
        body[..8].copy_from_slice(&len.to_le_bytes());
        body
    }

    /// Length, count, a length for each descriptor, and they.
    fn security(&self) -> Vec<u8> {
        let descriptors: Vec<&[u8]> = self.tree.descriptors().collect();
        let mut out = vec![0; 4];
        out.extend(u32::try_from(descriptors.len()).unwrap().to_le_bytes());
        out.extend(descriptors.iter().flat_map(|d| (d.len() as u64).to_le_bytes()));
        out.extend(descriptors.concat());
        out.resize(out.len().next_multiple_of(8), 0);
        let len = u32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&len.to_le_bytes());
        out
    }
}
