#!/usr/bin/env python3
"""Writes what is in the chaski binary as a CycloneDX 1.5 document, on standard output.

Each package that is linked into it, with its version, licence, source and the checksum that Cargo.lock
holds it to; Rust's standard library, and the C library of the static binary. What only builds or tests
it is left out. The same commit and toolchain give the same bytes: its time is SOURCE_DATE_EPOCH.

Usage: packaging/sbom.py --target TRIPLE --commit HASH
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tomllib
import uuid

PACKAGE = "chaski"
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def said(*command):
    """What a command prints; its errors go to the operator."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"sbom.py: `{' '.join(command)}` failed")
    return done.stdout


def linked(target):
    """Name and version of every package that is linked into the binary. `cargo tree` knows which features
    this one binary has; `cargo metadata` unites those of the whole workspace with its tests."""
    tree = said(
        "cargo", "tree", "--locked", "--package", PACKAGE, "--target", target,
        "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}",
    )
    words = [line.split() for line in tree.splitlines() if line.strip()]
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def licences(package):
    """The licence as an SPDX expression; older manifests write a slash for OR."""
    expression = package["license"]
    if not expression:
        sys.exit(f"sbom.py: {package['name']} {package['version']} names no licence")
    return [{"expression": " ".join(expression.replace("/", " OR ").split())}]


def component(package, checksums):
    name, version, source = package["name"], package["version"], package["source"]
    found = {
        "type": "library",
        "bom-ref": f"pkg:cargo/{name}@{version}",
        "name": name,
        "version": version,
        "licenses": licences(package),
        "purl": f"pkg:cargo/{name}@{version}",
        "properties": [{"name": "cargo:source", "value": source or "workspace"}],
    }
    if source == CRATES_IO:
        checksum = checksums[name, version]
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        url = f"https://static.crates.io/crates/{name}/{name}-{version}.crate"
        found["externalReferences"] = [{"type": "distribution", "url": url}]
    elif source:
        sys.exit(f"sbom.py: {name} {version} comes from {source}, and only crates.io is provided for")
    return found


def runtime():
    """What the compiler and the C library add, which Cargo.lock does not know."""
    facts = dict(line.split(": ", 1) for line in said("rustc", "-vV").splitlines() if ": " in line)
    release = facts["release"]
    found = [{
        "type": "library",
        "bom-ref": f"rust-std@{release}",
        "name": "rust-std",
        "version": release,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "properties": [{"name": "rustc:commit", "value": facts["commit-hash"]}],
    }]
    name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
    found.append({
        "type": "library",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"expression": "LGPL-2.1-or-later"}],
        "properties": [{"name": "chaski:in", "value": "the static binary only"}],
    })
    return found


def document(target, commit, epoch_s):
    metadata = json.loads(said("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    with open("Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    names = linked(target)
    packages = {one["id"]: one for one in metadata["packages"] if (one["name"], one["version"]) in names}
    if len(packages) != len(names):
        sys.exit("sbom.py: cargo tree and cargo metadata do not name the same packages")
    components = {key: component(one, checksums) for key, one in packages.items()}
    main = next(key for key, one in packages.items() if one["name"] == PACKAGE)
    application = components[main] | {"type": "application"}
    application["properties"] = [{"name": "chaski:commit", "value": commit}, {"name": "chaski:target", "value": target}]
    depends = [
        {
            "ref": components[node["id"]]["bom-ref"],
            "dependsOn": sorted(
                components[to["pkg"]]["bom-ref"]
                for to in node["deps"]
                if to["pkg"] in components and any(kind["kind"] is None for kind in to["dep_kinds"])
            ),
        }
        for node in metadata["resolve"]["nodes"]
        if node["id"] in components
    ]
    parts = [one for key, one in components.items() if key != main] + runtime()
    time = datetime.datetime.fromtimestamp(epoch_s, datetime.timezone.utc)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{PACKAGE}/{commit}/{target}')}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "packaging/sbom.py"}]},
            "component": application,
        },
        "components": sorted(parts, key=lambda one: one["bom-ref"]),
        "dependencies": sorted(depends, key=lambda one: one["ref"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, help="the triple that the binary is built for")
    parser.add_argument("--commit", required=True, help="what it is built from")
    options = parser.parse_args()
    try:
        epoch_s = int(os.environ["SOURCE_DATE_EPOCH"])
    except (KeyError, ValueError):
        sys.exit("sbom.py: SOURCE_DATE_EPOCH is not a number of seconds")
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    json.dump(document(options.target, options.commit, epoch_s), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
