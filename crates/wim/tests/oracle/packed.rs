//! Solid resources and split sets that wimlib makes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use nanovhd_tree::SourceId;
use nanovhd_wim::{Compression, OpenError, SetError, Wim};

use crate::builder::noise;
use crate::captured::{Keep, compare_contents, folder, open, text};
use crate::listing;
use crate::tool::{is_there, wimlib};

/// Every blob read by itself, from the last to the first, is what streaming gives with any number of
/// threads.
fn compare_ways<R: nanovhd_tree::ReadAt>(wim: &Wim<R>) {
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    let streamed = |wanted: &[u32], threads| {
        let sink = Keep::default();
        wim.stream(wanted, NonZeroUsize::new(threads).unwrap(), &sink).unwrap();
        sink.0.into_inner().unwrap()
    };
    let contents = streamed(&all, 1);
    assert_eq!(contents.len(), all.len());
    for threads in [2, 7] {
        assert!(streamed(&all, threads) == contents, "{threads} threads");
    }
    let some: Vec<u32> = all.iter().copied().filter(|index| index % 3 == 1).collect();
    let few = streamed(&some, 2);
    assert!(few.keys().eq(&some) && few.iter().all(|(index, content)| &contents[index] == content));
    for &index in all.iter().rev() {
        assert!(wim.read_blob(index).unwrap() == contents[&index], "{index}");
    }
}

#[test]
fn solid_resources_of_every_compression_are_read() {
    if !is_there() {
        return;
    }
    let (temp, root, files) = folder();
    let sizes = [
        (Compression::Xpress, &[12, 14, 16][..]),
        (Compression::Lzx, &[15, 18, 21]),
        (Compression::Lzms, &[15, 17, 20, 22, 26]),
    ];
    for (compression, order) in sizes.into_iter().flat_map(|(c, orders)| orders.iter().map(move |&order| (c, order)))
    {
        let out = temp.path().join("out.esd");
        let _ = fs::remove_file(&out);
        wimlib(&[
            "capture".into(),
            root.clone().into_os_string(),
            out.clone().into_os_string(),
            "--solid".into(),
            format!("--solid-compress={compression}").into(),
            OsString::from(format!("--solid-chunk-size={}", 1 << order)),
        ]);
        let wim = open(&out);
        let [resource] = wim.solid_resources() else { panic!("{:?}", wim.solid_resources()) };
        assert_eq!((resource.compression, resource.chunk_size), (compression, 1 << order));
        assert_eq!(resource.len, wim.blobs().iter().map(|blob| blob.len).sum::<u64>());
        listing::compare(&out, &wim, 1);
        compare_contents(&wim, &wim.tree(1, SourceId(0)).unwrap(), &files);
        compare_ways(&wim);
    }
}

#[test]
fn several_solid_resources_beside_other_blobs_are_read() {
    if !is_there() {
        return;
    }
    let (temp, root, _) = folder();
    let out = temp.path().join("out.esd");
    let images: [(&str, &[&str]); 4] = [
        ("one", &["--compress=LZX"]),
        ("two", &["--solid", "--solid-chunk-size=64K", "--solid-compress=LZX"]),
        ("three", &["--solid", "--solid-chunk-size=1M"]),
        ("four", &["--solid", "--solid-chunk-size=4K", "--solid-compress=XPRESS"]),
    ];
    for (number, (name, options)) in images.into_iter().enumerate() {
        fs::write(root.join(name), noise(number as u64, 3000)).unwrap();
        fs::write(root.join(format!("text {name}")), &text(400_000 + number)[number..]).unwrap();
        let command = if number == 0 { "capture" } else { "append" };
        let mut arguments: Vec<OsString> =
            vec![command.into(), root.clone().into_os_string(), out.clone().into_os_string(), name.into()];
        arguments.extend(options.iter().map(OsString::from));
        wimlib(&arguments);
    }
    let wim = open(&out);
    let chunk_sizes: Vec<_> = wim.solid_resources().iter().map(|resource| resource.chunk_size).collect();
    assert_eq!(chunk_sizes, [0x1_0000, 0x10_0000, 0x1000]);
    assert!(wim.blobs().iter().any(|blob| blob.solid.is_none()), "some are not in solid resources");
    for image in 1..=4 {
        listing::compare(&out, &wim, image);
    }
    compare_ways(&wim);
}

/// What is wrong with the content, as streaming tells it.
fn stream_fault(wim: &Wim<Vec<u8>>, threads: usize) -> Option<String> {
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    let error = wim.stream(&all, NonZeroUsize::new(threads).unwrap(), &Keep::default()).err()?;
    Some(format!("{error:?}"))
}

