//! Edits of the image's registry, without Windows.
//!
//! Hives are read when the first edit asks for them and put back when all edits are made. One whose last write
//! did not end is recovered from its logs, as Windows would do it. Where an image lacks a hive or the key that
//! an edit belongs to, nothing is done, and the caller takes another way: an image need not be Windows.
//!
//! `SYSTEM` has its settings in control sets. Edits go to those that `Select` names: `Default`, which the
//! loader takes, and `Current`, which was in use last and which tools take that read a disk.

use nanovhd_hive::{Hive, Key, KeyId, OpenError, ValueData};
use nanovhd_tree::{Content, Filetime};

use super::CustomizeError;
use super::files::Files;
use crate::text::causes;

/// The largest hive that is read. Those of a full server have some dozens of MiB.
const MAX_HIVE: u64 = 512 << 20;
/// What the logs of a hive are called, after its own name.
const LOGS: [&str; 2] = [".LOG1", ".LOG2"];
/// Where the firewall keeps its rules. [MS-FASP] 2.2.37 says what they look like.
const FIREWALL: &str = r"Services\SharedAccess\Parameters\FirewallPolicy";

/// A hive of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    System,
    Software,
}

impl Name {
    const fn path(self) -> &'static str {
        match self {
            Self::System => r"\Windows\System32\config\SYSTEM",
            Self::Software => r"\Windows\System32\config\SOFTWARE",
        }
    }
}

/// What is known of a hive.
enum State {
    /// Nobody has asked for it.
    Unread,
    /// There is none that could be changed, and why, if there is a file.
    Unusable(Option<String>),
    /// It is in memory.
    Read(Box<Hive>),
}

/// A hive that was asked for.
struct Slot {
    name: Name,
    state: State,
    edited: bool,
}

/// The image's hives.
pub(crate) struct Hives {
    system: Slot,
    software: Slot,
    time: Filetime,
}

/// The rule of a time zone, as the image's Windows knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone {
    /// Its name, as Windows spells it.
    pub(super) name: String,
    /// `TZI`: the rule.
    pub(super) rule: Vec<u8>,
    /// `MUI_Std` or `Std`: what it is called, and in summer.
    pub(super) standard: String,
    pub(super) daylight: String,
}

/// What an image knows of a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Zones {
    /// This zone.
    Found(Box<Zone>),
    /// Others, by these names.
    Others(Vec<String>),
    /// Nothing: its registry has no time zones.
    Unknown,
}

impl Slot {
    const fn new(name: Name) -> Self {
        Self { name, state: State::Unread, edited: false }
    }

    /// The hive, if the image has one that can be changed.
    fn get(&mut self, files: &Files<'_>) -> Result<Option<&mut Hive>, CustomizeError> {
        if matches!(self.state, State::Unread) {
            self.state = read(files, self.name)?;
        }
        Ok(match &mut self.state {
            State::Read(hive) => Some(hive),
            _ => None,
        })
    }

    fn put_back(self, files: &mut Files<'_>) -> Result<(), CustomizeError> {
        if let (State::Read(hive), true) = (&self.state, self.edited) {
            let path = self.name.path();
            let bytes = hive.to_bytes().map_err(|source| CustomizeError::HiveWrite { hive: path, source })?;
            files.write(path, Content::bytes(bytes))?;
        }
        Ok(())
    }

    /// Sets values of keys. Each key is made if it is not there.
    fn set(&mut self, keys: &[String], values: &[(&str, ValueData)], time: Filetime) -> Result<(), CustomizeError> {
        let State::Read(hive) = &mut self.state else { return Ok(()) };
        for key in keys {
            let fail = |source| CustomizeError::HiveEdit { hive: self.name.path(), key: key.clone(), source };
            let id = hive.create_key(hive.root_id(), key, time).map_err(fail)?;
            for (name, data) in values {
                self.edited |= set_value(hive, id, name, data, time).map_err(fail)?;
            }
        }
        Ok(())
    }
}

/// Sets a value, and says whether it was another one before.
fn set_value(
    hive: &mut Hive,
    key: KeyId,
    name: &str,
    data: &ValueData,
    time: Filetime,
) -> Result<bool, nanovhd_hive::EditError> {
    let is_so = hive.key(key).and_then(|key| key.value(name)).is_some_and(|value| value.to_data() == *data);
    if !is_so {
        hive.set_value(key, name, data.clone(), time)?;
    }
    Ok(!is_so)
}

