//! What is looked at before any work, so that nobody learns it from a machine that can't be reached: images that
//! can't start where they are to, and disks that start, but not for long or for nobody.

use nanovhd_wim::{ImageInfo, WindowsVersion};
use thiserror::Error;

use crate::select::edition_id;
use crate::size::GIB;
use crate::text::counted;
use crate::{Customization, Firmware, Size};

/// The first version whose boot files and settings are those that are made here: Windows 7 and Server 2008 R2.
const OLDEST: (u64, u64) = (6, 1);
/// What a cumulative update takes while it is installed: itself, unpacked, and what it replaces. With the
/// 10 GB that Microsoft advises for Nano Server, about so much is free. Microsoft, "Updating Nano Server".
const ROOM_FOR_UPDATES: u64 = 6 * GIB;
/// What images of Nano Server call themselves: in Windows Server 2016 by the end of the edition id, before by
/// one of two names.
const NANO: &str = "nano";
const EARLY_NANO: [&str; 2] = ["NanoServer", "ServerTuva"];

/// Why a disk that starts can't be made of an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Windows is too old.
    #[error("the image has Windows {version}, and disks start from version 6.1 (Windows 7, Server 2008 R2) on")]
    TooOld {
        /// Its version.
        version: WindowsVersion,
    },
    /// No such machine has such firmware.
    #[error("the image is for {architecture}, which no machine with {firmware} firmware has")]
    Firmware {
        /// The processor.
        architecture: &'static str,
        /// What shall start it.
        firmware: Firmware,
    },
    /// No boot manager for this processor is known.
    #[error("the image is for {architecture}, for which no disk that starts can be made")]
    Architecture {
        /// The processor.
        architecture: &'static str,
    },
}

impl CheckError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::TooOld { .. } | Self::Architecture { .. } => "give --no-boot for a disk that starts nothing",
                Self::Firmware { .. } => "give --firmware uefi",
            }
            .to_owned(),
        )
    }
}

/// Whether an image can start by this firmware, as far as the media says what it is.
pub(crate) fn can_start(image: &ImageInfo, firmware: Firmware) -> Result<(), CheckError> {
    let Some(windows) = &image.windows else { return Ok(()) };
    // Tools that don't know the version write zeros.
    let unknown = WindowsVersion::default();
    if let Some(version) = windows.version.filter(|v| *v != unknown && (v.major, v.minor) < OLDEST) {
        return Err(CheckError::TooOld { version });
    }
    match (windows.architecture_name(), firmware) {
        (Some(architecture @ "ia64"), _) => Err(CheckError::Architecture { architecture }),
        (Some(architecture @ ("arm" | "arm64")), Firmware::Bios) => {
            Err(CheckError::Firmware { architecture, firmware })
        }
        _ => Ok(()),
    }
}

/// What is to be said of the passwords in an answer file, in words that go on after its name; nothing if
/// Windows has an encoded form of each. "Microsoft-Windows-Shell-Setup", "PlainText".
pub(crate) fn plain_passwords(answers: &roxmltree::Document<'_>) -> Option<String> {
    let passwords = answers.descendants().filter(|node| node.tag_name().name().ends_with("Password"));
    let plain = passwords.filter(|node| is_plain(*node)).count();
    (plain > 0).then(|| {
        format!(
            "has {} in clear text, for whoever can read the disk or the file: give --administrator-password-prompt \
             instead, or let Windows System Image Manager encode it",
            counted(plain as u64, "password")
        )
    })
}

/// Whether an element holds a password that can be read as it is: its text, or a value not said to be encoded.
fn is_plain(password: roxmltree::Node<'_, '_>) -> bool {
    let child = |name| password.children().find(|child| child.tag_name().name() == name);
    let said = |node: roxmltree::Node<'_, '_>| node.text().unwrap_or_default().trim().to_owned();
    match child("Value") {
        Some(value) => {
            !said(value).is_empty() && !child("PlainText").is_some_and(|p| said(p).eq_ignore_ascii_case("false"))
        }
        None => !said(password).is_empty(),
    }
}

/// A disk to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'f> {
    pub(crate) image: &'f ImageInfo,
    pub(crate) custom: &'f Customization,
    pub(crate) firmware: Firmware,
    /// Whether it starts anything.
    pub(crate) boot: bool,
    /// The whole disk.
    pub(crate) size: Size,
    /// What is free on the volume of Windows.
    pub(crate) free: Size,
}

