//! The XML data: what the file says about its images in words.
//!
//! \[WIM\] "XML data": UTF-16LE with a byte order mark, a `WIM` element with an `IMAGE` element for
//! each image. Nothing else in the file vouches for these words, so they describe and never
//! decide: only the image numbers are used to find anything.

use roxmltree::{Document, Node, ParsingOptions};
use thiserror::Error;

use nanovhd_tree::Filetime;

/// A thousand times what Windows media have.
pub(crate) const MAX_XML: u64 = 32 << 20;
/// Bounds the memory of the parsed document; an image has about sixty nodes.
const MAX_NODES: u32 = 4 << 20;

/// What the XML data say about an image. All but the number may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The number of the image in the file, from 1.
    pub index: u32,
    /// `NAME`.
    pub name: Option<String>,
    /// `DESCRIPTION`.
    pub description: Option<String>,
    /// `DISPLAYNAME`: what setup shows.
    pub display_name: Option<String>,
    /// `DISPLAYDESCRIPTION`.
    pub display_description: Option<String>,
    /// `FLAGS`: the edition as `imagex /flags` was told.
    pub flags: Option<String>,
    /// `DIRCOUNT`: directories, with the root if wimlib made the image and without if Windows did.
    pub directories: Option<u64>,
    /// `FILECOUNT`: names of files.
    pub files: Option<u64>,
    /// `TOTALBYTES`: lengths of all streams, a stream of a hard-linked file counted for each name.
    pub total_bytes: Option<u64>,
    /// `HARDLINKBYTES`: how many of them are counted for names after the first.
    pub hard_link_bytes: Option<u64>,
    /// `CREATIONTIME`.
    pub created: Option<Filetime>,
    /// `LASTMODIFICATIONTIME`.
    pub modified: Option<Filetime>,
    /// `WINDOWS`, if there is Windows in the image.
    pub windows: Option<WindowsInfo>,
}

/// What the XML data say about the Windows in an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WindowsInfo {
    /// `ARCH`: the processor, as in `PROCESSOR_ARCHITECTURE_*`.
    pub architecture: Option<u64>,
    /// `PRODUCTNAME`.
    pub product_name: Option<String>,
    /// `EDITIONID`, such as `ServerDatacenterNano`.
    pub edition_id: Option<String>,
    /// `INSTALLATIONTYPE`, such as `Nano Server`.
    pub installation_type: Option<String>,
    /// `PRODUCTTYPE`, such as `ServerNT`.
    pub product_type: Option<String>,
    /// `LANGUAGES/LANGUAGE`.
    pub languages: Vec<String>,
    /// `LANGUAGES/DEFAULT`.
    pub default_language: Option<String>,
    /// `VERSION`.
    pub version: Option<WindowsVersion>,
    /// `SYSTEMROOT`, such as `WINDOWS`.
    pub system_root: Option<String>,
}

impl WindowsInfo {
    /// The usual name of the processor architecture.
    pub fn architecture_name(&self) -> Option<&'static str> {
        match self.architecture? {
            0 => Some("x86"),
            5 => Some("arm"),
            6 => Some("ia64"),
            9 => Some("amd64"),
            12 => Some("arm64"),
            _ => None,
        }
    }
}

/// `VERSION`: parts that are missing are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct WindowsVersion {
    /// `MAJOR`.
    pub major: u64,
    /// `MINOR`.
    pub minor: u64,
    /// `BUILD`.
    pub build: u64,
    /// `SPBUILD`: the revision.
    pub revision: u64,
}

impl std::fmt::Display for WindowsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