fn read(files: &Files<'_>, name: Name) -> Result<State, CustomizeError> {
    let Some(bytes) = files.read(name.path(), MAX_HIVE)? else { return Ok(State::Unusable(None)) };
    let opened = match Hive::open(bytes) {
        Err(OpenError::Checksum { .. } | OpenError::Dirty { .. }) => recover(files, name)?,
        Ok(hive) => Ok(hive),
        Err(e) => Err(causes(&e)),
    };
    Ok(match opened {
        Ok(hive) => State::Read(Box::new(hive)),
        Err(reason) => State::Unusable(Some(reason)),
    })
}

/// The hive with its logs applied, or why that can't be. It is read again, so that those which are clean, as
/// nearly all are, need not be kept twice.
fn recover(files: &Files<'_>, name: Name) -> Result<Result<Hive, String>, CustomizeError> {
    let bytes = files.read(name.path(), MAX_HIVE)?.unwrap_or_default();
    let logs = LOGS.map(|log| files.read(&format!("{}{log}", name.path()), MAX_HIVE));
    let logs =
        logs.into_iter().map(|log| Ok(log?.unwrap_or_default())).collect::<Result<Vec<_>, CustomizeError>>()?;
    let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
    Ok(Hive::recover(bytes, &logs).map(|(hive, _)| hive).map_err(|e| causes(&e)))
}

/// The control sets that edits go to, by their names.
fn control_sets(hive: &Hive) -> Vec<String> {
    let select = hive.find("Select");
    let numbered = |value| Some(format!("ControlSet{:03}", select?.value(value)?.as_u32()?));
    let mut sets: Vec<String> = ["Default", "Current"].into_iter().filter_map(numbered).collect();
    if sets.is_empty() {
        sets.push("ControlSet001".to_owned());
    }
    sets.dedup();
    sets.retain(|set| hive.find(set).is_some());
    sets
}

impl Hives {
    /// `time` is that of keys which are made or changed.
    pub(crate) const fn new(time: Filetime) -> Self {
        Self { system: Slot::new(Name::System), software: Slot::new(Name::Software), time }
    }

    /// Sets values of `key` in the control sets of `SYSTEM`, such as `Control\Terminal Server`. Says whether
    /// it could be: not if the image has no control set with the key `anchor`. What is missing between the
    /// two is made.
    ///
    /// # Errors
    /// The hive can't be read from the media, or an edit can't be made.
    pub(crate) fn set_in_system(
        &mut self,
        files: &Files<'_>,
        anchor: &str,
        key: &str,
        values: &[(&str, ValueData)],
    ) -> Result<bool, CustomizeError> {
        let Some(hive) = self.system.get(files)? else { return Ok(false) };
        let has_anchor = |set: &String| hive.find(&format!(r"{set}\{anchor}")).is_some();
        let sets = control_sets(hive).into_iter().filter(has_anchor);
        let keys: Vec<String> = sets.map(|set| format!(r"{set}\{key}")).collect();
        self.system.set(&keys, values, self.time)?;
        Ok(!keys.is_empty())
    }

    /// Sets values of a key of `SOFTWARE`, such as `Microsoft\Windows NT\CurrentVersion`. Says whether it
    /// could be: not if the image has no such key.
    ///
    /// # Errors
    /// As for [`Hives::set_in_system`].
    pub(crate) fn set_in_software(
        &mut self,
        files: &Files<'_>,
        key: &str,
        values: &[(&str, ValueData)],
    ) -> Result<bool, CustomizeError> {
        let Some(hive) = self.software.get(files)? else { return Ok(false) };
        if hive.find(key).is_none() {
            return Ok(false);
        }
        self.software.set(&[key.to_owned()], values, self.time)?;
        Ok(true)
    }

    /// Adds a rule to the firewall, or replaces the one with this id. `rule` is the text of [MS-FASP] 2.2.37,
    /// from `v2.` on. Says whether it could be: not if the image has no firewall policy.
    ///
    /// # Errors
    /// As for [`Hives::set_in_system`].
    pub(crate) fn add_firewall_rule(
        &mut self,
        files: &Files<'_>,
        id: &str,
        rule: &str,
    ) -> Result<bool, CustomizeError> {
        self.set_in_system(files, FIREWALL, &rules(FIREWALL), &[(id, ValueData::sz(rule))])
    }

    /// Turns on the rules of a group of the firewall, such as `@FirewallAPI.dll,-28752`. Gives the number of
    /// rules in the control set that has most; zero if the image knows of none.
    ///
    /// # Errors
    /// As for [`Hives::set_in_system`].
    pub(crate) fn enable_firewall_group(&mut self, files: &Files<'_>, group: &str) -> Result<usize, CustomizeError> {
        let Some(hive) = self.system.get(files)? else { return Ok(0) };
        let keys: Vec<String> = control_sets(hive).iter().map(|set| format!(r"{set}\{}", rules(FIREWALL))).collect();
        let mut most = 0;
        for key in keys {
            let State::Read(hive) = &self.system.state else { continue };
            let rules: Vec<(String, ValueData)> = hive.find(&key).map_or_else(Vec::new, |key| group_of(key, group));
            most = most.max(rules.len());
            let values: Vec<(&str, ValueData)> = rules.iter().map(|(id, rule)| (id.as_str(), rule.clone())).collect();
            if !values.is_empty() {
                self.system.set(&[key], &values, self.time)?;
            }
        }
        Ok(most)
    }