impl Facts<'_> {
    /// What the user may want to change.
    pub(crate) fn warnings(&self) -> Vec<String> {
        if !self.boot || self.image.windows.is_none() {
            return Vec::new();
        }
        [self.locked(), self.far(), self.tight(), self.narrow()].into_iter().flatten().collect()
    }

    /// Nobody could get in.
    fn locked(&self) -> Option<String> {
        (is_nano(self.image) && !self.may_have_password()).then(|| {
            "no administrator password is set: Nano Server lets nobody in who has none, neither by WinRM nor at its \
             recovery console, so this machine can't be reached; give --administrator-password-prompt, \
             --administrator-password-file or --administrator-password-env"
                .to_owned()
        })
    }

    /// Only neighbours could get in.
    fn far(&self) -> Option<String> {
        let custom = self.custom;
        let else_open = !custom.setup_complete_commands.is_empty() || !custom.run_scripts.is_empty();
        let near = is_nano(self.image) && self.may_have_password() && !custom.remote_management_port && !else_open;
        near.then(|| {
            "in a public network the firewall lets WinRM in from the machine's own subnet alone; give \
             --enable-remote-management-port to reach it from further away"
                .to_owned()
        })
    }

    /// An answer file may set a password, and in a domain others may log on.
    fn may_have_password(&self) -> bool {
        let Customization { administrator_password, unattend, domain_join_blob, .. } = self.custom;
        administrator_password.is_some() || unattend.is_some() || domain_join_blob.is_some()
    }

    /// It will be full soon.
    fn tight(&self) -> Option<String> {
        let known =
            self.image.windows.as_ref()?.version? >= WindowsVersion { major: 10, ..WindowsVersion::default() };
        (known && self.free.0 < ROOM_FOR_UPDATES).then(|| {
            let missing = ROOM_FOR_UPDATES - self.free.0;
            let enough = self.size.0.checked_add(missing).and_then(|size| size.checked_next_multiple_of(GIB));
            let enough = enough.map(|size| format!("; --size {} has it", Size(size).argument())).unwrap_or_default();
            format!(
                "{} are free for Windows, and a cumulative update needs about {} while it is installed{enough}",
                self.free,
                Size(ROOM_FOR_UPDATES)
            )
        })
    }

    /// Most of the machines that could start it don't.
    fn narrow(&self) -> Option<String> {
        let x86 = self.image.windows.as_ref()?.architecture_name() == Some("x86");
        (x86 && self.firmware == Firmware::Uefi).then(|| {
            "the image is for x86, which starts by UEFI only where that is of 32 bits, as nearly none is, that of \
             Hyper-V neither; give --firmware bios"
                .to_owned()
        })
    }
}

/// Whether this is Nano Server.
fn is_nano(image: &ImageInfo) -> bool {
    let by_type = image.windows.as_ref().and_then(|windows| windows.installation_type.as_deref());
    let by_edition = edition_id(image).is_some_and(|id| {
        id.to_ascii_lowercase().ends_with(NANO) || EARLY_NANO.iter().any(|early| early.eq_ignore_ascii_case(id))
    });
    by_edition || by_type.is_some_and(|by_type| by_type.eq_ignore_ascii_case("Nano Server"))
}

#[cfg(test)]
mod tests {
    use nanovhd_wim::WindowsInfo;

    use super::*;
    use crate::{Interface, Secret};

    fn image(edition: &str, architecture: u64, version: (u64, u64)) -> ImageInfo {
        let mut windows = WindowsInfo::default();
        windows.edition_id = Some(edition.to_owned());
        windows.architecture = Some(architecture);
        windows.version = Some(WindowsVersion { major: version.0, minor: version.1, build: 14_393, revision: 0 });
        let mut image = ImageInfo::default();
        image.windows = Some(windows);
        image
    }

    fn nano() -> ImageInfo {
        image("ServerDatacenterNano", 9, (10, 0))
    }

    fn warnings(image: &ImageInfo, custom: &Customization, free: u64) -> Vec<String> {
        let (size, free) = (Size(free + GIB), Size(free));
        Facts { image, custom, firmware: Firmware::Uefi, boot: true, size, free }.warnings()
    }

    fn custom(change: impl FnOnce(&mut Customization)) -> Customization {
        let mut custom = Customization::default();
        change(&mut custom);
        custom
    }