/// What is wrong with the XML data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Not UTF-16LE.
    #[error("the XML data are not UTF-16LE: {reason} at byte {at:#x} of them")]
    Encoding {
        /// Where, from the start of the XML data.
        at: usize,
        /// What is there.
        reason: &'static str,
    },
    /// Not XML, or with a document type, which could make it expand without end.
    #[error("the XML data can't be parsed")]
    Syntax(#[from] roxmltree::Error),
    /// It is about something else.
    #[error("the XML data have the root element {found:?}, expected \"WIM\"")]
    Root {
        /// The element.
        found: String,
    },
    /// The content is encrypted.
    #[error(
        "the XML data say that the file is an encrypted ESD (<ESD><ENCRYPTED>), as some downloads of Windows are: only \
         the installer that it came with has the key; use an ISO image or an ESD that is not encrypted"
    )]
    Encrypted,
    /// The image numbers are not 1, 2, … each once.
    #[error("the XML data have an image with INDEX={found:?}, expected each of 1 to {images} once")]
    Index {
        /// The number as written; none if there is no such attribute.
        found: Option<String>,
        /// How many images the header says.
        images: u32,
    },
    /// There are more or fewer images.
    #[error("the XML data describe {found} images, but the header says {expected}")]
    Images {
        /// How many are described.
        found: usize,
        /// How many the header says.
        expected: u32,
    },
    /// Not a number.
    #[error("the XML data have <{element}>{text}</{element}> in image {image}, expected a number")]
    Number {
        /// The image, from 1.
        image: u32,
        /// The element.
        element: String,
        /// What it says.
        text: String,
    },
}

/// The text of the XML data.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, XmlError> {
    if !bytes.len().is_multiple_of(2) {
        return Err(XmlError::Encoding { at: bytes.len() - 1, reason: "half a character" });
    }
    if bytes.starts_with(&[0xfe, 0xff]) {
        return Err(XmlError::Encoding { at: 0, reason: "a byte order mark of UTF-16BE" });
    }
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    for character in char::decode_utf16(units) {
        let character = character.map_err(|_| XmlError::Encoding { at, reason: "a lone surrogate" })?;
        at += 2 * character.len_utf16();
        text.push(character);
    }
    // The mark is missing in what some tools write, and others end with a null.
    let end = text.trim_end_matches('\0').len();
    text.truncate(end);
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The images in the order of their numbers.
pub(crate) fn parse(text: &str, images: u32) -> Result<Vec<ImageInfo>, XmlError> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)?;
    let root = document.root_element();
    if !root.has_tag_name("WIM") {
        return Err(XmlError::Root { found: root.tag_name().name().to_owned() });
    }
    if child(root, "ESD").and_then(|esd| child(esd, "ENCRYPTED")).is_some() {
        return Err(XmlError::Encrypted);
    }
    let mut infos: Vec<Option<ImageInfo>> = (0..images).map(|_| None).collect();
    let mut found = 0;
    for node in root.children().filter(|node| node.has_tag_name("IMAGE")) {
        found += 1;
        let written = node.attribute("INDEX");
        let index = written.and_then(|text| text.trim().parse::<u32>().ok()).filter(|&index| index > 0);
        let place = index.and_then(|index| infos.get_mut(index as usize - 1)).filter(|place| place.is_none());
        let (Some(index), Some(place)) = (index, place) else {
            return Err(XmlError::Index { found: written.map(str::to_owned), images });
        };
        *place = Some(ImageNode { image: index, node }.info()?);
    }
    let infos: Vec<ImageInfo> = infos.into_iter().flatten().collect();
    if infos.len() != images as usize {
        return Err(XmlError::Images { found, expected: images });
    }
    Ok(infos)
}

fn child<'d, 'i>(node: Node<'d, 'i>, element: &str) -> Option<Node<'d, 'i>> {
    node.children().find(|child| child.has_tag_name(element))
}

