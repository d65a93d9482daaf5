//! The packages of a media: roles, drivers and features that can be added to a Nano Server.
//!
//! A package is a cabinet that fits every language and one for each language, in a folder of its own:
//!
//! ```text
//!  NanoServer/Packages/Microsoft-NanoServer-Compute-Package.cab
//!  NanoServer/Packages/en-us/Microsoft-NanoServer-Compute-Package_en-us.cab
//! ```
//!
//! Its name is what both file names begin with, up to the first `_`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use nanovhd_tree::visible;
use serde::Serialize;

use crate::outline::path_text;
use crate::{Media, MediaEntry, MediaError, MediaRoot, Outline, Size};

/// Where media have them. The second is for those who point at the inner folder, and beside a WIM.
const PLACES: [&str; 2] = ["NanoServer/Packages", "Packages"];

pub(crate) fn looked_for() -> String {
    PLACES.join(", ")
}

/// The packages of a media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageList {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The folder that has them.
    #[serde(serialize_with = "path_text")]
    pub folder: PathBuf,
    /// The languages that there are cabinets for.
    pub languages: BTreeSet<String>,
    /// The packages, by name.
    pub packages: Vec<Package>,
}

/// A package: one cabinet for all languages, and one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name, such as `Microsoft-NanoServer-Compute-Package`.
    pub name: String,
    /// Bytes of all its cabinets.
    pub size: Size,
    /// Its cabinets: the one for all languages first, then by language.
    pub cabinets: Vec<Cabinet>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cabinet {
    /// The language, such as `en-us`; none for the cabinet that fits all.
    pub language: Option<String>,
    /// The path of the file.
    #[serde(serialize_with = "path_text")]
    pub path: PathBuf,
    /// Its bytes.
    pub size: Size,
}

impl Package {
    /// The cabinet for all languages (`None`), or for one, in any case.
    pub fn cabinet(&self, language: Option<&str>) -> Option<&Cabinet> {
        self.cabinets.iter().find(|cabinet| match (&cabinet.language, language) {
            (None, None) => true,
            (Some(has), Some(asked)) => has.eq_ignore_ascii_case(asked),
            _ => false,
        })
    }
}

impl Media {
    /// The packages, [`MediaRoot::packages`].
    ///
    /// # Errors
    /// There are none, or a folder can't be read.
    pub fn packages(&self) -> Result<PackageList, MediaError> {
        self.root().packages()
    }
}

impl MediaRoot {
    /// The packages in `NanoServer/Packages`, or in `Packages`. Cabinets are listed and not opened.
    ///
    /// # Errors
    /// There are none, or a folder can't be read.
    pub fn packages(&self) -> Result<PackageList, MediaError> {
        let mut places = PLACES.iter().map(|place| self.find(place));
        let folder = places.find_map(|found| found.map(|entry| entry.filter(MediaEntry::is_dir)).transpose());
        let none = || MediaError::NoPackages { path: self.path().to_owned(), kind: self.kind() };
        let folder = folder.transpose()?.ok_or_else(none)?;

        let mut found = Found { root: self, packages: BTreeMap::new(), languages: BTreeSet::new() };
        let entries = self.list(&folder)?;
        // By order of names a folder may come first, but not so in the list.
        let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(MediaEntry::is_dir);
        found.add(&files, None)?;
        for language in &folders {
            found.add(&self.list(language)?, Some(language.name()))?;
        }
        if found.packages.is_empty() {
            return Err(MediaError::NoCabinets { folder: folder.path().to_owned() });
        }
        Ok(PackageList {
            schema: Outline::SCHEMA,
            folder: folder.path().to_owned(),
            languages: found.languages,
            packages: found.packages.into_values().collect(),
        })
    }
}

/// What has been found so far.
struct Found<'r> {
    root: &'r MediaRoot,
    /// By names in lower case: two files may differ in that.
    packages: BTreeMap<String, Package>,
    languages: BTreeSet<String>,
}

impl Found<'_> {
    /// Adds the cabinets of a folder.
    fn add(&mut self, entries: &[MediaEntry], language: Option<&str>) -> Result<(), MediaError> {
        for entry in entries.iter().filter(|entry| entry.is_file()) {
            let Some(name) = package_name(entry.name()) else { continue };
            let new = || Package { name: name.to_owned(), size: Size(0), cabinets: Vec::new() };
            let package = self.packages.entry(name.to_lowercase()).or_insert_with(new);
            let size = self.root.size(entry)?;
            let language = language.map(str::to_owned);
            self.languages.extend(language.clone());
            // A disc image may claim anything.
            package.size = Size(package.size.0.saturating_add(size.0));
            package.cabinets.push(Cabinet { language, path: entry.path().to_owned(), size });
        }
        Ok(())
    }
}