    #[test]
    fn images_that_cannot_start_are_refused() {
        let bios = |image: &ImageInfo| can_start(image, Firmware::Bios).map_err(|e| e.to_string());
        assert_eq!(bios(&nano()), Ok(()));
        assert_eq!(bios(&image("", 9, (6, 1))), Ok(()));
        assert_eq!(bios(&ImageInfo::default()), Ok(()), "an image that says nothing may be anything");
        let mut unknown = image("", 9, (0, 0));
        unknown.windows.as_mut().unwrap().version = Some(WindowsVersion::default());
        assert_eq!(bios(&unknown), Ok(()));
        for (image, part) in [
            (image("", 9, (6, 0)), "Windows 6.0.14393.0"),
            (image("", 0, (5, 2)), "Windows 5.2"),
            (image("", 12, (10, 0)), "arm64, which no machine with BIOS"),
            (image("", 6, (6, 1)), "ia64"),
        ] {
            let error = bios(&image).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(can_start(&image("", 12, (10, 0)), Firmware::Uefi), Ok(()));
        assert!(can_start(&image("", 6, (6, 1)), Firmware::Uefi).unwrap_err().hint().is_some());
    }

    #[test]
    fn a_nano_server_that_nobody_can_reach_is_told() {
        const ROOMY: u64 = 8 * GIB;
        let password = |c: &mut Customization| c.administrator_password = Some(Secret::new("Pa55word"));
        for (change, part) in [
            (custom(|_| ()), Some("no administrator password")),
            (custom(|c| c.remote_management_port = true), Some("no administrator password")),
            (custom(password), Some("own subnet")),
            (custom(|c| c.unattend = Some("a.xml".into())), Some("own subnet")),
            (custom(|c| c.domain_join_blob = Some("blob".into())), Some("own subnet")),
            (
                custom(|c| {
                    password(c);
                    c.remote_management_port = true;
                }),
                None,
            ),
            (
                custom(|c| {
                    password(c);
                    c.setup_complete_commands.push("netsh".into());
                }),
                None,
            ),
        ] {
            let warnings = warnings(&nano(), &change, ROOMY);
            assert_eq!(warnings.len(), usize::from(part.is_some()), "{warnings:?}");
            assert!(part.is_none_or(|part| warnings[0].contains(part)), "{warnings:?}");
            assert!(!warnings.concat().contains("Pa55"));
        }
        let other = custom(|c| c.interfaces.push("1,dns=10.0.0.2".parse::<Interface>().unwrap()));
        for edition in ["ServerStandard", "Professional", "Nanobot"] {
            assert_eq!(warnings(&image(edition, 9, (10, 0)), &other, ROOMY), [""; 0], "{edition}");
        }
        for edition in ["ServerStandardNano", "servertuva", "NanoServer"] {
            assert_eq!(warnings(&image(edition, 9, (10, 0)), &other, ROOMY).len(), 1, "{edition}");
        }
    }

    #[test]
    fn a_disk_without_room_for_updates_is_told() {
        let core = |version| image("ServerDatacenterCore", 9, version);
        let none = Customization::default();
        let told = warnings(&core((10, 0)), &none, 3 * GIB);
        assert_eq!(
            told,
            [
                "3 GiB are free for Windows, and a cumulative update needs about 6 GiB while it is installed; --size 7GiB has it"
            ]
        );
        assert_eq!(warnings(&core((10, 0)), &none, 6 * GIB), [""; 0]);
        assert_eq!(warnings(&core((6, 3)), &none, GIB), [""; 0], "before Windows 10 updates are not cumulative");
        assert_eq!(warnings(&ImageInfo::default(), &none, GIB), [""; 0]);
    }

    #[test]
    fn passwords_in_clear_text_are_told_but_not_shown() {
        let told = |inner: &str| {
            let text = format!("<unattend xmlns='urn:schemas-microsoft-com:unattend'>{inner}</unattend>");
            plain_passwords(&roxmltree::Document::parse(&text).unwrap())
        };
        let plain = "<AdministratorPassword><Value>Pa55</Value><PlainText>true</PlainText></AdministratorPassword>";
        let silent = "<Password><Value>Pa55</Value></Password>";
        let text = "<Credentials><Password>Pa55</Password></Credentials>";
        let encoded = "<Password><Value>UABhAA==</Value><PlainText>False</PlainText></Password>";
        let empty = "<AdministratorPassword><Value/></AdministratorPassword><Password> </Password>";
        for (inner, count) in [
            (plain.to_owned(), "1 password "),
            (silent.to_owned(), "1 password "),
            (format!("{plain}{encoded}<a>{text}</a>{silent}"), "3 passwords "),
        ] {
            let told = told(&inner).unwrap();
            assert!(told.contains(count) && !told.contains("Pa55"), "{told}");
        }
        assert_eq!(told(&format!("{encoded}{empty}")), None);
    }

    #[test]
    fn windows_of_32_bits_is_told() {
        let none = Customization::default();
        let (image, size) = (image("Professional", 0, (6, 1)), Size(20 * GIB));
        let facts = |firmware| Facts { image: &image, custom: &none, firmware, boot: true, size, free: size };
        assert!(facts(Firmware::Uefi).warnings()[0].contains("--firmware bios"));
        assert_eq!(facts(Firmware::Bios).warnings(), [""; 0]);
        assert_eq!(Facts { boot: false, ..facts(Firmware::Uefi) }.warnings(), [""; 0]);
    }
}
