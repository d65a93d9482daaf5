//! The way of the bytes from a WIM to a disk, stage by stage.
//!
//! - `decode`: chunks in memory through one decoder, one thread;
//! - `sha1`: the digest alone;
//! - `stream`: all blobs read, decoded and hashed, into nothing;
//! - `metadata`: the metadata of an image parsed into a tree;
//! - `structures`: a volume laid out for that tree, and all its structures written into nothing;
//! - `container`: a dynamic VHDX with every block in use, into nothing: what the way from the disk's offsets to the
//!   file's costs;
//! - `plan`: the metadata read and the whole disk laid out;
//! - `build`: a dynamic VHDX written to a file beside this program (synced, as users get it);
//! - `verify`: that disk checked, without and with the image beside it.
//!
//! `NANOVHD_CORPUS=FOLDER cargo bench --workspace` measures on the WIMs of a folder too. With the
//! feature `wimlib` that library's decoders run on the same chunks, as `decode/wimlib`.
#![expect(clippy::unwrap_used, reason = "a failure ends the measuring")]

use std::fs::File;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nanovhd::{BuildOptions, Media, Recipe, VerifyOptions};
use nanovhd_benches::{Chunks, chunks, subjects};
use nanovhd_disk::{Container, ContainerOptions, Format};
use nanovhd_ntfs::{Volume, VolumeOptions};
use nanovhd_tree::{SourceId, WriteAt};
use nanovhd_wim::codec::{LzmsDecoder, LzxDecoder, XpressDecoder};
use nanovhd_wim::{BlobSink, Compression, Wim};
use sha1::{Digest, Sha1};

/// Unpacked bytes that `decode` takes from a WIM.
const DECODE_BUDGET: u64 = 256 << 20;

/// Takes bytes and forgets them.
struct Nowhere;

impl BlobSink for Nowhere {
    fn write(&self, _index: u32, _offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        black_box(bytes);
        Ok(())
    }
}

impl WriteAt for Nowhere {
    fn write_all_at(&self, buf: &[u8], _offset: u64) -> std::io::Result<()> {
        black_box(buf);
        Ok(())
    }
}

fn thread_counts() -> Vec<NonZeroUsize> {
    let all = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    if all == NonZeroUsize::MIN { vec![all] } else { vec![NonZeroUsize::MIN, all] }
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for subject in subjects() {
        let file = File::open(&subject.path).unwrap();
        let wim = Wim::open(file.try_clone().unwrap()).unwrap();
        let Chunks { compression, chunk_size, chunks } = chunks(&wim, &file, DECODE_BUDGET).unwrap();
        let mut output = vec![0; chunk_size as usize];
        group.throughput(Throughput::Bytes(chunks.iter().map(|chunk| chunk.len as u64).sum()));
        group.bench_function(BenchmarkId::from_parameter(&subject.name), |b| match compression {
            Compression::Lzx => {
                let mut decoder = LzxDecoder::new(chunk_size);
                b.iter(|| chunks.iter().for_each(|c| decoder.decode(&c.stored, &mut output[..c.len]).unwrap()));
            }
            Compression::Xpress => {
                let mut decoder = XpressDecoder::new(chunk_size);
                b.iter(|| chunks.iter().for_each(|c| decoder.decode(&c.stored, &mut output[..c.len]).unwrap()));
            }
            Compression::Lzms => {
                let mut decoder = LzmsDecoder::new(chunk_size);
                b.iter(|| chunks.iter().for_each(|c| decoder.decode(&c.stored, &mut output[..c.len]).unwrap()));
            }
            other => panic!("{} has no chunks to decode: {other:?}", subject.name),
        });
        #[cfg(feature = "wimlib")]
        group.bench_function(BenchmarkId::new("wimlib", &subject.name), |b| {
            use nanovhd_benches::peer::{Codec, Decoder};
            let codec = match compression {
                Compression::Lzx => Codec::Lzx,
                Compression::Lzms => Codec::Lzms,
                _ => Codec::Xpress,
            };
            let mut decoder = Decoder::new(codec, chunk_size as usize);
            b.iter(|| chunks.iter().for_each(|c| assert!(decoder.decode(&c.stored, &mut output[..c.len]))));
        });
    }
    group.finish();
}

fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for subject in subjects() {
        let wim = Wim::open(File::open(&subject.path).unwrap()).unwrap();
        let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
        group.throughput(Throughput::Bytes(wim.blobs().iter().map(|blob| blob.len).sum()));
        for threads in thread_counts() {
            group.bench_function(BenchmarkId::new(&subject.name, format!("{threads} threads")), |b| {
                b.iter(|| wim.stream(&all, threads, &Nowhere).unwrap());
            });
        }
    }
    group.finish();
}

