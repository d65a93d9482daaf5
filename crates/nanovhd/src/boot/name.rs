//! What the boot menu calls the Windows of an image.

use nanovhd_wim::ImageInfo;

/// The first build of each Windows Server, and of those that had no name of their own.
const SERVERS: [(u64, &str); 10] = [
    (7600, "Windows Server 2008 R2"),
    (9200, "Windows Server 2012"),
    (9600, "Windows Server 2012 R2"),
    (14_393, "Windows Server 2016"),
    (14_394, "Windows Server"),
    (17_763, "Windows Server 2019"),
    (17_764, "Windows Server"),
    (20_348, "Windows Server 2022"),
    (20_349, "Windows Server"),
    (26_100, "Windows Server 2025"),
];

/// The first build of each Windows for clients.
const CLIENTS: [(u64, &str); 5] =
    [(7600, "Windows 7"), (9200, "Windows 8"), (9600, "Windows 8.1"), (10_240, "Windows 10"), (22_000, "Windows 11")];

/// The name by what the WIM says of the installation type and the build; `Windows` where it says nothing.
pub(super) fn of(image: &ImageInfo) -> &'static str {
    let Some(windows) = &image.windows else { return "Windows" };
    let installation = windows.installation_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let names = match installation.as_str() {
        "client" => &CLIENTS[..],
        kind if kind.starts_with("server") || kind.starts_with("nano") => &SERVERS,
        _ => return "Windows",
    };
    let build = windows.version.as_ref().map_or(0, |version| version.build);
    names.iter().rev().find(|(first, _)| *first <= build).map_or("Windows", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use nanovhd_wim::{WindowsInfo, WindowsVersion};

    use super::*;

    #[test]
    fn build_and_kind_make_the_name() {
        for (kind, build, expected) in [
            ("Nano Server", 14_393, "Windows Server 2016"),
            ("Server Core", 14_393, "Windows Server 2016"),
            ("Server", 17_763, "Windows Server 2019"),
            ("Server", 20_348, "Windows Server 2022"),
            ("Server", 26_100, "Windows Server 2025"),
            ("Server Core", 9600, "Windows Server 2012 R2"),
            ("Server Core", 16_299, "Windows Server"),
            ("Client", 7601, "Windows 7"),
            ("Client", 9600, "Windows 8.1"),
            ("Client", 19_045, "Windows 10"),
            ("client", 22_631, "Windows 11"),
            ("Client", 6000, "Windows"),
            ("WindowsPE", 19_041, "Windows"),
        ] {
            let mut image = ImageInfo::default();
            let windows = image.windows.insert(WindowsInfo::default());
            windows.installation_type = Some(kind.to_owned());
            windows.version = Some(WindowsVersion { major: 10, build, ..WindowsVersion::default() });
            assert_eq!(of(&image), expected, "{kind} {build}");
        }
        assert_eq!(of(&ImageInfo::default()), "Windows");
    }
}
