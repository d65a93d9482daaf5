#!/usr/bin/env python3
"""Lets software that others wrote say which Windows is on a disk.

    judge_identity.py DISK          one line `NAME value` for each fact that dissect.target finds
    judge_identity.py available     exit status 0 if it can be imported
"""

import sys


def main():
    from dissect.target import Target

    if sys.argv[1] == "available":
        return
    target = Target.open(sys.argv[1])
    for name in ("os", "hostname", "version", "architecture", "timezone", "codepage"):
        try:
            value = getattr(target, name)
            value = value() if callable(value) else value
        except Exception as error:  # Which one depends on what is missing.
            value = f"({type(error).__name__})"
        print(name, value if isinstance(value, str) else ",".join(map(str, value or [])))


main()
