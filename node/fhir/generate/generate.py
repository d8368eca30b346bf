#!/usr/bin/env python3
"""Makes the compact table of R4 definitions. See README.md for source, use and format."""

import json
import pathlib
import re
import sys

CODES_MAX = 1500
FHIRPATH = "http://hl7.org/fhirpath/System."
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


def resources(path):
    with open(path, encoding="utf-8") as file:
        return [entry["resource"] for entry in json.load(file)["entry"]]


class Terminology:
    """Enumerates the value sets that can be enumerated from the published files alone."""

    def __init__(self, folder):
        self.sets, self.systems = {}, {}
        for name in ("valuesets", "v3-codesystems", "v2-tables"):
            for resource in resources(folder / f"{name}.json"):
                if resource["resourceType"] == "ValueSet":
                    self.sets[resource["url"]] = resource
                elif resource["resourceType"] == "CodeSystem" and resource.get("content") == "complete":
                    self.systems[resource["url"]] = resource

    def system_codes(self, url):
        system = self.systems.get(url)
        if system is None:
            return None
        codes = []

        def walk(concepts):
            for concept in concepts:
                codes.append(concept["code"])
                walk(concept.get("concept", []))

        walk(system.get("concept", []))
        return codes

    def descendants(self, url, root, with_root):
        system = self.systems.get(url)
        if system is None:
            return None
        found = []

        def walk(concepts, inside):
            for concept in concepts:
                parents = [p.get("valueCode") for p in concept.get("property", []) if p["code"] == "subsumedBy"]
                here = inside or root in parents or concept["code"] in found
                if concept["code"] == root and with_root or here:
                    found.append(concept["code"])
                walk(concept.get("concept", []), here or concept["code"] == root)

        before = -1
        while before != len(set(found)):
            before = len(set(found))
            walk(system.get("concept", []), False)
        return sorted(set(found))

    def include(self, part):
        """{system: [codes]} of one include or exclude, None if it can't be enumerated."""
        sets = [self.expand(url) for url in part.get("valueSet", [])]
        if any(found is None for found in sets):
            return None
        own = None
        if "system" in part:
            url = part["system"]
            filters = part.get("filter", [])
            if "concept" in part:
                codes = [concept["code"] for concept in part["concept"]]
            elif not filters:
                codes = self.system_codes(url)
            elif len(filters) == 1 and filters[0]["op"] in ("is-a", "descendent-of"):
                codes = self.descendants(url, filters[0]["value"], filters[0]["op"] == "is-a")
            else:
                codes = None
            if codes is None:
                return None
            own = {url: codes}
        result = own
        for found in sets:
            result = found if result is None else {
                url: [code for code in codes if code in found.get(url, ())] for url, codes in result.items()
            }
        return result

    def expand(self, url):
        value_set = self.sets.get(url.split("|")[0])
        if value_set is None or "compose" not in value_set:
            return None
        result = {}
        for part in value_set["compose"]["include"]:
            found = self.include(part)
            if found is None:
                return None
            for system, codes in found.items():
                result.setdefault(system, []).extend(codes)
        for part in value_set["compose"].get("exclude", []):
            found = self.include(part)
            if found is None:
                return None
            for system, codes in found.items():
                result[system] = [code for code in result.get(system, []) if code not in codes]
        return {system: sorted(set(codes)) for system, codes in result.items() if codes}


class CodeSets:
    """Numbers the code sets that elements use."""

    def __init__(self, terminology):
        self.terminology, self.numbers, self.lines = terminology, {}, []

    def number(self, url):
        url = url.split("|")[0]
        if url not in self.numbers:
            self.numbers[url] = self.add(self.terminology.expand(url))
        return self.numbers[url]

    def add(self, found):
        if not found or sum(map(len, found.values())) > CODES_MAX:
            return ""
        if any(" " in code or "\t" in code for codes in found.values() for code in codes):
            return ""
        number = str(len(self.lines))
        groups = [" ".join([system, *codes]) for system, codes in sorted(found.items())]
        self.lines.append("\t".join(["V", number, *groups]))
        return number