fn metadata_and_structures(c: &mut Criterion) {
    for subject in subjects() {
        let wim = Wim::open(File::open(&subject.path).unwrap()).unwrap();
        let mut group = c.benchmark_group("metadata");
        group.bench_function(BenchmarkId::from_parameter(&subject.name), |b| {
            b.iter(|| wim.tree(1, SourceId(0)).unwrap());
        });
        group.finish();
        let tree = wim.tree(1, SourceId(0)).unwrap();
        let options = VolumeOptions::default();
        let options = VolumeOptions { size: Volume::minimum_size(&tree, &options).unwrap(), ..options };
        let mut group = c.benchmark_group("structures");
        group.bench_function(BenchmarkId::from_parameter(&subject.name), |b| {
            b.iter(|| {
                let volume = Volume::lay_out(&tree, &options).unwrap();
                let zeros = |placement: usize| {
                    let len = volume.placements()[placement].content.len();
                    Some(Arc::from(vec![0; usize::try_from(len).unwrap()]))
                };
                volume.write_metadata(&zeros, &Nowhere).unwrap();
            });
        });
        group.finish();
    }
}

fn container(c: &mut Criterion) {
    const SIZE: u64 = 1 << 30;
    const PIECE: usize = 128 << 10;
    let options = ContainerOptions {
        format: Format::VhdxDynamic,
        size: SIZE,
        sector_size: 512,
        block_size: None,
        id: uuid::Uuid::from_u128(1),
        time: nanovhd_tree::Filetime::default(),
    };
    let container = Container::plan(&options, std::slice::from_ref(&(0..SIZE))).unwrap();
    let piece = vec![1; PIECE];
    let mut group = c.benchmark_group("container");
    group.throughput(Throughput::Bytes(SIZE));
    group.bench_function("vhdx", |b| {
        b.iter(|| {
            let disk = container.create(&Nowhere);
            for offset in (0..SIZE).step_by(PIECE) {
                disk.write_all_at(&piece, offset).unwrap();
            }
            disk.finish().unwrap();
        });
    });
    group.finish();
}

/// SHA-1 of pieces as the stream hashes them.
fn digest(c: &mut Criterion) {
    let piece = vec![1; 128 << 10];
    let mut group = c.benchmark_group("sha1");
    group.throughput(Throughput::Bytes(piece.len() as u64));
    group.bench_function("128 KiB", |b| b.iter(|| Sha1::digest(black_box(&piece))));
    group.finish();
}

fn plan_and_build(c: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for subject in subjects() {
        let media = Media::open(&subject.path).unwrap();
        let output = folder.path().join("disk.vhdx");
        let recipe = Recipe::for_output(&output).unwrap().image("1".parse().unwrap());
        // Some of the images have no Windows that could start.
        let recipe = if recipe.plan(&media).is_ok() { recipe } else { recipe.boot(false) };
        let plan = recipe.plan(&media).unwrap();
        let mut group = c.benchmark_group("plan");
        group.bench_function(BenchmarkId::from_parameter(&subject.name), |b| {
            b.iter(|| recipe.plan(&media).unwrap());
        });
        group.finish();
        let mut group = c.benchmark_group("build");
        group.throughput(Throughput::Bytes(plan.outline().contents.bytes.0));
        for threads in thread_counts() {
            let options = BuildOptions { threads: Some(threads), overwrite: true, ..BuildOptions::default() };
            group.bench_function(BenchmarkId::new(&subject.name, format!("{threads} threads")), |b| {
                b.iter(|| plan.build(&output, &options, &()).unwrap());
            });
        }
        group.finish();
        verify(c, &subject.name, &media, &output);
    }
}

/// The disk that was built last: its structures alone, and its files beside those of the image.
fn verify(c: &mut Criterion, name: &str, media: &Media, disk: &Path) {
    let options = VerifyOptions::default();
    let mut group = c.benchmark_group("verify");
    for (what, against) in [("structures", None), ("against the image", Some((media, 1)))] {
        group.bench_function(BenchmarkId::new(name, what), |b| {
            b.iter(|| assert!(nanovhd::verify(disk, against, &options, &()).unwrap().clean));
        });
    }
    group.finish();
}

criterion_group! {
    name = hot_path;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_secs(1));
    targets = decode, digest, stream, metadata_and_structures, container, plan_and_build
}
criterion_main!(hot_path);
