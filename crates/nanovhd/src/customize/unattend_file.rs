//! An answer file as text, and settings put between its own.
//!
//! "Windows Setup Answer Files (Unattend.xml)": a root `unattend` with `settings` of passes, in them
//! `component`s, in them elements as each component has them. The text of a file is kept as it is, with its
//! comments and its layout: settings are inserted, or replace what an element holds, and nothing else changes.

use std::fmt;
use std::ops::Range;

use roxmltree::{Document, Node, ParsingOptions};

use super::unattend::{Answer, Pass, Value};
use crate::checks;

/// The namespace of answer files.
const NAMESPACE: &str = "urn:schemas-microsoft-com:unattend";
/// All passes that there are.
const PASSES: [&str; 7] =
    ["windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem"];
/// Passes of programs that don't run here.
const ELSEWHERE: [(&str, &str); 2] = [
    ("windowsPE", "which Windows Setup on installation media alone carries out"),
    (
        "offlineServicing",
        "which DISM alone carries out: of those, name, password and join are set at the first start, and no others",
    ),
];
/// Nodes of a file. An element of four letters takes a dozen bytes, so that files are not limited by it.
const MAX_NODES: u32 = 1 << 20;
/// Who signed the components of Windows: the token of its key.
const TOKEN: &str = "31bf3856ad364e35";
/// Parts of names of elements that hold what is not to be known.
const SECRET: [&str; 4] = ["password", "key", "accountdata", "credentials"];
const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
                     <unattend xmlns=\"urn:schemas-microsoft-com:unattend\">\r\n</unattend>\r\n";

/// Who wins where both say something of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Winner {
    /// The file.
    File,
    /// The settings that are put into it.
    Answers,
}

/// A file that is an answer file.
pub(super) struct AnswerFile {
    /// The file as it was read.
    bytes: Vec<u8>,
    /// The same as text, without a byte order mark.
    text: String,
}

/// What came out.
pub(super) struct Merged {
    /// The file.
    pub(super) bytes: Vec<u8>,
    /// Settings of which the file says something else that was kept.
    pub(super) kept: Vec<(Pass, &'static str)>,
}

/// Why something is no answer file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Encoding(&'static str),
    Xml(String),
    Root(String),
    Namespace(Option<String>),
    Pass(Option<String>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(what) => write!(f, "its text is not {what}"),
            Self::Xml(what) => write!(f, "it is no well-formed XML: {what}"),
            Self::Root(name) => write!(f, "its root is <{name}>, expected <unattend>"),
            Self::Namespace(None) => write!(f, "its root has no namespace, expected \"{NAMESPACE}\""),
            Self::Namespace(Some(found)) => {
                write!(f, "its root is in the namespace {found:?}, expected \"{NAMESPACE}\"")
            }
            Self::Pass(None) => f.write_str("a <settings> has no pass"),
            Self::Pass(Some(found)) => write!(f, "it has settings for the pass {found:?}, which there is not"),
        }
    }
}

impl Fault {
    /// What the user can do about it, if there is anything special.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Pass(_) => Some(format!("the passes are {}; case matters", PASSES.join(", "))),
            Self::Encoding(_) => Some("save it as UTF-8".to_owned()),
            _ => None,
        }
    }
}

impl AnswerFile {
    /// A file without settings.
    pub(super) fn empty() -> Self {
        Self { bytes: EMPTY.as_bytes().to_vec(), text: EMPTY.to_owned() }
    }