#[test]
fn damage_of_solid_resources_is_told_alike_with_any_number_of_threads() {
    if !is_there() {
        return;
    }
    let (temp, root, _) = folder();
    for (number, compression) in [Compression::Xpress, Compression::Lzx, Compression::Lzms].into_iter().enumerate() {
        let out = temp.path().join(format!("{number}.esd"));
        wimlib(&[
            "capture".into(),
            root.clone().into_os_string(),
            out.clone().into_os_string(),
            "--solid".into(),
            format!("--solid-compress={compression}").into(),
            "--solid-chunk-size=32768".into(),
        ]);
        let whole = fs::read(&out).unwrap();
        let resource = open(&out).solid_resources()[0];
        let first = usize::try_from(resource.offset).unwrap();
        let mut faults = 0;
        for n in 0..60 {
            // Two places each, which are often in one chunk, blob, or both.
            let mut damaged = whole.clone();
            for place in [n, n * 7 + 3] {
                let stored = usize::try_from(resource.stored_len).unwrap() - 16;
                damaged[first + 16 + (place * 977) % stored] ^= 1 << (n % 8);
            }
            let wim = Wim::open(damaged).unwrap();
            let fault = stream_fault(&wim, 1);
            for threads in [2, 3, 9] {
                assert_eq!(stream_fault(&wim, threads), fault, "{compression}, damage {n}, {threads} threads");
            }
            faults += usize::from(fault.is_some());
        }
        assert!(faults > 50, "{compression}: {faults} of 60 damages were noticed");
    }
}

/// The parts of a set in a folder.
fn split(whole: &Path, folder: &Path, mebibytes: &str) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let first = folder.join("part.swm");
    wimlib(&["split".as_ref(), whole.as_os_str(), first.as_os_str(), mebibytes.as_ref()]);
    let others = (2..).map(|number| folder.join(format!("part{number}.swm"))).take_while(|path| path.exists());
    std::iter::once(first).chain(others).collect()
}

#[test]
fn split_sets_are_read_as_one() {
    if !is_there() {
        return;
    }
    let (temp, root, files) = folder();
    let whole = temp.path().join("whole.wim");
    wimlib(&[
        "capture".as_ref(),
        root.as_os_str(),
        whole.as_os_str(),
        "--compress=XPRESS".as_ref(),
        "--check".as_ref(),
    ]);
    let expected = open(&whole);
    let parts = split(&whole, &temp.path().join("parts"), "0.05");
    assert!(parts.len() > 2, "{parts:?}");
    let mut any_order: Vec<File> = parts.iter().map(|path| File::open(path).unwrap()).collect();
    any_order.rotate_left(2);
    let wim = Wim::open_parts(any_order).unwrap();
    assert_eq!((wim.header().part, usize::from(wim.header().parts)), (1, parts.len()));
    let listing = |wim: &Wim<File>| listing::of_tree(wim, &wim.tree(1, SourceId(0)).unwrap());
    assert_eq!(listing(&wim), listing(&expected));
    compare_contents(&wim, &wim.tree(1, SourceId(0)).unwrap(), &files);
    compare_ways(&wim);
    assert_eq!(wim.blobs().len(), expected.blobs().len());

    // From any part the others are found.
    for path in &parts {
        let name = path.file_name().unwrap().to_str().unwrap();
        let sibling = |name: &str| File::open(path.with_file_name(name));
        let again = Wim::open_with_siblings(File::open(path).unwrap(), name, sibling).unwrap();
        assert_eq!(listing(&again), listing(&expected), "{name}");
    }
    // A whole file needs none.
    let none = |name: &str| panic!("{name}");
    assert_eq!(Wim::open_with_siblings(File::open(&whole).unwrap(), "x", none).unwrap().header().parts, 1);
}

#[test]
fn sets_with_a_part_missing_or_of_another_set_are_refused() {
    if !is_there() {
        return;
    }
    let (temp, root, _) = folder();
    let mut sets = Vec::new();
    for name in ["one", "two"] {
        let whole = temp.path().join(name).with_extension("wim");
        wimlib(&["capture".as_ref(), root.as_os_str(), whole.as_os_str(), "--compress=NONE".as_ref()]);
        sets.push(split(&whole, &temp.path().join(name), "1"));
    }
    let files = |paths: &[&PathBuf]| paths.iter().map(|path| File::open(path).unwrap()).collect();
    let error = |paths: &[&PathBuf]| match Wim::open_parts(files(paths)).unwrap_err() {
        OpenError::Set(error) => error,
        error => panic!("{error}"),
    };
    let (one, two) = (&sets[0], &sets[1]);
    assert_eq!(one.len(), 3);
    assert!(matches!(error(&[]), SetError::Empty));
    assert!(matches!(error(&[&one[0], &one[2]]), SetError::Missing { part: 2, parts: 3, .. }));
    assert!(matches!(error(&[&one[0], &one[1], &one[1], &one[2]]), SetError::Twice { part: 2 }));
    assert!(matches!(error(&[&one[0], &two[1], &one[2]]), SetError::Guid { part: 2, .. }));
    for path in one {
        let message = Wim::open(File::open(path).unwrap()).unwrap_err().to_string();
        assert!(message.contains("split WIM of 3 parts"), "{message}");
    }
    fs::remove_file(&one[1]).unwrap();
    let sibling = |name: &str| File::open(one[0].with_file_name(name));
    let error = Wim::open_with_siblings(File::open(&one[2]).unwrap(), "part3.swm", sibling).unwrap_err();
    let expected = "part 2 of the 3 parts of the split WIM is missing: there is no `part2.swm` beside the others";
    assert_eq!(error.to_string(), expected);
    let error = Wim::open_with_siblings(File::open(&one[2]).unwrap(), "third.swm", sibling).unwrap_err();
    assert!(matches!(error, OpenError::Set(SetError::Name { part: 3, .. })), "{error}");
}