def type_codes(element):
    found = []
    for entry in element.get("type", []):
        code = entry["code"]
        if code.startswith(FHIRPATH):
            code = next((e["valueUrl"] for e in entry.get("extension", []) if e["url"] == FHIR_TYPE), "string")
        targets = [t.rsplit("/", 1)[-1] for t in entry.get("targetProfile", [])]
        targets = [] if targets == ["Resource"] else targets
        found.append(code + (f"({','.join(targets)})" if targets else ""))
    return found


def structure_lines(structure, code_sets):
    name = structure["name"]
    letter = {"primitive-type": "p", "complex-type": "c", "resource": "r"}[structure["kind"]]
    letter = letter.upper() if structure["abstract"] else letter
    base = structure.get("baseDefinition", "").rsplit("/", 1)[-1]
    yield "\t".join(["T", name, letter, base])
    for element in structure["snapshot"]["element"]:
        path = element["path"]
        if "." not in path or not element["base"]["path"].startswith(name + "."):
            continue
        if "contentReference" in element:
            types = "@" + element["contentReference"].split(".", 1)[1]
        else:
            types = "id" if path == "Resource.id" else " ".join(type_codes(element))
        flags = ("m" if element.get("isModifier") else "") + ("s" if element.get("isSummary") else "")
        binding = element.get("binding", {})
        codes = ""
        coded = {"code", "Coding", "CodeableConcept"} & {t["code"] for t in element.get("type", [])}
        if binding.get("strength") == "required" and "valueSet" in binding and coded:
            codes = code_sets.number(binding["valueSet"])
        yield "\t".join(
            ["E", path.split(".", 1)[1], str(element["min"]), element["max"], flags, types, codes]
        ).rstrip("\t")


def union_parts(expression):
    """Splits at `|` outside parentheses."""
    parts, depth, part = [], 0, ""
    for char in expression:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += char
    return [*parts, part.strip()]


def parameter_lines(folder, kinds):
    lines, by_url = [], {}
    found = [r for r in resources(folder / "search-parameters.json") if r["resourceType"] == "SearchParameter"]
    for parameter in found:
        by_url[parameter["url"]] = parameter
    for parameter in found:
        expression = parameter.get("expression")
        if expression is None:
            continue
        for base in parameter["base"]:
            own = [p for p in union_parts(expression) if re.match(rf"\(?{base}\b", p)]
            if not own and len(parameter["base"]) == 1 and re.fullmatch(r"[a-z| ]+", expression):
                own = [f"{base}.{p}" for p in union_parts(expression)]  # InsurancePlan.name lacks its type
            if base == "SubscriptionStatus":
                continue
            if base not in kinds or not own:
                raise SystemExit(f"{parameter['code']} of {base}: nothing in {expression}")
            targets = [t for t in parameter.get("target", []) if t in kinds]
            targets = [] if len(targets) >= 100 else targets
            fields = ["P", base, parameter["code"], parameter["type"], " | ".join(own), " ".join(targets)]
            for component in parameter.get("component", []):
                definition = by_url[component["definition"]]
                fields.append(f"{definition['code']}={component['expression']}")
            lines.append("\t".join(fields).rstrip("\t"))
    return sorted(lines)


def main():
    folder = pathlib.Path(sys.argv[1])
    code_sets = CodeSets(Terminology(folder))
    structures = [
        r
        for name in ("profiles-types", "profiles-resources")
        for r in resources(folder / f"{name}.json")
        if r["resourceType"] == "StructureDefinition"
        and r["kind"] != "logical"
        and r.get("derivation") != "constraint"
        and r["name"] != "SubscriptionStatus"  # the package's addition, not of R4
    ]
    structures.sort(key=lambda r: r["name"])
    body = [line for structure in structures for line in structure_lines(structure, code_sets)]
    kinds = {r["name"] for r in structures if r["kind"] == "resource"}
    with open(folder / "compartmentdefinition-patient.json", encoding="utf-8") as file:
        compartment = json.load(file)
    places = [
        "\t".join(["C", entry["code"], *entry["param"]])
        for entry in compartment["resource"]
        if entry.get("param")
    ]
    print("# FHIR R4 4.0.1, made by generate/generate.py: do not edit")
    print("\n".join([*code_sets.lines, *body, *parameter_lines(folder, kinds), *sorted(places)]))


if __name__ == "__main__":
    main()
