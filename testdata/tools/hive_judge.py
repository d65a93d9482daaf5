#!/usr/bin/env python3
"""Lets software that others wrote read a registry hive.

    hive_judge.py dissect HIVE [--cached]    everything that dissect.regf shows, as canonical text
    hive_judge.py libregf HIVE               names, times, classes and values, as libregf shows them
    hive_judge.py regipy HIVE [--keys]       keys with their security and decoded values, as regipy shows them
    hive_judge.py recover HIVE OUT LOG...    regipy's recovery, one log after the other in this order
    hive_judge.py available                  exit status 0 if all three readers can be imported

One line for a record, tab-separated, in the order of the hive:

    K depth name flags control access time class security      a key (plain: K depth name time class)
    V name type flags data                                     a value of the last key (plain: without flags)
    S number descriptor                                        a descriptor, before the first key that has it
    C ...                                                      with --cached: fields that Windows only caches

Names have \\uXXXX for every unit that is not a printable ASCII character, bytes are hexadecimal, and a
dash stands for nothing.
"""

import struct
import sys


def escaped(units):
    return "".join(chr(u) if 0x21 <= u <= 0x7E and u != 0x5C else f"\\u{u:04x}" for u in units)


def text(name):
    raw = name.encode("utf-16-le", "surrogatepass")
    return escaped(struct.unpack(f"<{len(raw) // 2}H", raw))


def line(*fields):
    print("\t".join(str(field) for field in fields))


def known(data):
    return data.hex() if data else "-"


def with_dissect(path, cached):
    from dissect.regf import regf

    hive = regf.RegistryHive(open(path, "rb"))
    nowhere = 0xFFFFFFFF
    descriptors = {}

    def name_of(cell, data, header, narrow):
        raw = data[header : header + cell.NameLength]
        return escaped(raw if narrow else struct.unpack(f"<{len(raw) // 2}H", raw))

    def offsets(offset):
        """The keys in a list of subkeys; the list is read here to have the offsets themselves."""
        data = hive.cell_data(offset)
        count = struct.unpack_from("<H", data, 2)[0]
        if data[:2] == b"ri":
            for leaf in struct.unpack_from(f"<{count}I", data, 4):
                yield from offsets(leaf)
        elif data[:2] == b"li":
            yield from struct.unpack_from(f"<{count}I", data, 4)
        else:
            yield from struct.unpack_from(f"<{2 * count}I", data, 4)[::2]

    def security(offset):
        if offset & nowhere == nowhere:
            return "-"
        descriptor = bytes(hive.cell(offset).cell.Descriptor)
        if descriptor not in descriptors:
            descriptors[descriptor] = len(descriptors)
            line("S", descriptors[descriptor], descriptor.hex())
        return descriptors[descriptor]

    pending = [(hive.header.RootCell, 0)]
    while pending:
        offset, depth = pending.pop()
        data = hive.cell_data(offset)
        key = regf.KeyNode(hive, data)
        cell = key.cell
        flags = int(cell.Flags)
        name = name_of(cell, data, 76, flags & 0x20)
        descriptor = security(cell.Security)
        has_class = cell.Class & nowhere != nowhere
        class_name = hive.cell_data(cell.Class)[: cell.ClassLength] if has_class else b""
        control, access = cell.MaxNameLen >> 16, cell.Spare
        fields = (f"{flags:04x}", f"{control:04x}", f"{access:08x}", cell.LastWriteTime)
        line("K", depth, name, *fields, known(class_name), descriptor)
        if cached:
            longest = (cell.MaxNameLen & 0xFFFF, cell.MaxClassLen, cell.MaxValueNameLen, cell.MaxValueDataLen)
            line("C", *longest, cell.WorkVar, cell.SubKeyCounts[1], cell.SubKeyLists[1])
        count = 0 if flags & 0x40 else cell.ValueList.Count
        listed = hive.cell_data(cell.ValueList.List) if count else b""
        for place in struct.unpack_from(f"<{count}I", listed):
            data = hive.cell_data(place)
            value = regf.KeyValue(hive, data)
            entry = value.cell
            name = name_of(entry, data, 20, int(entry.Flags) & 1)
            line("V", name, f"{entry.Type:x}", f"{int(entry.Flags):04x}", known(bytes(value.data)))
            if cached:
                line("C", entry.Spare)
        if cell.SubKeyCounts[0]:
            below = list(offsets(cell.SubKeyLists[0]))
            assert len(below) == cell.SubKeyCounts[0], name
            pending.extend((child, depth + 1) for child in reversed(below))


def with_libregf(path):
    import pyregf

    hive = pyregf.file()
    hive.open(path)
    pending = [(hive.get_root_key(), 0)]
    while pending:
        key, depth = pending.pop()
        class_name = (key.class_name or "").encode("utf-16-le", "surrogatepass")
        line("K", depth, text(key.name or ""), key.get_last_written_time_as_integer(), known(class_name))
        for number in range(key.number_of_values):
            value = key.get_value(number)
            line("V", text(value.name or ""), f"{value.type:x}", known(value.data))
        pending.extend((key.get_sub_key(n), depth + 1) for n in reversed(range(key.number_of_sub_keys)))


def with_regipy(path, keys_only):
    import logging

    from regipy.registry import RegistryHive

    logging.disable(logging.CRITICAL)
    hive = RegistryHive(path)
    descriptors = {}
    pending = [(hive.root, 0)]
    while pending:
        key, depth = pending.pop()
        place = key.header.security_key_offset
        if place not in descriptors:
            descriptors[place] = str(key.get_security_key_info())
        line("K", depth, text(key.name), key.header.last_modified, key.get_class_name() or "-", descriptors[place])
        for value in [] if keys_only else key.iter_values(as_json=True):
            line("V", text(value.name), value.value_type, value.is_corrupted, repr(value.value))
        below = list(key.iter_subkeys()) if key.subkey_count else []
        pending.extend((child, depth + 1) for child in reversed(below))


def recover_with_regipy(hive, out, logs):
    import logging
    import shutil

    from regipy.recovery import apply_transaction_logs

    logging.disable(logging.CRITICAL)
    shutil.copyfile(hive, out)
    for log in logs:
        shutil.copyfile(out, out + ".before")
        apply_transaction_logs(out + ".before", log, restored_hive_path=out)


def main(arguments):
    match arguments:
        case ["dissect", path, *rest]:
            with_dissect(path, "--cached" in rest)
        case ["libregf", path]:
            with_libregf(path)
        case ["regipy", path, *rest]:
            with_regipy(path, "--keys" in rest)
        case ["recover", hive, out, *logs]:
            recover_with_regipy(hive, out, logs)
        case ["available"]:
            import dissect.regf
            import pyregf
            import regipy.recovery
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