/// The package that a cabinet belongs to, by the file's name; `None` for other files.
fn package_name(file: &str) -> Option<&str> {
    let (stem, suffix) = file.rsplit_once('.')?;
    let name = stem.split('_').next().unwrap_or(stem);
    (suffix.eq_ignore_ascii_case("cab") && !name.is_empty()).then_some(name)
}

/// What a newcomer reads.
impl fmt::Display for PackageList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.packages.iter().fold(0u64, |sum, package| sum.saturating_add(package.size.0));
        writeln!(f, "folder    {}", visible(&self.folder.to_string_lossy()))?;
        let languages = match self.languages.is_empty() {
            true => "no language".to_owned(),
            false => self.languages.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        writeln!(f, "packages  {}, {} ({})\n", self.packages.len(), Size(bytes), visible(&languages))?;
        let width = self.packages.iter().map(|package| package.name.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:width$}  {:>10}  languages", "name", "neutral")?;
        for package in &self.packages {
            let neutral = package.cabinet(None).map_or_else(|| "none".to_owned(), |cabinet| cabinet.size.to_string());
            let sizes = package.cabinets.iter().filter_map(|cabinet| {
                let language = cabinet.language.as_deref()?;
                Some(format!("{} {}", visible(language), cabinet.size))
            });
            let sizes = sizes.collect::<Vec<_>>().join(", ");
            let line = format!("{:width$}  {neutral:>10}  {sizes}", visible(&package.name));
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn media(files: &[(&str, usize)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, len) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; *len]).unwrap();
        }
        dir
    }

    #[test]
    fn names_are_cut_at_the_first_underscore() {
        for (file, name) in [
            ("Microsoft-NanoServer-IIS-Package.cab", Some("Microsoft-NanoServer-IIS-Package")),
            ("Microsoft-NanoServer-IIS-Package_en-us.CAB", Some("Microsoft-NanoServer-IIS-Package")),
            ("Microsoft-NanoServer-IIS-Package_en-us_10-0-14300-1000.cab", Some("Microsoft-NanoServer-IIS-Package")),
            ("a.b_c.cab", Some("a.b")),
            ("readme.txt", None),
            ("cab", None),
            (".cab", None),
            ("_en-us.cab", None),
        ] {
            assert_eq!(package_name(file), name, "{file}");
        }
    }

    #[test]
    fn packages_are_listed_with_their_languages() {
        let dir = media(&[
            ("nanoserver/PACKAGES/Storage.cab", 2000),
            ("nanoserver/PACKAGES/Compute.cab", 3 << 20),
            ("nanoserver/PACKAGES/readme.txt", 9),
            ("nanoserver/PACKAGES/en-us/compute_en-us.cab", 1024),
            ("nanoserver/PACKAGES/en-us/Storage_en-us.cab", 10),
            ("nanoserver/PACKAGES/de-de/Compute_de-de.cab", 2048),
            ("nanoserver/PACKAGES/de-de/Only_de-de.cab", 1),
            ("nanoserver/PACKAGES/de-de/deeper/X.cab", 1),
            ("nanoserver/PACKAGES/empty/readme.txt", 1),
        ]);
        let list = MediaRoot::open(dir.path()).unwrap().packages().unwrap();
        let names: Vec<_> = list.packages.iter().map(|package| &*package.name).collect();
        assert_eq!(names, ["Compute", "Only", "Storage"]);
        assert_eq!(Vec::from_iter(&list.languages), ["de-de", "en-us"]);
        let compute = &list.packages[0];
        assert_eq!((compute.size, compute.cabinets.len()), (Size((3 << 20) + 3072), 3));
        assert_eq!(compute.cabinet(Some("EN-us")).unwrap().size, Size(1024));
        assert_eq!(list.packages[1].cabinet(None), None);
        let text = list.to_string();
        let table = "\
packages  3, 3 MiB (de-de, en-us)

name        neutral  languages
Compute       3 MiB  de-de 2 KiB, en-us 1 KiB
Only           none  de-de 1 bytes
Storage       2 KiB  en-us 10 bytes
";
        assert!(text.ends_with(table), "{text}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let dir = media(&[("sources/install.wim", 0), ("Packages/readme.txt", 1)]);
        let root = MediaRoot::open(dir.path()).unwrap();
        let error = root.packages().unwrap_err();
        assert!(error.to_string().starts_with("there are no cabinets (.cab) in `"), "{error}");
        let root = MediaRoot::open(dir.path().join("sources")).unwrap();
        let error = root.packages().unwrap_err();
        let expected = "sources` holds no packages; looked for NanoServer/Packages, Packages";
        assert!(error.to_string().ends_with(expected) && error.hint().is_some(), "{error}");
    }
}