    /// Reads a file in UTF-8, with or without a byte order mark, or in UTF-16 with one.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, Fault> {
        let text = decode(&bytes)?;
        check(&parse(&text)?)?;
        Ok(Self { bytes, text })
    }

    fn document(&self) -> Document<'_> {
        parse(&self.text).expect("it was parsed when it was read")
    }

    /// What the file says, without what elements for passwords and keys hold.
    pub(super) fn without_secrets(&self) -> String {
        let document = self.document();
        let secret = |node: Node<'_, '_>| {
            let name = node.tag_name().name().to_ascii_lowercase();
            SECRET.iter().any(|part| name.contains(part))
        };
        // Ancestors are not asked for each text: in a file of nothing but depth, there are as many of both.
        let (mut shown, mut hidden_to) = (String::new(), 0);
        for node in document.root().descendants() {
            if node.is_element() {
                if secret(node) {
                    hidden_to = hidden_to.max(node.range().end);
                }
                shown.push_str(&format!("<{}", node.tag_name().name()));
                node.attributes().for_each(|a| shown.push_str(&format!(" {}={:?}", a.name(), a.value())));
                shown.push('>');
            } else if node.is_text() && node.range().start >= hidden_to {
                shown.push_str(node.text().unwrap_or_default());
            }
        }
        shown
    }

    /// The text of an element of a pass, if the file has it for this processor.
    pub(super) fn text(&self, pass: Pass, component: &str, architecture: &str, path: &str) -> Option<String> {
        let document = self.document();
        let settings =
            elements(document.root_element(), "settings").filter(|s| s.attribute("pass") == Some(pass.name()));
        let is = |node: Node<'_, '_>, name, value: &str| {
            node.attribute(name).is_some_and(|found: &str| found.eq_ignore_ascii_case(value))
        };
        let mut components = settings.flat_map(|settings| elements(settings, "component"));
        let mut at =
            components.find(|c| is(*c, "name", component) && is(*c, "processorArchitecture", architecture))?;
        for name in path.split('/') {
            at = at.children().find(|child| child.has_tag_name((NAMESPACE, name)))?;
        }
        Some(at.text().unwrap_or_default().trim().to_owned())
    }

    /// What of the file will have no effect, in words that go on after its name.
    pub(super) fn warnings(&self, architecture: &str) -> Vec<String> {
        let document = self.document();
        let mut warnings = Vec::new();
        for settings in elements(document.root_element(), "settings") {
            let pass = settings.attribute("pass").unwrap_or_default();
            if let Some((_, who)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == pass)
                && settings.children().any(|child| child.is_element())
            {
                warnings.push(format!("has settings for the pass {pass}, {who}"));
            }
            for component in elements(settings, "component") {
                let other = component.attribute("processorArchitecture").unwrap_or_default();
                if !other.eq_ignore_ascii_case(architecture) {
                    let name = component.attribute("name").unwrap_or_default();
                    warnings.push(format!(
                        "has settings of {name:?} for {other:?} in the pass {pass}, which a Windows for {architecture} leaves out"
                    ));
                }
            }
        }
        warnings.extend(checks::plain_passwords(&document));
        warnings
    }

    /// The file with settings put into it. It is the same to the letter if there is nothing to put.
    pub(super) fn merge(&self, answers: &[Answer], architecture: &str, winner: Winner) -> Merged {
        let document = self.document();
        let mut merge = Merge { text: &self.text, winner, edits: Vec::new(), kept: Vec::new() };
        merge.put(document.root_element(), &tree(answers, architecture), 1);
        let Merge { mut edits, kept, .. } = merge;
        if edits.is_empty() {
            return Merged { bytes: self.bytes.clone(), kept };
        }
        // From the end on, so that places stay where they are.
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = self.text.clone();
        for (range, with) in edits.into_iter().rev() {
            text.replace_range(range, &with);
        }
        Merged { bytes: in_utf8(&text).into_bytes(), kept }
    }
}

/// The text of a file.
fn decode(bytes: &[u8]) -> Result<String, Fault> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = units.iter().copied().map(unit).collect();
        let text = String::from_utf16(&units).ok().filter(|_| odd.is_empty());
        text.ok_or(Fault::Encoding("UTF-16, which its byte order mark says it is"))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            let text = std::str::from_utf8(rest).map_err(|_| Fault::Encoding("UTF-8"))?;
            let stated = declaration(text).and_then(|range| encoding(&text[range]));
            let is_ascii = text.is_ascii();
            match stated {
                // Bytes that only look like UTF-8 mean something else there.
                Some(other) if !is_ascii && !other.eq_ignore_ascii_case("utf-8") => {
                    Err(Fault::Encoding("UTF-8, but what its first line says"))
                }
                _ => Ok(text.to_owned()),
            }
        }
    }
}

/// Where the XML declaration is.
fn declaration(text: &str) -> Option<Range<usize>> {
    text.starts_with("<?xml ").then(|| text.find("?>")).flatten().map(|end| 0..end + 2)
}

/// The encoding that a declaration states.
fn encoding(declaration: &str) -> Option<&str> {
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next()
}

/// The text with a declaration that says what it will be written in.
fn in_utf8(text: &str) -> String {
    match declaration(text) {
        Some(range) => format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{}", &text[range.end..]),
        None => text.to_owned(),
    }
}

/// Document types are refused: answer files have none, and entities can grow without end.
fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| Fault::Xml(e.to_string()))
}

fn check(document: &Document<'_>) -> Result<(), Fault> {
    let root = document.root_element();
    if root.tag_name().name() != "unattend" {
        return Err(Fault::Root(root.tag_name().name().to_owned()));
    }
    if root.tag_name().namespace() != Some(NAMESPACE) {
        return Err(Fault::Namespace(root.tag_name().namespace().map(str::to_owned)));
    }
    for settings in elements(root, "settings") {
        let pass = settings.attribute("pass");
        if !pass.is_some_and(|pass| PASSES.contains(&pass)) {
            return Err(Fault::Pass(pass.map(str::to_owned)));
        }
    }
    Ok(())
}

/// The elements of answer files with this name in another one.
fn elements<'a, 'i>(parent: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    parent.children().filter(move |child| child.has_tag_name((NAMESPACE, name)))
}

/// An element to be written.
struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: String,
    /// Where it comes from, if it is a setting: it is kept or replaced as a whole.
    answer: Option<(Pass, &'static str)>,
}

