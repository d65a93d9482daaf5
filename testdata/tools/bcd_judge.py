#!/usr/bin/env python3
"""Reads a boot configuration store without any of our code: the hive by dissect.regf, elements as below.

    bcd_judge.py json STORE     the store in JSON, without names
    bcd_judge.py available      exit status 0 if dissect.regf can be imported

    {"key_name": ..., "system": ..., "objects": [{"id": ..., "type": ..., "elements": [
        {"id": ..., "format": ..., "value": ...}, ...]}, ...]}
"""

import json
import re
import struct
import sys
import uuid

SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7
FORMATS = ["?", "device", "string", "object", "object list", "integer", "boolean", "integer list"]
TYPES = [None, BINARY, SZ, SZ, MULTI_SZ, BINARY, BINARY, BINARY]


def text(data):
    return data.decode("utf-16-le").split("\0")[0]


def guid(braced):
    assert re.fullmatch(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", braced), braced
    return braced[1:-1]


def guid_at(data, at):
    return str(uuid.UUID(bytes_le=bytes(data[at : at + 16])))


def path_at(data, at):
    """The path from an offset to the end of the data."""
    units = data[at:]
    assert units[-2:] == b"\0\0"
    return units[:-2].decode("utf-16-le")


def file_at(data, at):
    version, length, kind = struct.unpack_from("<3I", data, at)
    assert (version, length, kind) == (1, len(data) - at, 5), (version, length, kind)
    size = struct.unpack_from("<I", data, at + 20)[0]
    return {"device": descriptor(data[at + 12 : at + 12 + size], None), "path": path_at(data, at + 12 + size)}


def partition(data):
    disk, place = data[0x28:0x38], data[0x10:0x20]
    if struct.unpack_from("<I", data, 0x24)[0] == 0:
        return {"kind": "gpt partition", "disk": guid_at(disk, 0), "partition": guid_at(place, 0)}
    assert not any(disk[4:]) and not any(place[8:])
    signature, offset = struct.unpack_from("<I", disk)[0], struct.unpack_from("<Q", place)[0]
    return {"kind": "mbr partition", "signature": signature, "offset": offset}


def descriptor(data, options):
    kind, flags, size, zero = struct.unpack_from("<4I", data)
    assert size == len(data) and zero == 0, (size, len(data))
    local = struct.unpack_from("<I", data, 0x10)[0]
    if kind == 5:
        assert size == 0x48 and not any(data[0x10:])
        return {"kind": "boot"}
    if kind == 6:
        found = partition(data)
        if struct.unpack_from("<I", data, 0x20)[0] == 6:
            return found | {"virtual_disk": descriptor(data[0x38:], None)}
        assert size == 0x48 and not any(data[0x38:])
        return found
    if kind == 8:
        by, element, parent = struct.unpack_from("<3I", data, 0x10)
        path = path_at(data[: parent or size], 0x1C)
        assert by == (1 if path else 0)
        inside = descriptor(data[parent:], None) if parent else None
        return {"kind": "locate", "element": "%08x" % element, "path": path, "parent": inside}
    assert kind == 0, kind
    if local == 3:
        assert flags == 1
        base, disk_size, offset = struct.unpack_from("<QQI", data, 0x14)
        found = {"kind": "ramdisk", "options": options, "base": base, "size": disk_size, "offset": offset}
        return found | {"file": file_at(data, 0x28)}
    if local == 5:
        return {"kind": "file", "file": file_at(data, 0x14)}
    assert local == 6 and not any(data[0x14:0x28])
    return {"kind": "virtual disk", "file": descriptor(data[0x28:], None)}


def decoded(kind, data):
    match kind:
        case 1:
            return descriptor(data[16:], guid_at(data, 0))
        case 2:
            return text(data)
        case 3:
            return guid(text(data))
        case 4:
            return [guid(item) for item in data.decode("utf-16-le").split("\0") if item]
        case 5:
            assert 1 <= len(data) <= 8
            return int.from_bytes(data, "little")
        case 6:
            assert data in (b"\0", b"\1")
            return data == b"\1"
        case 7:
            return list(struct.unpack(f"<{len(data) // 8}Q", data))


def values(hive, key):
    from dissect.regf import regf

    count = key.cell.ValueList.Count
    listed = hive.cell_data(key.cell.ValueList.List) if count else b""
    for place in struct.unpack_from(f"<{count}I", listed):
        value = regf.KeyValue(hive, hive.cell_data(place))
        yield value.name, value.cell.Type, bytes(value.data)


def store(path):
    from dissect.regf import regf

    hive = regf.RegistryHive(open(path, "rb"))
    description = {name: (kind, data) for name, kind, data in values(hive, hive.open("Description"))}
    objects = []
    for key in hive.open("Objects").subkeys():
        [(name, kind, number)] = [value for value in values(hive, key.subkey("Description")) if value[0] == "Type"]
        assert kind == DWORD
        elements = []
        for element in key.subkey("Elements").subkeys():
            number_of_element = int(element.name, 16)
            format_of_element = number_of_element >> 24 & 15
            [(name, kind, data)] = values(hive, element)
            assert (name, kind) == ("Element", TYPES[format_of_element]), (element.name, name, kind)
            value = decoded(format_of_element, data)
            elements.append({"id": "%08x" % number_of_element, "format": FORMATS[format_of_element], "value": value})
        objects.append({"id": guid(key.name), "type": "%08x" % struct.unpack("<I", number), "elements": elements})
    system = description.get("System")
    return {"key_name": text(description["KeyName"][1]), "system": system == (DWORD, b"\1\0\0\0"), "objects": objects}


def main(arguments):
    match arguments:
        case ["json", path]:
            json.dump(store(path), sys.stdout, indent=1)
        case ["available"]:
            import dissect.regf
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
