#!/usr/bin/env python3
"""Writes the notices of everything that is linked into the chaski binary, as text, on standard output.

Each text of a licence or notice that a package carries, once, after the packages that carry it; then the
packages that carry none, with the licence and the authors that they name. What is linked is what
packaging/sbom.py lists. The same commit gives the same bytes.

Usage: packaging/notices.py --target TRIPLE
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from sbom import linked, said  # noqa: E402

# How files are called that hold a licence or a notice, in whatever case.
NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense|authors)([-._].*)?", re.IGNORECASE)
RULE = "=" * 78


def texts(folder):
    """The texts that a package carries, by the names of their files: at its top, and of what it bundles."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and NAMES.fullmatch(path.name) and path.suffix not in (".rs", ".toml"):
            text = path.read_text("utf-8", "replace").replace("\r\n", "\n")
            found.append((path.relative_to(folder).as_posix(), text.strip("\n")))
    return found


def gathered(target):
    metadata = json.loads(said("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    names = linked(target)
    packages = [one for one in metadata["packages"] if one["source"] and (one["name"], one["version"]) in names]
    by_text, without = {}, []
    for package in sorted(packages, key=lambda one: (one["name"], one["version"])):
        title = f"{package['name']} {package['version']}"
        carried = texts(Path(package["manifest_path"]).parent)
        for name, text in carried:
            by_text.setdefault(text, []).append(f"{title} ({package['license']}): {name}")
        if not carried:
            authors = ", ".join(package["authors"]) or "its authors"
            without.append(f"{title}: {package['license']}; copyright {authors}; {package['repository'] or package['name']}")
    return by_text, without


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, help="the triple that the binary is built for")
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    by_text, without = gathered(options.target)
    if not by_text:
        sys.exit("notices.py: no package carries a licence: are their sources here? Run `cargo fetch`")
    print("Notices of the libraries in the chaski program, by packaging/notices.py. Our own are in LICENSE and NOTICE.")
    for text, packages in sorted(by_text.items(), key=lambda one: one[1]):
        print(f"\n{RULE}")
        print("\n".join(packages))
        print(f"{RULE}\n\n{text}")
    print(f"\n{RULE}\nThese packages carry no text of their licence:\n")
    print("\n".join(without))


if __name__ == "__main__":
    main()