/// The text of an element, if it has any.
fn text(node: Node<'_, '_>, element: &str) -> Option<String> {
    child(node, element)?.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// An `IMAGE` element, or one in it.
#[derive(Clone, Copy)]
struct ImageNode<'d, 'i> {
    image: u32,
    node: Node<'d, 'i>,
}

impl<'d, 'i> ImageNode<'d, 'i> {
    fn info(self) -> Result<ImageInfo, XmlError> {
        let text = |element| text(self.node, element);
        Ok(ImageInfo {
            index: self.image,
            name: text("NAME"),
            description: text("DESCRIPTION"),
            display_name: text("DISPLAYNAME"),
            display_description: text("DISPLAYDESCRIPTION"),
            flags: text("FLAGS"),
            directories: self.number("DIRCOUNT")?,
            files: self.number("FILECOUNT")?,
            total_bytes: self.number("TOTALBYTES")?,
            hard_link_bytes: self.number("HARDLINKBYTES")?,
            created: self.time("CREATIONTIME")?,
            modified: self.time("LASTMODIFICATIONTIME")?,
            windows: self.child("WINDOWS").map(Self::windows).transpose()?,
        })
    }

    fn windows(self) -> Result<WindowsInfo, XmlError> {
        let text = |element| text(self.node, element);
        let languages = child(self.node, "LANGUAGES");
        let listed = languages.into_iter().flat_map(|languages| languages.children());
        Ok(WindowsInfo {
            architecture: self.number("ARCH")?,
            product_name: text("PRODUCTNAME"),
            edition_id: text("EDITIONID"),
            installation_type: text("INSTALLATIONTYPE"),
            product_type: text("PRODUCTTYPE"),
            languages: listed
                .filter(|node| node.has_tag_name("LANGUAGE"))
                .filter_map(|node| node.text().map(|text| text.trim().to_owned()))
                .collect(),
            default_language: languages.and_then(|languages| self::text(languages, "DEFAULT")),
            version: self.child("VERSION").map(Self::version).transpose()?,
            system_root: text("SYSTEMROOT"),
        })
    }

    fn version(self) -> Result<WindowsVersion, XmlError> {
        let part = |element| self.number(element).map(|value| value.unwrap_or(0));
        Ok(WindowsVersion {
            major: part("MAJOR")?,
            minor: part("MINOR")?,
            build: part("BUILD")?,
            revision: part("SPBUILD")?,
        })
    }

    /// A file time in two halves of 32 bits.
    fn time(self, element: &str) -> Result<Option<Filetime>, XmlError> {
        let Some(halves) = self.child(element) else { return Ok(None) };
        let half = |element| -> Result<Option<u64>, XmlError> {
            let Some(value) = halves.number(element)? else { return Ok(None) };
            match u32::try_from(value) {
                Ok(half) => Ok(Some(u64::from(half))),
                Err(_) => Err(halves.bad_number(element)),
            }
        };
        let (high, low) = (half("HIGHPART")?, half("LOWPART")?);
        Ok(high.zip(low).map(|(high, low)| Filetime(high << 32 | low)))
    }

    /// A decimal number, or a hexadecimal one that starts with `0x`.
    fn number(self, element: &str) -> Result<Option<u64>, XmlError> {
        let Some(text) = text(self.node, element) else { return Ok(None) };
        let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            // from_str_radix would take a sign.
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                u64::from_str_radix(digits, 16).ok()
            }
            Some(_) => None,
            None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        value.map(Some).ok_or_else(|| self.bad_number(element))
    }

    fn bad_number(self, element: &str) -> XmlError {
        // What is shown is bounded, whatever the file holds.
        let text = text(self.node, element).unwrap_or_default().chars().take(40).collect();
        XmlError::Number { image: self.image, element: element.to_owned(), text }
    }

    fn child(self, element: &str) -> Option<Self> {
        child(self.node, element).map(|node| Self { node, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn parse_text(text: &str, images: u32) -> Result<Vec<ImageInfo>, XmlError> {
        parse(&decode(&utf16(text))?, images)
    }

    const NANO: &str = "\u{feff}<WIM><TOTALBYTES>9</TOTALBYTES><IMAGE INDEX=\"1\"><DIRCOUNT>3</DIRCOUNT>\
        <FILECOUNT>0x10</FILECOUNT><TOTALBYTES>12444</TOTALBYTES><HARDLINKBYTES></HARDLINKBYTES>\
        <CREATIONTIME><HIGHPART>0x01D6B6C7</HIGHPART><LOWPART>0x66CB4D36</LOWPART></CREATIONTIME>\
        <WINDOWS><ARCH>9</ARCH><EDITIONID>ServerDatacenterNano</EDITIONID>\
        <LANGUAGES><LANGUAGE>en-US</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>\
        <VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>14393</BUILD><SPBUILD>0</SPBUILD></VERSION>\
        <SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS><NAME> Windows Server 2016 &amp; more </NAME></IMAGE></WIM>";

    #[test]
    fn what_windows_writes_is_read() {
        let infos = parse_text(NANO, 1).unwrap();
        let [info] = &infos[..] else { panic!("{infos:?}") };
        assert_eq!(info.name.as_deref(), Some("Windows Server 2016 & more"));
        assert_eq!((info.directories, info.files), (Some(3), Some(16)));
        assert_eq!((info.hard_link_bytes, info.description.as_deref()), (None, None));
        assert_eq!(info.created, Some(Filetime(0x01d6_b6c7_66cb_4d36)));
        let windows = info.windows.as_ref().unwrap();
        assert_eq!(windows.architecture_name(), Some("amd64"));
        assert_eq!(windows.edition_id.as_deref(), Some("ServerDatacenterNano"));
        assert_eq!(windows.languages, ["en-US"]);
        assert_eq!(windows.version.unwrap().to_string(), "10.0.14393.0");
    }

    #[test]
    fn a_missing_mark_and_a_final_null_are_taken() {
        assert_eq!(parse_text("<WIM/>", 0), Ok(Vec::new()));
        assert_eq!(parse_text("\u{feff}<WIM/>\0", 0), Ok(Vec::new()));
    }

    #[test]
    fn other_encodings_are_refused() {
        for (bytes, at) in [(&b"\xff\xfe<"[..], 2), (b"\xfe\xff\0<", 0), (b"<\0\0\xd8<\0", 2)] {
            let error = decode(bytes).unwrap_err();
            assert!(matches!(error, XmlError::Encoding { at: found, .. } if found == at), "{error}");
        }
        assert!(matches!(parse("<WIM", 0), Err(XmlError::Syntax(_))));
    }

    #[test]
    fn image_numbers_count_from_one_each_once() {
        let image = |index: &str| format!("<IMAGE INDEX=\"{index}\"/>");
        let wim = |indexes: &[&str]| format!("<WIM>{}</WIM>", indexes.iter().map(|i| image(i)).collect::<String>());
        let order = |infos: Vec<ImageInfo>| infos.iter().map(|info| info.index).collect::<Vec<_>>();
        assert_eq!(parse_text(&wim(&["2", "1"]), 2).map(order), Ok(vec![1, 2]));
        for bad in ["0", "-1", "3", "1", "x", "4294967297", ""] {
            let error = parse_text(&wim(&["1", bad]), 2).unwrap_err();
            assert!(matches!(&error, XmlError::Index { found: Some(found), .. } if found == bad), "{error}");
        }
        assert_eq!(parse_text("<WIM><IMAGE/></WIM>", 1), Err(XmlError::Index { found: None, images: 1 }));
        assert_eq!(parse_text(&wim(&["1"]), 2), Err(XmlError::Images { found: 1, expected: 2 }));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for bad in ["-1", "1e3", "0x", "0x-1", "+5", "18446744073709551616", "0x1F4E6D00000000000"] {
            let text = format!("<WIM><IMAGE INDEX=\"1\"><DIRCOUNT>{bad}</DIRCOUNT></IMAGE></WIM>");
            let error = parse_text(&text, 1).unwrap_err();
            assert!(matches!(&error, XmlError::Number { image: 1, .. }), "{bad}: {error}");
        }
        let text = "<WIM><IMAGE INDEX=\"1\"><CREATIONTIME><HIGHPART>0x100000000</HIGHPART>\
            <LOWPART>0</LOWPART></CREATIONTIME></IMAGE></WIM>";
        assert!(matches!(parse_text(text, 1), Err(XmlError::Number { .. })), "a half has 32 bits");
    }

    #[test]
    fn document_types_are_refused_and_deep_nesting_is_bounded() {
        let error = parse_text("<!DOCTYPE WIM [<!ENTITY a \"aaaa\">]><WIM>&a;</WIM>", 0).unwrap_err();
        assert_eq!(error, XmlError::Syntax(roxmltree::Error::DtdDetected));
        let deep = "<a>".repeat(1_000_000);
        assert!(parse_text(&deep, 0).is_err());
        let closed = format!("<WIM>{}{}</WIM>", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
        assert_eq!(parse_text(&closed, 0), Ok(Vec::new()));
        let wide = format!("<WIM>{}</WIM>", "<a/>".repeat(5 << 20));
        assert_eq!(parse_text(&wide, 0), Err(XmlError::Syntax(roxmltree::Error::NodesLimitReached)));
        assert_eq!(parse_text("<ESD/>", 0), Err(XmlError::Root { found: "ESD".to_owned() }));
        assert_eq!(parse_text("<WIM><ESD><ENCRYPTED/></ESD></WIM>", 0), Err(XmlError::Encrypted));
    }
}
