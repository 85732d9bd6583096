#!/usr/bin/env python3
"""factbook_questions.py FACTBOOK OUT.jsonl - questions about countries, by rule.

FACTBOOK is a text (.gz too) of country profiles: "# Country", "## Section" and lines
"Field: value". A question asks for one field of one country in the words that a person
would use ("How long is the coastline of Norway?", "What is the highest mountain in
Chad?"), which are often not those of the field's name. What answers it is known exactly:
the bytes of its line.

    {"question", "answer", "document", "start", "end", "evidence", "cluster", "field"}

answer is the value up to a remark in parentheses; cluster, the country, groups questions
that are not independent. Countries fall by their hash into two halves: --split dev is for
choosing settings, test (the default) for reporting. Fields that occur more than once in a
country's profile, and lines of more than 300 bytes, are not asked for. Same input, same
seed: same questions.

    tools/factbook_questions.py factbook.txt.gz questions.jsonl --n 500
    tame index factbook.txt.gz --out facts.db
    tame eval retrieval facts.db --questions questions.jsonl
"""
import argparse
import collections
import gzip
import hashlib
import json
import os
import re

ASKED = {
    "Area - total": ["What is the total area of {}?", "How big is {} in square kilometres?"],
    "Area - water": ["How much of {} is covered by water?"],
    "Area - comparative": ["Which US state is {} compared with in size?"],
    "Coastline": ["How long is the coastline of {}?", "How many kilometres of coast does {} have?"],
    "Climate": ["What is the climate of {} like?", "What kind of weather does {} have?"],
    "Terrain": ["What does the land of {} look like?", "What is the terrain of {}?"],
    "Elevation - highest point": ["What is the highest mountain in {}?", "What is the highest point of {}?"],
    "Elevation - lowest point": ["What is the lowest point of {}?"],
    "Natural resources": ["Which natural resources does {} have?"],
    "Natural hazards": ["Which natural disasters threaten {}?"],
    "Land boundaries - total": ["How long are the borders of {} altogether?"],
    "Irrigated land": ["How much land is irrigated in {}?"],
    "Population - total": ["How many people live in {}?", "What is the population of {}?"],
    "Nationality - noun": ["What do you call somebody from {}?"],
    "Ethnic groups": ["Which ethnic groups live in {}?"],
    "Religions": ["Which religions do people in {} follow?"],
    "Median age - total": ["How old is the median inhabitant of {}?", "What is the median age in {}?"],
    "Population growth rate": ["How fast does the population of {} grow?"],
    "Birth rate": ["What is the birth rate of {}?"],
    "Death rate": ["What is the death rate of {}?"],
    "Total fertility rate": ["How many children does a woman in {} have?"],
    "Infant mortality rate - total": ["What share of infants die in {}?"],
    "Life expectancy at birth - total population": ["How long do people in {} live?", "What is the life expectancy in {}?"],
    "Capital - name": ["What is the capital of {}?", "Which city is the capital of {}?"],
    "Capital - time difference": ["Which time zone is the capital of {} in?"],
    "Government type": ["What form of government does {} have?"],
    "Independence": ["When did {} become independent?"],
    "National holiday": ["When is the national holiday of {}?"],
    "Suffrage": ["From what age can people vote in {}?"],
    "Legal system": ["What legal system does {} have?"],
    "Executive branch - chief of state": ["Who is the head of state of {}?"],
    "Executive branch - head of government": ["Who leads the government of {}?"],
    "Legislative branch - legislature name": ["What is the parliament of {} called?"],
    "National symbol(s)": ["What is the national symbol of {}?"],
    "National color(s)": ["What are the national colours of {}?"],
    "National anthem(s) - title": ["What is the national anthem of {} called?"],
    "Exchange rates - Currency": ["What currency is used in {}?"],
    "Agricultural products": ["What do farmers in {} grow?"],
    "Industries": ["What are the main industries of {}?"],
    "Exports - commodities": ["What goods does {} export?", "What does {} sell abroad?"],
    "Exports - partners": ["To which countries does {} export?"],
    "Imports - commodities": ["What goods does {} import?"],
    "Imports - partners": ["From which countries does {} import?"],
    "Internet country code": ["What is the internet domain of {}?"],
    "Internet users - percent of population": ["What share of people in {} use the internet?"],
    "Telephones - mobile cellular - total subscriptions": ["How many mobile phones are there in {}?"],
    "Airports": ["How many airports does {} have?"],
    "Electricity - consumption": ["How much electricity does {} use?"],
    "Military and security forces": ["What are the armed forces of {}?"],
    "Carbon dioxide emissions - total emissions": ["How much carbon dioxide does {} emit?"],
}


def read_facts(path):
    """(country, field, value, start, end) of each line; positions are bytes."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        data = f.read()
    at, country = 0, None
    for raw in data.split(b"\n"):
        line = raw.decode("utf-8", "replace")
        if line.startswith("# "):
            country = line[2:].strip()
        found = re.match(r"([A-Z][^:]{2,80}?)\s*: *(\S.*)", line)
        if country and found and len(raw) <= 300:
            yield country, found.group(1), found.group(2).strip(), at, at + len(raw.rstrip())
        at += len(raw) + 1


def short(value):
    """Without remarks: "998 km (2020 est.)" is "998 km"."""
    return re.sub(r"\s*\([^()]*\)", "", value).strip() or value


def keyed(*parts):
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("factbook")
    p.add_argument("out")
    p.add_argument("--n", type=int, default=500, help="questions (500)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--split", choices=["dev", "test", "all"], default="test")
    a = p.parse_args()
    facts = list(read_facts(a.factbook))
    times = collections.Counter((country, field) for country, field, *_ in facts)
    rows = []
    for country, field, value, start, end in facts:
        half = "dev" if keyed("split", country)[0] % 2 else "test"
        if field not in ASKED or times[country, field] > 1 or a.split not in (half, "all"):
            continue
        for k, pattern in enumerate(ASKED[field]):
            rows.append((keyed(a.seed, country, field, k), {
                "question": pattern.format(country), "answer": short(value),
                "document": os.path.basename(a.factbook), "start": start, "end": end,
                "evidence": f"{field}: {value}", "cluster": country, "field": field}))
    rows.sort(key=lambda r: r[0])
    if len(rows) < a.n:
        raise SystemExit(f"factbook_questions: {len(rows)} questions, fewer than {a.n}")
    with open(a.out, "w", encoding="utf-8") as f:
        for _, row in rows[:a.n]:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{a.n} of {len(rows)} questions about {len({r['cluster'] for _, r in rows[:a.n]})} countries")


if __name__ == "__main__":
    main()