impl Element {
    fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: String::new(), answer: None }
    }

    /// The child that `is_it` says yes to, made if there is none.
    fn child(&mut self, is_it: impl Fn(&Element) -> bool, make: impl FnOnce() -> Element) -> &mut Element {
        let at = self.children.iter().position(is_it).unwrap_or_else(|| {
            self.children.push(make());
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    /// Whether an element of a file is this one.
    fn is(&self, node: Node<'_, '_>) -> bool {
        let same = |name: &str| node.attribute(name).unwrap_or_default().eq_ignore_ascii_case(self.attribute(name));
        let which: &[&str] = match self.name {
            "settings" => &["pass"],
            "component" => &["name", "processorArchitecture"],
            _ => &[],
        };
        node.has_tag_name((NAMESPACE, self.name)) && which.iter().all(|name| same(name))
    }

    fn write(&self, out: &mut String, depth: usize, namespace: bool) {
        let indent = "  ".repeat(depth);
        out.push_str(&format!("{indent}<{}", self.name));
        if namespace {
            out.push_str(&format!(" xmlns=\"{NAMESPACE}\""));
        }
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
        out.push('>');
        self.write_inside(out, depth);
        out.push_str(&format!("</{}>\r\n", self.name));
    }

    fn write_inside(&self, out: &mut String, depth: usize) {
        out.push_str(&escaped(&self.text));
        if !self.children.is_empty() {
            out.push_str("\r\n");
            self.children.iter().for_each(|child| child.write(out, depth + 1, false));
            out.push_str(&"  ".repeat(depth));
        }
    }
}

/// Text between tags or in quotes. XML 1.0, 2.4.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// The `settings` with `component`s that answers belong to.
fn tree(answers: &[Answer], architecture: &str) -> Vec<Element> {
    let mut root = Element::new("unattend");
    for answer in answers {
        let pass = answer.pass.name();
        let settings = root.child(
            |e| e.attribute("pass") == pass,
            || Element { attributes: vec![("pass", pass.to_owned())], ..Element::new("settings") },
        );
        let component =
            settings.child(|e| e.attribute("name") == answer.component, || component(answer.component, architecture));
        let leaf =
            answer.path.split('/').fold(component, |at, name| at.child(|e| e.name == name, || Element::new(name)));
        leaf.answer = Some((answer.pass, answer.path));
        match &answer.value {
            Value::Text(text) => leaf.text.clone_from(text),
            Value::Fields(fields) => {
                let field =
                    |(name, text): &(&'static str, String)| Element { text: text.clone(), ..Element::new(name) };
                leaf.children = fields.iter().map(field).collect();
            }
        }
    }
    root.children
}

fn component(name: &'static str, architecture: &str) -> Element {
    let attributes = [
        ("name", name),
        ("processorArchitecture", architecture),
        ("publicKeyToken", TOKEN),
        ("language", "neutral"),
        ("versionScope", "nonSxS"),
    ];
    let attributes = attributes.map(|(name, value)| (name, value.to_owned())).into();
    Element { attributes, ..Element::new("component") }
}

/// Puts elements into a text.
struct Merge<'t> {
    text: &'t str,
    winner: Winner,
    /// Places of the text, none in another, and what comes there.
    edits: Vec<(Range<usize>, String)>,
    kept: Vec<(Pass, &'static str)>,
}

impl Merge<'_> {
    /// Puts elements into one that is there.
    fn put(&mut self, node: Node<'_, '_>, elements: &[Element], depth: usize) {
        let mut missing = String::new();
        let namespace = node.default_namespace() != Some(NAMESPACE);
        for element in elements {
            match (node.children().find(|child| element.is(*child)), element.answer) {
                (None, _) => element.write(&mut missing, depth, namespace),
                (Some(found), None) => self.put(found, &element.children, depth + 1),
                (Some(found), Some(answer)) => self.both(found, element, answer, depth, namespace),
            }
        }
        if !missing.is_empty() {
            self.insert(node, &missing, depth - 1);
        }
    }

    /// The file has this setting, too.
    fn both(
        &mut self,
        node: Node<'_, '_>,
        element: &Element,
        answer: (Pass, &'static str),
        depth: usize,
        namespace: bool,
    ) {
        if self.winner == Winner::Answers {
            let mut text = String::new();
            element.write(&mut text, depth, namespace);
            self.edits.push((node.range(), text.trim().to_owned()));
        } else if !element.children.is_empty() || node.text().unwrap_or_default().trim() != element.text {
            self.kept.push(answer);
        }
    }

    /// Puts text at the end of what an element holds.
    fn insert(&mut self, node: Node<'_, '_>, what: &str, depth: usize) {
        let range = node.range();
        let source = &self.text[range.clone()];
        let indent = "  ".repeat(depth);
        if let Some(open) = source.strip_suffix("/>") {
            let tag = open[1..].split(|c: char| c.is_whitespace()).next().unwrap_or_default();
            let at = range.end - 2..range.end;
            self.edits.push((at, format!(">\r\n{what}{indent}</{tag}>")));
        } else if let Some(end) = source.rfind("</") {
            // In front of what the end tag is indented with.
            let before = source[..end].trim_end_matches([' ', '\t']);
            let line = if before.ends_with('\n') { "" } else { "\r\n" };
            let at = range.start + if line.is_empty() { before.len() } else { end };
            let close = if line.is_empty() { String::new() } else { indent };
            self.edits.push((at..at, format!("{line}{what}{close}")));
        }
    }
}

#[cfg(test)]
mod tests;
