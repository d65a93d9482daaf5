//! Metadata partitions: the content of a file that holds all file entries and directories.
//! OSTA UDF 2.60, 2.2.10 and 2.2.13.

use nanovhd_tree::ReadAt;

use super::format::{MetadataMap, file_type};
use super::icb::Icb;
use super::partition::{IcbAddress, Partition, Space};
use crate::error::{IsoError, Structure};
use crate::input::Input;

/// Reads where the metadata file lies, or else its mirror, which has an entry of its own and maybe the same
/// content. `physical` is the map of the partition that both are in.
pub(crate) fn open<R: ReadAt>(
    input: &Input<R>,
    space: &Space,
    physical: u16,
    map: &MetadataMap,
) -> Result<Partition, IsoError> {
    let main = file(input, space, (physical, map.file.get()), file_type::METADATA);
    main.or_else(|fault| {
        // What is wrong with the first says more.
        file(input, space, (physical, map.mirror.get()), file_type::METADATA_MIRROR).map_err(|_| fault)
    })
}

fn file<R: ReadAt>(
    input: &Input<R>,
    space: &Space,
    (partition, block): (u16, u32),
    file_type: u8,
) -> Result<Partition, IsoError> {
    let icb = Icb::read(input, space, IcbAddress { partition, block, len: space.block_size })?;
    if icb.file_type != file_type {
        let (what, offset, field) = (Structure::MetadataFile, icb.offset, "file type");
        let (found, expected) = (icb.file_type.into(), "250, metadata, or 251 for its mirror");
        return Err(IsoError::Field { what, offset, field, found, expected });
    }
    Ok(Partition::Metadata(icb.map(input, space)?.runs))
}
