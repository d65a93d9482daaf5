//! Joining a domain without asking it: by what `djoin /provision /savefile` wrote beforehand.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::apply::{Context, Way};
use super::files::read_host;
use super::unattend::Pass::{OfflineServicing, Specialize};
use super::{Customization, CustomizeError, base64};

/// The component that joins. "Microsoft-Windows-UnattendedJoin".
pub(super) const JOIN: &str = "Microsoft-Windows-UnattendedJoin";
/// The largest file that is read: certificates and policies can be in it.
const MAX_BLOB: u64 = 4 << 20;

/// Puts the blob into the answer file.
pub(super) fn join(custom: &Customization, path: &Path, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    if custom.computer_name.is_some() {
        let problem = "the blob is for one computer and says its name, so that computer-name can't be given, too";
        return Err(CustomizeError::setting("domain-join-blob", problem, "leave computer-name out"));
    }
    let bytes = read_host(path, MAX_BLOB).map_err(|source| CustomizeError::Host {
        setting: "domain-join-blob",
        path: path.to_owned(),
        source,
    })?;
    let blob = account_data(&bytes).ok_or_else(|| {
        let problem = format!("`{}` is no blob for a domain join", path.display());
        CustomizeError::setting(
            "domain-join-blob",
            problem,
            "make it by djoin /provision /domain … /machine … /savefile …",
        )
    })?;
    // The computer's password in it is too long and too random to be tried.
    context.input("domain-join-blob", &Sha256::digest(&blob));
    for (pass, path) in
        [(OfflineServicing, "OfflineIdentification/Provisioning"), (Specialize, "Identification/Provisioning")]
    {
        context.answers.set_fields(pass, JOIN, path, vec![("AccountData", blob.clone())]);
    }
    context.say("domain-join-blob", Way::Unattend, "the domain is joined at the first start");
    Ok(())
}

/// The Base64 in such a file, which is UTF-16 with a byte order mark and a zero at the end. One that was copied
/// by hand may be ASCII, with line breaks.
fn account_data(file: &[u8]) -> Option<String> {
    let text = match file {
        [0xff, 0xfe, rest @ ..] => {
            let (units, _) = rest.as_chunks::<2>();
            String::from_utf16(&units.iter().copied().map(u16::from_le_bytes).collect::<Vec<u16>>()).ok()?
        }
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => std::str::from_utf8(rest).ok()?.to_owned(),
    };
    let text: String = text.trim_end_matches('\0').split_whitespace().collect();
    base64::is_valid(&text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_read_as_djoin_writes_them_and_as_people_copy_them() {
        let utf16: Vec<u8> = "\u{feff}ARAIAMzM\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for good in [&utf16[..], b"ARAIAMzM", b"ARAI\r\nAMzM \r\n", b"\xef\xbb\xbfARAIAMzM"] {
            assert_eq!(account_data(good).as_deref(), Some("ARAIAMzM"));
        }
        for bad in [&b""[..], b"ARAIAMz", b"<xml/>", b"\xff\xfe", b"\xff\xfe\x00\xd8", b"\xc0"] {
            assert_eq!(account_data(bad), None);
        }
    }
}