    /// What the image knows of the time zone of this name, in any case.
    ///
    /// # Errors
    /// The hive can't be read from the media.
    pub(super) fn zone(&mut self, files: &Files<'_>, name: &str) -> Result<Zones, CustomizeError> {
        let Some(hive) = self.software.get(files)? else { return Ok(Zones::Unknown) };
        let Some(zones) = hive.find(r"Microsoft\Windows NT\CurrentVersion\Time Zones") else {
            return Ok(Zones::Unknown);
        };
        Ok(match zones.subkey(name) {
            Some(key) => Zones::Found(Box::new(Zone::of(key))),
            None if zones.subkey_count() == 0 => Zones::Unknown,
            None => Zones::Others(zones.subkeys().map(|key| key.name().to_string()).collect()),
        })
    }

    /// Why hives that the image has could not be changed.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let complaint = |slot: &Slot| match &slot.state {
            State::Unusable(Some(reason)) => {
                Some(format!("{} is not changed, because it can't be read: {reason}", slot.name.path()))
            }
            _ => None,
        };
        [&self.system, &self.software].into_iter().filter_map(complaint).collect()
    }

    /// Puts the hives that were changed back into the image.
    ///
    /// # Errors
    /// A hive would become too large.
    pub(super) fn put_back(&mut self, files: &mut Files<'_>) -> Result<(), CustomizeError> {
        let Self { system, software, .. } = std::mem::replace(self, Self::new(self.time));
        system.put_back(files)?;
        software.put_back(files)
    }
}

/// The key with the rules.
fn rules(policy: &str) -> String {
    format!(r"{policy}\FirewallRules")
}

/// The rules of a group, turned on.
fn group_of(key: Key<'_>, group: &str) -> Vec<(String, ValueData)> {
    let mark = format!("|EmbedCtxt={group}|");
    let rules = key.values().filter_map(|value| Some((value.name().to_string(), value.as_str()?)));
    let rules = rules.filter(|(_, rule)| rule.contains(&mark));
    rules.map(|(id, rule)| (id, ValueData::sz(&rule.replace("|Active=FALSE|", "|Active=TRUE|")))).collect()
}

impl Zone {
    fn of(key: Key<'_>) -> Self {
        let text = |names: [&str; 2]| names.iter().find_map(|name| key.value(name)?.as_str()).unwrap_or_default();
        Self {
            name: key.name().to_string(),
            rule: key.value("TZI").map(|value| value.data().into_owned()).unwrap_or_default(),
            standard: text(["MUI_Std", "Std"]),
            daylight: text(["MUI_Dlt", "Dlt"]),
        }
    }

    /// The values of `Control\TimeZoneInformation` for this zone; nothing if its rule is damaged.
    ///
    /// `TZI` has three numbers of minutes and two moments of the year as `SYSTEMTIME`; the kernel keeps moments
    /// as `TIME_FIELDS`, where the day of the week is the last field, not the third.
    pub(super) fn values(&self) -> Option<Vec<(&'static str, ValueData)>> {
        let number = |at: usize| self.rule.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let moment = |at: usize| {
            let mut fields = self.rule.get(at..)?.first_chunk::<16>()?.as_chunks::<2>().0.to_vec();
            let weekday = fields.remove(2);
            fields.push(weekday);
            Some(fields.concat())
        };
        let (bias, standard, daylight) = (number(0)?, number(4)?, number(8)?);
        let (to_standard, to_daylight) = (moment(12)?, moment(28)?);
        Some(vec![
            ("Bias", ValueData::dword(bias)),
            ("DaylightBias", ValueData::dword(daylight)),
            ("DaylightName", ValueData::sz(&self.daylight)),
            ("DaylightStart", ValueData::binary(to_daylight)),
            ("StandardBias", ValueData::dword(standard)),
            ("StandardName", ValueData::sz(&self.standard)),
            ("StandardStart", ValueData::binary(to_standard)),
            ("TimeZoneKeyName", ValueData::sz(&self.name)),
            ("DynamicDaylightTimeDisabled", ValueData::dword(0)),
            // What holds right now. Windows works it out anew when it starts.
            ("ActiveTimeBias", ValueData::dword(bias.wrapping_add(standard))),
        ])
    }
}
