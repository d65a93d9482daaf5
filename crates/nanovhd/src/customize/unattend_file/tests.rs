//! Files of users and images with settings put into them, read by another program than the one that puts them.

use super::*;
use crate::customize::unattend::Pass::{OobeSystem, Specialize};

const SHELL: &str = "Microsoft-Windows-Shell-Setup";

fn text(pass: Pass, path: &'static str, text: &str) -> Answer {
    Answer { pass, component: SHELL, path, value: Value::Text(text.to_owned()) }
}

fn password(value: &str) -> Answer {
    let fields = vec![("Value", value.to_owned()), ("PlainText", "false".to_owned())];
    Answer {
        pass: OobeSystem,
        component: SHELL,
        path: "UserAccounts/AdministratorPassword",
        value: Value::Fields(fields),
    }
}

/// The file that comes out, and the settings that did not go in.
fn merged(file: &str, answers: &[Answer], winner: Winner) -> (String, Vec<&'static str>) {
    let merged = AnswerFile::read(file.as_bytes().to_vec()).unwrap().merge(answers, "amd64", winner);
    let again = String::from_utf8(merged.bytes).unwrap();
    assert!(AnswerFile::read(again.clone().into_bytes()).is_ok(), "{again}");
    (again, merged.kept.into_iter().map(|(_, path)| path).collect())
}

/// Every text of a file: `pass/component/path = text`.
fn texts(file: &str) -> Vec<String> {
    let document = Document::parse(file).unwrap();
    let leaves = document.descendants().filter(|node| node.is_element() && !node.children().any(|c| c.is_element()));
    let name = |node: Node<'_, '_>| {
        assert_eq!(node.tag_name().namespace(), Some(NAMESPACE), "{file}");
        let attribute = node.attribute("pass").or(node.attribute("name"));
        attribute.unwrap_or(node.tag_name().name()).trim_start_matches("Microsoft-Windows-").to_owned()
    };
    let path = |node: Node<'_, '_>| {
        let mut names: Vec<String> = node.ancestors().filter(Node::is_element).map(name).collect();
        names.pop();
        names.reverse();
        names.join("/")
    };
    leaves.map(|node| format!("{} = {}", path(node), node.text().unwrap_or_default().trim())).collect()
}

#[test]
fn a_new_file_is_to_the_letter_what_windows_expects() {
    let (file, _) = merged(EMPTY, &[text(Specialize, "ComputerName", "n<1>"), password("cA=")], Winner::Answers);
    let component = |pass: &str, inside: &str| {
        format!(
            "  <settings pass=\"{pass}\">\r\n    <component name=\"Microsoft-Windows-Shell-Setup\" \
             processorArchitecture=\"amd64\" publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" \
             versionScope=\"nonSxS\">\r\n{inside}    </component>\r\n  </settings>\r\n"
        )
    };
    let name = "      <ComputerName>n&lt;1&gt;</ComputerName>\r\n";
    let account = "      <UserAccounts>\r\n        <AdministratorPassword>\r\n          <Value>cA=</Value>\r\n          \
                   <PlainText>false</PlainText>\r\n        </AdministratorPassword>\r\n      </UserAccounts>\r\n";
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<unattend xmlns=\"urn:schemas-microsoft-com:unattend\">\r\n{}{}\
         </unattend>\r\n",
        component("specialize", name),
        component("oobeSystem", account)
    );
    assert_eq!(file, expected);
}

/// A file in which everything that can be odd about its form is.
const USERS: &str = r#"<u:unattend xmlns:u="urn:schemas-microsoft-com:unattend" xmlns:x="urn:x">
  <!-- </u:unattend> is no end tag -->
  <u:settings pass="specialize" x:y="1"><u:component name="microsoft-windows-shell-setup" processorArchitecture="AMD64">
      <u:ComputerName>theirs</u:ComputerName></u:component></u:settings>
  <u:settings
    pass="oobeSystem" />
</u:unattend>"#;

#[test]
fn the_user_wins_and_keeps_the_form_of_the_file() {
    let answers = [
        text(Specialize, "ComputerName", "ours"),
        text(Specialize, "ProductKey", "k"),
        text(OobeSystem, "TimeZone", "UTC"),
    ];
    let (file, kept) = merged(USERS, &answers, Winner::File);
    assert_eq!(kept, ["ComputerName"]);
    assert_eq!(
        texts(&file),
        [
            "specialize/microsoft-windows-shell-setup/ComputerName = theirs",
            "specialize/microsoft-windows-shell-setup/ProductKey = k",
            "oobeSystem/Shell-Setup/TimeZone = UTC",
        ]
    );
    // What was there is there, in its order.
    let mut rest = file.as_str();
    for line in USERS.lines().flat_map(str::split_whitespace).filter(|word| !word.contains("/>")) {
        let word = line.trim_end_matches("</u:component></u:settings>");
        rest = &rest[rest.find(word).unwrap_or_else(|| panic!("{word} in {file}"))..];
    }
    // The same once more changes nothing.
    assert_eq!(merged(&file, &answers, Winner::File), (file, kept));
}

