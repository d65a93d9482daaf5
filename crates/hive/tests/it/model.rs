//! Ten thousand edits at random against a model that is as simple as can be.

use std::collections::BTreeMap;
use std::fmt::Write;

use nanovhd_hive::{ADMINISTRATORS_AND_SYSTEM, Hive, Key, KeyId, Options, ValueData, ValueType};
use nanovhd_tree::{Filetime, upcase};

use crate::dump::{escaped, full, hex, plain};
use crate::support::{Chance, assert_same, judge, open, sample, scratch};

type Path = Vec<Vec<u16>>;

struct ModelKey {
    id: KeyId,
    name: Vec<u16>,
    time: u64,
    class: Vec<u8>,
    security: Vec<u8>,
    values: Vec<(Vec<u16>, u32, Vec<u8>)>,
}

/// Keys by their path in upper case: the order of a walk through a hive.
struct Model(BTreeMap<Path, ModelKey>);

fn fold(name: &[u16]) -> Vec<u16> {
    name.iter().copied().map(upcase).collect()
}

impl Model {
    fn new(hive: &Hive) -> Self {
        let mut keys = BTreeMap::new();
        let mut pending: Vec<(Path, Key<'_>)> = vec![(Vec::new(), hive.root())];
        while let Some((path, key)) = pending.pop() {
            for child in key.subkeys() {
                let name: Vec<u16> = child.name().units().collect();
                pending.push((path.iter().cloned().chain([fold(&name)]).collect(), child));
            }
            let values =
                key.values().map(|v| (v.name().units().collect(), v.kind().0, v.data().into_owned())).collect();
            let known = ModelKey {
                id: key.id(),
                name: key.name().units().collect(),
                time: key.last_written().0,
                class: key.class().unwrap_or_default().to_vec(),
                security: key.security().unwrap_or_default().to_vec(),
                values,
            };
            assert!(keys.insert(path, known).is_none());
        }
        Self(keys)
    }

    /// The text that [`plain`] gives, and the descriptors.
    fn text(&self) -> (String, Vec<Vec<u8>>) {
        let mut text = String::new();
        for (path, key) in &self.0 {
            let (name, class) = (escaped(key.name.iter().copied()), hex(&key.class));
            writeln!(text, "K\t{}\t{name}\t{}\t{class}", path.len(), key.time).unwrap();
            for (name, kind, data) in &key.values {
                writeln!(text, "V\t{}\t{kind:x}\t{}", escaped(name.iter().copied()), hex(data)).unwrap();
            }
        }
        (text, self.0.values().map(|key| key.security.clone()).collect())
    }
}

fn descriptors(hive: &Hive) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut pending = vec![hive.root()];
    while let Some(key) = pending.pop() {
        found.push(key.security().unwrap_or_default().to_vec());
        pending.extend(key.subkeys().rev());
    }
    found
}

const NAMES: [&str; 12] =
    ["Start", "start", "ImagePath", "", "Größe", "GRÖSSE", "ключ", "КЛЮЧ", "a", "B", "a_b", "😀 with spaces"];

