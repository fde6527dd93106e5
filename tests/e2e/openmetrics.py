#!/usr/bin/env python3
"""Reads a scrape as OpenMetrics 1.0.0, by the parser of Prometheus' own Python client, and holds each family against the golden
file: openmetrics.py SCRAPE GOLDEN.tsv. Prints each fault; exit code 1 when there is one."""
import csv
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

TOTAL = "_total"


def main(scrape, golden):
    with open(golden, encoding="utf-8", newline="") as file:
        known = {row["name"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    with open(scrape, encoding="utf-8", newline="") as file:
        families = list(text_string_to_metric_families(file.read()))
    faults, seen = [], set()
    for family in families:
        name = family.name + (TOTAL if family.type == "counter" else "")
        seen.add(name)
        row = known.get(name)
        if row is None:
            faults.append(f"{name} stands in no golden file")
            continue
        for what, is_there, wanted in (("kind", family.type, row["kind"]), ("unit", family.unit, row["unit"]),
                                       ("help", family.documentation, row["help"])):
            if is_there != wanted:
                faults.append(f"{name}: its {what} is {is_there!r}, the golden file has {wanted!r}")
        labels = dict(label.split("=", 1) for label in row["labels"].split(" ") if label)
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label == "le" and family.type == "histogram":
                    continue
                if label not in labels or labels[label] != "*" and value not in labels[label].split("|"):
                    faults.append(f"{sample.name}: label {label}={value!r} is not in the golden file")
    faults += [f"{name} is not served" for name in sorted(set(known) - seen)]
    for fault in sorted(set(faults)):
        print(fault)
    print(len(families), "families,", sum(len(family.samples) for family in families), "samples")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
