"""Shows that compare_wims.py sees a change of every field: `python3 -m unittest` in this folder."""
import os
import tempfile
import unittest

import compare_wims
import descriptors
import wim_writer
from wim_reader import Wim, WimError
from wim_writer import ARCHIVE, HIDDEN, Node, Tree


def node(data=None):
    return Node(data=data, attributes=0 if data is None else ARCHIVE, times=(10, 20, 30),
                security=descriptors.LIBRARY["inherited file"])


def sample():
    tree = Tree(node(), lambda path: node())
    tree.root.links = 1
    tree.add("/d/a", node(b"alpha"))
    tree.add("/d/linked", tree.get("/d/a"))
    tree.add("/d/plain", node(b"plain"))
    tree.add("/d/link", node(b"")).reparse = (0xA000000C, 0, b"reparse data")
    tree.add("/d/streams", node(b"s")).streams = [("one", b"1")]
    tree.add("/d/extended", node(b"e")).extended = [(0, b"ONE", b"1"), (0x80, b"TWO", b"2")]
    tree.add("/\ud800", node(b"lone"))
    return tree


def files(tree, image="1"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.wim")
        wim_writer.write(path, [(tree, "")], bytes(16))
        return Wim(path).files(image)


CHANGES = {
    "attributes": ("/d/plain", lambda t: setattr(t.get("/d/plain"), "attributes", HIDDEN)),
    "created": ("/d/plain", lambda t: setattr(t.get("/d/plain"), "times", (11, 20, 30))),
    "accessed": ("/d/plain", lambda t: setattr(t.get("/d/plain"), "times", (10, 21, 30))),
    "written": ("/d", lambda t: setattr(t.get("/d"), "times", (10, 20, 31))),
    "security": ("/", lambda t: setattr(t.root, "security", descriptors.LIBRARY["private"])),
    "short_name": ("/d/plain", lambda t: t.short_name("/d/plain", "PLAIN~1")),
    "data": ("/d/plain", lambda t: setattr(t.get("/d/plain"), "data", b"plaim")),
    "streams": ("/d/streams", lambda t: setattr(t.get("/d/streams"), "streams", [("one", b"2")])),
    "reparse": ("/d/link", lambda t: setattr(t.get("/d/link"), "reparse", (0xA000000C, 0, b"reparse date"))),
    "object_id": ("/d/plain", lambda t: setattr(t.get("/d/plain"), "object_id", bytes(range(64)))),
    "extended_attributes": ("/d/extended", lambda t: setattr(t.get("/d/extended"), "extended",
                                                            [(0, b"ONE", b"1"), (0, b"TWO", b"2")])),
}


class CompareTest(unittest.TestCase):
    def differences(self, a, b, ignore=()):
        return list(compare_wims.differences(files(a), files(b), compare_wims.Exceptions(ignore)))

    def test_equal_trees_have_no_difference(self):
        self.assertEqual(self.differences(sample(), sample()), [])

    def test_each_field_is_seen_and_can_be_ignored(self):
        for field, (path, change) in CHANGES.items():
            with self.subTest(field):
                other = sample()
                change(other)
                found = self.differences(sample(), other)
                self.assertEqual([(p, what.split(":")[0]) for p, what in found], [(path, field)])
                self.assertEqual(self.differences(sample(), other, [field + ":" + path]), [])

    def test_no_field_is_left_out(self):
        # These two have tests of their own.
        self.assertEqual({*CHANGES, "directory", "links"}, set(compare_wims.FIELDS))

    def test_copies_are_not_links(self):
        other = sample()
        entries = other.get("/d").entries
        entries["a"].links = 1
        entries["linked"] = node(b"alpha")
        found = self.differences(sample(), other)
        self.assertEqual([(p, what.split(":")[0]) for p, what in found], [("/d/a", "links"), ("/d/linked", "links")])

    def test_a_name_may_be_its_own_short_name(self):
        other = sample()
        other.short_name("/d/plain", "plain")
        self.assertEqual(self.differences(sample(), other), [])

    def test_names_on_one_side_only(self):
        other = sample()
        del other.get("/d").entries["plain"]
        other.add("/new", node())
        self.assertEqual(self.differences(sample(), other),
                         [("/d/plain", "only in the first"), ("/new", "only in the second")])

    def test_a_directory_is_not_a_file(self):
        other = sample()
        other.get("/d").entries["plain"] = node()
        self.assertIn("directory", [what.split(":")[0] for _, what in self.differences(sample(), other)])

    def test_a_disk_for_a_bios_has_more(self):
        image = sample()
        image.add("/Windows/Boot/PCAT/bootmgr", node(b"manager"))
        image.add("/Windows/Boot/PCAT/en-US/bootmgr.exe.mui", node(b"texts"))
        plain, disk = files(image), files(image, "1:bios")
        added = ["/Boot", "/Boot/BCD", "/Boot/en-US", "/Boot/en-US/bootmgr.exe.mui", "/bootmgr"]
        self.assertEqual(sorted(disk.keys() - plain.keys()), added)
        self.assertEqual(disk["/bootmgr"]["data"], plain["/Windows/Boot/PCAT/bootmgr"]["data"])
        # Whatever the store's bytes and times are, what it is called and who may read it is known.
        found = files(image, "1:bios")
        found["/Boot/BCD"].update(data=[9, "9" * 40], written=9)
        none = compare_wims.Exceptions([])
        self.assertEqual(list(compare_wims.differences(disk, found, none)), [])
        for path, field, value in (("/bootmgr", "attributes", ARCHIVE), ("/Boot/BCD", "security", "00"),
                                   ("/Boot/en-US/bootmgr.exe.mui", "written", 9)):
            found[path][field], right = value, found[path][field]
            self.assertEqual([p for p, _ in compare_wims.differences(disk, found, none)], [path])
            found[path][field] = right
        self.assertRaises(ValueError, files, self.with_boot_folder(), "1:bios")

    def with_boot_folder(self):
        tree = sample()
        tree.add("/Boot", node())
        return tree

    def test_what_is_no_wim_is_refused(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"x" * 300)
            f.flush()
            self.assertRaises(WimError, Wim, f.name)


if __name__ == "__main__":
    unittest.main()
