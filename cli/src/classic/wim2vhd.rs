//! `WIM2VHD.WSF`, version 6.1.7600: a dynamic VHD for a BIOS, of 40 GiB unless told otherwise.

use super::draft::{Draft, Wanted, number, word};
use super::nano::PACKAGES;
use super::parameter::Becomes::{Keys, Nothing, Refused};
use super::parameter::{Bound, Given, Parameter};
use super::problem::Problem;
use super::value;

/// Mebibytes, as the script counts.
const USUAL_SIZE: u64 = 40_960;
const NO_TOOL: &str = "no other program is called";

const ALL: [Parameter; 21] = [
    Parameter::one(
        "wim",
        Keys(&["media"], |d, v| {
            d.recipe.media = Some(d.path(v)?);
            Ok(())
        }),
    )
    .mandatory(),
    Parameter::one(
        "sku",
        Keys(&["image"], |d, v| {
            d.image(v.text(), Wanted::Described);
            Ok(())
        }),
    ),
    Parameter::one("vhd", Keys(&["output", "format", "firmware", "force"], output)).mandatory(),
    Parameter::one("size", Keys(&["size"], size)),
    Parameter::one("disktype", Keys(&["fixed"], kind)),
    Parameter::one(
        "unattend",
        Keys(&["unattend"], |d, v| {
            d.recipe.unattend = Some(d.path(v)?);
            Ok(())
        }),
    ),
    Parameter::many("qfe", Refused(PACKAGES)),
    Parameter::many("ref", Nothing("the other parts of a split WIM are found beside the first")),
    Parameter::many("dbg", Keys(&["debug", "debug-port", "debug-baud-rate", "debug-channel", "debug-target"], debug)),
    Parameter::switch("copylocal", Refused("there are no tools to copy: this program needs none")),
    Parameter::one("passthru", Refused("a disk is made as a file, not on a volume that is there")),
    Parameter::switch("signdisk", Nothing("no \\Windows\\WIM2VHD.TXT is written: the image stays as it is")),
    Parameter::one("mergefolder", Keys(&["copy"], Draft::merge)),
    Parameter::switch("trace", Nothing("errors are always told in full")),
    Parameter::switch("classicmount", Nothing("nothing is mounted")),
    Parameter::one("imagex", Nothing(NO_TOOL)),
    Parameter::one("bcdboot", Nothing(NO_TOOL)),
    Parameter::one("bcdedit", Nothing(NO_TOOL)),
    Parameter::one("reg", Nothing(NO_TOOL)),
    Parameter::one("diskpart", Nothing(NO_TOOL)),
    Parameter::one("vhdtool", Nothing(NO_TOOL)),
];

/// The switches of WIM2VHD.
pub(super) fn parameters() -> Vec<Parameter> {
    ALL.to_vec()
}

fn output(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.output = Some(draft.path(given)?);
    Ok(())
}

fn size(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let mebibytes: u32 = number("/size", given)?;
    if mebibytes == 0 {
        return Err(Problem::Value("/size".to_owned(), "a number of MiB was expected".to_owned()));
    }
    draft.size = Some(u64::from(mebibytes) << 20);
    Ok(())
}

fn kind(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let fixed = match word("/disktype", given, &["dynamic", "fixed", "fastfixed"])? {
        "dynamic" => false,
        "fixed" => true,
        _ => {
            let problem = "fastfixed leaves old data of this machine in the disk: take fixed".to_owned();
            return Err(Problem::Value("/disktype".to_owned(), problem));
        }
    };
    draft.recipe.fixed = Some(fixed);
    Ok(())
}

/// `serial,1,115200`, `1394,21`, `usb,NAME`.
fn debug(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let form =
        || Problem::Value("/dbg".to_owned(), "serial,PORT,BAUD or 1394,CHANNEL or usb,TARGET was expected".into());
    let (recipe, texts) = (&mut draft.recipe, given.texts.iter().map(String::as_str).collect::<Vec<_>>());
    let (way, rest) = texts.split_first().ok_or_else(form)?;
    let way = way.to_ascii_lowercase();
    match (way.as_str(), rest) {
        ("serial", rest @ ([] | [_] | [_, _])) => {
            let port: u8 = rest.first().map_or(Ok(1), |port| port.parse()).map_err(|_| form())?;
            recipe.debug_port = Some(u16::from(port));
            recipe.debug_baud_rate = rest.get(1).map(|baud| baud.parse()).transpose().map_err(|_| form())?;
        }
        ("1394", rest @ ([] | [_])) => {
            let channel = rest.first().map_or(Ok(21), |channel| channel.parse()).map_err(|_| form())?;
            recipe.debug_channel = Some(channel);
        }
        ("usb", [target]) => recipe.debug_target = Some((*target).to_owned()),
        _ => return Err(form()),
    }
    recipe.debug = Some(way);
    Ok(())
}

/// What the script does in any case.
pub(super) fn finish(draft: &mut Draft, bound: &Bound) -> Result<(), Problem> {
    draft.recipe.format = Some("vhd".to_owned());
    draft.recipe.firmware = Some("bios".to_owned());
    let bytes = draft.size.unwrap_or(USUAL_SIZE << 20);
    if bytes > super::draft::LARGEST_VHD {
        let most = value::size(super::draft::LARGEST_VHD);
        return Err(Problem::Value("/size".to_owned(), format!("a VHD has at most {most}")));
    }
    draft.finish_size(USUAL_SIZE << 20, true);
    if bound.has("unattend") {
        draft.note("/unattend: the file goes to \\Windows\\Panther, where Windows looks first, not to the root");
    }
    draft.replace();
    Ok(())
}