#[test]
fn settings_win_over_the_file_of_an_image_and_passwords_are_not_mixed() {
    let theirs = format!(
        "<unattend xmlns='{NAMESPACE}'><settings pass='oobeSystem'><component name='{SHELL}' \
         processorArchitecture='amd64'><TimeZone>UTC</TimeZone><UserAccounts><AdministratorPassword><Value>open</Value>\
         </AdministratorPassword><LocalAccounts/></UserAccounts></component></settings></unattend>"
    );
    let answers = [password("hidden"), text(Specialize, "ComputerName", "n")];
    let mut ours = texts(&merged(&theirs, &answers, Winner::Answers).0);
    ours.sort();
    let accounts = "oobeSystem/Shell-Setup/UserAccounts";
    let expected = [
        "oobeSystem/Shell-Setup/TimeZone = UTC".to_owned(),
        format!("{accounts}/AdministratorPassword/PlainText = false"),
        format!("{accounts}/AdministratorPassword/Value = hidden"),
        format!("{accounts}/LocalAccounts = "),
        "specialize/Shell-Setup/ComputerName = n".to_owned(),
    ];
    assert_eq!(ours, expected);
    let (file, kept) = merged(&theirs, &answers[..1], Winner::File);
    assert_eq!((file, kept), (theirs, vec!["UserAccounts/AdministratorPassword"]));
}

#[test]
fn a_file_for_another_processor_gets_components_of_its_own() {
    let theirs = format!(
        "<unattend xmlns=\"{NAMESPACE}\"><settings pass=\"specialize\"><component name=\"{SHELL}\" \
         processorArchitecture=\"x86\"><ComputerName>x86</ComputerName></component></settings></unattend>"
    );
    let (file, kept) = merged(&theirs, &[text(Specialize, "ComputerName", "n")], Winner::File);
    assert_eq!(kept, [""; 0]);
    let name = "specialize/Shell-Setup/ComputerName";
    assert_eq!(texts(&file), [format!("{name} = x86"), format!("{name} = n")]);
    let warnings = AnswerFile::read(theirs.into_bytes()).unwrap().warnings("amd64");
    assert!(matches!(&warnings[..], [one] if one.contains("\"x86\"")), "{warnings:?}");
}

#[test]
fn encodings_are_told_by_their_marks() {
    let file = EMPTY.replace("utf-8", "UTF-16").replace("\r\n</", "<!-- größe --></");
    let units =
        |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { format!("\u{feff}{file}").encode_utf16().flat_map(unit).collect() };
    let answers = [text(Specialize, "ComputerName", "n")];
    for bytes in [units(u16::to_le_bytes), units(u16::to_be_bytes)] {
        let read = AnswerFile::read(bytes.clone()).unwrap();
        assert_eq!(read.merge(&[], "amd64", Winner::File).bytes, bytes, "nothing to do, nothing done");
        let merged = String::from_utf8(read.merge(&answers, "amd64", Winner::File).bytes).unwrap();
        assert!(
            merged.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>") && merged.contains("größe"),
            "{merged}"
        );
        assert_eq!(texts(&merged), ["specialize/Shell-Setup/ComputerName = n"]);
    }
    assert!(AnswerFile::read(format!("\u{feff}{EMPTY}").into_bytes()).is_ok());
    let ascii = EMPTY.replace("utf-8", "windows-1252");
    assert!(AnswerFile::read(ascii.clone().into_bytes()).is_ok(), "ASCII is the same in all of them");
    let odd = [&units(u16::to_le_bytes)[..], b"x"].concat();
    let latin = ascii.replace("\r\n</", "<!-- \u{e4} --></").into_bytes();
    for bad in [odd, latin, b"\xff\xfe\x00\xd8".to_vec(), b"<unattend>\xff</unattend>".to_vec()] {
        assert!(matches!(AnswerFile::read(bad), Err(Fault::Encoding(_))));
    }
}

#[test]
fn what_is_no_answer_file_is_told() {
    let root = |inside: &str| format!("<unattend xmlns=\"{NAMESPACE}\">{inside}</unattend>");
    for (file, why) in [
        (String::new(), "no well-formed XML"),
        (root("<settings pass=\"specialize\">"), "no well-formed XML"),
        (format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", root("&a;")), "no well-formed XML"),
        ("<setup/>".to_owned(), "its root is <setup>"),
        ("<unattend/>".to_owned(), "no namespace"),
        ("<unattend xmlns=\"urn:x\"/>".to_owned(), "\"urn:x\""),
        (root("<settings/>"), "no pass"),
        (root("<settings pass=\"oobesystem\"/>"), "\"oobesystem\""),
    ] {
        let fault = AnswerFile::read(file.clone().into_bytes()).err().unwrap();
        assert!(fault.to_string().contains(why), "{file}: {fault}");
    }
    // As deep as a file of the largest size can be.
    let deep = root(&"<a>".repeat(1 << 20));
    assert!(AnswerFile::read(deep.into_bytes()).is_err());
}

#[test]
fn secrets_go_into_no_identifier() {
    let file = |password: &str, name: &str| {
        let text = format!(
            "<unattend xmlns=\"{NAMESPACE}\"><settings pass=\"oobeSystem\"><component name=\"{SHELL}\"><UserAccounts>\
             <AdministratorPassword><Value>{password}</Value></AdministratorPassword></UserAccounts>\
             <ComputerName>{name}</ComputerName><ProductKey>{password}</ProductKey></component></settings></unattend>"
        );
        AnswerFile::read(text.into_bytes()).unwrap().without_secrets()
    };
    assert_eq!(file("secret", "n"), file("other", "n"));
    assert_ne!(file("secret", "n"), file("secret", "m"));
    assert!(!file("secret", "n").contains("secret"));
}