/// One edit of both.
fn edit(hive: &mut Hive, model: &mut Model, paths: &mut Vec<Path>, chance: &mut Chance, step: u64) {
    let place = chance.below(paths.len());
    let path = paths[place].clone();
    let time = Filetime(132_000_000_000_000_000 + step);
    let name = match chance.below(4) {
        0 => format!("name {}", chance.below(500)),
        _ => NAMES[chance.below(NAMES.len())].to_owned(),
    };
    let units: Vec<u16> = name.encode_utf16().collect();
    let Some(key) = model.0.get_mut(&path) else {
        // It was deleted with a key above it.
        paths.swap_remove(place);
        return;
    };
    let id = key.id;
    let same = |value: &(Vec<u16>, u32, Vec<u8>)| fold(&value.0) == fold(&units);
    match chance.below(12) {
        0..=4 => {
            let len = match chance.below(20) {
                0 => 16_300 + chance.below(100),
                1 => chance.below(60_000),
                _ => chance.below(40),
            };
            let (kind, bytes) = (u32::try_from(chance.below(13)).unwrap(), chance.bytes(len));
            hive.set_value(id, &name, ValueData::new(ValueType(kind), bytes.clone()), time).unwrap();
            match key.values.iter_mut().find(|value| same(value)) {
                Some(value) => (value.1, value.2) = (kind, bytes),
                None => key.values.push((units, kind, bytes)),
            }
            key.time = time.0;
        }
        5 | 6 => {
            let name = key.values.first().map_or(name.clone(), |value| String::from_utf16_lossy(&value.0));
            let units: Vec<u16> = name.encode_utf16().collect();
            let before = key.values.len();
            key.values.retain(|value| fold(&value.0) != fold(&units));
            let there = hive.delete_value(id, &name, time).unwrap();
            assert_eq!(there, key.values.len() < before);
            if there {
                key.time = time.0;
            }
        }
        7 | 8 if !name.is_empty() => {
            let security = key.security.clone();
            let below: Path = path.iter().cloned().chain([fold(&units)]).collect();
            let new = hive.create_key(id, &name, time).unwrap();
            if let Some(known) = model.0.get(&below) {
                assert_eq!(known.id, new);
                return;
            }
            model.0.get_mut(&path).unwrap().time = time.0;
            let known =
                ModelKey { id: new, name: units, time: time.0, class: Vec::new(), security, values: Vec::new() };
            model.0.insert(below.clone(), known);
            paths.push(below);
        }
        9 if path.len() > 2 => {
            hive.delete_key(id, time).unwrap();
            model.0.retain(|other, _| !other.starts_with(&path));
            model.0.get_mut(&path[..path.len() - 1]).unwrap().time = time.0;
            assert!(hive.key(id).is_none());
        }
        10 => {
            let class = if chance.below(2) == 0 { None } else { Some(name.as_str()) };
            hive.set_class(id, class, time).unwrap();
            key.class = class.unwrap_or_default().encode_utf16().flat_map(u16::to_le_bytes).collect();
            key.time = time.0;
        }
        11 => {
            let mut descriptor = ADMINISTRATORS_AND_SYSTEM.to_vec();
            descriptor[0x14 + 12] = u8::try_from(chance.below(4)).unwrap();
            hive.set_security(id, &descriptor, time).unwrap();
            (key.security, key.time) = (descriptor, time.0);
        }
        _ => {
            hive.set_last_written(id, time).unwrap();
            key.time = time.0;
        }
    }
}

fn edit_at_random(mut hive: Hive, steps: u64, seed: u64) {
    let mut model = Model::new(&hive);
    let mut paths: Vec<Path> = model.0.keys().cloned().collect();
    let mut chance = Chance(seed);
    for step in 0..steps {
        edit(&mut hive, &mut model, &mut paths, &mut chance, step);
    }
    let (expected, securities) = model.text();
    assert_same(&plain(&hive), &expected, "in memory");
    assert_eq!(descriptors(&hive), securities);
    let bytes = hive.to_bytes().unwrap();
    let again = Hive::open(bytes.clone()).unwrap();
    assert_same(&plain(&again), &expected, "written and read");
    assert_eq!(descriptors(&again), securities);
    let (_folder, file) = scratch("hive", &bytes);
    if let Some(theirs) = judge(&["dissect", file.to_str().unwrap()]) {
        assert_same(&full(&hive), &theirs, "by dissect");
    }
}

#[test]
fn ten_thousand_edits_of_a_real_hive_give_what_the_model_says() {
    if let Some(bytes) = sample("hives/regipy-SYSTEM_WIN_10_1709.xz") {
        edit_at_random(open(bytes), 10_000, 7);
    }
}

#[test]
fn ten_thousand_edits_of_a_new_hive_give_what_the_model_says() {
    edit_at_random(Hive::create(&Options::default()).unwrap(), 10_000, 11);
}
